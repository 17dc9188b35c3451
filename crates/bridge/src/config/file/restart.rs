//! `restart:`, the supervisor's patience.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::duration;

/// How the supervisor restarts the bridge and the worker, and when it gives up.
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
    /// How long a child may be silent before it is asked to end; at least 1s. A healthy one is heard twice a second.
    #[serde(rename = "hung_after", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub hung_after_ms: i64,
    /// How much longer it may be silent before it is killed.
    #[serde(rename = "kill_after", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub kill_after_ms: i64,
    /// How long a child may take from its start until it is heard for the first time.
    #[serde(rename = "start_within", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub start_within_ms: i64,
    /// What follows when another build is on the disk than the one that runs.
    pub stale: StaleAction,
    /// How many starts may fail within `window` before the supervisor gives up: a last gasp, then its end.
    #[schemars(range(min = 1))]
    pub failures_max: u32,
    /// How long a failed start counts.
    #[serde(rename = "window", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub window_ms: i64,
    /// How long after it gave up the next supervisor waits before it tries once more.
    #[serde(rename = "cooldown", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub cooldown_ms: i64,
    /// How long the last gasp may take to deliver what is still to be said.
    #[serde(rename = "last_gasp", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub last_gasp_ms: i64,
}

impl Default for RestartConfig {
    fn default() -> Self {
        Self {
            pause_ms: 100,
            pause_ms_max: 10_000,
            healthy_after_ms: 60_000,
            hung_after_ms: 10_000,
            kill_after_ms: 5_000,
            start_within_ms: 60_000,
            stale: StaleAction::default(),
            failures_max: 10,
            window_ms: 300_000,
            cooldown_ms: 30_000,
            last_gasp_ms: 30_000,
        }
    }
}

/// What follows when another build is on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum StaleAction {
    /// Start it in place of the one that runs, if it works and takes the configuration.
    #[default]
    Restart,
    /// Only say so.
    Report,
}
