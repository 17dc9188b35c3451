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
    store::{Oversight, StoreError},
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
    waiting: Mutex<Vec<Change>>,
    news: Notify,
}

/// What is to be done in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    Raise(Alert),
    Resolve(AlertCode, String),
}

impl Change {
    /// Whether nothing of `earlier` is left once this is stored.
    fn replaces(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (Self::Raise(new), Self::Raise(old)) => (new.code, &new.subject) == (old.code, &old.subject),
            (Self::Resolve(..), Self::Resolve(..)) => self == earlier,
            (Self::Raise(_), Self::Resolve(..)) | (Self::Resolve(..), Self::Raise(_)) => false,
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

    /// What is not in the store yet.
    #[must_use]
    pub fn unstored(&self) -> Vec<Alert> {
        self.waiting()
            .iter()
            .filter_map(|change| match change {
                Change::Raise(alert) => Some(alert.clone()),
                Change::Resolve(..) => None,
            })
            .collect()
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

    /// Stores what waits, as far as the store takes it at once: for the end of a process.
    pub async fn store_last(&self) {
        let all = async { while let Ok(true) = self.store_next().await {} };
        if tokio::time::timeout(LAST_WITHIN, all).await.is_err() {
            tracing::warn!("not every alert could be stored; the log has them");
        }
    }

    /// `false`: nothing waits.
    async fn store_next(&self) -> Result<bool, StoreError> {
        let Some(next) = self.waiting().first().cloned() else { return Ok(false) };
        let stored = match &next {
            Change::Raise(alert) => self.oversight.raise(alert).await,
            Change::Resolve(code, subject) => self.oversight.resolve(*code, subject).await.map(|_| ()),
        };
        match stored {
            Err(error @ StoreError::Unavailable(_)) => return Err(error),
            Err(error) => tracing::error!("an alert can't be stored: {error}"),
            Ok(()) => {}
        }
        let mut waiting = self.waiting();
        // It may have made room meanwhile, or been replaced by one that is stored next.
        if waiting.first() == Some(&next) {
            waiting.remove(0);
        }
        Ok(true)
    }

    fn change(&self, change: Change) {
        let mut waiting = self.waiting();
        waiting.retain(|earlier| !change.replaces(earlier));
        if waiting.len() >= WAITING_MAX {
            waiting.remove(0);
        }
        waiting.push(change);
        drop(waiting);
        self.news.notify_one();
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Change>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
