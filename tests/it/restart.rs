//! `/restart` from the chat: heard at once, carried out whoever dies meanwhile, and answered once.

use lastword_tests::{ledger::BotMessage, oracle::Findings};

use crate::world::{ChatKind, Matrix, Network, Settings, Who, World};

/// What the bot says in reply to a message.
async fn replies(world: &World, message: &str) -> Vec<BotMessage> {
    let book = world.book().await;
    book.bot.into_iter().filter(|bot| bot.reply_to.as_deref() == Some(message)).collect()
}

/// Waits until a restart was heard.
async fn heard(world: &World, message: &str) {
    world
        .until("it was heard", async |world| {
            let replies = replies(world, message).await;
            let mut texts = replies.iter().flat_map(|reply| &reply.versions).map(|version| version.text.as_str());
            texts.any(|text| text.starts_with("Restarting ")).then_some(())
        })
        .await;
}

/// The last words of a restart. What it said before may stand beside them, where its bridge was killed while it posted that.
async fn last_words(world: &World, message: &str) -> Vec<String> {
    let texts = replies(world, message).await.into_iter().map(|reply| reply.text);
    texts.filter(|text| text.starts_with("Restarted ") || text.starts_with("Error: ")).collect()
}

/// Waits for the one last word of a restart.
async fn last_word(world: &World, message: &str) -> String {
    let answered = async |world: &World| (!last_words(world, message).await.is_empty()).then_some(());
    world.until("it is answered", answered).await;
    world.judge().await;
    let mut words = last_words(world, message).await;
    assert_eq!(words.len(), 1, "{words:?}");
    words.remove(0)
}

/// Nothing is owed or doubled.
fn is_sound(world: &World) {
    let audit = world.lastword(&["audit"]).output().unwrap();
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
}

async fn restarts_everything_on(network: Network) {
    let chats = vec![("main", ChatKind::Group), ("other", ChatKind::Group)];
    let world = World::start_with(Settings { network, chats, ..Settings::default() }).await;
    let running = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let (bridge, worker) = (world.pid(Who::Bridge).await, world.pid(Who::Worker).await);
    let asked = world.alice_says(if network == Network::Matrix { "!restart" } else { "/restart" }).await;
    heard(&world, &asked).await;
    world
        .until("it is answered", async |world| {
            replies(world, &asked).await.iter().any(|reply| reply.text.starts_with("Restarted ")).then_some(())
        })
        .await;
    assert!(bridge.is_gone() && !worker.is_gone(), "the old worker has a turn to end");
    let next = world.says("bob", "other", "go #t2").await;
    assert_eq!(world.last_word(&next).await, "done #t2", "the new worker takes what comes");
    world.open_gate();
    assert_eq!(world.last_word(&running).await, "done #t1");
    assert_eq!(world.runs_of("#t1"), 1);
    world.until("the old worker is gone", async |_| worker.is_gone().then_some(())).await;
    let word = last_word(&world, &asked).await;
    assert!(word.starts_with("Restarted bridge and worker in ") && word.contains("; build "), "{word}");
    assert!(word.ends_with("One message is still worked on by the old worker, which has 30 seconds for it."), "{word}");
    assert_eq!(world.judge().await, Findings::default());
    is_sound(&world);
}

#[tokio::test]
async fn everything_starts_again_and_the_admin_is_told() {
    restarts_everything_on(Network::EditOnly).await;
}

#[tokio::test]
async fn everything_starts_again_where_posts_are_known_by_their_key() {
    restarts_everything_on(Network::Native).await;
}

#[tokio::test]
async fn everything_starts_again_on_telegram() {
    restarts_everything_on(Network::Telegram).await;
}

#[tokio::test]
async fn everything_starts_again_on_matrix() {
    if Matrix::is_installed() {
        restarts_everything_on(Network::Matrix).await;
    }
}

