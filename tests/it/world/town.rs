//! A Telegram with one bot, and the chats that a test's conversations are in.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use lastword_tests::{
    ledger::Book,
    telegram::{Deed, Fault, FaultScript, Kind, Outage, Say, Settings},
};
use serde_json::json;

use super::Telegram;

/// How long another receiver stays: its poll has ended the bridge's by then.
const TAKEN_FOR: Duration = Duration::from_millis(200);

/// What kind of chat a conversation is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatKind {
    /// With the bot alone; whoever speaks is named like the conversation.
    Private,
    /// Of many, where the bot hears what is addressed to it.
    Group,
    /// The same, with these topics beside the general one.
    Forum(&'static [&'static str]),
}

/// A Telegram in a process of its own, with chats in it.
pub struct Town {
    telegram: Telegram,
    chats: BTreeMap<&'static str, (i64, ChatKind)>,
    /// By chat and name.
    topics: BTreeMap<(i64, &'static str), i64>,
    /// The admin.
    alice: i64,
    started: Instant,
}

impl Town {
    pub(super) async fn start(chats: &[(&'static str, ChatKind)]) -> Self {
        let telegram = Telegram::start().await;
        let started = Instant::now();
        let alice = telegram.does(&Deed::Person { name: "alice".into() }).await["id"].as_i64().unwrap();
        let mut town = Self { telegram, chats: BTreeMap::new(), topics: BTreeMap::new(), alice, started };
        for (name, kind) in chats {
            town.open(name, *kind).await;
        }
        town
    }

    async fn open(&mut self, name: &'static str, kind: ChatKind) {
        let many = |kind, is_forum| Deed::Chat { kind, title: name.into(), is_forum, by: "alice".into() };
        let (deed, topics): (_, &[_]) = match kind {
            ChatKind::Private => (Deed::Person { name: name.into() }, &[]),
            ChatKind::Group => (many(Kind::Group, false), &[]),
            ChatKind::Forum(topics) => (many(Kind::Supergroup, true), topics),
        };
        let chat = self.telegram.does(&deed).await["id"].as_i64().unwrap();
        for topic in topics {
            let deed = Deed::Topic { chat, name: (*topic).into(), by: "alice".into() };
            let thread = self.telegram.does(&deed).await["thread"].as_i64().unwrap();
            self.topics.insert((chat, topic), thread);
        }
        self.chats.insert(name, (chat, kind));
    }

    pub(super) fn account(&self) -> String {
        let (token, url, alice) = (self.telegram.token(), self.telegram.url(), self.alice);
        format!("network: telegram\ntoken: '{token}'\napi_url: '{url}'\nallow: {{ users: ['*'] }}\nadmins: ['{alice}']")
    }

    pub(super) fn id_of(&self, conversation: &str) -> i64 {
        self.chats[conversation].0
    }

    /// As one speaks to a bot: among others it is named.
    pub(super) async fn say_in(&self, who: &str, (conversation, thread): (&str, Option<&str>), text: &str) -> String {
        let (chat, kind) = self.chats[conversation];
        let is_private = kind == ChatKind::Private;
        let text = match text.starts_with('/') {
            _ if is_private => text.to_owned(),
            true => match text.split_once(' ') {
                Some((command, args)) => format!("{command}@lastword_bot {args}"),
                None => format!("{text}@lastword_bot"),
            },
            false => format!("@lastword_bot {text}"),
        };
        let say: Say = serde_json::from_value(json!({
            "person": if is_private { conversation } else { who },
            "chat": (!is_private).then_some(chat),
            "thread": thread.map(|thread| self.topics[&(chat, thread)]),
            "text": text,
        }))
        .unwrap();
        self.telegram.does(&Deed::Say(Box::new(say))).await["id"].as_str().unwrap().to_owned()
    }

    pub(super) async fn read_on(&self, book: &mut Book) {
        self.telegram.read_on(book).await;
    }

    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap()
    }

    /// What becomes of the next requests of a method.
    pub(super) async fn script(&self, conversation: Option<&str>, method: Option<&str>, faults: Vec<Fault>) {
        let chat = conversation.map(|conversation| self.id_of(conversation));
        let script = FaultScript { bot: None, chat, method: method.map(Into::into), faults };
        self.telegram.will(&script).await;
    }

    pub(super) async fn clear_faults(&self) {
        self.telegram.clear_faults().await;
    }

    pub(super) async fn is_out(&self, is_out: bool) {
        let outage = is_out.then_some(Outage::Gateway);
        self.telegram.set(&Settings { outage, ..Settings::default() }).await;
    }

    pub(super) async fn is_taken(&self) {
        self.telegram.is_polled(TAKEN_FOR).await;
    }
}
