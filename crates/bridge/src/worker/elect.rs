//! Electing a finished answer, through an outage of the store if need be.
//!
//! Guarantee: an answer that the store does not take at once is in the journal as soon as the disk takes it there, and
//! is asked for again from memory until its election is decided. While the store is well, nothing of this happens.

use std::{
    convert::Infallible,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lastword_core::{
    alert::AlertCode,
    decide::backoff::Backoff,
    faults::{self, Point},
    store::{Elected, StoreError, Verdict},
};
use lastword_store::Journal;
use tokio::sync::Notify;

use crate::process::{
    blocking::blocking,
    member::Member,
    patience::{pause, until_answered},
};

/// How long the store may take before the answer goes into the journal.
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);
/// How long forgetting a settled answer may take; what is left of it is harmless.
const FORGOTTEN_WITHIN: Duration = Duration::from_secs(1);
/// What alerts about the journal are about.
pub(super) const JOURNAL: &str = "journal";
/// After how many failures the operator is told again that the journal can't be written: about a minute.
const SAID_EVERY: u32 = 30;
/// Between two attempts to write the journal.
const AGAIN: Backoff = Backoff { first_ms: 200, max_ms: 2_000 };

/// Asks until the election is decided.
pub(super) async fn elect(member: &Member, verdict: Verdict) -> Result<Elected, StoreError> {
    let failed = Notify::new();
    let ask = || async {
        let answer = member.store.elect(verdict.clone()).await;
        if matches!(answer, Err(StoreError::Unavailable(_))) {
            failed.notify_one();
        }
        answer
    };
    let mut electing = pin!(until_answered("an election", ask));
    tokio::select! {
        biased;
        answer = &mut electing => return answer,
        () = failed.notified() => {}
        () = tokio::time::sleep(ANSWERED_WITHIN) => {}
    }
    let unwritable = AtomicBool::new(false);
    let answer = tokio::select! {
        biased;
        answer = &mut electing => answer,
        never = keep(member, &verdict, &unwritable) => match never {},
    };
    // It is decided: that it could not be written is no trouble any more.
    if unwritable.into_inner() {
        member.alerts.resolve(AlertCode::JournalUnwritable, JOURNAL);
    }
    forget(member, &verdict).await;
    answer
}

/// Keeps an answer in the journal. Never returns: whether it is decided is for the store to say.
/// `unwritable` says whether the operator was told that it can't be written, and not yet that it can.
async fn keep(member: &Member, verdict: &Verdict, unwritable: &AtomicBool) -> Infallible {
    let (turn, attempt) = (verdict.fence.turn, verdict.fence.attempt);
    faults::point(Point::JournalBeforeAppend);
    member.journal.keep(verdict);
    let mut failures = 0;
    while let Err(error) = flush(&member.journal).await {
        failures += 1;
        // Again and again, because an answer that was decided meanwhile may have taken the alert back.
        if failures % SAID_EVERY == 1 {
            unwritable.store(true, Ordering::Relaxed);
            member.alerts.raise(AlertCode::JournalUnwritable, JOURNAL, error.to_string());
        }
        tokio::time::sleep(pause(AGAIN, failures)).await;
    }
    if unwritable.swap(false, Ordering::Relaxed) {
        member.alerts.resolve(AlertCode::JournalUnwritable, JOURNAL);
    }
    faults::point(Point::JournalAfterAppend);
    tracing::warn!(%turn, %attempt, "the store is out: the answer is in the journal");
    std::future::pending().await
}

async fn forget(member: &Member, verdict: &Verdict) {
    faults::point(Point::JournalBeforeForget);
    member.journal.settle(verdict.fence);
    match tokio::time::timeout(FORGOTTEN_WITHIN, flush(&member.journal)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!("a settled answer stays in the journal for now: {error}"),
        Err(_) => tracing::debug!("a settled answer stays in the journal for now: its disk does not answer"),
    }
}

/// Writes the journal when its disk answers; nobody waits for it.
pub(super) fn flush_soon(member: &Member) {
    let journal = Arc::clone(&member.journal);
    drop(blocking(move || journal.flush()));
}

/// On a thread of its own: the disk may hang.
async fn flush(journal: &Arc<Journal>) -> std::io::Result<()> {
    let journal = Arc::clone(journal);
    blocking(move || journal.flush()).await.map_err(std::io::Error::other)?
}
