//! Commands in any place, outside the queue.

use crate::world::{Settings, Who, World};

#[tokio::test]
async fn commands_answer_while_a_turn_runs() {
    let world = World::start().await;
    world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let help = world.alice_says("/help").await;
    assert!(world.reply(&help).await.contains("/retry – asks your last question again"));
    let whoami = world.alice_says("!whoami").await;
    insta::assert_snapshot!(world.reply(&whoami).await, @r"
    You are `alice`, an admin.
    This conversation is `main` on account `net`.
    Agent `sh` answers here.
    ");
    let status = world.alice_says("/status").await;
    let status = world.reply(&status).await;
    assert!(status.contains("Lastword ") && status.contains("Account `net`: linked."), "{status}");
}

#[tokio::test]
async fn stop_speaks_for_the_running_turn_and_ends_its_agent() {
    let world = World::start().await;
    let asked = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let agent = world.pid(Who::Agent).await;
    let stop = world.alice_says("/stop").await;
    assert_eq!(world.last_word(&asked).await, "Error: stopped");
    assert!(!world.reply(&stop).await.starts_with("Error"));
    world.until("the agent is gone", async |_| agent.is_gone().then_some(())).await;
    let again = world.alice_says("/stop").await;
    assert!(world.reply(&again).await.contains("Nothing is running"));
    let next = world.alice_says("go #t2").await;
    assert_eq!(world.last_word(&next).await, "done #t2");
}

#[tokio::test]
async fn retry_asks_the_last_question_again_as_a_turn_of_its_own() {
    let world = World::start().await;
    let nothing = world.alice_says("/retry").await;
    assert!(world.reply(&nothing).await.contains("nothing to retry"));
    let asked = world.alice_says("fail #t1").await;
    world.last_word(&asked).await;
    let again = world.alice_says("/retry").await;
    assert_eq!(world.reply(&again).await, "Error: it broke badly");
    assert_eq!(world.runs_of("#t1"), 2);
}

#[tokio::test]
async fn new_begins_a_fresh_directory() {
    let world = World::start().await;
    let first = world.alice_says("where #t1").await;
    let first = world.last_word(&first).await;
    let second = world.alice_says("where #t2").await;
    assert_eq!(first.lines().next(), world.last_word(&second).await.lines().next());
    let new = world.alice_says("/new").await;
    world.reply(&new).await;
    let third = world.alice_says("where #t3").await;
    assert_ne!(first.lines().next(), world.last_word(&third).await.lines().next());
}

#[tokio::test]
async fn commands_of_the_operators_own_ask_an_agent() {
    let world = World::start_with(Settings {
        top: "commands:\n  deploy: { agent: sh, prompt: 'deploying {args}', help: deploys, access: admins }".into(),
        ..Settings::default()
    })
    .await;
    let admin = world.alice_says("/deploy #t1").await;
    assert_eq!(world.last_word(&admin).await, "done #t1");
    let other = world.says("bob", "main", "/deploy #t2").await;
    assert_eq!(world.last_word(&other).await, "Error: /deploy is for admins.");
    let unknown = world.says("bob", "main", "/deplyo").await;
    assert!(world.reply(&unknown).await.starts_with("Error: there is no command /deplyo"));
}

#[tokio::test]
async fn a_stranger_gets_one_hint_and_starts_nothing() {
    let world = World::start().await;
    for n in 0..3 {
        world.says("mallory", "main", &format!("let me in #t{n}")).await;
    }
    let friend = world.alice_says("go #t9").await;
    world.last_word(&friend).await;
    let book = world.book().await;
    let hints: Vec<_> = book.bot.iter().filter(|bot| bot.text.contains("`mallory`")).collect();
    assert_eq!(hints.len(), 1);
    assert!(!hints[0].text.starts_with("Error:"));
    assert_eq!(world.runs_of("#t0"), 0);
}

#[tokio::test]
async fn a_place_that_is_full_says_so() {
    let world = World::start_with(Settings { top: "limits: { queue_max: 1 }".into(), ..Settings::default() }).await;
    world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let waits = world.alice_says("go #t2").await;
    let full = world.alice_says("go #t3").await;
    assert!(world.last_word(&full).await.starts_with("Error: 1 messages are waiting here already"));
    world.open_gate();
    assert_eq!(world.last_word(&waits).await, "done #t2");
}
