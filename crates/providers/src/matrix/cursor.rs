//! Where we are: the token of the last sync that is committed, and the messages that wait for their keys.

use lastword_core::ids::Cursor;
use serde::{Deserialize, Serialize};

/// How many messages may wait for their keys; the oldest goes first.
pub(super) const WAITING_MAX: usize = 200;

/// What is committed with the updates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// Where the next sync begins.
    pub(super) since: String,
    /// What could not be decrypted yet, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) waiting: Vec<Waiting>,
}

/// A message that could not be decrypted yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) room: String,
    pub(super) event: String,
    /// When it was met first, on our clock.
    pub(super) since_ms: i64,
    /// Whether people were shown that it can't be read.
    #[serde(default)]
    pub(super) is_marked: bool,
}

impl Seen {
    pub(super) fn at(since: String) -> Self {
        Self { since, waiting: Vec::new() }
    }

    /// `None` for what is no cursor of ours.
    pub(super) fn read(cursor: &Cursor) -> Option<Self> {
        serde_json::from_str(cursor.as_str()).ok()
    }

    pub(super) fn cursor(&self) -> Cursor {
        Cursor::new(serde_json::to_string(self).expect("text and numbers are JSON"))
    }

    /// Waits for one more; says what has to give way to it.
    pub(super) fn wait(&mut self, one: Waiting) -> Option<Waiting> {
        if self.waiting.iter().any(|waiting| waiting.event == one.event) {
            return None;
        }
        self.waiting.push(one);
        (self.waiting.len() > WAITING_MAX).then(|| self.waiting.remove(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(number: usize) -> Waiting {
        Waiting { room: "!r".into(), event: format!("${number}"), since_ms: 7, is_marked: false }
    }

    #[test]
    fn a_cursor_reads_back() {
        let mut seen = Seen::at("s1_2".into());
        assert_eq!(seen.cursor().as_str(), r#"{"since":"s1_2"}"#);
        assert_eq!(seen.wait(waiting(1)), None);
        assert_eq!(Seen::read(&seen.cursor()), Some(seen));
        assert_eq!(Seen::read(&Cursor::new("4711")), None);
    }

    #[test]
    fn only_so_many_wait() {
        let mut seen = Seen::at("s".into());
        for number in 0..WAITING_MAX {
            assert_eq!(seen.wait(waiting(number)), None);
        }
        assert_eq!(seen.wait(waiting(3)), None, "it waits already");
        assert_eq!(seen.wait(waiting(WAITING_MAX)), Some(waiting(0)));
    }
}
