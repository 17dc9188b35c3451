//! The election: whether a turn still owes its terminal reply, and whose word would count.
//!
//! Deleting the marker is the election. First writer wins; everyone else finds nothing and throws its output away.

use crate::ids::Attempt;

/// A turn's marker, or its absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Election {
    /// The marker stands: the terminal reply is owed, and only this attempt may give it.
    Owed {
        /// The current attempt; 0 before the first claim.
        attempt: Attempt,
    },
    /// The marker is gone and the terminal's deliveries are in the store.
    Decided,
}

/// What can happen to a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ElectionHappened {
    /// A worker took the turn for its next attempt.
    Claimed,
    /// Somebody speaks for an attempt: with the answer, or with an error on its behalf.
    Spoken {
        /// The attempt it speaks for.
        attempt: Attempt,
    },
}

impl Election {
    /// The only place where an election changes state; `None` refuses, and what was said is thrown away.
    #[must_use]
    pub fn after(self, happened: ElectionHappened) -> Option<Self> {
        use ElectionHappened as H;
        match (self, happened) {
            (Self::Owed { attempt }, H::Claimed) => Some(Self::Owed { attempt: attempt.next() }),
            (Self::Owed { attempt }, H::Spoken { attempt: by }) => (attempt == by).then_some(Self::Decided),
            (Self::Decided, H::Claimed | H::Spoken { .. }) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_word_of_an_earlier_attempt_is_refused() {
        let first = Election::Owed { attempt: Attempt::NONE }.after(ElectionHappened::Claimed).unwrap();
        let second = first.after(ElectionHappened::Claimed).unwrap();
        assert_eq!(second.after(ElectionHappened::Spoken { attempt: Attempt(1) }), None);
        assert_eq!(second.after(ElectionHappened::Spoken { attempt: Attempt(2) }), Some(Election::Decided));
    }

    #[test]
    fn a_decided_election_hears_nobody() {
        let spoken = ElectionHappened::Spoken { attempt: Attempt(1) };
        assert_eq!(Election::Decided.after(spoken), None);
        assert_eq!(Election::Decided.after(ElectionHappened::Claimed), None);
    }
}
