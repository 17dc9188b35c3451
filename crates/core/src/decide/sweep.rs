//! Which turns are past a deadline: judged by observation, never computed from stored times.
//!
//! A turn is past its deadline only when the same counters were seen unchanged through a full period of the watcher's
//! own uninterrupted, successful rounds on its monotonic clock. After any gap (store out, sleep, clock step) the watch
//! starts over, so the first round after an outage fails nobody who is well.

use std::collections::HashMap;

use crate::{
    ids::{AgentId, Attempt, Fence, Monotonic, TurnId},
    reason::Reason,
    store::Owed,
    turn::TurnState,
};

/// How often to look, in milliseconds.
pub const ROUND_EVERY_MS: i64 = 1_000;
/// A longer silence between two rounds is a gap.
pub const GAP_MS: i64 = 3 * ROUND_EVERY_MS;
/// How much later than the worker itself a sweep ends a turn: the worker knows more.
pub const GRACE_MS: i64 = 5_000;

const _: () = assert!(GAP_MS > ROUND_EVERY_MS, "an ordinary round must not look like a gap");
const _: () = assert!(GRACE_MS > GAP_MS, "a gap must not outlast the worker's own decision");

/// The three deadlines of a turn, kept apart. All in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// How long the head of a place may wait for a worker that has room.
    pub queue_ms: i64,
    /// How long a running agent may show no progress.
    pub idle_ms: i64,
    /// How long an attempt may take.
    pub total_ms: i64,
}

/// A turn to be ended, if it still stands as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expired {
    /// The turn and attempt.
    pub fence: Fence,
    /// The progress counter as seen: the election must fail if it moved.
    pub progress: u64,
    /// Which deadline.
    pub reason: Reason,
}

/// What a sweeper has seen so far.
#[derive(Debug, Default)]
pub struct Watch {
    seen: HashMap<TurnId, Seen>,
    last_round: Option<Monotonic>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    state: TurnState,
    attempt: Attempt,
    progress: u64,
    attempt_since: Monotonic,
    unchanged_since: Monotonic,
}

impl Watch {
    /// One successful round over everything owed: returns what is past a deadline.
    ///
    /// `has_room` says whether a worker could take one more turn: while none can, the queue deadline stands still.
    pub fn round(
        &mut self,
        now: Monotonic,
        owed: &[Owed],
        has_room: bool,
        deadlines: impl Fn(&AgentId) -> Deadlines,
    ) -> Vec<Expired> {
        let is_gap = self.last_round.is_none_or(|last| now.0 - last.0 > GAP_MS);
        self.last_round = Some(now);
        let before = std::mem::take(&mut self.seen);
        let mut expired = Vec::new();
        for turn in owed {
            let earlier = if is_gap { None } else { before.get(&turn.fence.turn).copied() };
            let seen = look(earlier, turn, now, has_room);
            if let Some(reason) = judge(seen, now, deadlines(&turn.agent)) {
                expired.push(Expired { fence: turn.fence, progress: turn.progress, reason });
            }
            self.seen.insert(turn.fence.turn, seen);
        }
        expired
    }

    /// A round that failed: whatever was seen before proves nothing any more.
    pub fn lost_sight(&mut self) {
        *self = Self::default();
    }
}

fn look(earlier: Option<Seen>, turn: &Owed, now: Monotonic, has_room: bool) -> Seen {
    let fresh = Seen {
        state: turn.state,
        attempt: turn.fence.attempt,
        progress: turn.progress,
        attempt_since: now,
        unchanged_since: now,
    };
    let Some(earlier) = earlier.filter(|seen| (seen.state, seen.attempt) == (fresh.state, fresh.attempt)) else {
        return fresh;
    };
    let waits_for_room = turn.state == TurnState::Queued && !has_room;
    if earlier.progress == fresh.progress && !waits_for_room {
        earlier
    } else {
        Seen { attempt_since: earlier.attempt_since, ..fresh }
    }
}

fn judge(seen: Seen, now: Monotonic, deadlines: Deadlines) -> Option<Reason> {
    let unchanged_ms = now.0 - seen.unchanged_since.0;
    if seen.state == TurnState::Queued {
        let after_ms = deadlines.queue_ms;
        return (unchanged_ms > after_ms).then_some(Reason::QueuedTooLong { after_ms });
    }
    if now.0 - seen.attempt_since.0 > deadlines.total_ms.saturating_add(GRACE_MS) {
        return Some(Reason::TooSlow { after_ms: deadlines.total_ms });
    }
    let after_ms = deadlines.idle_ms;
    (unchanged_ms > after_ms.saturating_add(GRACE_MS)).then_some(Reason::Idle { after_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINES: Deadlines = Deadlines { queue_ms: 10_000, idle_ms: 10_000, total_ms: 60_000 };

    fn owed(state: TurnState, progress: u64) -> Owed {
        Owed {
            fence: Fence { turn: TurnId(1), attempt: Attempt(1) },
            state,
            owner: None,
            agent: AgentId::new("demo"),
            progress,
        }
    }

    /// Rounds each second from `from` to `to`; what expired, with the second it did.
    fn watch(
        watch: &mut Watch,
        seconds: std::ops::Range<i64>,
        has_room: bool,
        turn: impl Fn(i64) -> Owed,
    ) -> Option<(i64, Reason)> {
        seconds.into_iter().find_map(|second| {
            let expired = watch.round(Monotonic(second * 1_000), &[turn(second)], has_room, |_| DEADLINES);
            expired.into_iter().next().map(|expired| (second, expired.reason))
        })
    }

    #[test]
    fn a_wedged_turn_expires_after_the_worker_had_its_chance() {
        let expired = watch(&mut Watch::default(), 0..100, true, |_| owed(TurnState::Running, 7));
        assert_eq!(expired, Some((16, Reason::Idle { after_ms: 10_000 })));
    }

    #[test]
    fn a_slow_turn_that_progresses_is_failed_only_by_the_total_deadline() {
        let progress = |second: i64| owed(TurnState::Running, u64::try_from(second / 9).unwrap());
        let expired = watch(&mut Watch::default(), 0..100, true, progress);
        assert_eq!(expired, Some((66, Reason::TooSlow { after_ms: 60_000 })));
    }

    #[test]
    fn after_a_gap_the_watch_starts_over() {
        let mut seen = Watch::default();
        let still = |_| owed(TurnState::Running, 7);
        assert_eq!(watch(&mut seen, 0..15, true, still), None);
        // An hour of sleep, then sight again: nothing is past anything yet.
        assert_eq!(watch(&mut seen, 3_600..3_615, true, still), None);
        assert!(watch(&mut seen, 3_615..3_620, true, still).is_some());
        seen.lost_sight();
        assert_eq!(watch(&mut seen, 3_620..3_635, true, still), None);
    }

    #[test]
    fn the_queue_deadline_stands_still_while_no_worker_has_room() {
        let mut seen = Watch::default();
        let queued = |_| owed(TurnState::Queued, 0);
        assert_eq!(watch(&mut seen, 0..100, false, queued), None);
        assert_eq!(watch(&mut seen, 100..200, true, queued), Some((110, Reason::QueuedTooLong { after_ms: 10_000 })));
    }
}
