//! The configuration: one YAML file, checked as a whole before anything starts.
//!
//! * Without a file everything has a working default ([`Config::defaults`]).
//! * Whatever is wrong is said at once ([`ConfigProblems`]): file, line and column, what is wrong, and the cure.
//! * Secrets are [`secrecy::SecretString`]s: neither `Debug` nor a problem shows them. What an environment variable
//!   holds is data and never read as YAML.
//! * No input makes it panic.
//!
//! The way of a file: text → `tree` (places kept) → `interpolate` → `shape` (the JSON Schema made from `file`) →
//! `check` (what a schema can't say) → [`Config`].

mod account;
mod agent;
mod api_url;
mod check;
pub(crate) mod duration;
mod file;
mod homeserver;
mod interpolate;
mod kept;
mod listen;
mod locate;
mod problem;
mod route;
mod schema;
mod secret;
mod shape;
mod size;
mod suggest;
#[cfg(test)]
mod tests;
mod tokens;
mod tree;
mod webhook;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use lastword_core::{
    decide::{policy::Route, sweep::Deadlines},
    ids::{AccountId, AgentId},
};

use secrecy::ExposeSecret;

#[cfg(feature = "slack")]
pub use self::file::PromptFile;
#[cfg(feature = "testing")]
pub use self::file::ScriptedIdempotency;
pub use self::{
    account::{AccountConfig, Canary, LOCAL_USER, Token},
    agent::{AgentConfig, AgentKind, MAX_ATTEMPTS, ProgramConfig},
    file::{
        Access, AlertsConfig, CommandConfig, EditedFile, HttpConfig, LimitsConfig, LogConfig, LogFormat, LogLevel,
        NetworkConfig, RestartConfig, RetentionConfig, StaleAction, Taken, UpdateConfig, WebhookConfig,
    },
    interpolate::Env,
    locate::locate,
    problem::{ConfigProblems, Mark, Problem},
    suggest::nearest,
};
use self::{
    check::{DEFAULT_ACCOUNT, DEFAULT_AGENT},
    file::{ConfigFile, DeadlinesFile},
    problem::Findings,
    tree::Node,
};

/// A whole configuration, checked: every name in it leads somewhere.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from; `None` for the defaults.
    pub file: Option<PathBuf>,
    /// What works, though perhaps not as meant; for the log.
    pub warnings: Vec<Problem>,
    /// Where state is kept; absolute.
    pub state_dir: PathBuf,
    /// The SQLite file; absolute.
    pub store_path: PathBuf,
    /// Room on the disk that is kept for answers; 0 for none.
    pub store_reserve_bytes: u64,
    /// Whether messages that a network gives up soon are kept in the journal while the store is out; `None`: where the
    /// store is inside the state directory, which lasts as long as it then.
    pub journal_updates: Option<bool>,
    /// The web page and the API.
    pub http: HttpConfig,
    /// The bot identities.
    pub accounts: BTreeMap<AccountId, AccountConfig>,
    /// What answers.
    pub agents: BTreeMap<AgentId, AgentConfig>,
    /// Which agent answers where, first match first.
    pub routes: Vec<Route>,
    /// The agent for whatever no route matches.
    pub default_agent: Option<AgentId>,
    /// The operator's own commands, by name without the slash.
    pub commands: BTreeMap<String, CommandConfig>,
    /// Deadlines of agents without their own; [`AgentConfig::deadlines`] has them resolved.
    pub deadlines: Deadlines,
    /// How much at once, and how large.
    pub limits: LimitsConfig,
    /// How long running turns may go on after SIGTERM, in milliseconds.
    pub shutdown_grace_ms: i64,
    /// How children are restarted.
    pub restart: RestartConfig,
    /// Where newer builds come from; a relative checkout is resolved.
    pub update: UpdateConfig,
    /// How admins and operators hear of what happens.
    pub alerts: AlertsConfig,
    /// How long things are kept.
    pub retention: RetentionConfig,
    /// What is logged, and how.
    pub log: LogConfig,
}

