//! From Slack's events to core's updates.
//!
//! Guarantee: one message has one name, whichever event, retry or history tells of it, so that the inbox takes it once.
//! <https://docs.slack.dev/reference/events/message>

use lastword_core::{
    decide::command::BuiltIn,
    file::RemoteFile,
    ids::{ConversationId, MessageId, Place, ThreadId, Timestamp, UpdateId, UserId},
    update::{Message, Sender, Update, UpdateKind},
};
use serde_json::{Value, json};

use super::{
    Link,
    markdown::{self, Said},
    me::Me,
    pane::{Aside, What},
    receive::Envelope,
    settings::Edited,
    ts::Ts,
};
use crate::fields::Fields;

/// The kinds of message that a person wrote; a message without a kind is one, too.
/// <https://docs.slack.dev/reference/events/message#subtypes>
const SAID: &[&str] = &["file_share", "thread_broadcast", "me_message"];
/// The longest title of a thread, in characters.
const TITLE_CHARS_MAX: usize = 80;
/// Slack's own assistant.
const SLACKBOT: &str = "USLACKBOT";

/// One envelope, read.
#[derive(Debug)]
pub(super) struct Read {
    /// `None`: it is about what we wrote ourselves.
    pub(super) update: Option<Update>,
    /// What is said with the acknowledgement.
    pub(super) answer: Option<Value>,
    pub(super) asides: Vec<Aside>,
}

/// What is needed to read.
pub(super) struct Reader<'a> {
    pub(super) link: &'a Link,
    pub(super) me: &'a Me,
}

