//! Files both ways, by the real binary: from people to the agent, and from the agent to people.

use serde_json::json;

use super::network::{channel, says, shown, world};
use crate::world::{Slack, World};

/// Waits until so many files of the bot are shared: their names and sizes, and in how many messages.
async fn files(world: &World, slack: &Slack, channel: &str, thread: &str, count: usize) -> (Vec<(String, u64)>, usize) {
    world
        .until("the files are there", async |_| {
            let ours = shown(slack, &slack.me().id, channel, Some(thread)).await;
            let ids: Vec<_> = ours.iter().flat_map(|message| message.files.clone()).collect();
            let book = slack.book().await;
            let files = book.files.into_iter().filter(|file| ids.contains(&file.id));
            let files: Vec<_> = files.map(|file| (file.name, file.size_bytes)).collect();
            let messages = ours.iter().filter(|message| !message.files.is_empty()).count();
            (files.len() >= count).then_some((files, messages))
        })
        .await
}

#[tokio::test]
async fn what_a_person_sends_reaches_the_agent_and_what_it_leaves_comes_back() {
    let slack = Slack::start().await;
    let world = world(&slack, "").await;
    let kitchen = channel(&slack).await;
    let note = json!([{ "name": "../../notes?.txt", "text": "milk and bread" }]);
    let (_, asked) = slack.says(json!({ "channel": kitchen, "text": "@lastword copy #t1", "files": note })).await;
    let (found, _) = files(&world, &slack, &kitchen, &asked, 1).await;
    assert_eq!(found, [("1-1-_.._notes_.txt".to_owned(), 14)]);
    let answer = says(&world, &slack, &kitchen, Some(&asked), "done #t1").await;
    assert!(answer.now().shown.contains("inbox/1-1-_.._notes_.txt (../../notes?.txt, 14 bytes)"), "{answer:?}");
    let album = ["a", "b"].map(|text| json!({ "name": format!("{text}.txt"), "text": text }));
    slack.says(json!({ "channel": kitchen, "thread_ts": asked, "text": "pictures #t2", "files": album })).await;
    says(&world, &slack, &kitchen, Some(&asked), "done #t2").await;
    let (found, messages) = files(&world, &slack, &kitchen, &asked, 4).await;
    assert_eq!((found.len(), messages), (4, 2), "pictures are one message");
    world.judge().await;
    assert_eq!(slack.violations().await, []);
    let spool = std::fs::read_dir(world.file("state/spool/1-1")).unwrap();
    assert_eq!(spool.count(), 0, "what is sent is not kept");
}

#[tokio::test]
async fn a_file_that_can_not_be_had_is_said() {
    let slack = Slack::start().await;
    let world = world(&slack, "").await;
    let scopes = ["chat:write", "im:history", "channels:history", "app_mentions:read", "channels:read", "im:read"];
    slack.act("scopes", json!({ "scopes": scopes })).await;
    let (direct, _) = slack.says(json!({ "files": [{ "name": "film.mp4", "text": "x" }] })).await;
    says(&world, &slack, &direct, None, "Error: I could not take what you sent: film.mp4").await;
    slack.says(json!({ "text": "go #t1" })).await;
    says(&world, &slack, &direct, None, "done #t1").await;
    world.judge().await;
}
