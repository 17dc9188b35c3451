//! A Slack with one app, and the channels and threads that a test's conversations are in.

use std::{collections::BTreeMap, time::Instant};

use lastword_tests::{
    ledger::Book,
    slack::{Fault, FaultScript, Outage, Settings},
};
use serde_json::json;
use tokio::sync::Mutex;

use super::{Slack, town::ChatKind};

/// Slack gives an event up after these pauses: soon, so that the history is needed.
const RETRY_AFTER_MS: [u64; 3] = [0, 1_000, 3_000];

/// A Slack in a process of its own, with channels in it.
pub struct Workspace {
    slack: Slack,
    channels: BTreeMap<&'static str, (String, ChatKind)>,
    /// The roots of the topics, by channel and name.
    roots: Mutex<BTreeMap<(String, String), String>>,
    started: Instant,
}

impl Workspace {
    pub(super) async fn start(chats: &[(&'static str, ChatKind)]) -> Self {
        let slack = Slack::start().await;
        let started = Instant::now();
        let mut channels = BTreeMap::new();
        for (name, kind) in chats {
            let made = match kind {
                ChatKind::Private => slack.act("direct", json!({ "person": name })).await,
                ChatKind::Group | ChatKind::Forum(_) => {
                    slack.act("channel", json!({ "name": name, "people": ["alice", "bob"] })).await
                }
            };
            channels.insert(*name, (made["id"].as_str().unwrap().to_owned(), *kind));
        }
        let workspace = Self { slack, channels, roots: Mutex::default(), started };
        workspace.is_out(false).await;
        workspace
    }

    pub(super) fn account(&self) -> String {
        let (me, url) = (self.slack.me(), self.slack.url());
        format!(
            "network: slack\ntoken: '{}'\napp_token: '{}'\napi_url: '{url}/api'\nstreams: true\nallow: {{ users: ['*'] }}",
            me.token, me.app_token
        )
    }

    pub(super) fn id_of(&self, conversation: &str) -> String {
        self.channels[conversation].0.clone()
    }

    /// As one speaks to a bot: among others it is named. What is said first in a topic opens its thread, and so does
    /// everything that is said in no topic.
    pub(super) async fn say_in(&self, who: &str, (conversation, topic): (&str, Option<&str>), text: &str) -> String {
        let (channel, kind) = &self.channels[conversation];
        let is_private = *kind == ChatKind::Private;
        let text = text.strip_prefix('/').map_or_else(|| text.to_owned(), |command| format!("!{command}"));
        let mut roots = self.roots.lock().await;
        let key = topic.filter(|_| !is_private).map(|topic| (channel.clone(), topic.to_owned()));
        let said = json!({
            "person": if is_private { conversation } else { who },
            "channel": channel,
            "thread_ts": key.as_ref().and_then(|key| roots.get(key)),
            "text": if is_private { text } else { format!("@lastword {text}") },
        });
        let said = self.slack.act("say", said).await;
        if let Some(key) = key {
            roots.entry(key).or_insert_with(|| said["ts"].as_str().unwrap().to_owned());
        }
        said["id"].as_str().unwrap().to_owned()
    }

    pub(super) async fn read_on(&self, book: &mut Book) {
        self.slack.read_on(book).await;
    }

    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap()
    }

    /// What becomes of the next requests of a method.
    pub(super) async fn script(&self, conversation: Option<&str>, method: Option<&str>, faults: Vec<Fault>) {
        let channel = conversation.map(|conversation| self.id_of(conversation));
        self.slack.will(&FaultScript { app: None, channel, method: method.map(Into::into), skip: 0, faults }).await;
    }

    pub(super) async fn clear_faults(&self) {
        self.slack.clear_faults().await;
    }

    pub(super) async fn is_out(&self, is_out: bool) {
        let outage = is_out.then_some(Outage::Gateway);
        let settings = Settings { outage, retry_after_ms: RETRY_AFTER_MS.into(), ..Settings::default() };
        self.slack.set(&settings).await;
    }

    /// The network replaces the sockets.
    pub(super) async fn refresh(&self) {
        self.slack.act("refresh", json!({})).await;
    }
}
