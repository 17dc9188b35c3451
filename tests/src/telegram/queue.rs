//! The updates that wait for one bot, and the rules of asking for them.
//!
//! Guarantee: an update is given again and again until a higher offset confirms it. The rules are those of
//! <https://core.telegram.org/bots/api#getupdates> and of the server that Telegram publishes.

use std::collections::{BTreeSet, VecDeque};

use serde_json::{Value, json};

/// The most updates of one answer.
pub const LIMIT_MAX: i64 = 100;
/// The longest poll in seconds.
pub const TIMEOUT_S_MAX: i64 = 50;
/// An offset this far behind the last update is taken for a mistake and confirms nothing.
const FUTURE_MAX: i64 = 10;
/// Within this time the same offset again waits, and so does the next 409.
const AGAIN_MS: u64 = 3_000;
/// Within this time the same offset again gets one update.
const ONE_BY_ONE_MS: u64 = 500;
/// What is not sent unless it is asked for.
const NOT_BY_DEFAULT: [&str; 3] = ["chat_member", "message_reaction", "message_reaction_count"];

/// What waits for a bot.
#[derive(Clone, Debug)]
pub struct Queue {
    next: i64,
    waiting: VecDeque<Update>,
    allowed: Option<BTreeSet<String>>,
}

#[derive(Clone, Debug)]
struct Update {
    id: i64,
    kind: String,
    body: Value,
    at_ms: u64,
}

impl Queue {
    /// Empty; the next update gets this id.
    #[must_use]
    pub fn new(next: i64) -> Self {
        Self { next, waiting: VecDeque::new(), allowed: None }
    }

    /// Which kinds come in from now on; an empty list is the default set. What waits already stays.
    pub fn allow(&mut self, kinds: impl IntoIterator<Item = String>) {
        let kinds: BTreeSet<_> = kinds.into_iter().collect();
        self.allowed = (!kinds.is_empty()).then_some(kinds);
    }

    /// The kinds that were asked for, if not the default set.
    #[must_use]
    pub fn allowed(&self) -> Option<&BTreeSet<String>> {
        self.allowed.as_ref()
    }

    /// Adds an update, if its kind is wanted; returns its id.
    pub fn push(&mut self, kind: &str, body: Value, at_ms: u64) -> Option<i64> {
        let is_wanted = match &self.allowed {
            Some(kinds) => kinds.contains(kind),
            None => !NOT_BY_DEFAULT.contains(&kind),
        };
        is_wanted.then(|| {
            let id = self.next;
            self.next += 1;
            self.waiting.push_back(Update { id, kind: kind.to_owned(), body, at_ms });
            id
        })
    }

    /// Confirms what is below `offset` and gives what comes then. A negative offset keeps that many of the latest; zero
    /// confirms nothing, and neither does an offset that is far too high.
    pub fn take(&mut self, offset: i64, limit: usize) -> Vec<Value> {
        if offset < 0 {
            let keep = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
            self.waiting.drain(..self.waiting.len().saturating_sub(keep));
        } else if offset <= self.next + FUTURE_MAX {
            while self.waiting.front().is_some_and(|update| update.id < offset) {
                self.waiting.pop_front();
            }
        }
        let shown = |update: &Update| {
            let mut shown = json!({ "update_id": update.id });
            shown[&update.kind] = update.body.clone();
            shown
        };
        self.waiting.iter().take(limit).map(shown).collect()
    }

    /// How many wait.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.waiting.len()
    }

    /// What is said in each message that waits, oldest first.
    pub fn messages(&self) -> impl Iterator<Item = &Value> {
        self.waiting.iter().filter(|update| update.kind == "message").map(|update| &update.body)
    }

    /// Forgets what came before this time, as the server does after a day.
    pub fn expire(&mut self, before_ms: u64) {
        self.waiting.retain(|update| update.at_ms >= before_ms);
    }

    /// The next update gets this id, even a lower one, as may happen after a week of silence.
    pub fn renumber(&mut self, next: i64) {
        self.next = next;
    }
}

/// What one bot's polls have to know of each other.
#[derive(Clone, Debug, Default)]
pub struct Polls {
    last: Option<(i64, u64)>,
    next_conflict_ms: u64,
    /// Counts what ended a waiting poll: one that waits knows its own number.
    generation: u64,
    ended_by: &'static str,
}

impl Polls {
    /// A poll arrived; returns how long it may wait in seconds and how many updates it gets.
    pub fn arrived(&mut self, offset: i64, timeout_s: i64, limit: Option<i64>, now_ms: u64) -> (u64, usize) {
        let mut timeout_s = timeout_s.clamp(0, TIMEOUT_S_MAX).unsigned_abs();
        let mut limit = limit.unwrap_or(LIMIT_MAX).clamp(1, LIMIT_MAX);
        if let Some((last, at_ms)) = self.last
            && last == offset
        {
            if now_ms < at_ms + AGAIN_MS {
                timeout_s = timeout_s.max(3);
            }
            if now_ms < at_ms + ONE_BY_ONE_MS {
                limit = 1;
            }
        }
        self.last = Some((offset, now_ms));
        (timeout_s, usize::try_from(limit).unwrap_or(1))
    }

