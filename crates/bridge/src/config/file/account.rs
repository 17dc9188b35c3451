//! `accounts:`, one bot identity each.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::name::Id;
#[cfg(any(feature = "matrix", feature = "slack", feature = "telegram"))]
use crate::config::api_url;
use crate::config::{duration, kept};

/// One bot identity on one network.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("unevaluatedProperties" = false))]
pub(in super::super) struct AccountFile {
    #[serde(flatten)]
    pub network: NetworkConfig,
    /// Who may talk to it. Default on the network `web`: the local user; elsewhere nobody.
    pub allow: Option<AllowFile>,
    /// Users who may use the commands for admins; they may always talk. Default on the network `web`: the local user.
    pub admins: Option<Vec<Id>>,
    /// A conversation in which admins are told of alerts about the whole deployment, as the network names it; `/whoami`
    /// shows the name. Default: nobody is told there.
    pub alerts_to: Option<Id>,
    /// A conversation in which the account posts a short message every `canary_every`, so that it is known to work also
    /// while nobody writes to it; as the network names it. Default: it posts none.
    pub canary_to: Option<Id>,
    /// How often, with `canary_to`; at least 1s. The first one is posted a minute after a start, if that is sooner.
    #[serde(rename = "canary_every", with = "duration", default = "canary_every_ms")]
    #[schemars(with = "duration::Text")]
    pub canary_every_ms: i64,
    /// Whether a placeholder is posted when a turn starts, which the reply then replaces. Without it, some networks
    /// can't promise that a reply shows only once.
    #[serde(default = "yes")]
    pub placeholder: bool,
    /// Whether the placeholder shows what the agent has written so far.
    #[serde(default = "yes")]
    pub progress: bool,
    /// An edit notifies nobody: after so long a turn, a reply that replaced its placeholder is followed by a short notice
    /// that it is there. `forever`: never.
    #[serde(rename = "notify_after", with = "kept", default = "notify_after_ms")]
    #[schemars(with = "kept::Text")]
    pub notify_after_ms: Option<i64>,
    /// What follows a post of which nobody knows whether it arrived, where the network can't tell.
    #[serde(default)]
    pub unknown: UnknownFile,
    /// How long `unknown: hold` holds the replies of a place back before it goes on without that post.
    #[serde(rename = "hold_limit", with = "duration", default = "hold_limit_ms")]
    #[schemars(with = "duration::Text")]
    pub hold_limit_ms: i64,
}

fn yes() -> bool {
    true
}

/// As long as somebody looks at a screen on which nothing moves.
#[expect(clippy::unnecessary_wraps, reason = "as serde calls it")]
pub(in super::super) fn notify_after_ms() -> Option<i64> {
    Some(60_000)
}

fn hold_limit_ms() -> i64 {
    3_600_000
}

fn canary_every_ms() -> i64 {
    3_600_000
}

