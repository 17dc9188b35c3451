//! Joining a deployment: locks, store, and a registered incarnation.
//!
//! Guarantee: a child of a supervisor, which has had the store open, waits for a store that went away, and never makes
//! an empty one in its place; a last gasp never does, either. Whoever is started by hand is told at once what is wrong.

use std::{
    fmt::Display,
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use lastword_core::{
    decide::backoff::Backoff,
    ids::IncarnationId,
    store::{Incarnation, Role, Store, StoreError},
};
use lastword_store::{DeploymentLock, IncarnationLock, Journal, LockError, SqliteStore};
use tokio::{sync::watch, time::Instant};

use super::{
    alerts::Alerts,
    blocking::blocking,
    deployment::{May, open_store},
    lifeline::has_supervisor,
    member::{Member, clock, given_incarnation, keep_to_ourselves, new_incarnation, open_state},
    outage::{ANSWERED_WITHIN, Outage, SILENT},
    patience::pause,
    state_dir::StateDir,
    vitals::Vitals,
};
use crate::{build_id::build, config::Config};

/// Between two attempts to join.
const AGAIN: Backoff = Backoff { first_ms: 100, max_ms: 1_000 };
/// How often waiting is said again.
const SAID_EVERY: Duration = Duration::from_secs(30);

/// Why a process waits to join; `None` while it does not.
pub type Waiting = watch::Sender<Option<String>>;

struct Joined {
    state: StateDir,
    deployment: DeploymentLock,
    lock: IncarnationLock,
    store: SqliteStore,
}

/// Why a process can't join now.
enum NotYet {
    /// It may pass.
    MayHeal(anyhow::Error),
    /// It won't.
    Never(anyhow::Error),
}

impl Member {
    /// Joins the deployment. Under a supervisor it waits for a store that is out, and says in `waiting` why.
    pub async fn join(config: Config, role: Role, waiting: &Waiting) -> anyhow::Result<Arc<Self>> {
        let may = if has_supervisor() { May::GoOn } else { May::BeginAnew };
        Self::join_as(config, role, waiting, may).await
    }

    /// The same; `may` says whether it may make a store.
    pub async fn join_as(config: Config, role: Role, waiting: &Waiting, may: May) -> anyhow::Result<Arc<Self>> {
        keep_to_ourselves()?;
        let given = given_incarnation();
        let is_supervised = given.is_some();
        let incarnation = given.unwrap_or_else(new_incarnation);
        let config = Arc::new(config);
        let mut wait = Wait { waiting, failures: 0, said_at: None };
        let Joined { state, deployment, lock, store } = loop {
            let (wanted, id) = (Arc::clone(&config), incarnation.clone());
            // It may wait for a lock or a disk, and the runtime must go on meanwhile.
            let opening = blocking(move || open(&wanted, &id, may));
            match wait.while_silent(opening).await? {
                Ok(joined) => break joined,
                Err(NotYet::MayHeal(cause)) if is_supervised => wait.again(&format!("{cause:#}")).await,
                Err(NotYet::MayHeal(error) | NotYet::Never(error)) => return Err(error),
            }
        };
        let store = Arc::new(store);
        let me =
            Incarnation { id: incarnation.clone(), role, pid: std::process::id(), build: build().to_owned(), beats: 0 };
        loop {
            match wait.while_silent(store.register(&me)).await {
                Ok(()) => break,
                Err(error @ StoreError::Unavailable(_)) if is_supervised => wait.again(&error).await,
                Err(error) => return Err(error.into()),
            }
        }
        wait.over();
        Ok(Arc::new(Self {
            alerts: Arc::new(Alerts::new(store.clone())),
            journal: Arc::new(Journal::new(&state.journals(), &incarnation, store.deployment(), &config.store_path)),
            disk_full: store.disk_full(),
            oversight: store.clone(),
            store,
            clock: clock(),
            config: Arc::unwrap_or_clone(config),
            state,
            incarnation,
            vitals: Vitals::default(),
            outage: Outage::default(),
            committed_at: Mutex::new(Some(Instant::now())),
            _lock: lock,
            _deployment: deployment,
        }))
    }
}

struct Wait<'w> {
    waiting: &'w Waiting,
    failures: u32,
    said_at: Option<Instant>,
}

impl Wait<'_> {
    /// Waits for an answer, however long it takes, and says that it waits.
    async fn while_silent<T>(&mut self, answer: impl Future<Output = T>) -> T {
        let mut answer = pin!(answer);
        loop {
            match tokio::time::timeout(ANSWERED_WITHIN, &mut answer).await {
                Ok(answer) => return answer,
                Err(_) => self.say(&SILENT),
            }
        }
    }

    fn say(&mut self, cause: &impl Display) {
        if self.said_at.is_none_or(|at| at.elapsed() >= SAID_EVERY) {
            self.said_at = Some(Instant::now());
            tracing::error!("waiting for the store: {cause}");
        }
        self.waiting.send_replace(Some(cause.to_string()));
    }

    async fn again(&mut self, cause: &impl Display) {
        self.failures += 1;
        self.say(cause);
        tokio::time::sleep(pause(AGAIN, self.failures)).await;
    }

    fn over(&self) {
        if self.said_at.is_some() {
            tracing::info!(attempts = self.failures, "the store is there again");
        }
        self.waiting.send_replace(None);
    }
}

fn open(config: &Config, incarnation: &IncarnationId, may: May) -> Result<Joined, NotYet> {
    let state = match may {
        May::GoOn => StateDir::existing(&config.state_dir).map_err(|error| {
            let directory = config.state_dir.display();
            NotYet::MayHeal(anyhow::Error::new(error).context(format!("the state directory {directory} can't be used")))
        })?,
        May::BeginAnew => open_state(config).map_err(NotYet::Never)?,
    };
    let deployment = DeploymentLock::join(&config.store_path).map_err(not_locked)?;
    let lock = IncarnationLock::hold(&state.incarnations(), incarnation).map_err(not_locked)?;
    let store = open_store(config, &state, incarnation, may).map_err(|error| match error.may_heal() {
        true => NotYet::MayHeal(error.into()),
        false => NotYet::Never(error.into()),
    })?;
    Ok(Joined { state, deployment, lock, store })
}

fn not_locked(error: LockError) -> NotYet {
    match error {
        LockError::Unusable { .. } => NotYet::MayHeal(error.into()),
        LockError::InUse { .. } | LockError::BadName(_) => {
            NotYet::Never(anyhow::Error::from(error).context("a lock of this process could not be taken"))
        }
    }
}
