//! `retention:`, how long things are kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::kept;

const DAY_MS: i64 = 86_400_000;

/// How long things are kept after they ended. Nothing that is still owed or on its way is ever removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionConfig {
    /// What people and agents wrote.
    #[serde(rename = "messages", with = "kept")]
    #[schemars(with = "kept::Text")]
    pub messages_ms: Option<i64>,
    /// That there was a message at all, who sent it, and how it ended. A network that offers a message again after so
    /// long is answered again.
    #[serde(rename = "turns", with = "kept")]
    #[schemars(with = "kept::Text")]
    pub turns_ms: Option<i64>,
    /// Files in the agents' `inbox/` and `outbox/`, and the whole working directories of sessions that `/new` ended.
    #[serde(rename = "files", with = "kept")]
    #[schemars(with = "kept::Text")]
    pub files_ms: Option<i64>,
    /// Resolved alerts.
    #[serde(rename = "alerts", with = "kept")]
    #[schemars(with = "kept::Text")]
    pub alerts_ms: Option<i64>,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self {
            messages_ms: Some(90 * DAY_MS),
            turns_ms: Some(365 * DAY_MS),
            files_ms: Some(30 * DAY_MS),
            alerts_ms: Some(90 * DAY_MS),
        }
    }
}
