//! The menu of commands: registered once a start, and only where it differs from what Telegram has.
//!
//! <https://core.telegram.org/bots/api#setmycommands>. Best effort: a menu is a convenience, and no message waits for it.

use std::collections::BTreeMap;

use teloxide_core::{
    payloads::{GetMyCommands, GetMyCommandsSetters as _, SetMyCommands, SetMyCommandsSetters as _},
    types::{BotCommand, BotCommandScope, ChatId, Recipient},
};

use super::{
    Link,
    client::Answer,
    settings::{BotCommandSettings, TelegramSettings},
};
use crate::http::ANSWER_MAX;

/// The most commands of a menu.
const COMMANDS_MAX: usize = 100;
/// The longest line about a command, in characters.
const HELP_MAX_CHARS: usize = 256;

/// Makes the menus what the settings say.
pub(super) async fn register(link: &Link) {
    for (scope, commands) in menus(&link.settings) {
        let asked = GetMyCommands::new().scope(scope.clone());
        let is_same = match link.client.call(&asked, ANSWER_MAX).await {
            Answer::Done(found) => {
                serde_json::from_str::<Vec<BotCommand>>(found.get()).is_ok_and(|found| found == commands)
            }
            answer => return not_registered(link, &answer),
        };
        if is_same {
            continue;
        }
        match link.client.call(&SetMyCommands::new(commands).scope(scope.clone()), ANSWER_MAX).await {
            Answer::Done(_) => tracing::debug!(account = %link.account, "a menu of commands was registered"),
            // An admin who has never written to the bot has no chat with it yet.
            Answer::Refused(refusal) if refusal.code == 400 && scope != BotCommandScope::Default => {
                tracing::debug!(account = %link.account, "an admin's menu was refused: {refusal}");
            }
            answer => return not_registered(link, &answer),
        }
    }
}

fn not_registered(link: &Link, answer: &Answer) {
    let why = match answer {
        Answer::Refused(refusal) => refusal.to_string(),
        Answer::NotSent(cause) | Answer::Lost(cause) => cause.to_string(),
        Answer::Done(_) => return,
    };
    tracing::warn!(account = %link.account, "the menu of commands is not registered; the next start tries again: {why}");
}

/// A menu for everybody, and one for each admin in their private chat.
fn menus(settings: &TelegramSettings) -> Vec<(BotCommandScope, Vec<BotCommand>)> {
    if settings.commands.is_empty() {
        return Vec::new();
    }
    let mut menus = vec![(BotCommandScope::Default, menu(settings, |command| !command.is_for_admins))];
    let admins = settings.admins.iter().filter_map(|admin| admin.as_str().parse::<i64>().ok()).filter(|id| *id > 0);
    let all = menu(settings, |_| true);
    menus.extend(admins.map(|id| {
        let scope = BotCommandScope::Chat { chat_id: Recipient::Id(ChatId(id)) };
        (scope, all.clone())
    }));
    menus
}

fn menu(settings: &TelegramSettings, is_shown: impl Fn(&BotCommandSettings) -> bool) -> Vec<BotCommand> {
    // One menu has each name once; the built-in ones come first.
    let mut taken = BTreeMap::new();
    let shown = settings.commands.iter().filter(|command| is_shown(command));
    let fresh = shown.filter(|command| taken.insert(command.name.to_lowercase(), ()).is_none());
    let listed = fresh.map(|command| {
        let help: String = command.help.trim().chars().take(HELP_MAX_CHARS).collect();
        let name = command.name.to_lowercase();
        BotCommand::new(name.clone(), if help.is_empty() { name } else { help })
    });
    listed.take(COMMANDS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use lastword_core::ids::UserId;

    use super::*;

    fn command(name: &str, help: &str, is_for_admins: bool) -> BotCommandSettings {
        BotCommandSettings { name: name.into(), help: help.into(), is_for_admins }
    }

    #[test]
    fn everybody_sees_what_is_for_everybody_and_admins_see_all() {
        let mut settings = TelegramSettings::new("1:a", "http://127.0.0.1:1");
        settings.commands =
            vec![command("help", "lists", false), command("audit", "checks", true), command("Ask", "", false)];
        settings.admins = vec![UserId::new("7"), UserId::new("-100"), UserId::new("local")];
        let menus = menus(&settings);
        let shown: Vec<_> = menus
            .iter()
            .map(|(scope, commands)| {
                (serde_json::to_value(scope).unwrap().to_string(), serde_json::to_value(commands).unwrap().to_string())
            })
            .collect();
        let everybody = r#"{"command":"help","description":"lists"}"#;
        let ask = r#"{"command":"ask","description":"ask"}"#;
        assert_eq!(
            shown,
            [
                (r#"{"type":"default"}"#.to_owned(), format!("[{everybody},{ask}]")),
                (
                    r#"{"chat_id":7,"type":"chat"}"#.to_owned(),
                    format!(r#"[{everybody},{{"command":"audit","description":"checks"}},{ask}]"#)
                ),
            ]
        );
    }

    #[test]
    fn without_commands_the_menu_is_left_alone() {
        assert!(menus(&TelegramSettings::new("1:a", "http://127.0.0.1:1")).is_empty());
    }
}