impl Reader<'_> {
    pub(super) fn read(&self, envelope: &Envelope) -> Read {
        let mut asides = Vec::new();
        let (update, answer) = match envelope.kind.as_str() {
            "events_api" if self.is_about_ours(&envelope.payload) => {
                return Read { update: None, answer: None, asides };
            }
            "events_api" => (self.event(&envelope.payload, &envelope.id, &mut asides), None),
            "slash_commands" => self.slash_command(&envelope.payload, &envelope.id, envelope.takes_answer),
            kind => (self.other(&envelope.id, kind), None),
        };
        Read { update: Some(update), answer, asides }
    }

    /// Whether a message is told of that we posted or changed: Slack tells of each.
    fn is_about_ours(&self, payload: &Fields) -> bool {
        let event = payload.object("event").unwrap_or_default();
        let message = event.object("message").or_else(|| event.object("previous_message"));
        event.get::<String>("type").as_deref() == Some("message")
            && message.unwrap_or(event).get::<String>("user").as_ref() == Some(&self.me.user)
    }

    /// A message as a history tells of it.
    pub(super) fn remembered(&self, conversation: &str, kind: &str, message: &Fields) -> Option<Update> {
        self.posted(conversation, kind, message).ok()
    }

    fn event(&self, payload: &Fields, envelope: &str, asides: &mut Vec<Aside>) -> Update {
        let id = payload.get::<String>("event_id").unwrap_or_else(|| envelope.to_owned());
        let event = payload.object("event").unwrap_or_default();
        let kind: String = event.get("type").unwrap_or_default();
        if !self.is_for_us(payload) {
            return self.other(&id, &format!("{kind} of another workspace"));
        }
        let conversation: String = event.get("channel").unwrap_or_default();
        let found = match kind.as_str() {
            "message" | "app_mention" => self.message(&event, &conversation),
            "assistant_thread_started" => {
                self.pane_opened(&event, asides);
                Err(kind)
            }
            "member_joined_channel" | "member_left_channel"
                if event.get::<String>("user") != Some(self.me.user.clone()) =>
            {
                Err(kind)
            }
            "member_joined_channel" => Ok(self.standing(&id, &conversation, &event, Ok("added"))),
            "member_left_channel" | "channel_left" | "group_left" => {
                Ok(self.standing(&id, &conversation, &event, Err("removed")))
            }
            "channel_archive" | "group_archive" => Ok(self.standing(&id, &conversation, &event, Err("archived"))),
            "channel_deleted" | "group_deleted" => Ok(self.standing(&id, &conversation, &event, Err("deleted"))),
            "channel_unarchive" | "group_unarchive" => {
                Ok(self.standing(&id, &conversation, &event, Ok("taken out of the archive")))
            }
            _ => Err(kind),
        };
        let update = found.unwrap_or_else(|kind| self.other(&id, &kind));
        if let (UpdateKind::Posted(message), Some(thread)) = (&update.kind, &update.place.thread)
            && !update.sender.is_bot
            && self.link.threads().begins(update.place.conversation.as_str(), thread.as_str())
        {
            let title: String = message.text.chars().take(TITLE_CHARS_MAX).collect();
            asides.push(self.aside(&update.place.conversation, thread, What::Title(title)));
        }
        update
    }

    /// An app may be in several workspaces, and its sockets hear of all.
    /// <https://docs.slack.dev/apis/events-api/#authorizations>
    fn is_for_us(&self, payload: &Fields) -> bool {
        let told = payload.objects("authorizations");
        let team = |fields: &Fields| fields.get::<String>("team_id");
        told.is_empty() && team(payload).is_none_or(|id| id == self.me.team)
            || told.iter().any(|one| match one.get::<String>("user_id") {
                // Another bot's: the app's token is not this bot's app's.
                Some(user) if one.get::<bool>("is_bot") == Some(true) => user == self.me.user,
                _ => team(one).as_ref() == Some(&self.me.team),
            })
    }

    fn message(&self, event: &Fields, conversation: &str) -> Result<Update, String> {
        let kind = event.get::<String>("channel_type").unwrap_or_else(|| kind_of(conversation).to_owned());
        match event.get::<String>("subtype").as_deref() {
            Some("message_changed") => self.changed(event, conversation, &kind),
            Some("message_deleted") => {
                let deleted: String = event.get("deleted_ts").ok_or("message_deleted")?;
                let id = UpdateId::new(format!("deleted:{conversation}:{deleted}"));
                let before = event.object("previous_message").unwrap_or_default();
                let kind = UpdateKind::Deleted(MessageId::new(deleted));
                Ok(self.update(id, conversation, thread_of(&before), sender(&before, self.me), at(event), kind))
            }
            _ => self.posted(conversation, &kind, event),
        }
    }

    /// A message that somebody changed: what it says now. Slack changes messages, too, for example to unfurl links.
    fn changed(&self, event: &Fields, conversation: &str, kind: &str) -> Result<Update, String> {
        let name = "message_changed";
        let (now, before) =
            (event.object("message").ok_or(name)?, event.object("previous_message").unwrap_or_default());
        let edited: String = now.object("edited").and_then(|edited| edited.get("ts")).ok_or(name)?;
        let is_same = now.get::<String>("text") == before.get("text");
        if is_same || self.link.settings.edited == Edited::Ignore {
            return Err(name.into());
        }
        let mut update = self.posted(conversation, kind, &now)?;
        update.id =
            UpdateId::new(format!("edited:{conversation}:{}:{edited}", now.get::<String>("ts").unwrap_or_default()));
        update.sent_at = Ts::read(&edited).map_or(update.sent_at, Ts::at);
        Ok(update)
    }

    /// A message that somebody wrote, or the name of what it is instead.
    fn posted(&self, conversation: &str, kind: &str, message: &Fields) -> Result<Update, String> {
        let subtype: Option<String> = message.get("subtype");
        let sender = sender(message, self.me);
        if let Some(other) = subtype.filter(|subtype| !SAID.contains(&subtype.as_str()))
            && !sender.is_bot
        {
            return Err(format!("message: {other}"));
        }
        let ts: String = message.get("ts").ok_or("message without a timestamp")?;
        let said = markdown::read(&message.get::<String>("text").unwrap_or_default(), &self.me.user);
        let is_direct = kind == "im";
        let thread = thread_of(message);
        let is_answer = message.get::<String>("parent_user_id").as_ref() == Some(&self.me.user);
        let is_addressed = is_direct || said.mentions_us || (is_answer && !said.begins_with_another);
        let posted = Message {
            id: MessageId::new(ts.clone()),
            is_addressed,
            goes_on: !is_addressed && thread.is_some() && !said.begins_with_another,
            text: self.command_of(said),
            files: files(message),
        };
        // A question in a channel opens a thread.
        let thread = thread.or_else(|| (!is_direct && is_addressed).then(|| ThreadId::new(ts.clone())));
        let id = UpdateId::new(format!("said:{conversation}:{ts}"));
        let at = Ts::read(&ts).unwrap_or_default();
        Ok(self.update(id, conversation, thread, sender, at.at(), UpdateKind::Posted(posted)))
    }

    /// `@bot status` is the command; `@bot status of the build?` is a question.
    fn command_of(&self, said: Said) -> String {
        if !said.begins_with_us {
            return said.text;
        }
        let mut words = said.text.split_whitespace();
        let (first, has_more) = (words.next().unwrap_or_default(), words.next().is_some());
        let is_command = match BuiltIn::named(first) {
            Some(command) => command.takes(has_more),
            None => self.link.settings.commands.iter().any(|command| command.eq_ignore_ascii_case(first)),
        };
        if is_command { format!("/{}", said.text) } else { said.text }
    }

    /// <https://docs.slack.dev/interactivity/implementing-slash-commands>
    fn slash_command(&self, payload: &Fields, envelope: &str, takes_answer: bool) -> (Update, Option<Value>) {
        let text = |name| payload.get::<String>(name).unwrap_or_default();
        let trigger = payload.get::<String>("trigger_id").unwrap_or_else(|| envelope.to_owned());
        if payload.get::<String>("team_id").is_some_and(|team| team != self.me.team) {
            return (self.other(&trigger, "command of another workspace"), None);
        }
        // Two apps in one workspace can't share a command, so ours have a prefix; a name of ours has no dash.
        let command = text("command");
        let name = command.trim_start_matches('/').rsplit('-').next().unwrap_or_default();
        let arguments = markdown::read(&text("text"), &self.me.user).text;
        let posted = Message {
            id: MessageId::new(format!("command:{trigger}")),
            text: format!("/{name} {arguments}").trim().to_owned(),
            is_addressed: true,
            goes_on: false,
            files: Vec::new(),
        };
        let sender = Sender {
            id: UserId::new(text("user_id")),
            name: payload.get("user_name").filter(|name: &String| !name.is_empty()),
            is_bot: false,
        };
        let id = UpdateId::new(format!("command:{trigger}"));
        let update =
            self.update(id, &text("channel_id"), None, sender, self.link.clock.now(), UpdateKind::Posted(posted));
        // Everybody sees what was asked, as they see the answer.
        (update, takes_answer.then(|| json!({ "response_type": "in_channel" })))
    }

    fn pane_opened(&self, event: &Fields, asides: &mut Vec<Aside>) {
        let pane = event.object("assistant_thread").unwrap_or_default();
        let (Some(conversation), Some(thread)) = (pane.get::<String>("channel_id"), pane.get::<String>("thread_ts"))
        else {
            return;
        };
        self.link.threads().opened(&conversation, &thread);
        asides.push(self.aside(&ConversationId::new(conversation), &ThreadId::new(thread), What::Prompts));
    }

    fn aside(&self, conversation: &ConversationId, thread: &ThreadId, what: What) -> Aside {
        Aside { conversation: conversation.as_str().into(), thread: thread.as_str().into(), what }
    }

    /// Whether we may write there now (`Ok`), and what was done.
    fn standing(&self, id: &str, conversation: &str, event: &Fields, how: Result<&str, &str>) -> Update {
        let kind = match how {
            Ok(how) => UpdateKind::Admitted { how: how.into() },
            Err(how) => UpdateKind::Barred { how: how.into() },
        };
        let sender = Sender {
            id: UserId::new(event.get::<String>("inviter").or_else(|| event.get("user")).unwrap_or_default()),
            name: None,
            is_bot: false,
        };
        self.update(UpdateId::new(id), conversation, None, sender, at(event), kind)
    }

    fn other(&self, id: &str, name: &str) -> Update {
        let nobody = Sender { id: UserId::new("none"), name: None, is_bot: false };
        let kind = UpdateKind::Other { name: if name.is_empty() { "empty".into() } else { name.into() } };
        self.update(UpdateId::new(id), "none", None, nobody, Timestamp(0), kind)
    }

    fn update(
        &self,
        id: UpdateId,
        conversation: &str,
        thread: Option<ThreadId>,
        sender: Sender,
        sent_at: Timestamp,
        kind: UpdateKind,
    ) -> Update {
        let place =
            Place { account: self.link.account.clone(), conversation: ConversationId::new(conversation), thread };
        Update { id, place, sender, sent_at, kind }
    }
}

