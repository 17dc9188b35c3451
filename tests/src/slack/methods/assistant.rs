//! What an app shows beside messages: that it is busy, a title, prompts.

use serde_json::{Value, json};

use super::Call;
use crate::slack::{
    book::Passing,
    errors::{Answer, Refusal},
};

/// The most prompts.
const PROMPTS_MAX: usize = 4;

impl Call<'_> {
    /// <https://docs.slack.dev/reference/methods/assistant.threads.setStatus>
    pub(super) fn set_status(mut self) -> Answer {
        let (channel, thread) = self.place()?;
        let Some(status) = self.args.values.get("status").filter(|status| status.is_string()).cloned() else {
            return Err(Refusal::invalid_arguments("status"));
        };
        self.passes(&channel, &thread, "status", status);
        Ok(json!({}))
    }

    /// <https://docs.slack.dev/reference/methods/assistant.threads.setTitle>
    pub(super) fn set_title(mut self) -> Answer {
        let (channel, thread) = self.place()?;
        let title = self.args.needed("title")?;
        self.passes(&channel, &thread, "title", json!(title));
        // The thread's root carries the title, and whoever reads events hears that it changed.
        let before = self.network.message(&channel, &thread).map(|root| self.network.shown(root, false));
        if let (Some(before), Some(root)) = (before, self.network.message_mut(&channel, &thread))
            && root.subtype.as_deref() == Some("assistant_app_thread")
        {
            root.more = json!({ "assistant_app_thread": { "title": title, "title_blocks": [], "artifacts": [] } });
            self.network.publish_change(&channel, &thread, &before);
        }
        Ok(json!({}))
    }

    /// <https://docs.slack.dev/reference/methods/assistant.threads.setSuggestedPrompts>
    pub(super) fn set_prompts(mut self) -> Answer {
        let prompts =
            self.list("prompts", "invalid_arguments")?.ok_or_else(|| Refusal::invalid_arguments("prompts"))?;
        let is_prompt = |prompt: &Value| prompt["title"].is_string() && prompt["message"].is_string();
        if prompts.is_empty() || prompts.len() > PROMPTS_MAX || !prompts.iter().all(is_prompt) {
            return Err(Refusal::invalid_arguments("prompts"));
        }
        let (channel, thread) = self.place()?;
        self.passes(&channel, &thread, "prompts", prompts.into());
        Ok(json!({}))
    }

    fn place(&self) -> Result<(String, String), Refusal> {
        let (channel, thread) = (self.args.needed("channel_id")?, self.args.needed("thread_ts")?);
        self.joined(&channel).map_err(|_| Refusal::new("channel_not_found"))?;
        if !self.network.has_thread(&channel, &thread) {
            return Err(Refusal::new("invalid_thread_ts"));
        }
        Ok((channel, thread))
    }

    /// Notes what the app shows.
    pub(super) fn passes(&mut self, channel: &str, thread: &str, what: &str, value: Value) {
        let (channel, thread, what) = (channel.to_owned(), thread.to_owned(), what.to_owned());
        let at_ms = self.network.now_ms();
        self.network.passing.push(Passing { app: self.me.app.clone(), channel, thread, what, value, at_ms });
    }
}
