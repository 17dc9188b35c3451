//! Whatever an agent does: one last word, nothing unbounded, nothing executed.

use lastword_tests::oracle::Findings;

use crate::world::{Network, Settings, World};

#[tokio::test]
async fn an_agent_that_fails_says_why_in_one_line() {
    let world = World::start().await;
    let asked = world.alice_says("fail #t1").await;
    assert_eq!(world.last_word(&asked).await, "Error: it broke badly");
}

#[tokio::test]
async fn an_agent_that_kills_itself_ends_in_an_error() {
    let world = World::start().await;
    let asked = world.alice_says("die #t1").await;
    assert!(world.last_word(&asked).await.starts_with("Error: the agent died"));
}

#[tokio::test]
async fn an_agent_that_hangs_is_ended_by_its_idle_deadline() {
    let world = World::start_with(Settings { top: "deadlines: { idle: 5s }".into(), ..Settings::default() }).await;
    let asked = world.alice_says("hang #t1").await;
    insta::assert_snapshot!(world.last_word(&asked).await, @"Error: the agent showed no sign of work for 5 seconds and was ended. /retry asks it again.");
    let next = world.alice_says("go #t2").await;
    assert_eq!(world.last_word(&next).await, "done #t2");
}

#[tokio::test]
async fn an_agent_that_goes_on_for_ever_is_ended_by_its_total_deadline_only() {
    let world =
        World::start_with(Settings { top: "deadlines: { idle: 6s, total: 8s }".into(), ..Settings::default() }).await;
    let asked = world.alice_says("talk #t1").await;
    assert!(world.last_word(&asked).await.starts_with("Error: the agent was not done after 8 seconds"));
}

#[tokio::test]
async fn an_agent_that_floods_is_ended_by_the_output_limit() {
    let world =
        World::start_with(Settings { top: "limits: { output_bytes_max: 64 KiB }".into(), ..Settings::default() }).await;
    let asked = world.alice_says("flood #t1").await;
    assert!(world.last_word(&asked).await.starts_with("Error: the agent wrote more than 64 KiB"));
    assert_eq!(world.judge().await, Findings::default());
}

#[tokio::test]
async fn an_agent_that_prints_invalid_utf8_is_understood_as_far_as_it_goes() {
    let world = World::start().await;
    let asked = world.alice_says("garbage #t1").await;
    assert_eq!(world.last_word(&asked).await, "a\u{FFFD}b\u{FFFD}\ndone #t1");
}

#[tokio::test]
async fn an_agent_that_says_nothing_is_an_error() {
    let world = World::start().await;
    let asked = world.alice_says("silent #t1").await;
    assert!(world.last_word(&asked).await.starts_with("Error: the agent ended without an answer"));
}

#[tokio::test]
async fn an_agent_sees_its_turn_and_none_of_our_secrets() {
    let world = World::start_with(Settings {
        env: vec![("LASTWORD_TOKEN", "our-secret".into()), ("AWS_SECRET_ACCESS_KEY", "theirs".into())],
        ..Settings::default()
    })
    .await;
    let asked = world.alice_says("env #t1").await;
    let word = world.last_word(&asked).await;
    for line in ["LASTWORD_TURN=1", "LASTWORD_ATTEMPT=1", "LASTWORD_ACCOUNT=net", "LASTWORD_CONVERSATION=main"] {
        assert!(word.contains(line), "{line} is missing:\n{word}");
    }
    assert!(!word.contains("secret") && !word.contains("theirs"), "{word}");
}

#[tokio::test]
async fn a_message_reaches_its_agent_as_data() {
    let world = World::start().await;
    let trap = world.file("trap");
    let asked = world.alice_says(&format!("where $(touch {0}) `touch {0}` ; touch {0} #t1", trap.display())).await;
    let word = world.last_word(&asked).await;
    assert!(word.contains("/places/"), "{word}");
    assert!(!trap.exists(), "a message was executed");
}

#[tokio::test]
async fn a_file_left_in_the_outbox_is_mentioned() {
    // Without a placeholder, whose progress would show the output before the answer is complete.
    let world = World::start_with(Settings { network: Network::Native, ..Settings::default() }).await;
    let asked = world.alice_says("files #t1").await;
    insta::assert_snapshot!(world.last_word(&asked).await, @r"
    done #t1

    (Left in the agent's outbox, not sent here: `report.txt`.)
    ");
}

#[tokio::test]
async fn a_long_reply_is_split_in_order() {
    let world = World::start_with(Settings { account: "text_max: 1000".into(), ..Settings::default() }).await;
    let asked = world.alice_says("long #t1").await;
    world.last_word(&asked).await;
    assert_eq!(world.judge().await, Findings::default());
    let book = world.book().await;
    assert!(book.bot.iter().all(|message| message.text.chars().count() <= 1_000));
    let lines: Vec<_> = book.bot.iter().flat_map(|message| message.text.lines()).collect();
    let expected: Vec<_> = (0..400).map(|n| format!("line {n} of a long answer")).collect();
    assert_eq!(lines[..400], expected[..]);
}

#[tokio::test]
async fn messages_that_wait_together_are_answered_together_where_the_agent_collects() {
    let world = World::start_with(Settings { agent: "collect: true".into(), ..Settings::default() }).await;
    world.alice_says("gate #t0").await;
    world.begun("#t0").await;
    for text in ["go", "on", "then #t3"] {
        world.alice_says(text).await;
    }
    world
        .until("three wait", async |world| {
            let page: serde_json::Value = reqwest::get(world.url("/readyz")).await.ok()?.json().await.ok()?;
            (page["store"]["turns"]["queued"] == 3).then_some(())
        })
        .await;
    world.open_gate();
    world
        .until("one answer for three", async |world| {
            let book = world.book().await;
            let answers: Vec<_> = book.bot.iter().filter(|bot| bot.text.starts_with("done")).collect();
            (answers.len() == 2).then_some(())
        })
        .await;
    let page: serde_json::Value = reqwest::get(world.url("/readyz")).await.unwrap().json().await.unwrap();
    assert_eq!(page["store"]["turns"]["merged"], 2);
}
