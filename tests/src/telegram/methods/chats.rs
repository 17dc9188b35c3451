//! What a bot may learn about chats.

use serde_json::{Value, json};

use super::Call;
use crate::telegram::{
    chats::{Chat, Standing},
    errors::{Answer, Refusal},
};

impl Call<'_> {
    /// <https://core.telegram.org/bots/api#getchat>
    pub(super) fn get_chat(self) -> Answer {
        let chat = self.network.find_chat(self.bot, &self.args.text("chat_id"))?;
        let mut shown = self.network.chat_shown(chat);
        shown["accent_color_id"] = 0.into();
        shown["max_reaction_count"] = 11.into();
        shown["accepted_gift_types"] = json!({ "unlimited_gifts": false, "limited_gifts": false, "unique_gifts": false,
                                               "premium_subscription": false, "gifts_from_channels": false });
        Ok(shown)
    }

    /// <https://core.telegram.org/bots/api#getchatmember>
    pub(super) fn get_chat_member(self) -> Answer {
        let user = self.args.integer("user_id").unwrap_or_default();
        let shown = self.network.user(user);
        let chat = self.network.find_chat(self.bot, &self.args.text("chat_id"))?;
        if shown.is_null() {
            return Err(Refusal::bad_request("PARTICIPANT_ID_INVALID"));
        }
        let standing = self.network.chats.get(&chat.id).map_or(Standing::Member, |shared| shared.standing(user));
        Ok(standing.shown(shown))
    }

    /// <https://core.telegram.org/bots/api#getchatadministrators>
    pub(super) fn get_chat_administrators(self) -> Answer {
        let chat = self.shared_chat()?;
        let leads =
            chat.members.iter().filter(|(_, standing)| matches!(standing, Standing::Creator | Standing::Administrator));
        Ok(leads.map(|(user, standing)| standing.shown(self.network.user(*user))).collect::<Vec<Value>>().into())
    }

    /// <https://core.telegram.org/bots/api#getchatmembercount>
    pub(super) fn get_chat_member_count(self) -> Answer {
        let chat = self.shared_chat()?;
        Ok(chat.members.values().filter(|standing| standing.is_in()).count().into())
    }

    /// <https://core.telegram.org/bots/api#leavechat>
    pub(super) fn leave_chat(self) -> Answer {
        let chat = self.shared_chat()?.id;
        self.network.set_standing(chat, self.bot, self.bot, Standing::Left);
        Ok(json!(true))
    }

    fn shared_chat(&self) -> Result<&Chat, Refusal> {
        let chat = self.network.find_chat(self.bot, &self.args.text("chat_id"))?;
        let shared = self.network.chats.get(&chat.id);
        shared.ok_or_else(|| Refusal::bad_request("there are no administrators in the private chat"))
    }
}
