//! The circuit breaker: when starting again is no longer worth trying.
//!
//! It outlives the supervisor, so that one that is started again and again by its own manager does not loop either.
//! Times are the machine's clock, which may step: nothing here ever waits longer than the cooldown because of it.

use std::collections::BTreeMap;

use lastword_core::{ids::Timestamp, store::Role};
use serde::{Deserialize, Serialize};

/// When it opens, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) failures_max: usize,
    pub(super) window_ms: i64,
    pub(super) cooldown_ms: i64,
}

/// What follows a failed start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Start it again.
    Again,
    /// Give up.
    GiveUp,
}

/// The failed starts of each role, and whether the breaker is open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Breaker {
    failed_at_ms: BTreeMap<String, Vec<i64>>,
    opened: Option<Opened>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
struct Opened {
    role: String,
    at_ms: i64,
}

impl Breaker {
    /// How long a supervisor that starts now has to wait before it tries, in milliseconds.
    pub(super) fn wait_ms(&mut self, now: Timestamp, limits: Limits) -> i64 {
        let keep_ms = limits.window_ms.saturating_add(limits.cooldown_ms);
        // What was given up long ago says nothing about today.
        self.opened.take_if(|opened| distance_ms(now, opened.at_ms) > keep_ms);
        let Some(opened) = &self.opened else { return 0 };
        let passed_ms = now.0.saturating_sub(opened.at_ms).max(0);
        limits.cooldown_ms.saturating_sub(passed_ms).clamp(0, limits.cooldown_ms)
    }

    /// A start failed. After a cooldown the first failure opens the breaker again.
    pub(super) fn failed(&mut self, role: Role, now: Timestamp, limits: Limits) -> Verdict {
        let failures = self.failed_at_ms.entry(role.as_str().to_owned()).or_default();
        failures.retain(|at_ms| distance_ms(now, *at_ms) <= limits.window_ms);
        failures.push(now.0);
        let is_trial = self.opened.as_ref().is_some_and(|opened| opened.role == role.as_str());
        if !is_trial && failures.len() < limits.failures_max {
            return Verdict::Again;
        }
        self.opened = Some(Opened { role: role.as_str().to_owned(), at_ms: now.0 });
        Verdict::GiveUp
    }

    /// A child lived long enough: what failed before it no longer counts. Says whether anything changed.
    pub(super) fn healthy(&mut self, role: Role) -> bool {
        let had_failed = self.failed_at_ms.remove(role.as_str()).is_some();
        let was_open = self.opened.take_if(|opened| opened.role == role.as_str()).is_some();
        had_failed || was_open
    }
}

fn distance_ms(now: Timestamp, at_ms: i64) -> i64 {
    now.0.saturating_sub(at_ms).saturating_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { failures_max: 3, window_ms: 60_000, cooldown_ms: 10_000 };

    fn open_at(at_ms: i64) -> Breaker {
        let mut breaker = Breaker::default();
        for n in 0..2 {
            assert_eq!(breaker.failed(Role::Bridge, Timestamp(at_ms - 2 + n), LIMITS), Verdict::Again);
        }
        assert_eq!(breaker.failed(Role::Bridge, Timestamp(at_ms), LIMITS), Verdict::GiveUp);
        breaker
    }

    #[test]
    fn failures_far_apart_never_open_it() {
        let mut breaker = Breaker::default();
        for n in 0..100 {
            assert_eq!(breaker.failed(Role::Worker, Timestamp(n * 30_001), LIMITS), Verdict::Again);
        }
    }

    #[test]
    fn the_roles_are_counted_apart() {
        let mut breaker = Breaker::default();
        for role in [Role::Bridge, Role::Worker, Role::Bridge, Role::Worker] {
            assert_eq!(breaker.failed(role, Timestamp(0), LIMITS), Verdict::Again);
        }
    }

    #[test]
    fn the_cooldown_counts_from_when_it_opened() {
        assert_eq!(Breaker::default().wait_ms(Timestamp(5), LIMITS), 0);
        assert_eq!(open_at(100_000).wait_ms(Timestamp(104_000), LIMITS), 6_000);
        assert_eq!(open_at(100_000).wait_ms(Timestamp(120_000), LIMITS), 0);
    }

    #[test]
    fn a_clock_that_steps_never_makes_it_wait_longer() {
        assert_eq!(open_at(100_000).wait_ms(Timestamp(95_000), LIMITS), 10_000);
        assert_eq!(open_at(100_000_000).wait_ms(Timestamp(0), LIMITS), 0);
        assert_eq!(open_at(0).wait_ms(Timestamp(100_000_000), LIMITS), 0);
    }

    #[test]
    fn after_the_cooldown_one_more_failure_of_that_role_is_enough() {
        let mut breaker = open_at(100_000);
        assert_eq!(breaker.wait_ms(Timestamp(110_000), LIMITS), 0);
        assert_eq!(breaker.failed(Role::Worker, Timestamp(110_001), LIMITS), Verdict::Again);
        assert_eq!(breaker.failed(Role::Bridge, Timestamp(110_002), LIMITS), Verdict::GiveUp);
        assert_eq!(breaker.wait_ms(Timestamp(110_002), LIMITS), 10_000);
    }

    #[test]
    fn a_child_that_lives_closes_it() {
        let mut breaker = open_at(100_000);
        assert!(breaker.healthy(Role::Bridge));
        assert_eq!(breaker, Breaker::default());
        assert!(!breaker.healthy(Role::Bridge));
        assert_eq!(breaker.failed(Role::Bridge, Timestamp(110_000), LIMITS), Verdict::Again);
    }
}