/// The network of an account, with the settings of that network.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(tag = "network", rename_all = "snake_case")]
#[schemars(inline)]
pub enum NetworkConfig {
    /// The built-in web API.
    Web {},
    /// A bot on Telegram.
    #[cfg(feature = "telegram")]
    Telegram {
        /// The bot's token, as BotFather gave it. Keep it out of the file: ${TELEGRAM_TOKEN}.
        #[schemars(with = "Option<String>", extend("writeOnly" = true, "errorMessage" = "must be text, such as ${TELEGRAM_TOKEN}"))]
        token: Option<Taken>,
        /// A file that holds the token, in place of `token`. A relative one is looked for beside the configuration.
        #[schemars(with = "Option<String>", length(min = 1))]
        token_file: Option<Taken>,
        /// The Bot API server to ask: Telegram's, or one of your own.
        #[serde(default = "telegram_url")]
        #[schemars(extend("format" = api_url::FORMAT, "errorMessage" = "must be an address such as https://api.telegram.org"))]
        api_url: String,
        /// What follows when somebody changes a message afterwards.
        #[serde(default)]
        edited: EditedFile,
        /// Whether a message that waits for an agent gets a reaction.
        #[serde(default)]
        receipts: bool,
        /// Whether a private chat sees the answer grow as a draft, which is no message, and gets a message when it is done.
        #[serde(default)]
        drafts: bool,
        /// How old a message may be when it arrives, for example after an outage; an older one is answered with an error.
        #[serde(rename = "max_update_age", with = "kept", default = "update_age_max_ms")]
        #[schemars(with = "kept::Text")]
        update_age_max_ms: Option<i64>,
    },
    /// An app in a workspace of Slack.
    #[cfg(feature = "slack")]
    Slack {
        /// The bot user's token in the workspace, xoxb-…. Keep it out of the file: ${SLACK_BOT_TOKEN}.
        #[schemars(with = "Option<String>", extend("writeOnly" = true, "errorMessage" = "must be text, such as ${SLACK_BOT_TOKEN}"))]
        token: Option<Taken>,
        /// A file that holds the token, in place of `token`. A relative one is looked for beside the configuration.
        #[schemars(with = "Option<String>", length(min = 1))]
        token_file: Option<Taken>,
        /// The app's own token with the scope connections:write, xapp-…. Keep it out of the file: ${SLACK_APP_TOKEN}.
        #[schemars(with = "Option<String>", extend("writeOnly" = true, "errorMessage" = "must be text, such as ${SLACK_APP_TOKEN}"))]
        app_token: Option<Taken>,
        /// A file that holds the app's token, in place of `app_token`.
        #[schemars(with = "Option<String>", length(min = 1))]
        app_token_file: Option<Taken>,
        /// The Web API to ask.
        #[serde(default = "slack_url")]
        #[schemars(extend("format" = api_url::FORMAT, "errorMessage" = "must be an address such as https://slack.com/api"))]
        api_url: String,
        /// What follows when somebody changes a message afterwards.
        #[serde(default)]
        edited: EditedFile,
        /// Whether a message that waits for an agent gets a reaction.
        #[serde(default)]
        receipts: bool,
        /// How old a message may be when it arrives; an older one is answered with an error, and is not looked for after
        /// an outage.
        #[serde(rename = "max_update_age", with = "kept", default = "update_age_max_ms")]
        #[schemars(with = "kept::Text")]
        update_age_max_ms: Option<i64>,
        /// Whether answers in threads grow in Slack's own way, as they are written.
        #[serde(default)]
        streams: bool,
        /// What the assistant pane suggests; it shows four.
        #[serde(default)]
        prompts: Vec<PromptFile>,
    },
    /// An account on a homeserver of Matrix.
    #[cfg(feature = "matrix")]
    Matrix {
        /// Where the homeserver's client-server API is.
        #[schemars(extend("format" = api_url::FORMAT, "errorMessage" = "must be an address such as https://matrix.example.org"))]
        homeserver: String,
        /// An access token; its device is the bot's. Keep it out of the file: ${MATRIX_TOKEN}.
        #[schemars(with = "Option<String>", extend("writeOnly" = true, "errorMessage" = "must be text, such as ${MATRIX_TOKEN}"))]
        token: Option<Taken>,
        /// A file that holds the token, in place of `token`. A relative one is looked for beside the configuration.
        #[schemars(with = "Option<String>", length(min = 1))]
        token_file: Option<Taken>,
        /// The account's name, in place of a token: @ada:example.org, or only ada.
        #[schemars(with = "Option<String>", length(min = 1))]
        user: Option<String>,
        /// The account's password, with `user`. Keep it out of the file: ${MATRIX_PASSWORD}.
        #[schemars(with = "Option<String>", extend("writeOnly" = true, "errorMessage" = "must be text, such as ${MATRIX_PASSWORD}"))]
        password: Option<Taken>,
        /// A file that holds the password, in place of `password`.
        #[schemars(with = "Option<String>", length(min = 1))]
        password_file: Option<Taken>,
        /// What the account's keys are encrypted with on the disk, at least 32 characters. Without it a key is made and
        /// kept beside them. Keep it out of the file: ${MATRIX_STORE_KEY}.
        #[schemars(with = "Option<String>", extend("writeOnly" = true, "errorMessage" = "must be text, such as ${MATRIX_STORE_KEY}"))]
        store_key: Option<Taken>,
        /// A file that holds it, in place of `store_key`.
        #[schemars(with = "Option<String>", length(min = 1))]
        store_key_file: Option<Taken>,
        /// The recovery key of the account, where another device made its identity and the backup of its keys. Keep it
        /// out of the file: ${MATRIX_RECOVERY_KEY}.
        #[schemars(with = "Option<String>", extend("writeOnly" = true, "errorMessage" = "must be text, such as ${MATRIX_RECOVERY_KEY}"))]
        recovery_key: Option<Taken>,
        /// A file that holds it, in place of `recovery_key`.
        #[schemars(with = "Option<String>", length(min = 1))]
        recovery_key_file: Option<Taken>,
        /// Whether a message shows the answer as it grows, by edits; otherwise "is typing" is all until it is there.
        #[serde(default)]
        edits: bool,
        /// What follows when somebody changes a message afterwards.
        #[serde(default)]
        edited: EditedFile,
        /// Whether a message that waits for an agent is marked as read.
        #[serde(default = "yes")]
        receipts: bool,
        /// How old a message may be when it arrives, for example after an outage; an older one is answered with an error.
        #[serde(rename = "max_update_age", with = "kept", default = "update_age_max_ms")]
        #[schemars(with = "kept::Text")]
        update_age_max_ms: Option<i64>,
    },
    /// A scripted network, for tests.
    #[cfg(feature = "testing")]
    Scripted {
        /// Where the scripted network listens.
        url: String,
        /// What stops a repeated post from showing twice.
        #[serde(default)]
        idempotency: ScriptedIdempotency,
        /// Whether messages can be edited; with `edit_only` they always can.
        #[serde(default)]
        edits: bool,
        /// The fastest polite rate of edits in one conversation; without it, any.
        #[serde(default, rename = "edit_interval", deserialize_with = "duration::maybe::deserialize")]
        #[schemars(with = "duration::Text")]
        edit_interval_ms: Option<i64>,
        /// Longest text of one message, in characters.
        #[serde(default = "text_max")]
        #[schemars(range(min = 1))]
        text_max: u32,
        /// How long a request may live in the network after its sender is gone.
        #[serde(rename = "request_lifetime", with = "duration", default = "request_lifetime_ms")]
        #[schemars(with = "duration::Text")]
        request_lifetime_ms: i64,
        /// Whether it soon gives up what is not acknowledged.
        #[serde(default)]
        is_impatient: bool,
    },
}

