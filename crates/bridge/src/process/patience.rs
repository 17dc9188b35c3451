//! Asking a store that is out again and again, without spinning, until it answers.

use std::{fmt::Display, future::Future, time::Duration};

use lastword_core::{decide::backoff::Backoff, store::StoreError};
use tokio::time::Instant;

/// Between two questions to a store that is out.
const AGAIN: Backoff = Backoff { first_ms: 50, max_ms: 2_000 };

/// How often what goes on failing is said again.
const SAID_EVERY: Duration = Duration::from_secs(60);

/// Something that is tried again and again: its failure is said once, then seldom.
#[derive(Debug, Default)]
pub struct Complaint {
    failures: u32,
    said_at: Option<Instant>,
}

impl Complaint {
    /// It failed once more. `what` is a sentence for the log.
    pub fn failed(&mut self, what: &str, why: &dyn Display) {
        self.failures += 1;
        if self.said_at.is_none_or(|at| at.elapsed() >= SAID_EVERY) {
            self.said_at = Some(Instant::now());
            tracing::warn!(failures = self.failures, "{what}: {why}");
        }
    }

    /// It went well: the next failure is said at once.
    pub fn over(&mut self) {
        *self = Self::default();
    }
}

/// Asks until the store answers; only an answer that asking again can't change is returned as an error.
///
/// Every write is idempotent by its key, so a commit whose answer was lost is simply asked again. `what` is a noun for
/// the log.
pub async fn until_answered<T, F>(what: &str, mut ask: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut failures = 0;
    loop {
        match ask().await {
            Err(StoreError::Unavailable(cause)) => {
                failures += 1;
                if failures == 1 || failures % 30 == 0 {
                    tracing::error!(failures, "the store is unavailable for {what}: {cause}");
                }
                tokio::time::sleep(pause(AGAIN, failures)).await;
            }
            answer => {
                if failures > 0 {
                    tracing::info!(failures, "the store answers again for {what}");
                }
                return answer;
            }
        }
    }
}

/// The pause after so many failures, with jitter.
#[must_use]
pub fn pause(backoff: Backoff, failures: u32) -> Duration {
    Duration::from_millis(backoff.pause_ms(failures, chance()).unsigned_abs())
}

/// A number in `0.0..1.0` for jitter.
#[must_use]
pub fn chance() -> f64 {
    #[cfg(feature = "testing")]
    if let Some(simulated) = super::simulated::current() {
        return (simulated.chance)();
    }
    use std::hash::{BuildHasher, Hasher, RandomState};
    // Each RandomState carries fresh keys: enough chance for spreading retries, and no dependency.
    let bits = RandomState::new().build_hasher().finish() >> 11;
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    let chance = bits as f64 / (1_u64 << 53) as f64;
    chance
}
