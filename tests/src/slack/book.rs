//! The ledger: who said what, what bots posted with every version of it, what apps were told, and how it reads to the
//! oracle.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    fault::is_message,
    links::{Delivery, Socket, State},
    message::{Author, Message, Version},
    network::Stored,
    people::{App, Conversation, Install, Kind, Person, Workspace},
};
use crate::ledger;

/// What an app shows beside messages: a status, a title, or prompts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Passing {
    /// Which app.
    pub app: String,
    /// Where.
    pub channel: String,
    /// In which thread.
    pub thread: String,
    /// `status`, `title` or `prompts`.
    pub what: String,
    /// The text, or the list; an empty status is none.
    pub value: Value,
    /// Milliseconds since the server started.
    pub at_ms: u64,
}

/// One request and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Which app, if the token says so.
    pub app: Option<String>,
    /// The method, or `upload` or `download`.
    pub method: String,
    /// The conversation it names, if any.
    pub channel: Option<String>,
    /// Milliseconds since the server started.
    pub at_ms: u64,
    /// `ok`, or the word of a refusal; empty if nothing was applied because of a fault.
    pub outcome: String,
}

/// Everything that anybody could have seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Book {
    /// Workspaces.
    pub workspaces: Vec<Workspace>,
    /// People.
    pub people: Vec<Person>,
    /// Apps.
    pub apps: Vec<App>,
    /// Where they are installed.
    pub installs: Vec<Install>,
    /// Conversations.
    pub conversations: Vec<Conversation>,
    /// Messages, in the order in which they came.
    pub messages: Vec<Message>,
    /// Files, without their content.
    pub files: Vec<Stored>,
    /// Statuses, titles and prompts.
    pub passing: Vec<Passing>,
    /// Requests, whatever became of them.
    pub calls: Vec<Call>,
    /// Sockets, in the order of opening.
    pub sockets: Vec<Socket>,
    /// What apps were told, and whether they acknowledged it.
    pub deliveries: Vec<Delivery>,
}

impl Book {
    /// This book as one app's, for the oracle: conversations are channels, and messages are named `<channel>/<ts>`. A
    /// thread is its root's `ts`; outside of direct messages a message without one is the root of its own. Only what
    /// the app was sent counts as said. What a message answers is what its metadata names by `ts`, or else the latest
    /// that a person said before it in the same place.
    #[must_use]
    pub fn ledger(&self, app: &str) -> ledger::Book {
        let mut book = ledger::Book::default();
        let acked = self.acknowledged(app);
        for message in self.messages.iter().filter(|message| message.only_for.is_none()) {
            book.order = book.order.max(message.now().order);
            let (conversation, thread) = (message.channel.clone(), self.place(message));
            let text = message.now().shown.clone();
            match &message.author {
                Author::Bot { app: author, .. } if author == app && !message.is_deleted => {
                    let version = |version: &Version| ledger::Version {
                        text: version.shown.clone(),
                        order: version.order,
                        at_ms: version.at_ms,
                        form: if version.is_formatted { "formatted" } else { "plain" }.into(),
                    };
                    let answers = self.named(message).or_else(|| {
                        let is_here =
                            |said: &&ledger::PersonMessage| said.conversation == conversation && said.thread == thread;
                        book.people.iter().rfind(is_here).map(|said| said.id.clone())
                    });
                    book.bot.push(ledger::BotMessage {
                        id: message.name(),
                        conversation,
                        thread,
                        key: String::new(),
                        reply_to: answers,
                        text,
                        versions: message.versions.iter().map(version).collect(),
                        order: message.order,
                    });
                }
                Author::Person(author) if is_said(message) && message.delivered_to.iter().any(|to| to == app) => {
                    book.confirmed += u64::from(acked.contains(&(message.channel.as_str(), message.ts.as_str())));
                    let sender = self.people.iter().find(|person| person.id == *author);
                    book.people.push(ledger::PersonMessage {
                        n: book.people.len() as u64 + 1,
                        id: message.name(),
                        conversation,
                        thread,
                        sender: sender.map(|person| person.name.clone()).unwrap_or_default(),
                        is_bot: false,
                        is_addressed: message.addressed_to.iter().any(|to| to == app),
                        text,
                        order: message.order,
                        at_ms: message.versions[0].at_ms,
                    });
                }
                Author::Bot { .. } | Author::Person(_) => {}
            }
        }
        let is_ours = |call: &&Call| call.app.as_deref() == Some(app) && is_message(&call.method);
        book.requests = self.calls.iter().filter(is_ours).count() as u64;
        book
    }

    /// The message of a name.
    #[must_use]
    pub fn message(&self, channel: &str, ts: &str) -> Option<&Message> {
        let is_it = |message: &&Message| message.channel == channel && message.ts == ts && message.only_for.is_none();
        self.messages.iter().find(is_it)
    }

    /// The thread that the oracle takes a message to stand in.
    fn place(&self, message: &Message) -> Option<String> {
        let kind = self.conversations.iter().find(|known| known.id == message.channel).map(|known| known.kind);
        if kind == Some(Kind::Direct) { message.thread.clone() } else { Some(message.root().to_owned()) }
    }

    /// The message that a bot's message names in its metadata.
    fn named(&self, message: &Message) -> Option<String> {
        let payload = message.metadata.as_ref()?["event_payload"].as_object()?;
        let mut named = payload.values().filter_map(Value::as_str);
        let ts = named.find(|ts| ts.contains('.') && self.message(&message.channel, ts).is_some())?;
        Some(format!("{}/{ts}", message.channel))
    }

    /// The messages of which an app acknowledged an event, as (channel, ts).
    fn acknowledged(&self, app: &str) -> BTreeSet<(&str, &str)> {
        let acked = self.deliveries.iter().filter(|delivery| delivery.app == app && delivery.state == State::Acked);
        acked.filter_map(|delivery| Some((delivery.channel.as_deref()?, delivery.ts.as_deref()?))).collect()
    }
}

/// Whether a message is words of a person, not of the network.
fn is_said(message: &Message) -> bool {
    matches!(message.subtype.as_deref(), None | Some("file_share" | "thread_broadcast"))
}