    /// A poll begins to wait, which ends the one that waits; returns its number.
    pub fn wait(&mut self) -> u64 {
        self.end("terminated by other getUpdates request; make sure that only one bot instance is running")
    }

    /// Ends the poll that waits, if any.
    pub fn end(&mut self, why: &'static str) -> u64 {
        self.generation += 1;
        self.ended_by = why;
        self.generation
    }

    /// Why the poll of this number must end, if it must.
    #[must_use]
    pub fn ended(&self, mine: u64) -> Option<&'static str> {
        (self.generation != mine).then_some(self.ended_by)
    }

    /// How long a 409 is held back: the first is answered at once, those soon after it are not.
    pub fn conflict_pause_ms(&mut self, now_ms: u64) -> u64 {
        if now_ms < self.next_conflict_ms {
            return AGAIN_MS;
        }
        self.next_conflict_ms = now_ms + AGAIN_MS;
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(count: i64) -> Queue {
        let mut queue = Queue::new(10);
        for n in 0..count {
            queue.push("message", json!(n), 0);
        }
        queue
    }

    fn ids(updates: &[Value]) -> Vec<i64> {
        updates.iter().map(|update| update["update_id"].as_i64().unwrap()).collect()
    }

    #[test]
    fn an_update_comes_again_until_a_higher_offset_confirms_it() {
        let mut queue = queue(3);
        assert_eq!(ids(&queue.take(0, 100)), [10, 11, 12]);
        assert_eq!(ids(&queue.take(10, 100)), [10, 11, 12]);
        assert_eq!(ids(&queue.take(11, 1)), [11]);
        assert_eq!(ids(&queue.take(0, 100)), [11, 12], "what was confirmed is gone");
        assert_eq!(ids(&queue.take(13, 100)), Vec::<i64>::new());
        queue.push("message", json!("next"), 0);
        assert_eq!(ids(&queue.take(5, 100)), [13], "an old offset brings nothing back");
    }

    #[test]
    fn a_negative_offset_keeps_the_latest_and_forgets_the_rest() {
        let mut queue = queue(5);
        assert_eq!(ids(&queue.take(-2, 100)), [13, 14]);
        assert_eq!(ids(&queue.take(0, 100)), [13, 14]);
    }

    #[test]
    fn an_offset_from_nowhere_confirms_nothing() {
        let mut queue = queue(2);
        assert_eq!(ids(&queue.take(1_000_000, 100)), [10, 11]);
    }

    #[test]
    fn kinds_that_are_not_asked_for_do_not_come_in() {
        let mut queue = Queue::new(1);
        assert_eq!(queue.push("message_reaction", json!({}), 0), None);
        assert_eq!(queue.push("my_chat_member", json!({}), 0), Some(1));
        queue.allow(["message_reaction".to_owned()]);
        assert_eq!(queue.push("my_chat_member", json!({}), 0), None);
        assert_eq!(queue.push("message_reaction", json!({}), 0), Some(2));
        queue.allow([]);
        assert_eq!(queue.push("message_reaction", json!({}), 0), None);
        assert_eq!(queue.pending(), 2, "what came in stays");
    }

    #[test]
    fn the_same_offset_soon_again_waits() {
        let mut polls = Polls::default();
        assert_eq!(polls.arrived(0, 0, None, 1_000), (0, 100));
        assert_eq!(polls.arrived(0, 0, Some(50), 1_400), (3, 1));
        assert_eq!(polls.arrived(0, 1, Some(50), 2_400), (3, 50));
        assert_eq!(polls.arrived(5, 0, Some(50), 2_500), (0, 50), "another offset does not");
        assert_eq!(polls.arrived(5, 90, Some(500), 9_000), (50, 100));
    }

    #[test]
    fn a_newer_poll_ends_the_older_and_only_the_first_conflict_is_quick() {
        let mut polls = Polls::default();
        let first = polls.wait();
        assert_eq!(polls.ended(first), None);
        let second = polls.wait();
        assert!(polls.ended(first).is_some_and(|why| why.starts_with("terminated by other getUpdates request")));
        assert_eq!(polls.ended(second), None);
        assert_eq!(polls.conflict_pause_ms(5_000), 0);
        assert_eq!(polls.conflict_pause_ms(7_999), 3_000);
        assert_eq!(polls.conflict_pause_ms(8_000), 0);
    }

    #[test]
    fn old_updates_are_forgotten_and_numbers_may_jump_back() {
        let mut queue = Queue::new(100);
        queue.push("message", json!("old"), 5);
        queue.push("message", json!("new"), 9);
        queue.expire(9);
        assert_eq!(ids(&queue.take(0, 100)), [101]);
        queue.renumber(7);
        assert_eq!(queue.push("message", json!("later"), 10), Some(7));
    }
}
