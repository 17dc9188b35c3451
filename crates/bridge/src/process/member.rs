//! One process of a deployment: its name, its lock, its store, its heartbeat.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context;
use lastword_core::{
    decide::sweep::Deadlines,
    ids::{AgentId, IncarnationId},
    store::{Clock, Incarnation, OnLost, Oversight, Role, Standing, Store},
};
use lastword_store::{DeploymentLock, IncarnationLock, SqliteOptions, SqliteStore, SystemClock};

use super::{alerts::Alerts, decide_lost::decide_lost, state_dir::StateDir, vitals::Vitals};
use crate::{build_id::build, config::Config};

/// The variable by which a supervisor names a child's incarnation, so that it can decide its turns when it dies.
pub const INCARNATION_ENV: &str = "LASTWORD_INCARNATION";
/// How often a process says that it lives.
const BEAT_EVERY: Duration = Duration::from_millis(500);

/// One process of a deployment.
pub struct Member {
    /// The configuration it runs by.
    pub config: Config,
    /// Where files are.
    pub state: StateDir,
    /// What the processes share.
    pub store: Arc<dyn Store>,
    /// The same store, as operators see it.
    pub oversight: Arc<dyn Oversight>,
    /// Where this process tells the operator. Whoever joined keeps [`Alerts::keep_storing`] running.
    pub alerts: Arc<Alerts>,
    /// The store's clock.
    pub clock: Arc<dyn Clock>,
    /// This start of this process.
    pub incarnation: IncarnationId,
    /// The other processes' hearts.
    pub vitals: Vitals,
    committed_at: Mutex<Option<Instant>>,
    // Held as long as this process lives: free, they prove that it is gone, and keep a second deployment out.
    _lock: IncarnationLock,
    _deployment: DeploymentLock,
}

impl Member {
    /// Joins the deployment: locks, store, and a registered incarnation.
    pub async fn join(config: Config, role: Role) -> anyhow::Result<Arc<Self>> {
        keep_to_ourselves()?;
        let state = open_state(&config)?;
        let deployment = DeploymentLock::join(&config.store_path)?;
        let incarnation = std::env::var(INCARNATION_ENV).map_or_else(|_| new_incarnation(), IncarnationId::new);
        let lock = IncarnationLock::hold(&state.incarnations(), &incarnation)
            .context("the lock of this process could not be taken")?;
        let store = Arc::new(open_store(&config, &state, &incarnation)?);
        let registered =
            Incarnation { id: incarnation.clone(), role, pid: std::process::id(), build: build().to_owned(), beats: 0 };
        store.register(&registered).await?;
        Ok(Arc::new(Self {
            config,
            state,
            alerts: Arc::new(Alerts::new(store.clone())),
            oversight: store.clone(),
            store,
            clock: Arc::new(SystemClock),
            incarnation,
            vitals: Vitals::default(),
            committed_at: Mutex::default(),
            _lock: lock,
            _deployment: deployment,
        }))
    }

    /// The deadlines of an agent; of one that is no longer configured, the common ones.
    #[must_use]
    pub fn deadlines(&self, agent: &AgentId) -> Deadlines {
        self.config.agents.get(agent).map_or(self.config.deadlines, |agent| agent.deadlines)
    }

    /// How many turns run at once.
    #[must_use]
    pub fn max_concurrent(&self) -> usize {
        self.config.limits.max_concurrent as usize
    }

    /// What happens to an agent's turns when they are interrupted.
    #[must_use]
    pub fn on_lost(&self, agent: &AgentId) -> OnLost {
        self.config.agents.get(agent).map_or(OnLost::Error, |agent| agent.on_lost)
    }

    /// When the store last committed something for this process: evidence that it is able.
    #[must_use]
    pub fn committed_at(&self) -> Option<Instant> {
        *self.committed_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that this process lives. A store that is out hears nothing, and that is all.
    ///
    /// Returns when this process was decided as lost: whatever it does now counts for nothing, so it must end.
    pub async fn beat(self: Arc<Self>) {
        let mut beats = tokio::time::interval(BEAT_EVERY);
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            beats.tick().await;
            match self.store.beat(&self.incarnation).await {
                Ok(Standing::Superseded) => return,
                Ok(Standing::Current) => {
                    *self.committed_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now())
                }
                Err(error) => tracing::debug!("a heartbeat was not recorded: {error}"),
            }
        }
    }

    /// Leaves cleanly: whatever this process still held is decided now, and nobody has to find out that it is gone.
    pub async fn leave(&self) {
        if let Err(error) = decide_lost(&*self.store, &self.alerts, &self.incarnation).await {
            tracing::error!("leaving without having decided everything; the next start will: {error}");
        }
        self.alerts.store_last().await;
    }
}

/// Makes the state directory ready.
pub fn open_state(config: &Config) -> anyhow::Result<StateDir> {
    StateDir::open(&config.state_dir).with_context(|| {
        format!("the state directory {} can't be used; set `state_dir` to one that can", config.state_dir.display())
    })
}

/// Opens the configured store, with its migrations done.
pub fn open_store(config: &Config, state: &StateDir, incarnation: &IncarnationId) -> anyhow::Result<SqliteStore> {
    Ok(SqliteStore::open(
        SqliteOptions::new(&config.store_path, Arc::new(SystemClock)).waking(state.wake(), incarnation.as_str()),
    )?)
}

/// A name for a start of a process, never used before.
#[must_use]
pub fn new_incarnation() -> IncarnationId {
    IncarnationId::new(uuid::Uuid::now_v7().simple().to_string())
}

/// Keeps this process's memory and environment, where our tokens are, from agents that run as the same user.
pub fn keep_to_ourselves() -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_dumpable(false)?;
    Ok(())
}
