//! What a bot is, and how it wants its updates.

use serde_json::{Value, json};

use super::Call;
use crate::telegram::errors::{Answer, Refusal};

impl Call<'_> {
    /// <https://core.telegram.org/bots/api#getme>
    pub(super) fn get_me(self) -> Answer {
        let bot = &self.network.bots[&self.bot];
        let mut shown = bot.shown();
        shown["can_read_all_group_messages"] = bot.reads_all.into();
        shown["can_join_groups"] = true.into();
        let not_here = [
            "supports_guest_queries",
            "supports_inline_queries",
            "can_connect_to_business",
            "has_main_web_app",
            "has_topics_enabled",
            "allows_users_to_create_topics",
            "can_manage_bots",
            "supports_join_request_queries",
        ];
        for capability in not_here {
            shown[capability] = false.into();
        }
        Ok(shown)
    }

    /// <https://core.telegram.org/bots/api#logout>
    pub(super) fn log_out(self) -> Answer {
        self.network.bots.entry(self.bot).and_modify(|bot| bot.is_logged_out = true);
        Ok(json!(true))
    }

    /// <https://core.telegram.org/bots/api#setwebhook>. Nothing is ever sent there.
    pub(super) fn set_webhook(self) -> Answer {
        let url = self.args.text("url");
        if url.is_empty() {
            return self.delete_webhook();
        }
        if !url.starts_with("https://") {
            return Err(Refusal::bad_request("bad webhook: An HTTPS URL must be provided for webhook"));
        }
        let kinds = allowed_updates(self.args.json("allowed_updates")?);
        self.network.bots.entry(self.bot).and_modify(|bot| {
            if let Some(kinds) = kinds {
                bot.queue.allow(kinds);
            }
            bot.polls.end("terminated by setWebhook request");
            bot.webhook = Some(json!(url));
        });
        self.drop_pending();
        Ok(json!(true))
    }

    /// <https://core.telegram.org/bots/api#deletewebhook>
    pub(super) fn delete_webhook(self) -> Answer {
        self.network.bots.entry(self.bot).and_modify(|bot| bot.webhook = None);
        self.drop_pending();
        Ok(json!(true))
    }

    fn drop_pending(self) {
        if self.args.is_true("drop_pending_updates") {
            let after = self.network.now_ms() + 1;
            self.network.bots.entry(self.bot).and_modify(|bot| bot.queue.expire(after));
        }
    }

    /// <https://core.telegram.org/bots/api#getwebhookinfo>
    pub(super) fn get_webhook_info(self) -> Answer {
        let bot = &self.network.bots[&self.bot];
        let mut info = json!({ "url": bot.webhook.clone().unwrap_or_else(|| json!("")),
                               "has_custom_certificate": false, "pending_update_count": bot.queue.pending() });
        if let Some(kinds) = bot.queue.allowed() {
            info["allowed_updates"] = json!(kinds);
        }
        Ok(info)
    }
}

/// The kinds of updates that a call names; `None` if it names none, so that the last ones stay.
pub(in crate::telegram) fn allowed_updates(sent: Option<Value>) -> Option<Vec<String>> {
    let kinds = sent?.as_array()?.iter().filter_map(|kind| kind.as_str().map(str::to_lowercase)).collect();
    Some(kinds)
}
