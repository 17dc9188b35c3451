//! Telling the operator: in the log at once, in the store as soon as it takes it, on `/readyz` either way.
//!
//! Raising never waits and never fails: while the store is out, alerts wait here in memory, grouped as they will be
//! there.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lastword_core::{
    alert::{Alert, AlertCode, Severity},
    decide::backoff::Backoff,
    store::{Oversight, Role, StoreError},
};
use tokio::sync::Notify;

use super::patience::pause;

/// The most alerts that wait for the store; the oldest make room.
const WAITING_MAX: usize = 256;
/// Between two attempts to store one while the store is out.
const AGAIN: Backoff = Backoff { first_ms: 100, max_ms: 2_000 };
/// How long storing what waits may take when a process ends.
const LAST_WITHIN: Duration = Duration::from_secs(1);

/// Where a process raises its alerts.
pub struct Alerts {
    oversight: Arc<dyn Oversight>,
    waiting: Mutex<Waiting>,
    news: Notify,
}

/// What waits, oldest first; each with a number of its own, because two changes may be equal and are still two.
#[derive(Debug, Default)]
struct Waiting {
    changes: Vec<(u64, Change)>,
    numbered: u64,
}

/// What is to be done in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    Raise(Alert),
    Resolve(AlertCode, String),
    /// A child is started again after its death: told as a figure.
    CountRestart(Role),
}

impl Change {
    /// Whether nothing of `earlier` is left once this is stored.
    fn replaces(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (Self::Raise(new), Self::Raise(old)) => (new.code, &new.subject) == (old.code, &old.subject),
            (Self::Resolve(..), Self::Resolve(..)) => self == earlier,
            (Self::Raise(_), Self::Resolve(..) | Self::CountRestart(_))
            | (Self::Resolve(..), Self::Raise(_) | Self::CountRestart(_))
            | (Self::CountRestart(_), _) => false,
        }
    }
}

impl Alerts {
    /// Alerts that go to this store.
    #[must_use]
    pub fn new(oversight: Arc<dyn Oversight>) -> Self {
        Self { oversight, waiting: Mutex::default(), news: Notify::new() }
    }

    /// Tells the operator. Neither text may hold what people or agents wrote, or a secret.
    pub fn raise(&self, code: AlertCode, subject: impl Into<String>, detail: impl Into<String>) {
        let alert = Alert { code, subject: subject.into(), detail: detail.into() };
        let Alert { subject, detail, .. } = &alert;
        match code.severity() {
            Severity::Info => tracing::info!(alert = code.as_str(), subject, "{}: {detail}", code.meaning()),
            Severity::Warning => tracing::warn!(alert = code.as_str(), subject, "{}: {detail}", code.meaning()),
            Severity::Error => tracing::error!(alert = code.as_str(), subject, "{}: {detail}", code.meaning()),
        }
        self.change(Change::Raise(alert));
    }

    /// Says that the cause is gone.
    pub fn resolve(&self, code: AlertCode, subject: impl Into<String>) {
        self.change(Change::Resolve(code, subject.into()));
    }

    /// Counts one more start of a child after its death.
    pub fn count_restart(&self, role: Role) {
        self.change(Change::CountRestart(role));
    }

    /// What is open and not in the store yet.
    #[must_use]
    pub fn unstored(&self) -> Vec<Alert> {
        let Waiting { changes, .. } = &*self.waiting();
        let resolves = |(_, later): &(u64, Change), alert: &Alert| match later {
            Change::Resolve(code, subject) => (*code, subject) == (alert.code, &alert.subject),
            Change::Raise(_) | Change::CountRestart(_) => false,
        };
        let open = changes.iter().enumerate().filter_map(|(n, (_, change))| match change {
            Change::Raise(alert) if changes[n..].iter().any(|later| resolves(later, alert)) => None,
            Change::Raise(alert) => Some(alert.clone()),
            Change::Resolve(..) | Change::CountRestart(_) => None,
        });
        open.collect()
    }

    /// Stores what waits, through every outage, until the task is dropped.
    pub async fn keep_storing(self: Arc<Self>) {
        let mut failures = 0;
        loop {
            match self.store_next().await {
                Ok(true) => failures = 0,
                Ok(false) => self.news.notified().await,
                Err(error) => {
                    failures += 1;
                    tracing::debug!("an alert waits for the store: {error}");
                    tokio::time::sleep(pause(AGAIN, failures)).await;
                }
            }
        }
    }

