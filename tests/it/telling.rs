//! How operators hear of what happens: how much of it in chats, by a webhook, and from the logs.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use lastword_core::faults::Point;
use lastword_tests::ledger::{Fault, On};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::world::{ChatKind, Matrix, Network, Settings, Who, World, dying_at};

// --- the webhook ---------------------------------------------------------------------------------------------------

/// An operator's own system.
#[derive(Clone, Default)]
struct Hook {
    /// What it took, oldest first.
    taken: Arc<Mutex<Vec<Value>>>,
    /// Whether it refuses everything.
    is_out: Arc<AtomicBool>,
}

impl Hook {
    /// Starts it; where it listens, for as long as `house` lives.
    async fn start(&self, house: &mut JoinSet<()>) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/hook", post(take)).with_state(self.clone());
        house.spawn(async move { axum::serve(listener, router).await.unwrap() });
        format!("http://{address}/hook")
    }

    /// What it took about one subject, with whether that was over.
    fn heard(&self, code: &str, subject: &str) -> Vec<bool> {
        let taken = self.taken.lock().unwrap();
        let ours = taken.iter().filter(|alert| alert["code"] == code && alert["subject"] == subject);
        ours.map(|alert| !alert["resolved_at"].is_null()).collect()
    }
}

async fn take(State(hook): State<Hook>, headers: HeaderMap, Json(body): Json<Value>) -> StatusCode {
    assert_eq!(headers["authorization"], "Bearer w3b-s3cret");
    assert!(body["source"] == "lastword" && !body["build"].as_str().unwrap().is_empty());
    if hook.is_out.load(Ordering::Relaxed) {
        return StatusCode::BAD_GATEWAY;
    }
    hook.taken.lock().unwrap().extend(body["alerts"].as_array().unwrap().iter().cloned());
    StatusCode::NO_CONTENT
}

async fn world_with(hook: &Hook, house: &mut JoinSet<()>, restart: &str) -> World {
    let webhook = format!("alerts: {{ webhook: {{ url: '{}', token: w3b-s3cret }} }}", hook.start(house).await);
    let top = format!("{webhook}\n{restart}");
    World::start_with(Settings { top, ..Settings::default() }).await
}

#[tokio::test]
async fn a_webhook_that_is_out_hears_of_an_alert_and_of_its_end_when_it_is_back() {
    let (hook, mut house) = (Hook::default(), JoinSet::new());
    hook.is_out.store(true, Ordering::Relaxed);
    let mut world = world_with(&hook, &mut house, "restart: { healthy_after: 2s }").await;
    let asked = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    world.kill(Who::Worker).await;
    assert!(world.last_word(&asked).await.starts_with("Error: "), "no turn waits for it");
    world.until("it fails", async |world| world.log().contains("posted later: it answered 502").then_some(())).await;
    assert!(!world.log().contains("w3b-s3cret") && !world.log().contains("/hook"), "{}", world.log());
    // What is not posted yet outlives every process.
    world.stop().await;
    hook.is_out.store(false, Ordering::Relaxed);
    world.start_supervisor();
    world.until("it hears", async |_| (!hook.heard("child_died", "worker").is_empty()).then_some(())).await;
    let over = async |_: &World| hook.heard("child_died", "worker").contains(&true).then_some(());
    world.until("it hears of the end", over).await;
    let heard = hook.heard("child_died", "worker");
    assert!(heard == [false, true] || heard == [true], "{heard:?}");
}

#[tokio::test]
async fn a_webhook_hears_that_the_store_is_out_while_it_is() {
    let (hook, mut house) = (Hook::default(), JoinSet::new());
    let world = world_with(&hook, &mut house, "restart: { healthy_after: 2s }").await;
    world.until("it is ready", async |world| (world.page().await?["ready"] == true).then_some(())).await;
    let lock = std::fs::File::options().write(true).open(world.file("state/lastword.db.commit-lock")).unwrap();
    lock.lock().unwrap();
    let out = async |_: &World| (!hook.heard("store_unavailable", "store").is_empty()).then_some(());
    world.until("it hears", out).await;
    lock.unlock().unwrap();
    let over = async |_: &World| hook.heard("store_unavailable", "store").contains(&true).then_some(());
    world.until("it hears of the end", over).await;
}

