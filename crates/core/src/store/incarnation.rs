//! Who is alive, and what the dead leave behind.

use crate::ids::{Cursor, IncarnationId, LeaseFence};

/// One start of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incarnation {
    /// Its name, never used twice.
    pub id: IncarnationId,
    /// What it does.
    pub role: Role,
    /// Its process id, for people.
    pub pid: u32,
    /// The build it runs.
    pub build: String,
    /// How often its heart has beaten; 0 when it registers.
    pub beats: u64,
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Talks to networks.
    Bridge,
    /// Runs agents.
    Worker,
}

impl Role {
    /// The stored spelling, which is also the subcommand's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Worker => "worker",
        }
    }

    /// Reads the stored spelling.
    #[must_use]
    pub fn from_stored(raw: &str) -> Option<Self> {
        [Self::Bridge, Self::Worker].into_iter().find(|role| role.as_str() == raw)
    }
}

/// Whether turns of a lost worker may go back to the queue now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replays {
    /// Its process groups are confirmed gone.
    Allow,
    /// Not yet: decide only what does not run again.
    Hold,
}

/// What one call of [`super::Store::decide_lost`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecidedLost {
    /// Turns that got their `Error:`.
    pub errored: usize,
    /// Turns that wait for their next attempt.
    pub requeued: usize,
    /// Deliveries that are ambiguous now.
    pub doubted: usize,
    /// Whether another call with the same `replays` would do more.
    pub has_more: bool,
}

/// The right to act for an account, and where to resume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountLease {
    /// Grows each time the lease changes hands.
    pub fence: LeaseFence,
    /// The last committed cursor of this bot identity.
    pub cursor: Option<Cursor>,
}