    /// Returns when nothing waits, or the store does not take it: for who goes on after this process, which keeps storing.
    pub async fn until_stored(&self) {
        let stored = async {
            while !self.waiting().changes.is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        // What waits even then is in the log, and tried on.
        let _ = tokio::time::timeout(LAST_WITHIN, stored).await;
    }

    /// Stores what waits, as far as the store takes it at once: for the end of a process.
    pub async fn store_last(&self) {
        let all = async { while let Ok(true) = self.store_next().await {} };
        if tokio::time::timeout(LAST_WITHIN, all).await.is_err() {
            tracing::warn!("not every alert could be stored; the log has them");
        }
    }

    /// `false`: nothing waits.
    async fn store_next(&self) -> Result<bool, StoreError> {
        let Some((number, next)) = self.waiting().changes.first().cloned() else { return Ok(false) };
        let stored = match &next {
            Change::Raise(alert) => self.oversight.raise(alert).await,
            Change::Resolve(code, subject) => self.oversight.resolve(*code, subject).await.map(|_| ()),
            Change::CountRestart(role) => self.oversight.count_restart(*role).await,
        };
        match stored {
            Err(error @ StoreError::Unavailable(_)) => return Err(error),
            Err(error) => tracing::error!("an alert or a count can't be stored: {error}"),
            Ok(()) => {}
        }
        // It may have made room meanwhile, or been replaced by one that is stored next.
        self.waiting().changes.retain(|(waits, _)| *waits != number);
        Ok(true)
    }

    fn change(&self, change: Change) {
        let mut waiting = self.waiting();
        let Waiting { changes, numbered } = &mut *waiting;
        changes.retain(|(_, earlier)| !change.replaces(earlier));
        if changes.len() >= WAITING_MAX {
            changes.remove(0);
        }
        *numbered += 1;
        changes.push((*numbered, change));
        drop(waiting);
        self.news.notify_one();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use lastword_store::{SqliteOptions, SqliteStore, SystemClock};

    use super::*;

    fn alerts(folder: &tempfile::TempDir) -> Alerts {
        let options = SqliteOptions::new(folder.path().join("db"), Arc::new(SystemClock));
        Alerts::new(Arc::new(SqliteStore::open(options).unwrap()))
    }

    #[tokio::test]
    async fn what_is_raised_while_the_same_is_being_stored_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let alerts = alerts(&folder);
        alerts.raise(AlertCode::ChildDied, "worker", "killed");
        {
            let mut storing = Box::pin(alerts.store_next());
            // Asked, and not answered yet.
            assert!(poll_fn(|context| std::task::Poll::Ready(storing.as_mut().poll(context).is_pending())).await);
            alerts.raise(AlertCode::ChildDied, "worker", "killed");
            storing.await.unwrap();
        }
        alerts.store_last().await;
        let stored = alerts.oversight.alerts(false, 10).await.unwrap();
        assert_eq!((stored.len(), stored[0].count), (1, 2));
    }

    #[tokio::test]
    async fn what_is_resolved_already_is_not_open_while_both_wait() {
        let folder = tempfile::tempdir().unwrap();
        let alerts = alerts(&folder);
        let open = || alerts.unstored().into_iter().map(|alert| alert.subject).collect::<Vec<_>>();
        alerts.raise(AlertCode::ChildDied, "worker", "killed");
        alerts.raise(AlertCode::ChildDied, "bridge", "killed");
        alerts.resolve(AlertCode::ChildDied, "worker");
        assert_eq!(open(), ["bridge"]);
        alerts.raise(AlertCode::ChildDied, "worker", "killed again");
        assert_eq!(open(), ["bridge", "worker"]);
    }
    #[tokio::test]
    async fn every_restart_counts_and_shows_on_no_list() {
        let folder = tempfile::tempdir().unwrap();
        let alerts = alerts(&folder);
        for role in [Role::Worker, Role::Worker, Role::Bridge] {
            alerts.count_restart(role);
        }
        assert!(alerts.unstored().is_empty());
        alerts.store_last().await;
        let restarts = alerts.oversight.measures().await.unwrap().restarts;
        assert_eq!((restarts["worker"], restarts["bridge"]), (2, 1));
    }
}
