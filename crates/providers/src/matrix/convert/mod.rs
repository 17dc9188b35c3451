//! From Matrix's events to core's updates.
//!
//! Guarantee: one event has one name, whichever sync or gap tells of it, so that the inbox takes it once. What we wrote
//! ourselves and what is no message asks nothing; a message that can't be read is told as such.
//! <https://spec.matrix.org/v1.16/client-server-api/#room-event-format>

mod address;
mod files;
#[cfg(test)]
mod tests;

use lastword_core::{
    ids::{AccountId, ConversationId, MessageId, Place, ThreadId, Timestamp, UpdateId, UserId},
    update::{Message, Sender, Update, UpdateKind},
};

pub(super) use self::files::{Content, Handle};
use self::{address::Address, files::files};
use super::{send::MARK, settings::Edited};
use crate::fields::Fields;

/// Somebody wants to compare emoji. <https://spec.matrix.org/v1.16/client-server-api/#mroommessagemkeyverificationrequest>
pub(super) const VERIFICATION: &str = "m.key.verification.request";

/// What is known where an event stands.
#[derive(Clone, Debug)]
pub(super) struct Room<'a> {
    pub(super) account: &'a AccountId,
    /// Opaque: newer rooms have no server in it.
    pub(super) id: &'a str,
    /// Our own user id.
    pub(super) me: &'a str,
    /// What we are called there.
    pub(super) my_name: Option<&'a str>,
    /// Whether all that is said there is said to us.
    pub(super) is_direct: bool,
    pub(super) edited: Edited,
}

/// An event, read.
#[derive(Debug)]
pub(super) enum Heard {
    /// It is ours, or asks nothing.
    Nothing,
    /// It is all there.
    Update(Update),
    /// It is for us if what it answers is ours.
    Answer { update: Update, answered: String },
    /// It says what another says now.
    Edit { update: Update, original: String },
    /// Its key is not here yet.
    Locked { event: String },
    /// The conversation goes on in another room.
    Moved { to: String, by: String },
}

