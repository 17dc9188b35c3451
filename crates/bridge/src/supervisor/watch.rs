//! Whether a child hangs, or does not stop: judged by observation only, by rounds of our own, one after the other.
//!
//! A gap in our own rounds (a suspended laptop, a stopped deployment, a starved machine) proves nothing about a child,
//! so the count starts over. What a child's disk does is not judged: its runtime beats while a commit waits for a sync.

use lastword_core::ids::Monotonic;

/// How often the supervisor looks, in milliseconds.
pub(super) const ROUND_EVERY_MS: i64 = 250;
/// Rounds further apart than this were interrupted.
const GAP_MS_MAX: i64 = 1_000;
/// How long whoever holds the store's commit lock may be silent: everybody else waits for it.
const HOLDER_SILENT_MS_MAX: i64 = 2_000;

/// How long a child may be silent, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Until it is heard for the first time.
    pub(super) start_within_ms: i64,
    /// Afterwards, until it is asked to end.
    pub(super) hung_after_ms: i64,
    /// From there until it is killed.
    pub(super) kill_after_ms: i64,
    /// From being asked to end, for whatever reason, until it is killed although it is heard.
    pub(super) stop_within_ms: i64,
}

/// What to do with a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Nothing.
    Wait,
    /// Ask it to end.
    Ask,
    /// Kill it: it was silent even after that.
    Kill,
    /// Kill it at once: it is silent with the store's commit lock in its hands.
    KillHolder,
    /// Kill it: it was asked to end and takes too long.
    KillLate,
}

/// What was heard of one child.
#[derive(Debug)]
pub(super) struct Watch {
    patience: Patience,
    last_round: Option<Monotonic>,
    silent_ms: i64,
    has_spoken: bool,
    ending_ms: Option<i64>,
}

impl Watch {
    /// Of a child that was started just now.
    pub(super) fn new(patience: Patience) -> Self {
        Self { patience, last_round: None, silent_ms: 0, has_spoken: false, ending_ms: None }
    }

    /// It said something.
    pub(super) fn heard(&mut self) {
        self.silent_ms = 0;
        self.has_spoken = true;
    }

    /// It was asked to end. Says whether this was the first time.
    pub(super) fn asked(&mut self) -> bool {
        let is_first = self.ending_ms.is_none();
        self.ending_ms.get_or_insert(0);
        is_first
    }

    /// Whether it was asked to end.
    pub(super) fn is_ending(&self) -> bool {
        self.ending_ms.is_some()
    }

    /// It was asked once more, for something that takes its time.
    pub(super) fn asked_anew(&mut self) {
        self.ending_ms = Some(0);
    }

    /// One more look, after everything that was said until then was heard.
    ///
    /// `holds_lock` is asked only about a child that has been silent for long enough for it to matter.
    pub(super) fn round(&mut self, now: Monotonic, holds_lock: impl FnOnce() -> bool) -> Act {
        let passed_ms = self.last_round.map_or(0, |last| now.0.saturating_sub(last.0));
        self.last_round = Some(now);
        if passed_ms > GAP_MS_MAX {
            self.silent_ms = 0;
            return Act::Wait;
        }
        self.silent_ms = self.silent_ms.saturating_add(passed_ms);
        self.ending_ms = self.ending_ms.map(|ending_ms| ending_ms.saturating_add(passed_ms));
        if self.silent_ms >= HOLDER_SILENT_MS_MAX && holds_lock() {
            return Act::KillHolder;
        }
        let Patience { start_within_ms, hung_after_ms, kill_after_ms, stop_within_ms } = self.patience;
        let patience_ms = if self.has_spoken { hung_after_ms } else { start_within_ms };
        if self.silent_ms >= patience_ms.saturating_add(kill_after_ms) {
            Act::Kill
        } else if self.ending_ms.is_some_and(|ending_ms| ending_ms > stop_within_ms) {
            Act::KillLate
        } else if self.silent_ms >= patience_ms && self.ending_ms.is_none() {
            Act::Ask
        } else {
            Act::Wait
        }
    }

    /// For how long nothing was heard, in milliseconds.
    pub(super) fn silent_ms(&self) -> i64 {
        self.silent_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience =
        Patience { start_within_ms: 60_000, hung_after_ms: 10_000, kill_after_ms: 5_000, stop_within_ms: 40_000 };

    /// Rounds from `from_ms` on until something is to be done: what, and when.
    fn first_act(watch: &mut Watch, from_ms: i64, holds_lock: bool) -> (Act, i64) {
        let mut now_ms = from_ms;
        loop {
            let act = watch.round(Monotonic(now_ms), || holds_lock);
            if act != Act::Wait {
                return (act, now_ms - from_ms);
            }
            now_ms += ROUND_EVERY_MS;
        }
    }

    fn spoken() -> Watch {
        let mut watch = Watch::new(PATIENCE);
        watch.heard();
        watch
    }

    #[test]
    fn a_silent_child_is_asked_and_then_killed() {
        let mut watch = spoken();
        assert_eq!(first_act(&mut watch, 0, false), (Act::Ask, 10_000));
        assert!(watch.asked() && !watch.asked());
        assert_eq!(first_act(&mut watch, 10_000, false), (Act::Kill, 5_000));
    }

    #[test]
    fn a_child_that_is_heard_but_does_not_stop_is_killed_late() {
        let mut watch = spoken();
        watch.asked();
        let mut now_ms = 0;
        while watch.round(Monotonic(now_ms), || false) == Act::Wait {
            watch.heard();
            now_ms += ROUND_EVERY_MS;
        }
        assert_eq!(now_ms, 40_250);
        assert_eq!(watch.round(Monotonic(now_ms), || false), Act::KillLate);
    }

    #[test]
    fn a_child_that_speaks_again_is_left_alone() {
        let mut watch = spoken();
        first_act(&mut watch, 0, false);
        watch.heard();
        assert_eq!(watch.round(Monotonic(10_250), || false), Act::Wait);
    }

    #[test]
    fn a_child_that_was_never_heard_has_longer() {
        assert_eq!(first_act(&mut Watch::new(PATIENCE), 0, false), (Act::Ask, 60_000));
    }

    #[test]
    fn whoever_is_silent_with_the_commit_lock_is_killed_at_once() {
        assert_eq!(first_act(&mut spoken(), 0, true), (Act::KillHolder, 2_000));
    }

    #[test]
    fn a_gap_in_our_own_rounds_starts_over() {
        let mut watch = spoken();
        for now_ms in (0..9_900).step_by(250) {
            assert_eq!(watch.round(Monotonic(now_ms), || false), Act::Wait);
        }
        // The laptop slept; the child's first beat is still on its way.
        assert_eq!(watch.round(Monotonic(3_600_000), || true), Act::Wait);
        assert_eq!(first_act(&mut watch, 3_600_250, false), (Act::Ask, 9_750));
    }

    #[test]
    fn nobody_asks_for_the_lock_of_a_child_that_is_heard() {
        let mut watch = spoken();
        for now_ms in (0..60_000).step_by(250) {
            watch.heard();
            assert_eq!(watch.round(Monotonic(now_ms), || panic!("asked")), Act::Wait);
        }
    }
}
