//! `limits:` and `deadlines:`, how much and how long.

use lastword_core::decide::sweep::Deadlines;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{duration, size};

/// How long a turn may wait, be silent and run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct DeadlinesFile {
    /// How long a turn may wait at the head of its place for a worker; not counted while all workers are busy with
    /// progress.
    #[serde(rename = "queue", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub queue_ms: i64,
    /// How long a running agent may show no progress. Output, a tool event and a plan step are progress.
    #[serde(rename = "idle", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub idle_ms: i64,
    /// How long an attempt may take altogether.
    #[serde(rename = "total", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub total_ms: i64,
}

impl From<DeadlinesFile> for Deadlines {
    fn from(file: DeadlinesFile) -> Self {
        Self { queue_ms: file.queue_ms, idle_ms: file.idle_ms, total_ms: file.total_ms }
    }
}

impl Default for DeadlinesFile {
    fn default() -> Self {
        Self { queue_ms: 600_000, idle_ms: 300_000, total_ms: 3_600_000 }
    }
}

/// How much at once, and how large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// How many turns run at once; in one place it is always one.
    #[schemars(range(min = 1, max = 1_024))]
    pub max_concurrent: u32,
    /// How many turns may wait in one place; one more is answered with an error.
    #[schemars(range(min = 1, max = 100_000))]
    pub queue_max: u32,
    /// The longest message that is taken.
    #[serde(with = "size")]
    #[schemars(with = "size::Text")]
    pub prompt_bytes_max: u64,
    /// The longest reply; an agent that writes more is ended.
    #[serde(with = "size")]
    #[schemars(with = "size::Text")]
    pub output_bytes_max: u64,
    /// The largest file that is fetched for an agent, or sent for it; a network may allow less.
    #[serde(with = "size")]
    #[schemars(with = "size::Text")]
    pub file_bytes_max: u64,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            max_concurrent: 8,
            queue_max: 50,
            prompt_bytes_max: 256 << 10,
            output_bytes_max: 1 << 20,
            file_bytes_max: 50 << 20,
        }
    }
}
