//! The ledger: who said what, what the bots posted with every version of it, and how it reads to the oracle.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    chats::{Chat, ChatKey, Person},
    fault::is_message,
    text::is_meant,
};
use crate::ledger;

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// A person.
    Person(i64),
    /// A bot.
    Bot(i64),
    /// A channel, in which nobody is named.
    Channel(i64),
}

/// One text of a message: the words, or the caption.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// The text.
    pub text: String,
    /// `MessageEntity` objects.
    pub entities: Vec<Value>,
    /// `InlineKeyboardMarkup`, if there is one.
    pub markup: Option<Value>,
    /// Unix time in seconds.
    pub date: i64,
    /// Its place in the order of everything that happened.
    pub order: u64,
    /// Milliseconds since the server started.
    pub at_ms: u64,
}

/// A file in a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// The field of a message that holds it, such as `photo`.
    pub kind: String,
    /// What `getFile` takes.
    pub file_id: String,
    /// The name.
    pub name: String,
    /// The type.
    pub mime: String,
    /// The size in bytes, which may be more than is there.
    pub size_bytes: u64,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The number, of use only with its chat.
    pub id: i64,
    /// Where.
    pub chat: ChatKey,
    /// The topic, if any.
    pub thread: Option<i64>,
    /// Who.
    pub author: Author,
    /// The message it answers.
    pub reply_to: Option<i64>,
    /// Unix time in seconds.
    pub date: i64,
    /// What people read before, and now; never empty.
    pub versions: Vec<Version>,
    /// The file, if any.
    pub attachment: Option<Attachment>,
    /// The album, if it is part of one.
    pub album: Option<String>,
    /// The further fields of a service message.
    pub service: Option<Value>,
    /// Whether nobody sees it any more.
    pub is_deleted: bool,
    /// The reactions of bots, as (bot, emoji).
    pub reactions: Vec<(i64, String)>,
    /// The bots it was sent to as an update.
    pub delivered_to: Vec<i64>,
    /// The bots that it speaks to.
    pub addressed_to: Vec<i64>,
    /// Its place in the order of everything that happened.
    pub order: u64,
}

impl Message {
    /// What people read now.
    #[must_use]
    pub fn now(&self) -> &Version {
        // Every message is made with its first version.
        &self.versions[self.versions.len() - 1]
    }

    /// What the oracle calls it.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.chat.id, self.id)
    }
}

/// What a bot shows for a moment: a chat action, or the draft of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passing {
    /// Which bot.
    pub bot: i64,
    /// Where.
    pub chat: i64,
    /// The topic, if any.
    pub thread: Option<i64>,
    /// The draft's number; 0 for an action.
    pub draft: i64,
    /// The action, or the text so far.
    pub what: String,
    /// Milliseconds since the server started.
    pub at_ms: u64,
}

/// One request, as it was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Which bot.
    pub bot: i64,
    /// The method, in lower case.
    pub method: String,
    /// The chat it names, if any.
    pub chat: Option<i64>,
    /// Milliseconds since the server started.
    pub at_ms: u64,
}

/// A message that a bot has not confirmed yet: it is given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Waiting {
    /// Which bot.
    pub bot: i64,
    /// Where.
    pub chat: i64,
    /// Which message.
    pub message: i64,
}

/// Everything that anybody could have seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Book {
    /// People.
    pub people: Vec<Person>,
    /// Chats of many.
    pub chats: Vec<Chat>,
    /// Messages, in the order in which they came.
    pub messages: Vec<Message>,
    /// Chat actions and drafts.
    pub passing: Vec<Passing>,
    /// Requests, whatever became of them.
    pub calls: Vec<Call>,
    /// What was sent to bots and not confirmed, oldest first for each.
    pub waiting: Vec<Waiting>,
}

impl Book {
    /// This book as one bot's, for the oracle: conversations are chat ids, threads are topic ids, and messages are named
    /// `<chat>/<message>`. Only what the bot was sent counts as said. A group that moved is the supergroup it became. A
    /// version is `formatted` if markup was meant in it: what is sent as it is and what shows none look the same here.
    #[must_use]
    pub fn ledger(&self, bot: i64) -> ledger::Book {
        let mut book = ledger::Book::default();
        let is_here = |message: &&Message| message.chat.bot.is_none_or(|with| with == bot) && message.service.is_none();
        let waiting: BTreeSet<_> = self.waiting.iter().copied().collect();
        for message in self.messages.iter().filter(is_here) {
            book.order = book.order.max(message.now().order);
            let conversation = self.lives_on_as(message.chat.id).to_string();
            let thread = message.thread.map(|thread| thread.to_string());
            let text = message.now().text.clone();
            match message.author {
                Author::Bot(author) if author == bot && !message.is_deleted => {
                    let version = |version: &Version| ledger::Version {
                        text: version.text.clone(),
                        order: version.order,
                        at_ms: version.at_ms,
                        form: if version.entities.iter().any(is_meant) { "formatted" } else { "plain" }.into(),
                    };
                    book.bot.push(ledger::BotMessage {
                        id: message.name(),
                        conversation,
                        thread,
                        key: String::new(),
                        reply_to: message.reply_to.map(|id| format!("{}/{id}", message.chat.id)),
                        text,
                        versions: message.versions.iter().map(version).collect(),
                        order: message.order,
                    });
                }
                Author::Person(author) if message.delivered_to.contains(&bot) => {
                    let itself = Waiting { bot, chat: message.chat.id, message: message.id };
                    book.confirmed += u64::from(!waiting.contains(&itself));
                    let sender = self.people.iter().find(|person| person.id == author);
                    book.people.push(ledger::PersonMessage {
                        n: book.people.len() as u64 + 1,
                        id: message.name(),
                        conversation,
                        thread,
                        sender: sender.map(|person| person.name.clone()).unwrap_or_default(),
                        is_bot: false,
                        is_addressed: message.addressed_to.contains(&bot),
                        text,
                        order: message.order,
                        at_ms: message.versions[0].at_ms,
                    });
                }
                Author::Bot(_) | Author::Person(_) | Author::Channel(_) => {}
            }
        }
        let is_ours = |call: &&Call| call.bot == bot && is_message(&call.method);
        book.requests = self.calls.iter().filter(is_ours).count() as u64;
        book
    }

    fn lives_on_as(&self, chat: i64) -> i64 {
        let moved = self.chats.iter().find(|known| known.id == chat).and_then(|known| known.migrated_to);
        moved.map_or(chat, |to| self.lives_on_as(to))
    }
}
