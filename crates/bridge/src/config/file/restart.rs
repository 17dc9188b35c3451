//! `restart:`, the supervisor's patience.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::duration;

/// How the supervisor restarts the bridge and the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RestartConfig {
    /// The pause before a child that died is started again; it doubles with each failed start.
    #[serde(rename = "pause", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub pause_ms: i64,
    /// The longest such pause.
    #[serde(rename = "pause_max", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub pause_ms_max: i64,
    /// How long a child must have lived for its end not to count as a failed start.
    #[serde(rename = "healthy_after", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub healthy_after_ms: i64,
}

impl Default for RestartConfig {
    fn default() -> Self {
        Self { pause_ms: 100, pause_ms_max: 10_000, healthy_after_ms: 60_000 }
    }
}
