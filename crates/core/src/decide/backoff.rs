//! How long to pause: exponential with jitter, and a network's own hint wins.

/// The shape of a backoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The pause after the first failure, in milliseconds.
    pub first_ms: i64,
    /// The longest pause, in milliseconds.
    pub max_ms: i64,
}

/// Between attempts of one delivery.
pub const DELIVERY: Backoff = Backoff { first_ms: 500, max_ms: 300_000 };
/// Between connections of one account.
pub const CONNECT: Backoff = Backoff { first_ms: 250, max_ms: 60_000 };

impl Backoff {
    /// The pause after `failures` in a row (1 is the first), with `chance` in `0.0..1.0` as jitter.
    ///
    /// Never shorter than half of the exponential, never longer than the maximum.
    #[must_use]
    pub fn pause_ms(self, failures: u32, chance: f64) -> i64 {
        let doublings = failures.saturating_sub(1).min(40);
        let full = self.first_ms.saturating_mul(1 << doublings).clamp(0, self.max_ms);
        let half = full / 2;
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a pause, not a sum")]
        let jitter = ((full - half) as f64 * chance.clamp(0.0, 1.0)) as i64;
        half + jitter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_within_the_maximum() {
        let backoff = Backoff { first_ms: 100, max_ms: 1_000 };
        let pauses: Vec<_> = (1..=6).map(|failures| backoff.pause_ms(failures, 1.0)).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1_000, 1_000]);
        assert_eq!(backoff.pause_ms(u32::MAX, 0.0), 500);
        assert_eq!(backoff.pause_ms(0, 0.0), 50);
    }
}
