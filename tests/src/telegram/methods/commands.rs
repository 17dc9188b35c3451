//! The commands that people see in the menu.

use serde_json::{Value, json};

use super::Call;
use crate::telegram::{
    errors::{Answer, Refusal},
    text::utf16,
};

/// The most commands of one list.
const COMMANDS_MAX: usize = 100;

impl Call<'_> {
    /// <https://core.telegram.org/bots/api#setmycommands>
    pub(super) fn set_my_commands(self) -> Answer {
        let commands = self.args.json("commands")?.unwrap_or_default();
        let list = commands.as_array().ok_or_else(|| Refusal::bad_request("expected an Array of BotCommand"))?;
        if list.len() > COMMANDS_MAX {
            return Err(Refusal::bad_request("BOT_COMMANDS_TOO_MUCH"));
        }
        let mut kept = Vec::new();
        for command in list {
            let name = command["command"].as_str().unwrap_or_default().trim_start_matches('/');
            let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            if !(1..=32).contains(&name.len()) || !name.bytes().all(is_letter) {
                return Err(Refusal::bad_request("BOT_COMMAND_INVALID"));
            }
            let description = command["description"].as_str().unwrap_or_default().trim();
            if !(1..=256).contains(&utf16(description)) {
                return Err(Refusal::bad_request("BOT_COMMAND_DESCRIPTION_INVALID"));
            }
            kept.push(json!({ "command": name, "description": description }));
        }
        let place = self.place()?;
        self.network.bots.entry(self.bot).and_modify(|bot| {
            bot.commands.insert(place, Value::Array(kept));
        });
        Ok(json!(true))
    }

    /// <https://core.telegram.org/bots/api#getmycommands>
    pub(super) fn get_my_commands(self) -> Answer {
        let place = self.place()?;
        Ok(self.network.bots[&self.bot].commands.get(&place).cloned().unwrap_or_else(|| json!([])))
    }

    /// <https://core.telegram.org/bots/api#deletemycommands>
    pub(super) fn delete_my_commands(self) -> Answer {
        let place = self.place()?;
        self.network.bots.entry(self.bot).and_modify(|bot| drop(bot.commands.remove(&place)));
        Ok(json!(true))
    }

    /// The scope, as a text that is the same for the same scope, and the language.
    fn place(&self) -> Result<(String, String), Refusal> {
        let scope = self.args.json("scope")?.unwrap_or_else(|| json!({ "type": "default" }));
        let kind = scope["type"].as_str().unwrap_or_default();
        let scope = match kind {
            "default" | "all_private_chats" | "all_group_chats" | "all_chat_administrators" => kind.to_owned(),
            "chat" | "chat_administrators" | "chat_member" => {
                let named = scope["chat_id"].as_i64().map(|id| id.to_string());
                let chat = self.network.find_chat(self.bot, &named.unwrap_or_default())?;
                if kind != "chat" && chat.bot.is_some() {
                    return Err(Refusal::bad_request("can't use specified scope in a private chat"));
                }
                format!("{kind} {} {}", chat.id, scope["user_id"].as_i64().unwrap_or_default())
            }
            _ => return Err(Refusal::bad_request("can't parse BotCommandScope: Unsupported type specified")),
        };
        let language = self.args.text("language_code");
        let is_language =
            language.is_empty() || (language.len() == 2 && language.bytes().all(|b| b.is_ascii_lowercase()));
        if !is_language {
            return Err(Refusal::bad_request("invalid language code specified"));
        }
        Ok((scope, language))
    }
}
