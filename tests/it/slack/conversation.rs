//! What people and the bot say to each other.

use lastword_tests::slack::{Deed, Streaming};
use serde_json::json;

use super::network::{account, channel, direct, is_answered_once, says, shown, world};
use crate::world::{Settings, Slack, Who, World};

#[tokio::test]
async fn a_thread_a_direct_message_and_the_pane_each_get_their_last_words_from_two_personas() {
    let slack = Slack::start().await;
    let bob: Deed = serde_json::from_value(json!({ "do": "app", "name": "grace" })).unwrap();
    let grace = slack.persona(&bob).await;
    let accounts = account(&slack, "ada", slack.me())
        + "  prompts: [{ title: Weather?, message: What is the weather? }]\n"
        + account(&slack, "grace", &grace).as_str();
    let world = World::start_with(Settings { accounts, ..Settings::default() }).await;
    let (kitchen, direct) = (channel(&slack).await, direct(&slack).await);

    let (_, asked) = slack.says(json!({ "channel": kitchen, "text": "@lastword go #t1" })).await;
    let (_, other) = slack.says(json!({ "channel": kitchen, "text": "@grace go #g1" })).await;
    slack.says(json!({ "text": "go #t2" })).await;
    let pane = slack.act("open_assistant", json!({})).await;
    let thread = pane["thread_ts"].as_str().unwrap().to_owned();
    slack.says(json!({ "channel": pane["channel"], "thread_ts": thread, "text": "go #t3" })).await;

    says(&world, &slack, &kitchen, Some(&asked), "done #t1").await;
    says(&world, &slack, &direct, None, "done #t2").await;
    says(&world, &slack, &direct, Some(&thread), "done #t3").await;
    world
        .until("grace answers, too", async |_| {
            let shown = shown(&slack, &grace.id, &kitchen, Some(&other)).await;
            shown.iter().any(|message| message.now().shown == "done #g1").then_some(())
        })
        .await;
    // The thread goes on without a mention; what begins with another's name, or stands elsewhere, is not for us.
    slack.says(json!({ "channel": kitchen, "thread_ts": asked, "person": "bob", "text": "go #t4" })).await;
    says(&world, &slack, &kitchen, Some(&asked), "done #t4").await;
    slack.says(json!({ "channel": kitchen, "thread_ts": asked, "text": "@alice go #t5" })).await;
    slack.says(json!({ "channel": kitchen, "text": "go #t6" })).await;
    slack.says(json!({ "channel": kitchen, "thread_ts": asked, "text": "go #t7" })).await;
    says(&world, &slack, &kitchen, Some(&asked), "done #t7").await;
    world.judge().await;
    let words: Vec<_> = shown(&slack, &slack.me().id, &kitchen, Some(&asked)).await;
    let words: Vec<_> = words.iter().map(|message| message.now().shown.clone()).collect();
    assert_eq!(words, ["done #t1", "done #t4", "done #t7"]);
    assert_eq!(shown(&slack, &slack.me().id, &kitchen, None).await, [], "nothing stands outside of a thread");

    let passing = slack.book().await.passing;
    let of = |what: &str| passing.iter().filter(|one| one.what == what && one.thread == thread).collect::<Vec<_>>();
    assert_eq!(of("prompts")[0].value[0]["title"], "Weather?");
    assert_eq!(of("title").last().unwrap().value, "go #t3");
    assert_eq!(of("status").last().map_or(&json!(""), |status| &status.value), "", "it does not think for ever");
    assert_eq!(slack.violations().await, []);
}

#[tokio::test]
async fn commands_are_given_by_slash_by_exclamation_and_by_name() {
    let slack = Slack::start().await;
    let world = world(&slack, "").await;
    let (kitchen, direct) = (channel(&slack).await, direct(&slack).await);
    slack.act("command", json!({ "command": "/lastword-whoami", "channel": kitchen })).await;
    says(&world, &slack, &kitchen, None, &format!("This conversation is {kitchen}")).await;
    slack.says(json!({ "text": "!whoami" })).await;
    says(&world, &slack, &direct, None, &format!("This conversation is {direct}")).await;
    let (_, asked) = slack.says(json!({ "channel": kitchen, "text": "@lastword whoami" })).await;
    says(&world, &slack, &kitchen, Some(&asked), "This thread is").await;
    slack.says(json!({ "channel": kitchen, "thread_ts": asked, "text": "@lastword whoami go #t1" })).await;
    says(&world, &slack, &kitchen, Some(&asked), "done #t1").await;
    world.judge().await;
    let acked = slack.book().await.deliveries;
    assert!(acked.iter().all(|delivery| delivery.attempts.len() == 1), "{acked:?}");
    assert_eq!(slack.violations().await, []);
}

