//! Every tier of trouble, watched from the chat on the fake Telegram and on Matrix: a bridge that hangs, one that can't
//! come back, one of another build, and an account that goes deaf. Admins read of each in a conversation of their own, and
//! every message has one last word.

use lastword_tests::{matrix, oracle::Findings, telegram};

use crate::world::{ChatKind, Faults, Matrix, Network, Settings, Who, World};

/// More requests than an account makes while it is deaf.
const FAULTS: usize = 1_000;
/// A build that works.
const NEXT: &str = "LASTWORD_TEST_BUILD=next exec {program} \"$@\"";

/// A deployment whose admins are told of alerts in `ops`.
async fn world_on(network: Network, settings: Settings) -> World {
    let chats = vec![("main", ChatKind::Group), ("ops", ChatKind::Group), ("other", ChatKind::Group)];
    World::start_with(Settings { network, chats, alerts_to: Some("ops"), ..settings }).await
}

/// Waits until the bot says this in `ops` without being asked, and returns the whole message.
async fn told(world: &World, what: &str) -> String {
    let ops = world.chat().id_of("ops");
    world
        .until(&format!("admins are told {what:?}"), async |world| {
            let said = world.book().await.bot.into_iter();
            let mut unasked = said.filter(|said| said.reply_to.is_none() && said.conversation == ops);
            unasked.find(|said| said.text.contains(what)).map(|said| said.text)
        })
        .await
}

/// A message from another conversation is answered.
async fn answers(world: &World, token: &str) {
    let asked = world.says("bob", "other", &format!("go {token}")).await;
    assert_eq!(world.last_word(&asked).await, format!("done {token}"));
}

/// Admins' commands are answered, nothing is owed, and nothing is doubled.
async fn is_sound(world: &World, network: Network) {
    let sign = if network == Network::Matrix { "!" } else { "/" };
    for command in ["status", "alerts"] {
        let asked = world.alice_says(&format!("{sign}{command}")).await;
        let reply = world.reply(&asked).await;
        assert!(!reply.is_empty() && !reply.starts_with("Error:"), "{command}: {reply}");
    }
    assert_eq!(world.judge().await, Findings::default());
    let audit = world.lastword(&["audit"]).output().unwrap();
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
}

// --- hung ----------------------------------------------------------------------------------------------------------

async fn hangs_on(network: Network) {
    let top = "restart: { hung_after: 2s, kill_after: 500ms }".into();
    let world = world_on(network, Settings { top, ..Settings::default() }).await;
    let asked = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let bridge = world.freeze(Who::Bridge).await;
    world.open_gate();
    assert_eq!(world.last_word(&asked).await, "done #t1");
    assert!(bridge.is_gone());
    assert_eq!(world.runs_of("#t1"), 1, "the turn ran on in the worker");
    told(&world, "child_hung, bridge").await;
    answers(&world, "#t2").await;
    is_sound(&world, network).await;
}

#[tokio::test]
async fn a_hung_bridge_is_replaced_and_told_of_on_telegram() {
    hangs_on(Network::Telegram).await;
}

#[tokio::test]
async fn a_hung_bridge_is_replaced_and_told_of_on_matrix() {
    if Matrix::is_installed() {
        hangs_on(Network::Matrix).await;
    }
}

// --- failing again and again ---------------------------------------------------------------------------------------

async fn never_comes_back_on(network: Network) {
    let top = "restart: { failures_max: 3, pause: 50ms, pause_max: 100ms, cooldown: 1s }".into();
    let mut world = world_on(network, Settings { top, ..Settings::default() }).await;
    let asked = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let supervisor = world.freeze(Who::Supervisor).await;
    world.kill(Who::Bridge).await;
    let port = world.take_port().await;
    world.open_gate();
    supervisor.thaw();
    assert_eq!(world.ended().await, Some(70), "{}", world.log());
    // Nothing runs any more: whatever is there now, the last gasp delivered.
    assert_eq!(world.last_word(&asked).await, "done #t1");
    told(&world, "breaker_open, bridge").await;
    drop(port);
    world.start_supervisor();
    answers(&world, "#t2").await;
    is_sound(&world, network).await;
}

