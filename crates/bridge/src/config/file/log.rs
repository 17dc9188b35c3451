//! `log:`, what is logged and how.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::size;

/// What is logged, and how. Messages and secrets never are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// The least important lines that are logged.
    pub level: LogLevel,
    /// How a line looks.
    pub format: LogFormat,
    /// How much of its log each process keeps in `logs` of the state directory, for `/logs`, of the level `info` and worse;
    /// twice that at most. `0` keeps nothing.
    #[serde(rename = "keep", with = "size::or_zero")]
    #[schemars(with = "size::TextOrZero")]
    pub keep_bytes: u64,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: LogLevel::default(), format: LogFormat::default(), keep_bytes: 1 << 20 }
    }
}

/// How important a line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum LogLevel {
    /// Something an operator must look at.
    Error,
    /// Something that may become a problem.
    Warn,
    /// What happens, in a few lines a turn.
    #[default]
    Info,
    /// Each step.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The level as `tracing` filters spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for machines.
    Json,
}
