//! Messages: posted, changed, deleted, and shown to one person only.

use serde_json::{Value, json};

use super::{
    Call,
    content::{UPDATE_CHARS_MAX, Wanted},
};
use crate::slack::{
    errors::{Answer, Refusal},
    message::{Message, Streaming, microseconds},
    network::Content,
    validate::Violation,
};

impl Call<'_> {
    /// <https://docs.slack.dev/reference/methods/chat.postMessage>
    pub(super) fn post_message(mut self) -> Answer {
        let channel = self.writable(&self.args.text("channel"))?;
        let thread = self.thread_of(&channel)?;
        let content = self.content()?;
        let metadata = self.metadata()?.filter(|metadata| !metadata.is_null());
        self.count_post(&channel)?;
        let mut message = self.network.new_message(&channel, self.author(), content);
        let is_broadcast = thread.is_some() && self.args.is_true("reply_broadcast");
        message.subtype = is_broadcast.then(|| "thread_broadcast".to_owned());
        (message.thread, message.metadata) = (thread, metadata);
        self.clear_status(&channel, message.thread.as_deref());
        let ts = self.network.publish(message);
        Ok(json!({ "channel": channel, "ts": ts, "message": self.shown(&channel, &ts) }))
    }

    /// <https://docs.slack.dev/reference/methods/chat.postEphemeral>
    pub(super) fn post_ephemeral(mut self) -> Answer {
        let channel = self.writable(&self.args.text("channel"))?;
        let user = self.args.needed("user")?;
        let is_there = self.network.conversations.get(&channel).is_some_and(|known| known.members.contains(&user));
        if !is_there {
            return Err(Refusal::new("user_not_in_channel"));
        }
        let (thread, content) = (self.thread_of(&channel)?, self.content()?);
        let mut message = self.network.new_message(&channel, self.author(), content);
        (message.thread, message.only_for) = (thread, Some(user));
        Ok(json!({ "message_ts": self.network.publish(message) }))
    }

    /// <https://docs.slack.dev/reference/methods/chat.update>: what is left out stays.
    pub(super) fn update(self) -> Answer {
        let (channel, ts) = self.own_message("cant_update_message")?;
        let Wanted { text, blocks, attachments } = self.wanted(UPDATE_CHARS_MAX)?;
        let (metadata, before) = (self.metadata()?, self.message(&channel, &ts)?);
        if before.stream.as_ref().is_some_and(|stream| stream.state == Streaming::Running) {
            return Err(Refusal::new("streaming_state_conflict"));
        }
        let now = before.now();
        let is_empty = text.as_deref().is_none_or(str::is_empty) && blocks.is_none() && attachments.is_none();
        if is_empty && metadata.is_none() {
            return Err(Refusal::new("no_text"));
        }
        let content = Content {
            text: text.unwrap_or_else(|| now.text.clone()),
            blocks: blocks.unwrap_or_else(|| now.blocks.clone()),
            attachments: attachments.unwrap_or_else(|| now.attachments.clone()),
            is_unstyled: false,
            links_names: self.links_names(),
        };
        if content.text.trim().is_empty() && content.blocks.is_empty() && content.attachments.is_empty() {
            return Err(Refusal::new("no_text"));
        }
        let previous = self.network.shown(&before, false);
        let version = self.network.new_version(content);
        if let Some(message) = self.network.message_mut(&channel, &ts) {
            message.versions.push(version);
            match metadata {
                None => {}
                Some(Value::Null) => message.metadata = None,
                Some(metadata) => message.metadata = Some(metadata),
            }
        }
        self.network.publish_change(&channel, &ts, &previous);
        let shown = self.shown(&channel, &ts);
        Ok(json!({ "channel": channel, "ts": ts, "text": shown["text"], "message": shown }))
    }

    /// <https://docs.slack.dev/reference/methods/chat.delete>
    pub(super) fn delete(self) -> Answer {
        let (channel, ts) = self.own_message("cant_delete_message")?;
        let message = self.message(&channel, &ts)?;
        self.network.publish_deletion(&message);
        if let Some(message) = self.network.message_mut(&channel, &ts) {
            message.is_deleted = true;
        }
        Ok(json!({ "channel": channel, "ts": ts }))
    }

    // --- parts ---------------------------------------------------------------------------------------------------

    /// The bot's own message that a request names.
    pub(super) fn own_message(&self, not_own: &str) -> Result<(String, String), Refusal> {
        let (channel, ts) = (self.args.needed("channel")?, self.args.needed("ts")?);
        self.visible(&channel)?;
        let message = self.message(&channel, &ts)?;
        if message.author.user() != self.me.user {
            return Err(Refusal::new(not_own));
        }
        Ok((channel, ts))
    }

    /// A message that is still to be seen.
    pub(super) fn message(&self, channel: &str, ts: &str) -> Result<Message, Refusal> {
        self.network.message(channel, ts).cloned().ok_or_else(|| Refusal::new("message_not_found"))
    }

    /// A message as an answer carries it.
    pub(super) fn shown(&self, channel: &str, ts: &str) -> Value {
        self.network.message(channel, ts).map(|message| self.network.shown(message, true)).unwrap_or_default()
    }

    /// The thread that a request names. A reply's `ts` stands for its thread, although the documentation says not to.
    pub(super) fn thread_of(&mut self, channel: &str) -> Result<Option<String>, Refusal> {
        let Some(ts) = self.args.given("thread_ts") else { return Ok(None) };
        if microseconds(&ts).is_none() {
            return Err(Refusal::new("invalid_thread_ts"));
        }
        if !self.network.has_thread(channel, &ts) {
            return Err(Refusal::new("thread_not_found"));
        }
        let root = self.network.message(channel, &ts).map_or(ts.clone(), |message| message.root().to_owned());
        if root != ts {
            let what = format!("thread_ts {ts} is a reply's");
            let (app, method) = (self.me.app.clone(), "chat.postMessage".to_owned());
            self.network.violations.push(Violation { app, method, what });
        }
        Ok(Some(root))
    }

    /// Counts a message, if there are limits: one a second in a channel, and now and then a few more.
    ///
    /// <https://docs.slack.dev/apis/web-api/rate-limits#posting-messages>
    fn count_post(&mut self, channel: &str) -> Result<(), Refusal> {
        let Some(limits) = self.network.settings.limits else { return Ok(()) };
        let now = self.network.now_ms();
        let (most, window_ms) = (limits.post_per_s + limits.post_burst, u64::from(1 + limits.post_burst) * 1_000);
        let what = format!("post {} {channel}", self.me.user);
        self.network.limiter.count(what, most, window_ms, now).map_err(Refusal::limited)
    }

    /// Who answers in a thread is not busy there any more. <https://docs.slack.dev/reference/methods/assistant.threads.setStatus>
    pub(super) fn clear_status(&mut self, channel: &str, thread: Option<&str>) {
        if let Some(thread) = thread {
            let is_here = |it: &&super::super::book::Passing| {
                it.what == "status" && it.app == self.me.app && it.channel == channel && it.thread == thread
            };
            if self.network.passing.iter().rfind(is_here).is_some_and(|last| last.value != "") {
                self.passes(channel, thread, "status", json!(""));
            }
        }
    }
}
