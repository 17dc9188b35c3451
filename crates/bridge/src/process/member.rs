//! One process of a deployment: its name, its lock, its store, its heartbeat.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use lastword_core::{
    alert::AlertCode,
    decide::sweep::{Deadlines, GRACE_MS},
    ids::{AgentId, IncarnationId},
    store::{Clock, OnLost, Oversight, Standing, Store},
};
use lastword_store::{DeploymentLock, IncarnationLock, Journal, SqliteOptions, SystemClock};
use tokio::{sync::watch, time::Instant};

use super::{
    alerts::Alerts,
    blocking::blocking,
    decide_lost::decide_leaver,
    deployment::end_without_store,
    outage::{Outage, STORE, Trouble},
    state_dir::StateDir,
    vitals::Vitals,
};
use crate::config::Config;

/// The variable by which a supervisor names a child's incarnation, so that it can decide its turns when it dies.
pub const INCARNATION_ENV: &str = "LASTWORD_INCARNATION";
/// How often a process says that it lives.
const BEAT_EVERY: Duration = Duration::from_millis(500);
/// How long writing the journal may take when this process ends, and how long deciding what is left.
const FLUSHED_WITHIN: Duration = Duration::from_secs(1);
const DECIDED_WITHIN: Duration = Duration::from_secs(3);
/// How old the last heartbeat may be for the store to count as committing.
const BEAT_FRESH: Duration = Duration::from_secs(3);
const _: () = assert!(BEAT_FRESH.as_millis() < GRACE_MS as u128, "a sweep must not end what could not be seen to move");

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
    /// Finished answers while the store is out.
    pub journal: Arc<Journal>,
    pub(super) disk_full: watch::Receiver<bool>,
    pub(super) outage: Outage,
    pub(super) committed_at: Mutex<Option<Instant>>,
    // Held as long as this process lives: free, they prove that it is gone, and keep a second deployment out.
    pub(super) _lock: IncarnationLock,
    pub(super) _deployment: DeploymentLock,
}

impl Member {
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

    /// What keeps the store from committing, while something does.
    #[must_use]
    pub fn store_trouble(&self) -> Option<Trouble> {
        self.outage.trouble()
    }

    /// Whether the store commits, by the evidence of a heartbeat.
    #[must_use]
    pub fn commits(&self) -> bool {
        self.committed_at().is_some_and(|at| at.elapsed() <= BEAT_FRESH)
    }

    /// Whether the store's disk is full: answers are kept on the reserve, and nothing new is accepted.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        *self.disk_full.borrow()
    }

    /// Says that this process lives, and tells the operator when the store does not hear it.
    ///
    /// Returns when this process was decided as lost: whatever it does now counts for nothing, so it must end.
    pub async fn beat(self: Arc<Self>) {
        let mut beats = tokio::time::interval(BEAT_EVERY);
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // An outage that another process was the last to see may be over.
        self.alerts.resolve(AlertCode::StoreUnavailable, STORE);
        let mut was_full = None;
        loop {
            beats.tick().await;
            let beat = self.outage.watch(&self.alerts, self.store.beat(&self.incarnation)).await;
            match beat {
                Ok(Standing::Superseded) => return,
                Ok(Standing::Current) => {
                    *self.committed_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                }
                Err(error) => tracing::debug!("a heartbeat was not recorded: {error}"),
            }
            let is_full = self.is_disk_full();
            match was_full.replace(is_full) {
                before if before == Some(is_full) => {}
                _ if is_full => self.alerts.raise(AlertCode::DiskFull, STORE, "there is no room on its disk"),
                _ => self.alerts.resolve(AlertCode::DiskFull, STORE),
            }
        }
    }

    /// Leaves cleanly: whatever this process still held is decided now, and nobody has to find out that it is gone.
    /// Takes no longer than a store that is out lets it: what is left then is decided by whoever sees its end.
    pub async fn leave(&self) {
        // First onto the disk, where it outlives this process.
        let journal = Arc::clone(&self.journal);
        let flushed = blocking(move || journal.flush());
        match tokio::time::timeout(FLUSHED_WITHIN, flushed).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::error!("leaving with a journal that can't be written: {error}"),
            Ok(Err(panic)) => tracing::error!("leaving with a journal that can't be written: {panic}"),
            Err(_) => tracing::error!("leaving with a journal that can't be written: its disk does not answer"),
        }
        let answers = self.journal.answers();
        let decided = decide_leaver(&*self.store, &self.state, &self.alerts, &self.incarnation, &answers);
        match tokio::time::timeout(DECIDED_WITHIN, decided).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!("leaving without having decided everything; the next start will: {error}")
            }
            Err(_) => tracing::error!("leaving without having decided everything: the store does not answer in time"),
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

/// How the configured store is opened.
pub(super) fn store_options(config: &Config, state: &StateDir, incarnation: &IncarnationId) -> SqliteOptions {
    let options = SqliteOptions::new(&config.store_path, clock())
        .waking(state.wake(), incarnation.as_str())
        .reserving(config.store_reserve_bytes);
    let options = SqliteOptions { on_fatal: Arc::new(end_without_store), ..options };
    #[cfg(feature = "testing")]
    if let Some(simulated) = super::simulated::current() {
        return (simulated.store)(options);
    }
    options
}

/// The store's clock.
pub(super) fn clock() -> Arc<dyn Clock> {
    #[cfg(feature = "testing")]
    if let Some(simulated) = super::simulated::current() {
        return Arc::clone(&simulated.clock);
    }
    Arc::new(SystemClock)
}

/// The name that a supervisor gave to this start of this process.
pub(super) fn given_incarnation() -> Option<IncarnationId> {
    #[cfg(feature = "testing")]
    if let Some(simulated) = super::simulated::current() {
        return Some(simulated.incarnation.clone());
    }
    std::env::var(INCARNATION_ENV).ok().map(IncarnationId::new)
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
