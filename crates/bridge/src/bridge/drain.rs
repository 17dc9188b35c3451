//! The end of a bridge that was asked to stop: it stays until the worker is done and its words are delivered.

use std::{sync::atomic::Ordering, time::Duration};

use lastword_core::store::StoreError;

use super::deliver::Shared;

/// How often to look whether anything is left; longer than the delivery takes to notice what was just elected.
const POLL: Duration = Duration::from_millis(300);
/// How much longer than the worker's own grace the last deliveries may take.
const LAST_DELIVERIES: Duration = Duration::from_secs(5);

/// What a bridge that ends waits for, besides what is due to be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// No turn runs: the deployment ends, and nobody else would deliver their words.
    NoTurnRuns,
    /// Nothing else: a successor delivers what comes.
    Now,
}

/// Returns when nothing is due to be delivered, and nothing else is waited for; or when the grace is over.
///
/// What waits for a pause to end, or for a network that is out, does not hold up the end: it is kept.
pub(super) async fn until_delivered(delivery: &Shared, until: Until) {
    let grace = Duration::from_millis(delivery.member.config.shutdown_grace_ms.unsigned_abs()) + LAST_DELIVERIES;
    let drained = async {
        while !matches!(is_drained(delivery, until).await, Ok(true)) {
            tokio::time::sleep(POLL).await;
        }
    };
    if tokio::time::timeout(grace, drained).await.is_err() {
        tracing::warn!("not everything was delivered in time; the next start goes on");
    }
}

async fn is_drained(delivery: &Shared, until: Until) -> Result<bool, StoreError> {
    let counts = delivery.member.store.counts().await?;
    if until == Until::NoTurnRuns && counts.running > 0 {
        return Ok(false);
    }
    if counts.deliveries_open == 0 {
        return Ok(true);
    }
    // What was elected a moment ago is claimed by now, or it is not due.
    tokio::time::sleep(POLL).await;
    Ok(delivery.is_idle.load(Ordering::SeqCst))
}