impl Config {
    /// Reads the file that [`locate`] finds, or takes the defaults where there is none. `env` reads one variable of the
    /// environment.
    ///
    /// # Errors
    /// Every problem of the file at once, or that it can't be read.
    pub fn load(path: Option<&Path>, env: Env<'_>) -> Result<Self, ConfigProblems> {
        let Some(file) = locate(path, env)? else { return Self::parse("", None, env) };
        match fs::read_to_string(&file) {
            Ok(yaml) => Self::parse(&yaml, Some(&file), env),
            Err(error) => Err(ConfigProblems::one(Some(file), format!("can't be read: {error}"))),
        }
    }

    /// Reads a configuration from text. `file` is what problems call it, and where relative paths begin.
    ///
    /// # Errors
    /// Every problem at once.
    pub fn parse(yaml: &str, file: Option<&Path>, env: Env<'_>) -> Result<Self, ConfigProblems> {
        let mut findings = Findings::of(file.map(Path::to_path_buf));
        let read = Self::read(yaml, file, env, &mut findings);
        let warnings = findings.finish()?;
        // Without a finding there is a configuration: `read` says why wherever it stops.
        let mut config = read.ok_or_else(|| ConfigProblems::one(file.map(Path::to_path_buf), UNREADABLE.into()))?;
        config.warnings = warnings;
        Ok(config)
    }

    /// What holds without a file: the web page on this machine, answered by the demo agent.
    #[must_use]
    pub fn defaults(state_dir: PathBuf) -> Self {
        let deadlines = DeadlinesFile::default().into();
        Self {
            file: None,
            warnings: Vec::new(),
            store_path: state_dir.join(STORE_FILE),
            store_reserve_bytes: file::RESERVE_BYTES,
            journal_updates: None,
            state_dir,
            http: HttpConfig::default(),
            accounts: BTreeMap::from([(AccountId::new(DEFAULT_ACCOUNT), AccountConfig::web())]),
            agents: BTreeMap::from([(AgentId::new(DEFAULT_AGENT), AgentConfig::demo(deadlines))]),
            routes: Vec::new(),
            default_agent: Some(AgentId::new(DEFAULT_AGENT)),
            commands: BTreeMap::new(),
            deadlines,
            limits: LimitsConfig::default(),
            shutdown_grace_ms: file::SHUTDOWN_GRACE_MS,
            restart: RestartConfig::default(),
            update: UpdateConfig::default(),
            alerts: AlertsConfig::default(),
            retention: RetentionConfig::default(),
            log: LogConfig::default(),
        }
    }