/// Nobody is left who would post it later.
#[tokio::test]
async fn a_webhook_hears_why_the_supervisor_gave_up() {
    let (hook, mut house) = (Hook::default(), JoinSet::new());
    let restart = "restart: { failures_max: 2, pause: 50ms, pause_max: 100ms }";
    let mut world = world_with(&hook, &mut house, restart).await;
    let supervisor = world.freeze(Who::Supervisor).await;
    world.kill(Who::Bridge).await;
    let port = world.take_port().await;
    supervisor.thaw();
    assert_eq!(world.ended().await, Some(70), "{}", world.log());
    assert!(!hook.heard("breaker_open", "bridge").is_empty());
    drop(port);
}

// --- how much ------------------------------------------------------------------------------------------------------

/// What was said in a conversation without being asked.
async fn told(world: &World, chat: &str) -> String {
    let (book, chat) = (world.book().await, world.chat().id_of(chat));
    let unasked = book.bot.into_iter().filter(|said| said.conversation == chat && said.reply_to.is_none());
    unasked.map(|said| said.text).collect::<Vec<_>>().join("\n")
}

async fn levels_on(network: Network) {
    let chats = vec![("main", ChatKind::Group), ("ops", ChatKind::Group)];
    let top = "alerts: { messaging: debug }".to_owned();
    let world =
        World::start_with(Settings { network, chats, top, alerts_to: Some("ops"), ..Settings::default() }).await;
    let sign = if network == Network::Matrix { "!" } else { "/" };
    let says = async |who: &str, text: &str| {
        let asked = world.says(who, "main", &format!("{sign}{text}")).await;
        // Networks show code in their own ways.
        world.reply(&asked).await.replace('`', "")
    };
    let began = async |world: &World| {
        let told = told(world, "ops").await;
        (told.contains("Began: ") && told.contains("bridge (build ")).then_some(())
    };
    world.until("admins are told who began", began).await;
    let said = says("alice", "messaging").await;
    assert!(said.starts_with("Messaging is debug, as configured."), "{said}");
    let said = says("alice", "messaging quiet").await;
    assert!(said.starts_with("Messaging is quiet, as an admin said; the configuration says debug."), "{said}");
    let said = says("bob", "messaging debug").await;
    assert!(said.starts_with("Error: /messaging is for admins."), "{said}");
    let logs = says("alice", "logs").await;
    assert!(logs.contains("supervisor: ") && logs.contains(" INFO "), "{logs}");
    let logs = says("alice", "logs supervisor").await;
    assert!(!logs.contains("supervisor: ") && logs.contains(" INFO ready role="), "{logs}");
    assert!(says("bob", "logs").await.starts_with("Error: /logs is for admins."));
    world.judge().await;
}

#[tokio::test]
async fn admins_say_how_much_they_are_told_and_read_the_logs() {
    levels_on(Network::EditOnly).await;
}

#[tokio::test]
async fn admins_say_how_much_they_are_told_on_telegram() {
    levels_on(Network::Telegram).await;
}

#[tokio::test]
async fn admins_say_how_much_they_are_told_on_matrix() {
    if Matrix::is_installed() {
        levels_on(Network::Matrix).await;
    }
}

#[tokio::test]
async fn the_log_of_a_process_that_died_is_there_and_hides_every_secret() {
    let top = "alerts: { webhook: { url: 'http://127.0.0.1:9/', token: w3b-s3cret } }".to_owned();
    let world = World::start_with(Settings { top, ..Settings::default() }).await;
    let line = "2026-01-01T00:00:00Z ERROR the last of a worker that died, with w3b-s3cret in it\n";
    std::fs::write(world.file("state/logs/worker.log.1"), line).unwrap();
    std::fs::write(world.file("state/logs/worker.log"), "").unwrap();
    let asked = world.alice_says("/logs worker").await;
    let logs = world.reply(&asked).await;
    assert!(logs.contains("00:00:00Z ERROR the last of a worker that died, with (hidden) in it"), "{logs}");
}

#[tokio::test]
async fn a_panic_is_kept_with_its_place_and_shown() {
    let directory = tempfile::tempdir().unwrap();
    let env = dying_at(Point::RunAfterClaim.as_str(), 1, "panic", &directory.path().join("once"));
    let world = World::start_with(Settings { env, ..Settings::default() }).await;
    let broken = world.alice_says("go #t1").await;
    world.last_word(&broken).await;
    let asked = world.alice_says("/logs worker").await;
    let logs = world.reply(&asked).await;
    assert!(logs.contains("ERROR a panic at ") && logs.contains(".rs:"), "{logs}");
}