#[tokio::test]
async fn progress_is_seen_the_answer_takes_its_place_and_nobody_is_called() {
    let slack = Slack::start().await;
    let world = world(&slack, "receipts: true").await;
    let kitchen = channel(&slack).await;
    let (_, asked) = slack.says(json!({ "channel": kitchen, "text": "@lastword talk #t1" })).await;
    says(&world, &slack, &kitchen, Some(&asked), "step 1").await;
    let is_thinking = slack.book().await.passing.into_iter().any(|one| one.what == "status" && one.value != "");
    assert!(is_thinking, "people see that it is working");
    world.open_gate();
    says(&world, &slack, &kitchen, Some(&asked), "done #t1").await;
    slack.says(json!({ "channel": kitchen, "thread_ts": asked, "text": "go @channel <!here> #t2" })).await;
    says(&world, &slack, &kitchen, Some(&asked), "done #t2").await;
    world.judge().await;
    let book = slack.book().await;
    assert_eq!(book.messages.iter().filter(|message| message.thread.is_none()).count(), 1);
    let ours = shown(&slack, &slack.me().id, &kitchen, Some(&asked)).await;
    assert_eq!(ours.len(), 2);
    let pings: Vec<_> = ours.iter().flat_map(|message| &message.versions).flat_map(|version| &version.pings).collect();
    assert!(pings.is_empty(), "{pings:?}");
    let said = book.message(&kitchen, &asked).unwrap();
    assert_eq!(said.reactions.iter().map(|reaction| reaction.name.as_str()).collect::<Vec<_>>(), ["eyes"]);
    is_answered_once(&slack).await;
}

#[tokio::test]
async fn an_edited_message_is_asked_again_where_the_operator_says_so() {
    let slack = Slack::start().await;
    let world = world(&slack, "edited: rerun").await;
    let direct = direct(&slack).await;
    let (_, asked) = slack.says(json!({ "text": "go #t1" })).await;
    says(&world, &slack, &direct, None, "done #t1").await;
    slack.act("edit", json!({ "channel": direct, "ts": asked, "text": "go #t2" })).await;
    says(&world, &slack, &direct, None, "done #t2").await;
    slack.act("delete", json!({ "channel": direct, "ts": asked })).await;
    slack.says(json!({ "text": "go #t3" })).await;
    says(&world, &slack, &direct, None, "done #t3").await;
    world.judge().await;
}

#[tokio::test]
async fn an_answer_grows_in_slacks_own_way_and_becomes_the_last_word_whoever_dies_meanwhile() {
    let slack = Slack::start().await;
    let world = world(&slack, "streams: true").await;
    let (kitchen, direct) = (channel(&slack).await, direct(&slack).await);
    let (_, asked) = slack.says(json!({ "channel": kitchen, "text": "@lastword talk #t1" })).await;
    let grows = says(&world, &slack, &kitchen, Some(&asked), "step 1").await;
    assert_eq!(grows.stream.map(|stream| stream.state), Some(Streaming::Running));
    slack.says(json!({ "text": "talk #t2" })).await;
    let edited = says(&world, &slack, &direct, None, "step 1").await;
    assert_eq!(edited.stream, None, "outside of a thread there is none");
    world.kill(Who::Bridge).await;
    world.open_gate();
    let answer = says(&world, &slack, &kitchen, Some(&asked), "done #t1").await;
    assert_eq!((&answer.ts, answer.stream.map(|stream| stream.state)), (&grows.ts, Some(Streaming::Stopped)));
    says(&world, &slack, &direct, None, "done #t2").await;
    slack.says(json!({ "channel": kitchen, "thread_ts": asked, "text": "talk #t3" })).await;
    says(&world, &slack, &kitchen, Some(&asked), "done #t3").await;
    world.judge().await;
    let ours = shown(&slack, &slack.me().id, &kitchen, Some(&asked)).await;
    assert_eq!(ours.len(), 2, "one message each");
    let pings: Vec<_> = ours.iter().flat_map(|message| &message.versions).flat_map(|version| &version.pings).collect();
    assert!(pings.is_empty(), "{pings:?}");
    is_answered_once(&slack).await;
}