#[cfg(feature = "telegram")]
fn telegram_url() -> String {
    lastword_providers::telegram::API_URL.to_owned()
}

#[cfg(feature = "slack")]
fn slack_url() -> String {
    lastword_providers::slack::API_URL.to_owned()
}

/// What the assistant pane offers to ask.
#[cfg(feature = "slack")]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PromptFile {
    /// What its button reads.
    #[schemars(length(min = 1))]
    pub title: String,
    /// What is asked when it is pressed.
    #[schemars(length(min = 1))]
    pub message: String,
}

/// As long as Telegram keeps what was not acknowledged.
#[cfg(any(feature = "matrix", feature = "slack", feature = "telegram"))]
#[expect(clippy::unnecessary_wraps, reason = "as serde calls it")]
fn update_age_max_ms() -> Option<i64> {
    Some(86_400_000)
}

/// What follows when somebody changes a message that was accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum EditedFile {
    /// Nothing: the answer to what was written first stands.
    #[default]
    Ignore,
    /// It is asked again, as it reads now.
    Rerun,
}

/// A secret, or where one is, that was taken out before: nothing here could show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken;

impl<'de> Deserialize<'de> for Taken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|_| Self)
    }
}

#[cfg(feature = "testing")]
fn text_max() -> u32 {
    4_096
}

#[cfg(feature = "testing")]
fn request_lifetime_ms() -> i64 {
    2_000
}

#[cfg(feature = "testing")]
/// What stops a repeated post from showing twice on the scripted network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ScriptedIdempotency {
    /// The network deduplicates on our key.
    Native,
    /// Only an edit of a recorded message may be repeated.
    #[default]
    EditOnly,
    /// A post can be looked up afterwards.
    Findable,
    /// Neither.
    None,
}

/// Who may talk: a listed user anywhere, or anybody in a listed conversation. `"*"` allows all.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct AllowFile {
    /// Users, as the network names them; `"*"` is everybody.
    #[serde(default)]
    pub users: Vec<Id>,
    /// Conversations in which everybody may talk, as the network names them; `"*"` is every conversation.
    #[serde(default)]
    pub conversations: Vec<Id>,
}

/// What follows a post of which nobody knows whether it arrived.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in super::super) enum UnknownFile {
    /// Post it again, marked in the trace: it may show twice, and is never missing.
    #[default]
    Resend,
    /// Hold it back until `hold_limit`, then give it up; the alerts `delivery_held` and `delivery_given_up` say so: it
    /// never shows twice, and may be missing.
    Hold,
}
