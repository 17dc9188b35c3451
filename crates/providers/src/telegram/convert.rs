//! From Telegram's updates to core's.

mod files;

use lastword_core::{
    ids::{AccountId, ConversationId, Place, ThreadId, Timestamp, UpdateId, UserId},
    update::{Message, Sender, Update, UpdateKind},
};

use super::{
    Link,
    address::{addressed, answers_us},
    album::Part,
    chats::message_id,
    markdown::markdown,
    settings::{Edited, TelegramSettings},
    wire::{self, Me},
};
use crate::fields::Fields;

/// What makes a message one of Telegram's own: nobody wrote it. Whatever else has no text is something that a person sent,
/// known here or not. <https://core.telegram.org/bots/api#message>
#[rustfmt::skip]
const SERVICE: &[&str] = &[
    "new_chat_members", "left_chat_member", "chat_owner_left", "chat_owner_changed", "new_chat_title",
    "new_chat_photo", "delete_chat_photo", "group_chat_created", "supergroup_chat_created", "channel_chat_created",
    "message_auto_delete_timer_changed", "migrate_to_chat_id", "migrate_from_chat_id", "pinned_message",
    "successful_payment", "refunded_payment", "users_shared", "chat_shared", "gift", "unique_gift",
    "gift_upgrade_sent", "connected_website", "write_access_allowed", "passport_data", "proximity_alert_triggered",
    "boost_added", "chat_background_set", "checklist_tasks_done", "checklist_tasks_added", "community_chat_added",
    "community_chat_joined", "community_chat_removed", "direct_message_price_changed", "forum_topic_created",
    "forum_topic_edited", "forum_topic_closed", "forum_topic_reopened", "general_forum_topic_hidden",
    "general_forum_topic_unhidden", "giveaway_created", "giveaway_completed", "managed_bot_created",
    "paid_message_price_changed", "poll_option_added", "poll_option_deleted", "suggested_post_approved",
    "suggested_post_approval_failed", "suggested_post_declined", "suggested_post_paid", "suggested_post_refunded",
    "video_chat_scheduled", "video_chat_started", "video_chat_ended", "video_chat_participants_invited",
    "web_app_data",
];
/// What an update may be about, as far as we ask for it.
const KINDS: &[&str] = &["message", "edited_message", "my_chat_member", "channel_post", "edited_channel_post"];

/// One update, read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Read {
    /// Counted by Telegram; the cursor behind this update.
    pub(super) number: i64,
    pub(super) update: Update,
    /// What it is a part of, if it is new and not the whole of what was sent.
    pub(super) part: Option<Part>,
    /// What the operator should hear of it.
    pub(super) news: Option<String>,
}

/// What is needed to read.
pub(super) struct Reader<'a> {
    pub(super) link: &'a Link,
    pub(super) me: &'a Me,
}