// --- the canary ------------------------------------------------------------------------------------------------------

async fn canary_on(network: Network) -> World {
    let chats = vec![("main", ChatKind::Group), ("mine", ChatKind::Group)];
    let world = World::start_with(Settings { network, chats, canary_to: Some("mine"), ..Settings::default() }).await;
    let is_there = async |world: &World| {
        let told = told(world, "mine").await;
        (told.matches("Lastword's canary: this account works. The next one is due in 1s.").count() >= 2).then_some(())
    };
    world.until("the account shows that it works", is_there).await;
    let asked = world.alice_says("go #t1").await;
    assert_eq!(world.last_word(&asked).await, "done #t1");
    assert!(!world.log().contains("canary_failed"), "{}", world.log());
    world.judge().await;
    world
}

#[tokio::test]
async fn an_account_shows_that_it_works_and_is_told_of_when_it_does_not() {
    let world = canary_on(Network::EditOnly).await;
    let refused = |code: &str| Fault::Reject { code: code.into() };
    let faults = [refused("forbidden"), Fault::FailAfter, refused("unauthorized")];
    world.network().will("mine", On::Post, &faults).await;
    is_over(&world, "canary_failed", 3).await;
    is_over(&world, "account_not_sending", 1).await;
    let log = world.log();
    assert!(log.contains("refused: not allowed to post here"), "{log}");
    assert!(log.contains("nobody knows whether it arrived: "), "{log}");
}

#[tokio::test]
async fn a_canary_that_arrives_does_not_hide_that_deliveries_fail() {
    let chats = vec![("main", ChatKind::Group), ("mine", ChatKind::Group)];
    let world = World::start_with(Settings { chats, canary_to: Some("mine"), ..Settings::default() }).await;
    world.network().will("main", On::Post, &[Fault::Reject { code: "unauthorized".into() }]).await;
    world.alice_says("go #t1").await;
    world.until("it is told", async |world| alert(world, "account_not_sending").map(|_| ())).await;
    let count = async |world: &World| told(world, "mine").await.lines().count();
    let before = count(&world).await;
    world.until("more canaries", async |world| (count(world).await >= before + 3).then_some(())).await;
    assert!(alert(&world, "account_not_sending").unwrap()["resolved_at"].is_null(), "{}", world.log());
}

/// Waits until there is no more such an alert about the account, which there was so often.
async fn is_over(world: &World, code: &str, count: u64) {
    world
        .until(&format!("{code} is over"), async |world| {
            let alert = alert(world, code)?;
            (alert["count"] == count && !alert["resolved_at"].is_null()).then_some(())
        })
        .await;
}

fn alert(world: &World, code: &str) -> Option<Value> {
    let page = world.lastword(&["alerts", "--all", "--json"]).output().unwrap();
    let page: Value = serde_json::from_slice(&page.stdout).ok()?;
    page.as_array()?.iter().find(|alert| alert["code"] == code && alert["subject"] == "net").cloned()
}

#[tokio::test]
async fn nobody_is_told_of_a_canary_that_is_no_longer_posted() {
    let settings = Settings { canary_to: Some("main"), ..Settings::default() };
    let mut world = World::start_with(settings).await;
    world.network().will("main", On::Post, vec![Fault::Reject { code: "forbidden".into() }; 1_000]).await;
    world.until("it failed", async |world| alert(world, "canary_failed").map(|_| ())).await;
    world.stop().await;
    let config = std::fs::read_to_string(world.config()).unwrap();
    let without: Vec<_> = config.lines().filter(|line| !line.contains("canary_")).collect();
    std::fs::write(world.config(), without.join("\n")).unwrap();
    world.start_supervisor();
    let is_closed = async |world: &World| (!alert(world, "canary_failed")?["resolved_at"].is_null()).then_some(());
    world.until("it is over", is_closed).await;
}

#[tokio::test]
async fn an_account_on_telegram_shows_that_it_works() {
    canary_on(Network::Telegram).await;
}

#[tokio::test]
async fn an_account_on_slack_shows_that_it_works_and_looks_for_it() {
    canary_on(Network::Slack).await;
}

#[tokio::test]
async fn an_account_on_matrix_shows_that_it_works() {
    if Matrix::is_installed() {
        canary_on(Network::Matrix).await;
    }
}
