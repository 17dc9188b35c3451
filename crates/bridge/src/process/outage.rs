//! The store being out, as this process finds by its heartbeats: the cause for `/readyz`, and an alert.

use std::{
    future::Future,
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lastword_core::{alert::AlertCode, store::StoreError};
use tokio::time::Instant;

use super::alerts::Alerts;

/// What alerts about the store are about.
pub const STORE: &str = "store";
/// How long heartbeats may fail before the operator is told.
const TOLD_AFTER: Duration = Duration::from_secs(2);
/// How long one may go unanswered before that counts as failing.
pub(super) const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

/// The cause while the store says none.
pub(super) const SILENT: &str = "it does not answer; is its disk stuck, or a lock held?";

/// What keeps the store from committing.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// Since when.
    pub since: Instant,
    /// What it says, or that it says nothing.
    pub cause: String,
}

/// The outage, while there is one.
#[derive(Debug, Default)]
pub(super) struct Outage(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    trouble: Option<Trouble>,
    is_told: bool,
}

impl Outage {
    /// What keeps the store from committing, while something does.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.state().trouble.clone()
    }

    /// Waits for a write, however long it takes, and takes note of what it shows about the store.
    pub(super) async fn watch<T>(
        &self,
        alerts: &Alerts,
        write: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let begin = Instant::now();
        let mut write = pin!(write);
        let answer = loop {
            match tokio::time::timeout(ANSWERED_WITHIN, &mut write).await {
                Ok(answer) => break answer,
                Err(_) => self.failed(alerts, begin, None),
            }
        };
        match &answer {
            Err(StoreError::Unavailable(cause)) => self.failed(alerts, begin, Some(cause.to_string())),
            Ok(_) | Err(StoreError::Refused(_) | StoreError::Damaged(_)) => self.answered(alerts),
        }
        answer
    }

    /// `None`: it says nothing, which does not take back what it said before.
    fn failed(&self, alerts: &Alerts, since: Instant, cause: Option<String>) {
        let mut state = self.state();
        let trouble = state.trouble.get_or_insert_with(|| Trouble { since, cause: SILENT.to_owned() });
        if let Some(cause) = cause {
            trouble.cause = cause;
        }
        let (is_long, cause) = (trouble.since.elapsed() >= TOLD_AFTER, trouble.cause.clone());
        if is_long && !std::mem::replace(&mut state.is_told, true) {
            alerts.raise(AlertCode::StoreUnavailable, STORE, cause);
        }
    }

    fn answered(&self, alerts: &Alerts) {
        let mut state = self.state();
        if let Some(trouble) = state.trouble.take() {
            tracing::info!(out_ms = trouble.since.elapsed().as_millis(), "the store commits again");
        }
        if std::mem::take(&mut state.is_told) {
            alerts.resolve(AlertCode::StoreUnavailable, STORE);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