    /// What it holds that nobody may be shown: every token and key, and what agents are started with.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let of_accounts = self.accounts.values().flat_map(|account| {
            let AccountConfig { token, app_token, password, store_key, recovery_key, .. } = account;
            [token, app_token, password, store_key, recovery_key].into_iter().flatten().map(|token| &token.0)
        });
        let programs = || {
            self.agents.values().filter_map(|agent| match &agent.kind {
                AgentKind::Command(program) => Some(program),
                AgentKind::Demo | AgentKind::Echo => None,
            })
        };
        let of_agents = programs().flat_map(|program| program.env.values());
        let of_webhook = self.alerts.webhook.iter().flat_map(|hook| [&hook.url, &hook.token].into_iter().flatten());
        let secrets = of_accounts.chain(of_agents).chain(of_webhook).chain(&self.http.token);
        let words = programs().flat_map(|program| program.args.iter().chain(&program.wrapper).map(String::as_str));
        secrets.map(ExposeSecret::expose_secret).chain(words)
    }

    /// The JSON Schema of the file, for editors.
    #[must_use]
    pub fn schema() -> serde_json::Value {
        schema::schema()
    }

    fn read(yaml: &str, file: Option<&Path>, env: Env<'_>, findings: &mut Findings) -> Option<Self> {
        let mut root = tree::parse(yaml, findings)?;
        root.fill("", env, findings);
        shape::check(&mut root, findings);
        check::check(&root, findings);
        let beside = file.and_then(Path::parent).unwrap_or(Path::new(""));
        let mut tokens = tokens::tokens(&root, beside, findings);
        let token = root.get("http").and_then(|http| secret::secret(http, "http", "token", beside, findings));
        let webhook = webhook::secrets(&root, beside, findings);
        let state_dir = state_dir(&root, env, findings)?;
        if !findings.is_clean() {
            return None;
        }
        let written = match serde_json::from_value::<ConfigFile>(root.to_json()) {
            Ok(written) => written,
            // Without the error's own words, which may hold a secret.
            Err(_) => {
                findings.problem(None, format!("{UNREADABLE}; please report this"));
                return None;
            }
        };
        let mut config = Self::resolve(written, state_dir, beside);
        config.file = file.map(Path::to_path_buf);
        config.http.token = token;
        if let (Some(hook), Some((url, token))) = (&mut config.alerts.webhook, webhook) {
            (hook.url, hook.token) = (Some(url), token);
        }
        for (name, account) in &mut config.accounts {
            let tokens = tokens.remove(name.as_str()).unwrap_or_default();
            (account.token, account.app_token) = (tokens.bot.map(Token), tokens.app.map(Token));
            account.password = tokens.password.map(Token);
            (account.store_key, account.recovery_key) = (tokens.store_key.map(Token), tokens.recovery_key.map(Token));
        }
        Some(config)
    }

    fn resolve(written: ConfigFile, state_dir: PathBuf, beside: &Path) -> Self {
        let mut config = Self::defaults(state_dir);
        let deadlines = Deadlines::from(written.deadlines);
        if let Some(path) = written.store.path {
            config.store_path = config.state_dir.join(path);
        }
        config.store_reserve_bytes = written.store.reserve_bytes;
        config.journal_updates = written.store.journal_updates;
        if !written.accounts.is_empty() {
            let accounts = written.accounts.into_iter();
            config.accounts =
                accounts.map(|(name, account)| (AccountId::new(name), AccountConfig::read(account))).collect();
        }
        if written.agents.is_empty() {
            config.agents = BTreeMap::from([(AgentId::new(DEFAULT_AGENT), AgentConfig::demo(deadlines))]);
        } else {
            let agents = written.agents.into_iter();
            config.agents =
                agents.map(|(name, agent)| (AgentId::new(name), AgentConfig::read(agent, deadlines, beside))).collect();
        }
        config.default_agent = match written.default_agent {
            Some(name) => Some(AgentId::new(name)),
            None if config.agents.len() == 1 => config.agents.keys().next().cloned(),
            None => None,
        };
        config.routes = written.routes.into_iter().map(route::read).collect();
        config.commands = written.commands;
        config.http = written.http;
        config.deadlines = deadlines;
        config.limits = written.limits;
        config.shutdown_grace_ms = written.shutdown_grace_ms;
        config.restart = written.restart;
        config.update = written.update.resolved(beside);
        config.alerts = written.alerts;
        config.retention = written.retention;
        config.log = written.log;
        config
    }
}

/// Never seen: the checks refuse whatever the types would.
const UNREADABLE: &str = "the configuration passed its checks and still can't be read";

/// The store's file in the state directory.
const STORE_FILE: &str = "lastword.db";

/// The state directory, absolute.
fn state_dir(root: &Node, env: Env<'_>, findings: &mut Findings) -> Option<PathBuf> {
    let written = root.get("state_dir");
    let (mark, path) = (written.map(|node| node.mark), written.and_then(Node::text));
    let dir = match (written, path) {
        (Some(_), None | Some("")) => return None,
        (_, Some(path)) => locate::expand_home(path, env),
        (None, None) => locate::default_state_dir(env),
    };
    match dir {
        Some(dir) if dir.is_absolute() => Some(dir),
        Some(_) => {
            let source = if written.is_some() { "state_dir" } else { "LASTWORD_STATE_DIR" };
            let shown = written.map(|node| format!("; here is {}", node.shown())).unwrap_or_default();
            findings.problem(mark, format!("{source}: must be an absolute directory, or begin with ~/{shown}"));
            None
        }
        None => {
            let text = "state_dir: there is no home directory; set state_dir or LASTWORD_STATE_DIR to a directory";
            findings.problem(mark, text.into());
            None
        }
    }
}