#[tokio::test]
async fn one_process_starts_again_alone() {
    let world = World::start().await;
    let (bridge, worker) = (world.pid(Who::Bridge).await, world.pid(Who::Worker).await);
    let asked = world.alice_says("/restart worker").await;
    let word = last_word(&world, &asked).await;
    assert!(word.starts_with("Restarted the worker in ") && !word.contains("old worker"), "{word}");
    assert!(!bridge.is_gone() && worker.is_gone());
    let asked = world.alice_says("/restart Bridge").await;
    let word = last_word(&world, &asked).await;
    assert!(word.starts_with("Restarted the bridge in "), "{word}");
    assert!(bridge.is_gone());
    let next = world.alice_says("go #t1").await;
    assert_eq!(world.last_word(&next).await, "done #t1");
    is_sound(&world);
}

#[tokio::test]
async fn strangers_and_wrong_words_restart_nothing() {
    let world = World::start().await;
    let (bridge, worker) = (world.pid(Who::Bridge).await, world.pid(Who::Worker).await);
    let asked = world.says("bob", "main", "/restart").await;
    assert_eq!(world.reply(&asked).await, "Error: /restart is for admins.");
    let wrong = world.alice_says("/restart everything").await;
    let wrong = world.reply(&wrong).await;
    assert_eq!(wrong, "Error: please write it like this: /restart [bridge|worker|all]");
    world.judge().await;
    assert!(!bridge.is_gone() && !worker.is_gone());
}

#[tokio::test]
async fn a_restart_outlives_its_supervisor() {
    let mut world = World::start().await;
    world.freeze(Who::Supervisor).await;
    let asked = world.alice_says("/restart").await;
    heard(&world, &asked).await;
    world.kill_supervisor().await;
    world.start_supervisor();
    let word = last_word(&world, &asked).await;
    assert!(word.starts_with("Restarted bridge and worker in "), "{word}");
    assert_eq!(world.log().matches("as asked from the chat").count(), 0, "whoever it names is gone already");
    is_sound(&world);
}

#[tokio::test]
async fn a_restart_is_answered_whoever_dies_in_its_midst() {
    let world = World::start().await;
    let supervisor = world.freeze(Who::Supervisor).await;
    let asked = world.alice_says("/restart").await;
    heard(&world, &asked).await;
    world.kill(Who::Bridge).await;
    world.kill(Who::Worker).await;
    supervisor.thaw();
    let word = last_word(&world, &asked).await;
    assert!(word.starts_with("Restarted bridge and worker in "), "{word}");
    is_sound(&world);
}

#[tokio::test]
async fn a_configuration_that_does_not_work_restarts_nothing() {
    let world = World::start().await;
    let (bridge, worker) = (world.pid(Who::Bridge).await, world.pid(Who::Worker).await);
    let config = std::fs::read_to_string(world.config()).unwrap();
    std::fs::write(world.config(), config.replace("default_agent: sh", "default_agent: nobody")).unwrap();
    let asked = world.alice_says("/restart").await;
    let word = last_word(&world, &asked).await;
    assert!(word.starts_with("Error: the configuration on the disk does not work, so nothing was restarted"), "{word}");
    assert!(!bridge.is_gone() && !worker.is_gone());
    std::fs::write(world.config(), config).unwrap();
    let asked = world.alice_says("/restart").await;
    assert!(last_word(&world, &asked).await.starts_with("Restarted bridge and worker in "));
    is_sound(&world);
}

#[tokio::test]
async fn a_restart_that_never_gets_ready_is_an_error() {
    let top = "restart: { failures_max: 2, pause: 50ms, pause_max: 100ms }".to_owned();
    let mut world = World::start_with(Settings { top, ..Settings::default() }).await;
    let supervisor = world.freeze(Who::Supervisor).await;
    let asked = world.alice_says("/restart bridge").await;
    heard(&world, &asked).await;
    world.kill(Who::Bridge).await;
    let port = world.take_port().await;
    supervisor.thaw();
    assert_eq!(world.ended().await, Some(70), "{}", world.log());
    let words = last_words(&world, &asked).await;
    assert_eq!(words, ["Error: what was to be started again does not get ready; the operator can see why."]);
    drop(port);
    is_sound(&world);
}
