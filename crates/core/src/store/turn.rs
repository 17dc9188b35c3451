//! Turns in hand: claims, progress, elections.

use serde::{Deserialize, Serialize};

use crate::{
    capability::ReplyShape,
    file::{OutFile, TurnFile},
    ids::{AgentId, Fence, IncarnationId, MessageId, Place, PlaceId},
    reason::Reason,
    turn::TurnState,
};

/// A turn in the hands of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The turn and the attempt that this claim started.
    pub fence: Fence,
    /// Where the answer goes.
    pub place: Place,
    /// The same as the store numbers it, for paths.
    pub place_id: PlaceId,
    /// Grows with every `/new`; the agent's session and directory belong to it.
    pub session: u32,
    /// Who answers.
    pub agent: AgentId,
    /// What is asked, with the prompts of merged turns behind it, parted by blank lines.
    pub prompt: String,
    /// The files that came with it, and with what was merged into it, in order.
    pub files: Vec<TurnFile>,
    /// Who asked, as people call them.
    pub sender_name: Option<String>,
    /// The message that asked.
    pub message: MessageId,
    /// How replies are posted there.
    pub shape: ReplyShape,
}

/// Whether an attempt, or an incarnation, is still the one that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "who is no longer current must stop"]
pub enum Standing {
    /// It is; the write was recorded.
    Current,
    /// It is not; nothing was written.
    Superseded,
}

/// Somebody's word on how a turn ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The attempt it speaks for.
    pub fence: Fence,
    /// How it ends.
    pub end: End,
    /// The reply, split into messages within the place's limits; never empty.
    pub parts: Vec<String>,
    /// Files behind the parts, each entry one message.
    #[serde(default)]
    pub files: Vec<Vec<OutFile>>,
    /// Only if the progress counter still stands here: a sweep must not end a turn that moved meanwhile. Going back
    /// to the queue moves it too; without a counter, nobody's word ends an attempt that went back there.
    pub if_progress: Option<u64>,
}

/// How a turn ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// With an answer.
    Answered,
    /// With an `Error:` line.
    Errored(Reason),
}

/// What an election came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "who lost the election must throw its output away"]
pub enum Elected {
    /// The word counts; its deliveries are in the store.
    Won,
    /// Somebody else spoke first, or another attempt is current.
    Lost,
}

/// A turn that owes its last word, as a sweep sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// The turn and its current attempt.
    pub fence: Fence,
    /// Queued or running.
    pub state: TurnState,
    /// Who runs it.
    pub owner: Option<IncarnationId>,
    /// Who answers.
    pub agent: AgentId,
    /// Counts every sign of progress of the current attempt, and its return to the queue.
    pub progress: u64,
}
