//! What a room is to people: messages with the texts they had, made of the events that a client tells.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ledger;

/// An event as a person's client can read it now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Its place in the order in which the client heard of things, over all its rooms.
    pub order: u64,
    /// Its room.
    pub room: String,
    /// Its id.
    pub id: String,
    /// Such as `m.room.message`; `m.room.encrypted` where it can't be read.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whose.
    pub sender: String,
    /// The homeserver's time of it.
    pub at_ms: u64,
    /// What it says.
    pub content: Value,
    /// Which state it sets, if any.
    pub state_key: Option<String>,
    /// What it takes back, if anything.
    pub redacts: Option<String>,
    /// Whether it came encrypted.
    pub is_encrypted: bool,
}

impl Event {
    fn relation(&self) -> &Value {
        &self.content["m.relates_to"]
    }

    /// The event that this one stands in a relation of that type to.
    #[must_use]
    pub fn related(&self, kind: &str) -> Option<&str> {
        if self.relation()["rel_type"] == kind { self.relation()["event_id"].as_str() } else { None }
    }

    fn is_message(&self) -> bool {
        matches!(self.kind.as_str(), "m.room.message" | "m.room.encrypted")
    }
}

/// A message as people see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Its event as it was sent.
    pub event: Event,
    /// The root of its thread, if it is in one.
    pub thread: Option<String>,
    /// The message that it answers, or names for clients that show no threads.
    pub reply_to: Option<String>,
    /// The texts that it had, and has; never empty.
    pub versions: Vec<Version>,
    /// Whether somebody took it back.
    pub is_redacted: bool,
}

/// One text of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// The event that brought it.
    pub id: String,
    /// Its place in the order of things.
    pub order: u64,
    /// The homeserver's time of it.
    pub at_ms: u64,
    /// As plain text.
    pub text: String,
    /// As HTML, if it is formatted.
    pub html: Option<String>,
    /// Whom it calls: users, and `@room`.
    pub mentions: Vec<String>,
}

impl Message {
    /// What people read.
    #[must_use]
    pub fn now(&self) -> &Version {
        &self.versions[self.versions.len() - 1]
    }

    /// Whether its client could decrypt it, if it had to.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.event.kind != "m.room.encrypted"
    }

    /// The kind of message, such as `m.text`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.event.content["msgtype"].as_str().unwrap_or_default()
    }
}

/// The messages of a room, oldest first, with every replacement that counts: of the same sender, and not taken back.
///
/// <https://spec.matrix.org/latest/client-server-api/#event-replacements>
#[must_use]
pub fn messages<'a>(events: impl Iterator<Item = &'a Event> + Clone) -> Vec<Message> {
    let redacted: Vec<_> = events.clone().filter_map(|event| event.redacts.as_deref()).collect();
    let mut messages: Vec<Message> = Vec::new();
    for event in events.filter(|event| event.is_message()) {
        let is_redacted = redacted.contains(&event.id.as_str());
        if let Some(target) = event.related("m.replace") {
            let is_it = |message: &&mut Message| message.event.id == target && message.event.sender == event.sender;
            if let Some(message) = messages.iter_mut().find(is_it).filter(|_| !is_redacted) {
                message.versions.push(version(event, &event.content["m.new_content"]));
                // The original stays first; of the others the latest by the homeserver's clock is what people read.
                message.versions[1..].sort_by(|a, b| (a.at_ms, &a.id).cmp(&(b.at_ms, &b.id)));
            }
            continue;
        }
        let reply_to = event.relation()["m.in_reply_to"]["event_id"].as_str().map(Into::into);
        let mut version = version(event, &event.content);
        if is_redacted {
            (version.text, version.html) = (String::new(), None);
        }
        messages.push(Message {
            event: event.clone(),
            thread: event.related("m.thread").map(Into::into),
            reply_to,
            versions: vec![version],
            is_redacted,
        });
    }
    messages
}

fn version(event: &Event, content: &Value) -> Version {
    let text = |name: &str| content[name].as_str().map(ToOwned::to_owned);
    let users = content["m.mentions"]["user_ids"].as_array().into_iter().flatten();
    let mut mentions: Vec<_> = users.filter_map(|user| user.as_str().map(ToOwned::to_owned)).collect();
    if content["m.mentions"]["room"] == true {
        mentions.push("@room".into());
    }
    Version {
        id: event.id.clone(),
        order: event.order,
        at_ms: event.at_ms,
        text: text("body").unwrap_or_default(),
        html: text("formatted_body"),
        mentions,
    }
}

