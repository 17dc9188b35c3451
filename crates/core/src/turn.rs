//! The life of a turn: one request and everything done to answer it.

use serde::{Deserialize, Serialize};

/// Where a turn is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnState {
    /// Accepted, waiting for its place and a worker.
    Queued,
    /// An attempt is running.
    Running,
    /// Ended with an answer.
    Done,
    /// Ended with an `Error:` line.
    Failed,
    /// Ended by `/stop`.
    Cancelled,
    /// Answered together with an earlier turn, which owes the reply.
    Merged,
}

/// What can happen to a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TurnHappened {
    /// A worker took it for a new attempt.
    Claimed,
    /// An election was won with an answer.
    Answered,
    /// An election was won with an error.
    Errored,
    /// An election was won by `/stop`.
    Stopped,
    /// Its worker is lost and its agent may run again.
    Requeued,
    /// A claim collected it into an earlier turn of its place.
    Collected,
    /// What an operator asked for by it, which no worker runs, is done.
    Performed,
}

impl TurnState {
    /// Every state, for tables and tests.
    pub const ALL: [Self; 6] = [Self::Queued, Self::Running, Self::Done, Self::Failed, Self::Cancelled, Self::Merged];

    /// The only place where a turn changes state; `None` refuses.
    #[must_use]
    pub fn after(self, happened: TurnHappened) -> Option<Self> {
        use TurnHappened as H;
        match (self, happened) {
            (Self::Queued, H::Claimed) => Some(Self::Running),
            (Self::Queued, H::Performed) => Some(Self::Done),
            (Self::Queued, H::Collected) => Some(Self::Merged),
            // A queue deadline ends a turn that never ran; an answer or a stop needs an attempt.
            (Self::Queued | Self::Running, H::Errored) => Some(Self::Failed),
            (Self::Running, H::Answered) => Some(Self::Done),
            (Self::Running, H::Stopped) => Some(Self::Cancelled),
            (Self::Running, H::Requeued) => Some(Self::Queued),
            (Self::Queued, H::Answered | H::Stopped | H::Requeued)
            | (Self::Running, H::Claimed | H::Collected | H::Performed)
            | (
                Self::Done | Self::Failed | Self::Cancelled | Self::Merged,
                H::Claimed | H::Answered | H::Errored | H::Stopped | H::Requeued | H::Collected | H::Performed,
            ) => None,
        }
    }

    /// Whether the turn still owes its terminal reply.
    #[must_use]
    pub fn is_owed(self) -> bool {
        match self {
            Self::Queued | Self::Running => true,
            Self::Done | Self::Failed | Self::Cancelled | Self::Merged => false,
        }
    }

    /// The stored spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Merged => "merged",
        }
    }

    /// Reads the stored spelling; `None` is a row nobody may guess about.
    #[must_use]
    pub fn from_stored(raw: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HAPPENED: [TurnHappened; 7] = [
        TurnHappened::Claimed,
        TurnHappened::Answered,
        TurnHappened::Errored,
        TurnHappened::Stopped,
        TurnHappened::Requeued,
        TurnHappened::Collected,
        TurnHappened::Performed,
    ];

    #[test]
    fn a_decided_turn_never_moves_again() {
        for state in TurnState::ALL.into_iter().filter(|state| !state.is_owed()) {
            for happened in HAPPENED {
                assert_eq!(state.after(happened), None, "{state:?} after {happened:?}");
            }
        }
    }

    #[test]
    fn every_owed_turn_can_still_get_its_last_word() {
        for state in TurnState::ALL.into_iter().filter(|state| state.is_owed()) {
            assert_eq!(state.after(TurnHappened::Errored), Some(TurnState::Failed));
        }
    }

    #[test]
    fn stored_spellings_read_back() {
        for state in TurnState::ALL {
            assert_eq!(TurnState::from_stored(state.as_str()), Some(state));
        }
        assert_eq!(TurnState::from_stored("finished"), None);
    }
}
