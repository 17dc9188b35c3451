//! What people and operators may see.

use std::collections::BTreeMap;

use crate::{
    ids::{Attempt, Place, Timestamp, TurnId},
    reason::Reason,
    turn::TurnState,
};

/// One turn as people may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnView {
    /// The turn.
    pub id: TurnId,
    /// Where it was asked.
    pub place: Place,
    /// Where it is in its life.
    pub state: TurnState,
    /// The current or last attempt.
    pub attempt: Attempt,
    /// The text as received.
    pub text: String,
    /// The last word, all parts, once elected; a merged turn shows its lead's.
    pub reply: Option<String>,
    /// Why it ended without an answer.
    pub reason: Option<Reason>,
    /// The turn that answers for this one.
    pub merged_into: Option<TurnId>,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When its election was won.
    pub ended_at: Option<Timestamp>,
}

/// A position in a turn's stream; ordered, and spelled `<attempt>.<n>` outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamPosition {
    /// The attempt.
    pub attempt: Attempt,
    /// Counts the events of that attempt from 1; 0 is the reset that begins it.
    pub n: u32,
}

impl StreamPosition {
    /// Where the terminal stands: after everything.
    pub const END: Self = Self { attempt: Attempt(u32::MAX), n: u32::MAX };

    /// Reads `<attempt>.<n>`.
    #[must_use]
    pub fn parse(raw: &str) -> Option<Self> {
        if raw == "end" {
            return Some(Self::END);
        }
        let (attempt, n) = raw.split_once('.')?;
        Some(Self { attempt: Attempt(attempt.parse().ok()?), n: n.parse().ok()? })
    }
}

impl std::fmt::Display for StreamPosition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if *self == Self::END { f.write_str("end") } else { write!(f, "{}.{}", self.attempt, self.n) }
    }
}

/// One event of a turn's stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEvent {
    /// Where it stands.
    pub position: StreamPosition,
    /// What happened.
    pub kind: StreamKind,
}

/// What happened in a turn's stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// A piece of text, to be appended to what came before.
    Progress(String),
    /// A new attempt: what came before does not count.
    Reset,
    /// The last word: an answer.
    Reply(String),
    /// The last word: a line that begins with `Error:`.
    Error(String),
}

/// The conservation law: accepted = replied + errored + stopped + merged + pending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Turns ever accepted.
    pub accepted: u64,
    /// Ended with an answer.
    pub replied: u64,
    /// Ended with an error.
    pub errored: u64,
    /// Ended by `/stop`.
    pub stopped: u64,
    /// Answered together with another.
    pub merged: u64,
    /// Queued turns.
    pub queued: u64,
    /// Running turns.
    pub running: u64,
    /// Deliveries on their way.
    pub deliveries_open: u64,
    /// Deliveries ever given up, also those that an admin had sent after all.
    pub deliveries_dead: u64,
    /// Updates that made no turn, by reason code.
    pub dropped: BTreeMap<String, u64>,
}

impl Counts {
    /// Whether accepted = replied + errored + stopped + merged + queued + running.
    #[must_use]
    pub fn conserve(&self) -> bool {
        let ends = [self.replied, self.errored, self.stopped, self.merged, self.queued, self.running];
        // Counters of a damaged store are any number at all.
        u128::from(self.accepted) == ends.into_iter().map(u128::from).sum()
    }
}