impl Reader<'_> {
    /// Reads one update; `None` without a number, by which alone it could be named.
    pub(super) fn read(&self, json: &str) -> Option<Read> {
        let Some(update) = Fields::read(json) else { return self.unreadable(json) };
        let number: i64 = update.get("update_id")?;
        let kind = update.first_of(KINDS);
        let body = kind.and_then(|kind| update.object(kind));
        let name = kind.or_else(|| update.other_than(&["update_id"])).unwrap_or("empty").to_owned();
        let mut part = None;
        let (found, news) = match (&body, kind) {
            (Some(message), Some("message")) => {
                part = self.part(message);
                (self.message(message, false), self.moved(message))
            }
            (Some(message), Some("edited_message")) => (self.message(message, true), None),
            (Some(member), Some("my_chat_member")) => (standing(member), None),
            _ => (Err(name), None),
        };
        let kind = found.unwrap_or_else(|name| UpdateKind::Other { name });
        let body = body.unwrap_or(update);
        Some(Read { number, update: self.update(number, &body, kind), part, news })
    }

    /// What Telegram counts but nobody can read: it is named, so that the cursor gets behind it.
    fn unreadable(&self, json: &str) -> Option<Read> {
        let number = wire::number(json)?;
        let update = self.update(number, &Fields::default(), UpdateKind::Other { name: "unreadable".into() });
        Some(Read { number, update, part: None, news: Some("an update can't be read, and is passed over".into()) })
    }

    fn update(&self, number: i64, body: &Fields, kind: UpdateKind) -> Update {
        let chat = body.object("chat").and_then(|chat| chat.get::<i64>("id"));
        let sent_at_s = body.get::<i64>("edit_date").or_else(|| body.get("date")).unwrap_or_default();
        Update {
            id: UpdateId::new(number.to_string()),
            place: Place {
                account: self.account().clone(),
                // What happens in no chat has a place of its own.
                conversation: chat
                    .map_or_else(|| ConversationId::new("none"), |chat| self.link.chats.conversation(chat)),
                thread: topic(body),
            },
            sender: sender(body),
            sent_at: Timestamp(sent_at_s.saturating_mul(1_000)),
            kind,
        }
    }

    /// A message that somebody wrote, or the name of what it is instead.
    fn message(&self, message: &Fields, is_edit: bool) -> Result<UpdateKind, String> {
        let chat = message.object("chat").ok_or("message without a chat")?;
        let chat_id: i64 = chat.get("id").ok_or("message without a chat")?;
        let id: i64 = message.get("message_id").ok_or("message without an id")?;
        let chat_kind: String = chat.get("type").unwrap_or_default();
        if chat_kind == "channel" {
            return Err("channel_post".into());
        }
        if message.get::<bool>("is_automatic_forward") == Some(true) {
            return Err("automatic_forward".into());
        }
        let files = files::files(message);
        let text = wire::text(message);
        if text.is_none()
            && files.is_empty()
            && let Some(what) = message.first_of(SERVICE)
        {
            return Err(format!("service message: {what}"));
        }
        // Where somebody is by now, for example, is changed all the time.
        if is_edit && (text.is_none() || self.settings().edited == Edited::Ignore) {
            return Err("edited_message".into());
        }
        let (text, pieces) = text.unwrap_or_default();
        let meant = addressed(&text, &pieces, self.me, self.settings());
        let is_private = chat_kind == "private";
        let is_ours = meant.is_ours || answers_us(message, self.me);
        Ok(UpdateKind::Posted(Message {
            id: message_id(&self.link.chats.conversation(chat_id), chat_id, id),
            text: markdown(&text, &pieces, meant.mention.as_ref()),
            is_addressed: !meant.is_for_another && (is_private || is_ours),
            goes_on: false,
            files,
        }))
    }

    /// The album that a message is a part of.
    fn part(&self, message: &Fields) -> Option<Part> {
        let album = message.get("media_group_id")?;
        let (text, pieces) = wire::text(message).unwrap_or_default();
        Some(Part { album, is_for_another: addressed(&text, &pieces, self.me, self.settings()).is_for_another })
    }

    /// Follows a group that became a supergroup; both chats are told of it.
    fn moved(&self, message: &Fields) -> Option<String> {
        let here: i64 = message.object("chat")?.get("id")?;
        let (from, to) = match (message.get("migrate_to_chat_id"), message.get("migrate_from_chat_id")) {
            (Some(to), _) => (here, to),
            (None, Some(from)) => (from, here),
            (None, None) => return None,
        };
        self.link.chats.follow(from, to);
        Some(format!(
            "the group {from} has become the supergroup {to}; it stays the conversation {}",
            self.link.chats.conversation(to)
        ))
    }

    fn account(&self) -> &AccountId {
        &self.link.account
    }

    fn settings(&self) -> &TelegramSettings {
        &self.link.settings
    }
}

/// What became of the bot in a chat. <https://core.telegram.org/bots/api#chatmemberupdated>
fn standing(member: &Fields) -> Result<UpdateKind, String> {
    let is_private = member.object("chat").and_then(|chat| chat.get::<String>("type")).as_deref() == Some("private");
    let now = member.object("new_chat_member").unwrap_or_default();
    let status: String = now.get("status").unwrap_or_default();
    let may = |what| now.get::<bool>(what) != Some(false);
    let barred = |how: &str| Ok(UpdateKind::Barred { how: how.into() });
    let admitted = |how: &str| Ok(UpdateKind::Admitted { how: how.into() });
    match (status.as_str(), is_private) {
        ("kicked", true) => barred("blocked"),
        ("kicked", false) => barred("kicked"),
        ("left", _) => barred("removed"),
        ("restricted", _) if !may("is_member") => barred("removed"),
        ("restricted", _) if !may("can_send_messages") => barred("muted"),
        ("restricted", _) => admitted("restricted"),
        ("administrator" | "creator", _) => admitted("made an administrator"),
        ("member", true) => admitted("unblocked"),
        ("member", false) => admitted("added"),
        (_, _) => Err("my_chat_member".into()),
    }
}

/// A topic of a forum. Other threads are chains of replies, not places.
fn topic(message: &Fields) -> Option<ThreadId> {
    let is_topic = message.get::<bool>("is_topic_message")?;
    let thread: i64 = message.get("message_thread_id").filter(|_| is_topic)?;
    Some(ThreadId::new(thread.to_string()))
}

/// Who wrote: a person, a bot, or a chat on whose behalf somebody writes (an anonymous administrator, a channel).
fn sender(message: &Fields) -> Sender {
    if let Some(chat) = message.object("sender_chat") {
        let id = chat.get::<i64>("id").unwrap_or_default();
        return Sender { id: UserId::new(id.to_string()), name: chat.get("title"), is_bot: false };
    }
    let Some(user) = message.object("from") else {
        return Sender { id: UserId::new("none"), name: None, is_bot: false };
    };
    let names = [user.get::<String>("first_name"), user.get("last_name")];
    let name = names.into_iter().flatten().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" ");
    Sender {
        id: UserId::new(user.get::<i64>("id").unwrap_or_default().to_string()),
        name: (!name.is_empty()).then_some(name),
        is_bot: user.get("is_bot").unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
