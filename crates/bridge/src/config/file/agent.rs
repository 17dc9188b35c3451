//! `agents:`, what answers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::name::VARIABLE_NAME;
use crate::config::duration;

/// One agent.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("unevaluatedProperties" = false))]
pub(in super::super) struct AgentFile {
    #[serde(flatten)]
    pub kind: KindFile,
    /// What happens to a running turn whose worker is lost.
    #[serde(default)]
    pub on_lost: OnLostFile,
    /// With `on_lost: replay`: how often a turn is tried in all. Otherwise once.
    #[schemars(range(min = 1, max = 100))]
    pub max_attempts: Option<u32>,
    /// Whether messages that wait in the same place are answered together, by one turn.
    #[serde(default)]
    pub collect: bool,
    /// Deadlines of this agent; what is left out is taken from the top level.
    #[serde(default)]
    pub deadlines: DeadlinesOverride,
}

/// What kind of agent, with the settings of that kind.
#[derive(Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[schemars(inline)]
pub(in super::super) enum KindFile {
    /// A built-in agent that answers without a model, to try everything out.
    Demo {},
    /// Answers with what it was asked, without starting anything: for trying out routes, and for benchmarks.
    Echo {},
    /// A program, started for each turn; what it writes to its standard output is the reply.
    Command {
        /// The program: a name on the PATH, or a path; a relative path begins beside the configuration.
        #[schemars(length(min = 1), extend("errorMessage" = "must name a program, such as claude"))]
        program: String,
        /// Its arguments, each exactly as written: no shell reads them.
        #[serde(default)]
        args: Vec<String>,
        /// How the message reaches it: on its standard input, or as one more argument.
        #[serde(default)]
        prompt: PromptVia,
        /// A command in front of the program, such as a sandbox: its words come first, then the program.
        #[serde(default)]
        wrapper: Vec<String>,
        /// Environment variables for it, by name. Values are kept secret.
        #[serde(default)]
        #[schemars(with = "BTreeMap<String, String>", extend(
            "propertyNames" = VARIABLE_NAME.schema(),
            "additionalProperties" = { "type": "string", "writeOnly": true }
        ))]
        env: BTreeMap<String, SecretString>,
        /// Variables of Lastword's own environment that it gets; it gets no others.
        #[serde(default = "env_allow")]
        #[schemars(extend("items" = VARIABLE_NAME.text_schema()))]
        env_allow: Vec<String>,
    },
}

fn env_allow() -> Vec<String> {
    ["HOME", "LANG", "PATH", "TERM", "TZ", "USER"].map(String::from).into()
}

/// How a message reaches a command agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in super::super) enum PromptVia {
    /// On its standard input.
    #[default]
    Stdin,
    /// As its last argument.
    Argument,
}

/// What happens to a running turn whose worker is lost.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in super::super) enum OnLostFile {
    /// It is answered with an error at once, because what the agent did must not happen twice.
    #[default]
    Error,
    /// It runs again, up to `max_attempts` in all.
    Replay,
}

/// Deadlines of one agent.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct DeadlinesOverride {
    /// How long a turn may wait at the head of its place for a worker.
    #[serde(default, rename = "queue", deserialize_with = "duration::maybe::deserialize")]
    #[schemars(with = "duration::Text")]
    pub queue_ms: Option<i64>,
    /// How long a running agent may show no progress.
    #[serde(default, rename = "idle", deserialize_with = "duration::maybe::deserialize")]
    #[schemars(with = "duration::Text")]
    pub idle_ms: Option<i64>,
    /// How long an attempt may take altogether.
    #[serde(default, rename = "total", deserialize_with = "duration::maybe::deserialize")]
    #[schemars(with = "duration::Text")]
    pub total_ms: Option<i64>,
}
