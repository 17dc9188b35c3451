//! A deployment that is an app in a Slack of our own.

use lastword_tests::slack::{Author, Message};
use serde_json::{Value, json};

use crate::world::{Persona, Settings, Slack, World};

/// A channel with Alice, Bob and every app in it.
pub async fn channel(slack: &Slack) -> String {
    let made = slack.act("channel", json!({ "name": "kitchen", "people": ["alice", "bob"] })).await;
    made["id"].as_str().unwrap().to_owned()
}

/// The direct message between Alice and the first app.
pub async fn direct(slack: &Slack) -> String {
    slack.act("direct", json!({})).await["id"].as_str().unwrap().to_owned()
}

/// The lines of an account that is this app.
pub fn account(slack: &Slack, name: &str, persona: &Persona) -> String {
    format!(
        "{name}:\n  network: slack\n  token: '{}'\n  app_token: '{}'\n  api_url: '{}/api'\n  allow: {{ users: ['*'] }}\n",
        persona.token,
        persona.app_token,
        slack.url()
    )
}

/// A deployment with the first app as `ada`, with `more` lines for its account; returns when it is ready.
pub async fn world(slack: &Slack, more: &str) -> World {
    let more: String = more.lines().map(|line| format!("  {line}\n")).collect();
    let accounts = account(slack, "ada", slack.me()) + more.as_str();
    World::start_with(Settings { accounts, ..Settings::default() }).await
}

/// The messages of an app that people see in a thread of a channel, or outside of all, oldest first.
pub async fn shown(slack: &Slack, app: &str, channel: &str, thread: Option<&str>) -> Vec<Message> {
    let messages = slack.book().await.messages.into_iter();
    let is_ours = |message: &Message| matches!(&message.author, Author::Bot { app: author, .. } if author == app);
    let is_here = |message: &Message| message.channel == channel && message.thread.as_deref() == thread;
    messages.filter(|message| is_ours(message) && is_here(message) && !message.is_deleted).collect()
}

/// Waits until the first app says this there.
pub async fn says(world: &World, slack: &Slack, channel: &str, thread: Option<&str>, words: &str) -> Message {
    world
        .until(&format!("it says {words:?}"), async |_| {
            let shown = shown(slack, &slack.me().id, channel, thread).await;
            shown.into_iter().find(|message| message.now().shown.contains(words))
        })
        .await
}

/// Every last word of the first app is there once.
pub async fn is_answered_once(slack: &Slack) {
    use lastword_tests::oracle::{Findings, Oracle};
    let oracle = Oracle::new(|token| format!("done {token}"));
    assert_eq!(oracle.judge(&slack.ledger().await), Findings::default());
    assert_eq!(slack.violations().await, [], "nothing was sent that is not documented");
}

/// The events that were not acknowledged in time are offered again this often, in milliseconds.
pub fn retries(after_ms: &[u64]) -> Value {
    json!({ "ack_within_ms": 1_000, "retry_after_ms": after_ms })
}
