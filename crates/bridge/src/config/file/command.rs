//! `commands:`, commands of the operator's own.

use lastword_core::ids::AgentId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A command of your own: it asks an agent with a prompt made from a template.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandConfig {
    /// The agent that answers. Default: the one that answers ordinary messages of the place.
    #[schemars(with = "Option<String>")]
    pub agent: Option<AgentId>,
    /// The prompt; `{args}` is what follows the command's name in the message.
    #[schemars(length(min = 1), extend("errorMessage" = "must be text, such as \"Translate to English: {args}\""))]
    pub prompt: String,
    /// One line for /help.
    #[serde(default)]
    pub help: String,
    /// Who may use it.
    #[serde(default)]
    pub access: Access,
}

/// Who may use a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Access {
    /// Everybody who may talk to the account.
    #[default]
    Everyone,
    /// The account's admins.
    Admins,
}
