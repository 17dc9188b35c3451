//! The file as people write it: every key with its description and default, and nothing resolved yet.
//!
//! The JSON Schema is made from these types, so their comments are what editors show.

mod account;
mod agent;
mod alerts;
mod command;
mod http;
mod limits;
mod log;
mod name;
mod restart;
mod retention;
mod route;
mod update;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

#[cfg(feature = "slack")]
pub use self::account::PromptFile;
#[cfg(feature = "testing")]
pub use self::account::ScriptedIdempotency;
use self::name::{ACCOUNT_NAME, COMMAND_NAME};
pub(super) use self::{
    account::{AccountFile, AllowFile, UnknownFile, notify_after_ms},
    agent::{AgentFile, KindFile, OnLostFile, PromptVia},
    limits::DeadlinesFile,
    name::Id,
    route::RouteFile,
};
pub use self::{
    account::{EditedFile, NetworkConfig, Taken},
    alerts::{AlertsConfig, WebhookConfig},
    command::{Access, CommandConfig},
    http::HttpConfig,
    limits::LimitsConfig,
    log::{LogConfig, LogFormat, LogLevel},
    restart::{RestartConfig, StaleAction},
    retention::RetentionConfig,
    update::UpdateConfig,
};
use super::{duration, size};

/// The configuration of Lastword. Every section may be left out.
///
/// Text may hold environment variables: ${NAME}, or ${NAME:-default}. Lengths of time have a unit (90s, 10m, 1h), sizes
/// too (256 KiB, 1MiB).
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Lastword configuration")]
pub(super) struct ConfigFile {
    /// Where Lastword keeps its store and the agents' working directories. Private to its user. `~` is
    /// the home directory. Default: LASTWORD_STATE_DIR, otherwise `lastword` in the user's data directory.
    #[schemars(length(min = 1), extend("errorMessage" = "must be a directory, such as ~/.local/share/lastword"))]
    #[expect(dead_code, reason = "resolved from the tree, where its place is known")]
    pub state_dir: Option<String>,
    /// The database that keeps every accepted message until its last word is delivered.
    #[serde(default)]
    pub store: StoreFile,
    /// The web API and the health checks.
    #[serde(default)]
    pub http: HttpConfig,
    /// The bot identities on chat networks, by name. Default: one account `web` on the network `web`.
    #[serde(default)]
    #[schemars(extend("propertyNames" = ACCOUNT_NAME.schema()))]
    pub accounts: BTreeMap<String, AccountFile>,
    /// What answers, by name. Default: one agent `demo` of the kind `demo`.
    #[serde(default)]
    #[schemars(extend("propertyNames" = ACCOUNT_NAME.schema()))]
    pub agents: BTreeMap<String, AgentFile>,
    /// Which agent answers where. The first route that matches wins; where none does, `default_agent` answers.
    #[serde(default)]
    pub routes: Vec<RouteFile>,
    /// The agent for whatever no route matches. Default: the only agent, where there is one; otherwise such messages
    /// are refused.
    pub default_agent: Option<String>,
    /// Commands of your own, by name: each asks an agent with a prompt made from a template.
    #[serde(default)]
    #[schemars(extend("propertyNames" = COMMAND_NAME.schema()))]
    pub commands: BTreeMap<String, CommandConfig>,
    /// How long a turn may wait, be silent and run. An agent may have its own.
    #[serde(default)]
    pub deadlines: DeadlinesFile,
    /// How much at once, and how large.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// How long running turns may go on after SIGTERM before they are ended with an error.
    #[serde(rename = "shutdown_grace", with = "duration", default = "shutdown_grace_ms")]
    #[schemars(with = "duration::Text")]
    pub shutdown_grace_ms: i64,
    /// How the supervisor restarts the bridge and the worker, and when it gives up.
    #[serde(default)]
    pub restart: RestartConfig,
    /// Where `/update` gets a newer build from, and how long that build has to prove itself.
    #[serde(default)]
    pub update: UpdateConfig,
    /// How admins and operators hear of what happens to the deployment.
    #[serde(default)]
    pub alerts: AlertsConfig,
    /// How long things are kept after they ended.
    #[serde(default)]
    pub retention: RetentionConfig,
    /// What is logged, and how.
    #[serde(default)]
    pub log: LogConfig,
}

/// The default of `shutdown_grace`.
pub(super) const SHUTDOWN_GRACE_MS: i64 = 30_000;

fn shutdown_grace_ms() -> i64 {
    SHUTDOWN_GRACE_MS
}

/// The database.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StoreFile {
    /// The SQLite file; a relative one is inside the state directory. Default: `lastword.db` in the state directory.
    #[schemars(length(min = 1), extend("errorMessage" = "must be a file, such as /var/lib/lastword/lastword.db"))]
    pub path: Option<String>,
    /// Room on the disk that is kept for answers: when the disk is full, nothing new is accepted, and what is owed is
    /// still written there. `0` keeps none.
    #[serde(rename = "reserve", with = "size::or_zero", default = "reserve_bytes")]
    #[schemars(with = "size::TextOrZero")]
    pub reserve_bytes: u64,
    /// Whether messages that a network gives up within minutes, as Slack does, are kept in the journal of the state
    /// directory while the database is out, and acknowledged there. Say false where that directory does not outlive this
    /// machine or container. Default: true where the database is inside it.
    pub journal_updates: Option<bool>,
}

impl Default for StoreFile {
    fn default() -> Self {
        Self { path: None, reserve_bytes: reserve_bytes(), journal_updates: None }
    }
}

/// The default of `store.reserve`.
pub(super) const RESERVE_BYTES: u64 = 16 << 20;

fn reserve_bytes() -> u64 {
    RESERVE_BYTES
}
