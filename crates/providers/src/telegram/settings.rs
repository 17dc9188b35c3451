//! What an operator decides about a bot.

use lastword_core::ids::UserId;
use secrecy::SecretString;

/// Where Telegram's own server is.
pub const API_URL: &str = "https://api.telegram.org";

/// The largest file that Telegram's own server takes. <https://core.telegram.org/bots/api#sending-files>
pub const UPLOAD_BYTES_MAX: u64 = 50_000_000;

/// Settings of a bot.
#[derive(Clone, Debug)]
pub struct TelegramSettings {
    /// What BotFather gave: the bot's id, a colon, and a secret.
    pub token: SecretString,
    /// The Bot API server, such as [`API_URL`] or one of your own.
    pub api_url: String,
    /// What follows an edit of a message.
    pub edited: Edited,
    /// Whether a message that waits for an agent gets a reaction.
    pub receipts: bool,
    /// Whether progress in private chats is a draft.
    pub drafts: bool,
    /// The largest file that the server takes, in bytes.
    pub upload_bytes_max: u64,
    /// The commands that Telegram shows in its menu; none leaves the menu as it is.
    pub commands: Vec<BotCommandSettings>,
    /// Who is shown the commands for admins, in their private chats with the bot.
    pub admins: Vec<UserId>,
}

/// What follows when somebody changes a message that was accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Edited {
    /// Nothing: the answer to what was written first stands.
    #[default]
    Ignore,
    /// It is asked again, as it reads now.
    Rerun,
}

/// A command for the menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BotCommandSettings {
    /// Its name, without the slash.
    pub name: String,
    /// One line about it.
    pub help: String,
    /// Whether only admins see it.
    pub is_for_admins: bool,
}

impl TelegramSettings {
    /// The defaults for this token, at `api_url`.
    #[must_use]
    pub fn new(token: impl Into<SecretString>, api_url: impl Into<String>) -> Self {
        Self {
            token: token.into(),
            api_url: api_url.into(),
            edited: Edited::default(),
            receipts: false,
            drafts: false,
            upload_bytes_max: UPLOAD_BYTES_MAX,
            commands: Vec::new(),
            admins: Vec::new(),
        }
    }
}
