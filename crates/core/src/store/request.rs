//! What operators ask of the processes themselves. A request is owed like any other turn, but no worker runs it: whoever
//! supervises the processes speaks its last word, and outlives them.

use super::Role;
use crate::ids::{IncarnationId, Timestamp, TurnId};

/// A request that is still owed its last word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its turn, of which there is no attempt.
    pub turn: TurnId,
    /// What is to be done.
    pub operation: Operation,
    /// Who lived when it was accepted and is meant by a restart: they make room, and nobody who began later does.
    pub replaces: Vec<IncarnationId>,
    /// When it was accepted.
    pub accepted_at: Timestamp,
}

/// What an operator can ask of the processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// To start them again.
    Restart(Restart),
    /// To change to a newer build, if that proves itself.
    Update,
    /// To change back to the build before, if that proves itself.
    Rollback,
}

impl Operation {
    /// How it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Restart(restart) => restart.as_str(),
            Self::Update => "update",
            Self::Rollback => "rollback",
        }
    }

    /// Reads what was stored.
    #[must_use]
    pub fn from_stored(raw: &str) -> Option<Self> {
        match raw {
            "update" => Some(Self::Update),
            "rollback" => Some(Self::Rollback),
            raw => Restart::named(raw).map(Self::Restart),
        }
    }
}

/// Which processes a `/restart` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// Who talks to networks.
    Bridge,
    /// Who runs agents.
    Worker,
    /// Both.
    All,
}

impl Restart {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Bridge, Self::Worker, Self::All];

    /// Whether it means processes that do this.
    #[must_use]
    pub fn means(self, role: Role) -> bool {
        match self {
            Self::Bridge => role == Role::Bridge,
            Self::Worker => role == Role::Worker,
            Self::All => true,
        }
    }

    /// How it is typed and stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Worker => "worker",
            Self::All => "all",
        }
    }

    /// Reads what was typed or stored.
    #[must_use]
    pub fn named(raw: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|restart| restart.as_str() == raw)
    }

    /// As people read it.
    #[must_use]
    pub fn shown(self) -> &'static str {
        match self {
            Self::Bridge => "the bridge",
            Self::Worker => "the worker",
            Self::All => "bridge and worker",
        }
    }
}
