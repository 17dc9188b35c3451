//! `alerts:`, how operators hear of them.

use lastword_core::alert::Messaging;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

/// How admins and operators hear of what happens to the deployment.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AlertsConfig {
    /// How much admins are told in the conversations that `alerts_to` names, until one of them says otherwise with
    /// `/messaging`.
    pub messaging: MessagingFile,
    /// An address to which every alert is posted as JSON when it opens and when it is over. Without it none is.
    pub webhook: Option<WebhookConfig>,
}

/// How much admins are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum MessagingFile {
    /// Only of alerts that are errors.
    Quiet,
    /// Of warnings, too.
    #[default]
    Normal,
    /// Of everything, and of each process that begins.
    Debug,
}

impl From<MessagingFile> for Messaging {
    fn from(file: MessagingFile) -> Self {
        match file {
            MessagingFile::Quiet => Self::Quiet,
            MessagingFile::Normal => Self::Normal,
            MessagingFile::Debug => Self::Debug,
        }
    }
}

/// Where alerts are posted.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// The address, http or https. It may be a secret itself: ${LASTWORD_WEBHOOK}.
    #[schemars(with = "Option<String>", extend("writeOnly" = true, "errorMessage" = "must be an address, such as https://alerts.example.org/hook"))]
    pub url: Option<SecretString>,
    /// A file that holds the address, in place of `url`. A relative one is looked for beside the configuration.
    #[schemars(length(min = 1))]
    #[expect(dead_code, reason = "read from the tree, where its place is known")]
    url_file: Option<String>,
    /// What it is shown, as `Authorization: Bearer …`. Keep it out of the file: ${LASTWORD_WEBHOOK_TOKEN}.
    #[schemars(with = "Option<String>", extend("writeOnly" = true, "errorMessage" = "must be text, such as ${LASTWORD_WEBHOOK_TOKEN}"))]
    pub token: Option<SecretString>,
    /// A file that holds the token, in place of `token`. A relative one is looked for beside the configuration.
    #[schemars(length(min = 1))]
    #[expect(dead_code, reason = "read from the tree, where its place is known")]
    token_file: Option<String>,
}