impl Room<'_> {
    pub(super) fn read(&self, event: &Fields) -> Heard {
        let text = |name| event.get::<String>(name).unwrap_or_default();
        let (kind, id, sender) = (text("type"), text("event_id"), text("sender"));
        if id.is_empty() || sender.is_empty() {
            return Heard::Nothing;
        }
        if kind == "m.room.member" && text("state_key") == self.me {
            return self.standing(event, &id);
        }
        if sender == self.me {
            return Heard::Nothing;
        }
        if event.object("unsigned").unwrap_or_default().has("redacted_because") {
            return self.other(event, "redacted");
        }
        match kind.as_str() {
            "m.room.message" => self.message(event),
            "m.room.encrypted" => Heard::Locked { event: id },
            "m.room.redaction" => self.redaction(event),
            "m.room.tombstone" if event.has("state_key") => {
                let content = event.object("content").unwrap_or_default();
                match content.get::<String>("replacement_room") {
                    Some(to) if !to.is_empty() => Heard::Moved { to, by: sender },
                    _ => Heard::Nothing,
                }
            }
            _ => Heard::Nothing,
        }
    }

    fn message(&self, event: &Fields) -> Heard {
        let content = event.object("content").unwrap_or_default();
        let relation = content.object("m.relates_to").unwrap_or_default();
        if relation.get::<String>("rel_type").as_deref() == Some("m.replace") {
            return self.edit(event, &content, &relation);
        }
        // Its text is for people whose client can't do it.
        if content.get::<String>("msgtype").as_deref() == Some(VERIFICATION) {
            return self.other(event, VERIFICATION);
        }
        let id: String = event.get("event_id").unwrap_or_default();
        let thread = thread(&relation).map(ThreadId::new);
        let Some((message, is_bot)) = self.said(&content, &id, thread.is_some()) else {
            return self.other(event, "m.room.message");
        };
        let is_addressed = message.is_addressed;
        let mut update = self.update(event, UpdateId::new(id), UpdateKind::Posted(message));
        update.place.thread = thread;
        update.sender.is_bot |= is_bot;
        match answered(&relation) {
            Some(answered) if !is_addressed => Heard::Answer { update, answered },
            _ => Heard::Update(update),
        }
    }

    /// <https://spec.matrix.org/v1.16/client-server-api/#event-replacements>
    fn edit(&self, event: &Fields, content: &Fields, relation: &Fields) -> Heard {
        let (new, original) = (content.object("m.new_content"), relation.get::<String>("event_id"));
        let (Edited::Rerun, Some(new), Some(original)) = (self.edited, new, original) else {
            return self.other(event, "m.replace");
        };
        let Some((message, is_bot)) = self.said(&new, &original, false) else {
            return self.other(event, "m.replace");
        };
        let id = event.get::<String>("event_id").unwrap_or_default();
        let mut update = self.update(event, UpdateId::new(id), UpdateKind::Posted(message));
        update.sender.is_bot |= is_bot;
        Heard::Edit { update, original }
    }

    /// What somebody said, and whether a bot did; `None` for what has no text.
    fn said(&self, content: &Fields, id: &str, is_in_thread: bool) -> Option<(Message, bool)> {
        let kind = content.get::<String>("msgtype")?;
        let files = files(self.id, content, &kind);
        let text = match files.is_empty() {
            true => content.get::<String>("body")?,
            false => files::caption(content),
        };
        let Address { text, is_ours, is_anothers } = Address::read(self, content, &text);
        let is_addressed = self.is_direct || is_ours;
        let message = Message {
            id: MessageId::new(id),
            text,
            is_addressed,
            goes_on: !is_addressed && is_in_thread && !is_anothers,
            files,
        };
        // A notice is said by a bot, and one of our kind marks what it says.
        Some((message, kind == "m.notice" || content.has(MARK)))
    }

    /// <https://spec.matrix.org/v1.16/client-server-api/#redactions>
    fn redaction(&self, event: &Fields) -> Heard {
        let content = event.object("content").unwrap_or_default();
        // Newer rooms have it in the content.
        let Some(redacted) = content.get::<String>("redacts").or_else(|| event.get("redacts")) else {
            return self.other(event, "m.room.redaction");
        };
        let id = event.get::<String>("event_id").unwrap_or_default();
        Heard::Update(self.update(event, UpdateId::new(id), UpdateKind::Deleted(MessageId::new(redacted))))
    }

    /// Whether we are in the room. <https://spec.matrix.org/v1.16/client-server-api/#room-membership>
    fn standing(&self, event: &Fields, id: &str) -> Heard {
        let by_us = event.get::<String>("sender").as_deref() == Some(self.me);
        let before = before(event);
        let kind = match membership(event).as_str() {
            "join" if before != "join" => UpdateKind::Admitted { how: "let in".into() },
            "leave" if !by_us && before == "join" => UpdateKind::Barred { how: "kicked".into() },
            "ban" => UpdateKind::Barred { how: "banned".into() },
            _ => return Heard::Nothing,
        };
        let mut update = self.update(event, UpdateId::new(id), kind);
        update.sender.is_bot = false;
        Heard::Update(update)
    }

    /// What asks nothing and is counted.
    fn other(&self, event: &Fields, name: &str) -> Heard {
        let id = event.get::<String>("event_id").unwrap_or_default();
        Heard::Update(self.update(event, UpdateId::new(id), UpdateKind::Other { name: name.into() }))
    }

    fn update(&self, event: &Fields, id: UpdateId, kind: UpdateKind) -> Update {
        let sender = event.get::<String>("sender").unwrap_or_default();
        Update {
            id,
            place: Place { account: self.account.clone(), conversation: ConversationId::new(self.id), thread: None },
            sender: Sender { is_bot: sender == self.me, id: UserId::new(sender), name: None },
            sent_at: Timestamp(event.get("origin_server_ts").unwrap_or_default()),
            kind,
        }
    }
}

/// The root of the thread that an event stands in.
/// <https://spec.matrix.org/v1.16/client-server-api/#threading>
pub(super) fn thread(relation: &Fields) -> Option<String> {
    (relation.get::<String>("rel_type").as_deref() == Some("m.thread")).then(|| relation.get("event_id"))?
}

/// What an event answers. In a thread that is a stand-in for clients without threads, unless it says otherwise.
fn answered(relation: &Fields) -> Option<String> {
    let is_stand_in = thread(relation).is_some() && relation.get::<bool>("is_falling_back") == Some(true);
    relation.object("m.in_reply_to").filter(|_| !is_stand_in)?.get("event_id")
}

pub(super) fn membership(event: &Fields) -> String {
    event.object("content").and_then(|content| content.get("membership")).unwrap_or_default()
}

/// The membership before an event.
pub(super) fn before(event: &Fields) -> String {
    let unsigned = event.object("unsigned").unwrap_or_default();
    let content = unsigned.object("prev_content").or_else(|| event.object("prev_content"));
    content.and_then(|content| content.get("membership")).unwrap_or_default()
}