/// When an event happened.
fn at(event: &Fields) -> Timestamp {
    event.get::<String>("event_ts").and_then(|ts| Ts::read(&ts)).unwrap_or_default().at()
}

/// The kind of a conversation where an event does not say it; what matters is whether it is a direct one.
fn kind_of(conversation: &str) -> &'static str {
    if conversation.starts_with('D') { "im" } else { "channel" }
}

fn thread_of(message: &Fields) -> Option<ThreadId> {
    message.get::<String>("thread_ts").map(ThreadId::new)
}

/// Who wrote. Whatever an app posted is a bot's, even in a person's name: it must not make us answer.
fn sender(message: &Fields, me: &Me) -> Sender {
    let user: Option<String> = message.get("user");
    let is_app = message.has("bot_id") || message.get::<String>("subtype").as_deref() == Some("bot_message");
    let profile = message.object("user_profile").unwrap_or_default();
    let named = |field| profile.get::<String>(field).filter(|name| !name.is_empty());
    Sender {
        is_bot: is_app || user.as_deref().is_some_and(|user| user == me.user || user == SLACKBOT),
        name: named("display_name").or_else(|| named("real_name")),
        id: UserId::new(user.or_else(|| message.get("bot_id")).unwrap_or_else(|| "none".into())),
    }
}

/// The files that can be fetched. <https://docs.slack.dev/reference/objects/file-object>
fn files(message: &Fields) -> Vec<RemoteFile> {
    let found = message.objects("files").into_iter();
    found
        .filter_map(|file| {
            let url = file.get::<String>("url_private_download").or_else(|| file.get("url_private"));
            let id: Option<String> = file.get("id");
            // Of a file from another workspace only the id is told.
            let handle = url.or_else(|| id.map(|id| format!("id:{id}")))?;
            let name = file.get::<String>("name").filter(|name| !name.trim().is_empty());
            Some(RemoteFile { handle, name: name.unwrap_or_else(|| "file".into()), size_bytes: file.get("size") })
        })
        .collect()
}

#[cfg(test)]
mod tests;
