//! The pace of progress edits in one conversation, whose turns share it.
//!
//! Guarantee: no two progress edits of a conversation begin closer together than its network likes, whosever they are;
//! who waits gets a turn in the order of asking; and nothing is edited before a pause that the network asked for is over.
//! Times are of a clock that never goes back.

use std::collections::VecDeque;

use crate::ids::{Timestamp, TurnId};

/// One conversation's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    free_at: Timestamp,
    waiting: VecDeque<TurnId>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { free_at: Timestamp(i64::MIN), waiting: VecDeque::new() }
    }
}

impl Pace {
    /// Whether `turn`, which has something new to show, may show it now. If so, the next may `interval_ms` later; if not,
    /// it waits, until it asks again or leaves.
    pub fn take(&mut self, turn: TurnId, now: Timestamp, interval_ms: i64) -> bool {
        if !self.waiting.contains(&turn) {
            self.waiting.push_back(turn);
        }
        let may = now >= self.free_at && self.waiting.front() == Some(&turn);
        if may {
            self.waiting.pop_front();
            self.rest_until(now.plus_ms(interval_ms));
        }
        may
    }

    /// Whether `turn` may, if its account may, too; if not, it waits in either.
    pub fn take_with(&mut self, account: &mut Self, turn: TurnId, now: Timestamp, intervals_ms: (i64, i64)) -> bool {
        if !self.waiting.contains(&turn) {
            self.waiting.push_back(turn);
        }
        let is_next = now >= self.free_at && self.waiting.front() == Some(&turn);
        if !is_next {
            // While it may not here, it is in nobody's way there.
            account.leave(turn);
        }
        is_next && account.take(turn, now, intervals_ms.1) && self.take(turn, now, intervals_ms.0)
    }

    /// `turn` has nothing to show any more, or not now: it is in nobody's way.
    pub fn leave(&mut self, turn: TurnId) {
        self.waiting.retain(|waits| *waits != turn);
    }

    /// Nothing is edited until then.
    pub fn rest_until(&mut self, until: Timestamp) {
        self.free_at = self.free_at.max(until);
    }

    /// Whether anything would be lost with it.
    #[must_use]
    pub fn is_in_use(&self, now: Timestamp) -> bool {
        now < self.free_at || !self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL_MS: i64 = 4_000;

    /// Who edits when, if these turns ask every half a second.
    fn edits(pace: &mut Pace, turns: &[i64], from_ms: i64, until_ms: i64) -> Vec<(i64, i64)> {
        let mut edits = Vec::new();
        for now in (from_ms..until_ms).step_by(500) {
            for turn in turns {
                if pace.take(TurnId(*turn), Timestamp(now), INTERVAL_MS) {
                    edits.push((now, *turn));
                }
            }
        }
        edits
    }

    #[test]
    fn busy_turns_of_one_conversation_share_its_pace_fairly() {
        let shared = edits(&mut Pace::default(), &[1, 2, 3], 0, 20_500);
        assert_eq!(shared, [(0, 1), (4_000, 2), (8_000, 3), (12_000, 1), (16_000, 2), (20_000, 3)]);
        let alone = edits(&mut Pace::default(), &[1], 0, 8_500);
        assert_eq!(alone, [(0, 1), (4_000, 1), (8_000, 1)], "nobody waits for turns that are not there");
    }

    #[test]
    fn conversations_share_the_pace_of_their_account() {
        let (mut account, mut paces) = (Pace::default(), [Pace::default(), Pace::default(), Pace::default()]);
        let mut edits = Vec::new();
        for now in (0..9_000).step_by(500) {
            for (turn, pace) in (1..).zip(&mut paces) {
                if pace.take_with(&mut account, TurnId(turn), Timestamp(now), (INTERVAL_MS, 1_500)) {
                    edits.push((now, turn));
                }
            }
        }
        assert_eq!(edits, [(0, 1), (1_500, 2), (3_000, 3), (4_500, 1), (6_000, 2), (7_500, 3)]);
    }

    #[test]
    fn a_conversation_that_rests_holds_up_no_other() {
        let (mut account, mut rests, mut other) = (Pace::default(), Pace::default(), Pace::default());
        let take = |pace: &mut Pace, account: &mut Pace, turn, now| {
            pace.take_with(account, TurnId(turn), Timestamp(now), (INTERVAL_MS, 1_500))
        };
        assert!(take(&mut other, &mut account, 2, 0));
        assert!(!take(&mut rests, &mut account, 1, 500), "it waits for its account");
        rests.rest_until(Timestamp(60_000));
        assert!(!take(&mut rests, &mut account, 1, 1_000));
        assert!(take(&mut other, &mut account, 2, 4_000));
    }

    #[test]
    fn who_ended_or_has_nothing_new_is_waited_for_by_nobody() {
        let mut pace = Pace::default();
        assert_eq!(edits(&mut pace, &[1, 2], 0, 500), [(0, 1)]);
        pace.leave(TurnId(2));
        assert_eq!(edits(&mut pace, &[1], 500, 4_500), [(4_000, 1)]);
    }

    #[test]
    fn a_pause_that_the_network_asked_for_is_everybodys() {
        let mut pace = Pace::default();
        assert!(pace.take(TurnId(1), Timestamp(0), INTERVAL_MS));
        pace.rest_until(Timestamp(30_000));
        pace.rest_until(Timestamp(5_000));
        assert_eq!(edits(&mut pace, &[1, 2], 0, 30_500), [(30_000, 1)]);
    }

    #[test]
    fn a_conversation_that_is_over_is_forgotten() {
        let mut pace = Pace::default();
        assert!(!pace.is_in_use(Timestamp(0)));
        assert!(pace.take(TurnId(1), Timestamp(0), INTERVAL_MS));
        assert!(pace.is_in_use(Timestamp(3_999)));
        assert!(!pace.is_in_use(Timestamp(4_000)));
        assert!(!pace.take(TurnId(2), Timestamp(3_999), INTERVAL_MS));
        assert!(pace.is_in_use(Timestamp(4_000)), "somebody waits");
        pace.leave(TurnId(2));
        assert!(!pace.is_in_use(Timestamp(4_000)));
    }
}