/// The rooms of a client as the oracle reads them for one bot: conversations are rooms, threads are named by their roots.
/// Only what people say in words or files counts as said.
#[must_use]
pub fn ledger(events: &[Event], bot: &str, started_at_ms: u64) -> ledger::Book {
    let mut book = ledger::Book::default();
    book.order = events.iter().map(|event| event.order).max().unwrap_or(0);
    let mut rooms: Vec<_> = events.iter().map(|event| event.room.as_str()).collect();
    rooms.sort_unstable();
    rooms.dedup();
    let all = rooms.iter().flat_map(|room| messages(events.iter().filter(move |event| event.room == *room)));
    let mut all: Vec<_> = all.filter(|message| message.event.kind == "m.room.message").collect();
    all.sort_by_key(|message| message.event.order);
    for message in all {
        let Message { event, thread, reply_to, versions, .. } = message;
        let since_ms = |at_ms: u64| at_ms.saturating_sub(started_at_ms);
        if event.sender != bot {
            book.people.push(ledger::PersonMessage {
                n: book.people.len() as u64 + 1,
                id: event.id,
                conversation: event.room,
                thread,
                sender: event.sender,
                is_bot: event.content["msgtype"] == "m.notice",
                is_addressed: true,
                text: versions[0].text.clone(),
                order: event.order,
                at_ms: since_ms(event.at_ms),
            });
            continue;
        }
        let version = |version: &Version| ledger::Version {
            text: version.text.clone(),
            order: version.order,
            at_ms: since_ms(version.at_ms),
            form: if version.html.is_some() { "formatted" } else { "plain" }.into(),
        };
        book.bot.push(ledger::BotMessage {
            id: event.id,
            conversation: event.room,
            thread,
            key: String::new(),
            reply_to,
            text: versions[versions.len() - 1].text.clone(),
            versions: versions.iter().map(version).collect(),
            order: event.order,
        });
    }
    book
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(order: u64, id: &str, sender: &str, content: Value) -> Event {
        Event {
            order,
            room: "!r".into(),
            id: id.into(),
            kind: "m.room.message".into(),
            sender: sender.into(),
            at_ms: order,
            content,
            state_key: None,
            redacts: None,
            is_encrypted: false,
        }
    }

    fn edit(order: u64, id: &str, sender: &str, text: &str) -> Event {
        let relation = json!({ "rel_type": "m.replace", "event_id": "$1" });
        event(order, id, sender, json!({ "body": "*", "m.new_content": { "body": text }, "m.relates_to": relation }))
    }

    fn texts(events: &[Event]) -> Vec<Vec<String>> {
        let all = messages(events.iter());
        all.iter().map(|message| message.versions.iter().map(|version| version.text.clone()).collect()).collect()
    }

    #[test]
    fn the_latest_replacement_of_the_same_sender_is_what_people_read() {
        let mut late = edit(5, "$5", "@bot", "step 1");
        late.at_ms = 2;
        let events = [
            event(1, "$1", "@bot", json!({ "body": "…" })),
            edit(2, "$2", "@eve", "nonsense"),
            edit(3, "$3", "@bot", "done"),
            late,
        ];
        assert_eq!(texts(&events), [["…", "step 1", "done"]]);
    }

    #[test]
    fn what_is_taken_back_says_nothing_any_more() {
        let redaction = |order, target: &str| Event {
            redacts: Some(target.into()),
            kind: "m.room.redaction".into(),
            ..event(order, &format!("${order}"), "@bot", json!({}))
        };
        let mut events =
            vec![event(1, "$1", "@bot", json!({ "body": "…" })), edit(3, "$3", "@bot", "done"), redaction(4, "$3")];
        assert_eq!(texts(&events), [["…"]]);
        events.push(redaction(6, "$1"));
        assert_eq!(texts(&events), [[""]]);
        assert!(messages(events.iter())[0].is_redacted);
    }

    #[test]
    fn the_oracle_reads_rooms_threads_and_replies() {
        let relation = json!({ "rel_type": "m.thread", "event_id": "$1", "m.in_reply_to": { "event_id": "$2" } });
        let events = [
            event(1, "$1", "@alice", json!({ "body": "hello" })),
            event(2, "$2", "@alice", json!({ "body": "go #t1", "m.relates_to": relation })),
            event(3, "$3", "@bot", json!({ "body": "done #t1", "m.relates_to": relation, "formatted_body": "<b>" })),
        ];
        let book = ledger(&events, "@bot", 0);
        assert_eq!((book.people.len(), book.bot.len(), book.order), (2, 1, 3));
        assert_eq!(book.people[1].thread.as_deref(), Some("$1"));
        assert_eq!((book.bot[0].thread.as_deref(), book.bot[0].reply_to.as_deref()), (Some("$1"), Some("$2")));
        assert_eq!(book.bot[0].versions[0].form, "formatted");
        assert!(crate::oracle::Oracle::new(|token| format!("done {token}")).judge(&book).is_clean());
    }
}
