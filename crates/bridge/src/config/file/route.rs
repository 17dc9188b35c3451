//! `routes:`, which agent answers where.

use schemars::JsonSchema;
use serde::Deserialize;

use super::name::Id;

/// One route. What is left out matches everything.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct RouteFile {
    /// The account that received the message.
    pub account: Option<String>,
    /// The conversation, as the network names it.
    pub conversation: Option<Id>,
    /// The user who wrote, as the network names them.
    pub sender: Option<Id>,
    /// The agent that answers.
    pub agent: String,
}
