//! What an app must be: its manifest, to be pasted where Slack makes apps.
//!
//! <https://docs.slack.dev/reference/app-manifest>

use serde_json::{Value, json};

/// Without these there is no conversation. <https://docs.slack.dev/reference/scopes>
pub(super) const NEEDED_SCOPES: &[&str] = &["chat:write"];
/// Without any of these nobody is heard.
pub(super) const HEARING_SCOPES: &[&str] =
    &["app_mentions:read", "channels:history", "groups:history", "im:history", "mpim:history"];
/// Without these something is missing: a kind of conversation, files, reactions, what was missed.
pub(super) const WANTED_SCOPES: &[&str] = &[
    "app_mentions:read",
    "assistant:write",
    "channels:history",
    "channels:read",
    // Commands are given in channels without the bot, too.
    "chat:write.public",
    "commands",
    "files:read",
    "files:write",
    "groups:history",
    "groups:read",
    "im:history",
    "im:read",
    "mpim:history",
    "mpim:read",
    "reactions:write",
];
/// What the bot hears of. <https://docs.slack.dev/reference/events>
const EVENTS: &[&str] = &[
    "app_mention",
    "assistant_thread_started",
    "channel_archive",
    "channel_left",
    "channel_unarchive",
    "group_archive",
    "group_left",
    "group_unarchive",
    "member_joined_channel",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
];
/// The longest name of an app, in characters.
const NAME_CHARS_MAX: usize = 35;
/// The longest line about a command, in characters.
const HELP_CHARS_MAX: usize = 2_000;
/// The most commands of an app.
const COMMANDS_MAX: usize = 50;

/// A command for the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlashCommand {
    /// Its name, without the slash.
    pub name: String,
    /// One line about it.
    pub help: String,
    /// What stands behind its name, if anything.
    pub arguments: Option<String>,
}

/// The manifest of an app of this name with these commands.
#[must_use]
pub fn manifest(name: &str, commands: &[SlashCommand]) -> Value {
    let name: String = name.chars().take(NAME_CHARS_MAX).collect();
    let commands: Vec<_> = commands.iter().take(COMMANDS_MAX).map(slash_command).collect();
    let scopes: Vec<_> = NEEDED_SCOPES.iter().chain(WANTED_SCOPES).collect();
    json!({
        "display_information": { "name": name, "description": "Hands your messages to an agent, and always answers." },
        "features": {
            "app_home": { "home_tab_enabled": false, "messages_tab_enabled": true, "messages_tab_read_only_enabled": false },
            "bot_user": { "display_name": name, "always_online": true },
            "assistant_view": { "assistant_description": "Ask an agent." },
            "slash_commands": commands,
        },
        "oauth_config": { "scopes": { "bot": scopes } },
        "settings": {
            "event_subscriptions": { "bot_events": EVENTS },
            "interactivity": { "is_enabled": false },
            "org_deploy_enabled": false,
            "socket_mode_enabled": true,
            "token_rotation_enabled": false,
        },
    })
}

fn slash_command(command: &SlashCommand) -> Value {
    let help: String = command.help.chars().take(HELP_CHARS_MAX).collect();
    let help = if help.trim().is_empty() { command.name.clone() } else { help };
    let mut said = json!({ "command": format!("/{}", command.name), "description": help, "should_escape": true });
    if let Some(arguments) = &command.arguments {
        said["usage_hint"] = json!(arguments);
    }
    said
}