#[tokio::test]
async fn the_last_gasp_answers_and_tells_admins_on_telegram() {
    never_comes_back_on(Network::Telegram).await;
}

#[tokio::test]
async fn the_last_gasp_answers_and_tells_admins_on_matrix() {
    if Matrix::is_installed() {
        never_comes_back_on(Network::Matrix).await;
    }
}

// --- stale ---------------------------------------------------------------------------------------------------------

/// What the bridge that serves calls itself.
async fn build(world: &World) -> Option<String> {
    Some(world.page().await?["build"].as_str()?.to_owned())
}

async fn is_stale_on(network: Network) {
    let world = world_on(network, Settings { is_copied: true, ..Settings::default() }).await;
    let (bridge, first) = (world.pid(Who::Bridge).await, build(&world).await);
    let running = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    world.replace_program("exit 4");
    told(&world, "child_stale").await;
    assert!(!bridge.is_gone() && build(&world).await == first, "what does not work is not taken");
    answers(&world, "#t2").await;
    world.replace_program(NEXT);
    world.until("the next build serves", async |world| build(world).await?.contains("(next").then_some(())).await;
    assert!(!world.has_last_word(&running).await);
    answers(&world, "#t3").await;
    world.open_gate();
    assert_eq!(world.last_word(&running).await, "done #t1");
    assert_eq!(world.runs_of("#t1"), 1);
    is_sound(&world, network).await;
}

#[tokio::test]
async fn a_stale_bridge_is_told_of_and_gives_way_to_a_build_that_works_on_telegram() {
    is_stale_on(Network::Telegram).await;
}

#[tokio::test]
async fn a_stale_bridge_is_told_of_and_gives_way_to_a_build_that_works_on_matrix() {
    if Matrix::is_installed() {
        is_stale_on(Network::Matrix).await;
    }
}

// --- deaf ----------------------------------------------------------------------------------------------------------

/// Nothing is received any more, and everything is sent as ever.
async fn goes_deaf(world: &World, network: Network) {
    let faults = match network {
        Network::Telegram => Faults::Telegram(Some("getUpdates"), vec![telegram::Fault::DropBefore; FAULTS]),
        _ => Faults::Matrix(Some("/sync"), vec![matrix::Fault::DropBefore; FAULTS]),
    };
    world.chat().will(None, faults).await;
}

async fn is_deaf_on(network: Network) {
    let world = world_on(network, Settings::default()).await;
    let running = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let bridge = world.pid(Who::Bridge).await;
    goes_deaf(&world, network).await;
    // A poll that waited already may still bring it.
    let meanwhile = world.says("bob", "other", "go #t2").await;
    world.open_gate();
    assert_eq!(world.last_word(&running).await, "done #t1", "it is sent as ever");
    told(&world, "account_not_receiving, net").await;
    world.chat().clear_faults().await;
    assert_eq!(world.last_word(&meanwhile).await, "done #t2");
    answers(&world, "#t3").await;
    is_sound(&world, network).await;
    // Not before a minute after the first.
    world.until("most of that minute has passed", async |world| (world.chat().now_ms() > 60_000).then_some(())).await;
    let over = told(&world, "Over: account_not_receiving, net").await;
    assert!(over.starts_with('✅'), "{over}");
    assert!(!bridge.is_gone(), "it was up all the time");
    assert_eq!(world.judge().await, Findings::default());
}

#[tokio::test]
async fn an_account_that_goes_deaf_is_told_of_and_hears_again_on_telegram() {
    is_deaf_on(Network::Telegram).await;
}

#[tokio::test]
async fn an_account_that_goes_deaf_is_told_of_and_hears_again_on_matrix() {
    if Matrix::is_installed() {
        is_deaf_on(Network::Matrix).await;
    }
}
