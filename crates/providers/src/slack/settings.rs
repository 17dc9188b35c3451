//! What an operator decides about an app.

use secrecy::SecretString;

/// Where Slack's own Web API is. <https://docs.slack.dev/apis/web-api>
pub const API_URL: &str = "https://slack.com/api";

/// The largest file that is uploaded. <https://slack.com/help/articles/201330736>
pub const UPLOAD_BYTES_MAX: u64 = 1_000_000_000;

/// Settings of an app in one workspace.
#[derive(Clone, Debug)]
pub struct SlackSettings {
    /// The bot user's token in this workspace, `xoxb-…`.
    pub bot_token: SecretString,
    /// The app's own token with the scope `connections:write`, `xapp-…`.
    pub app_token: SecretString,
    /// The Web API, such as [`API_URL`].
    pub api_url: String,
    /// What follows an edit of a message.
    pub edited: Edited,
    /// Whether a message that waits for an agent gets a reaction.
    pub receipts: bool,
    /// Whether placeholders in threads are streams, which grow.
    pub streams: bool,
    /// How old a message may be that was said while nobody listened; `None`: as old as it may.
    pub update_age_max_ms: Option<i64>,
    /// What the assistant pane suggests.
    pub prompts: Vec<Prompt>,
    /// The largest file that is uploaded, in bytes.
    pub upload_bytes_max: u64,
    /// The operator's own commands, so that `@bot deploy` can be told from a question.
    pub commands: Vec<String>,
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

/// A question that the assistant pane offers. <https://docs.slack.dev/reference/methods/assistant.threads.setSuggestedPrompts>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// What the button reads.
    pub title: String,
    /// What is said when it is pressed.
    pub message: String,
}

impl SlackSettings {
    /// The defaults for these tokens, at `api_url`.
    #[must_use]
    pub fn new(
        bot_token: impl Into<SecretString>,
        app_token: impl Into<SecretString>,
        api_url: impl Into<String>,
    ) -> Self {
        Self {
            bot_token: bot_token.into(),
            app_token: app_token.into(),
            api_url: api_url.into(),
            edited: Edited::default(),
            receipts: false,
            streams: false,
            update_age_max_ms: Some(86_400_000),
            prompts: Vec::new(),
            upload_bytes_max: UPLOAD_BYTES_MAX,
            commands: Vec::new(),
        }
    }
}
