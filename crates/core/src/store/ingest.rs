//! What is accepted: updates with the decision made about each.

use crate::{
    alert::Messaging,
    capability::ReplyShape,
    file::RemoteFile,
    ids::{AccountId, AgentId, Cursor, DeliveryId, IncarnationId, MessageId, Place, TurnId, UpdateId, UserId},
    reason::Reason,
};

/// Updates of one account, to be committed together with the cursor behind them.
#[derive(Clone, Debug)]
pub struct IngestBatch {
    /// The account that received them.
    pub account: AccountId,
    /// Who received them; refused unless it holds the account's lease.
    pub holder: IncarnationId,
    /// The updates, oldest first.
    pub items: Vec<IngestItem>,
    /// Where to resume; `None` leaves the stored one.
    pub cursor: Option<Cursor>,
}

/// One update and what is to be done about it.
#[derive(Clone, Debug)]
pub struct IngestItem {
    /// The network's id for it.
    pub update: UpdateId,
    /// The decision.
    pub intake: Intake,
}

/// What becomes of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intake {
    /// Recorded with its reason; nobody is answered.
    Drop(Reason),
    /// Refused: recorded, and now and then the person gets a hint.
    Refuse {
        /// Who asked, and where.
        asked: Asked,
        /// Why.
        reason: Reason,
        /// What the person is told, and how often at most.
        hint: HintRule,
    },
    /// Accepted and answered at once, outside the queue: a turn that is done or failed from the start.
    Answer {
        /// Who asked, and where.
        asked: Asked,
        /// The last word.
        text: String,
        /// Why, where the last word is an error.
        reason: Option<Reason>,
    },
    /// Accepted: a command whose answer depends on its place.
    Command {
        /// Who asked, and where.
        asked: Asked,
        /// Which.
        command: PlaceCommand,
    },
    /// Accepted: a turn for an agent.
    Turn(NewTurn),
}

/// Who asked what, and where the answer goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Where.
    pub place: Place,
    /// How replies are posted there.
    pub shape: ReplyShape,
    /// Who.
    pub sender: UserId,
    /// The display name at the time.
    pub sender_name: Option<String>,
    /// The message that asked.
    pub message: MessageId,
    /// Its text as received.
    pub text: String,
}

/// How often a refused person is told why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HintRule {
    /// What they are told; never begins with `Error:`, because it is not a last word.
    pub text: String,
    /// The least time between two hints to one person in one account, in milliseconds.
    pub every_ms: i64,
}

/// A turn to be queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTurn {
    /// Who asked, and where.
    pub asked: Asked,
    /// Who answers.
    pub agent: AgentId,
    /// What the agent is asked: the text, or a command's template filled with it.
    pub prompt: String,
    /// The files that came with it: it waits until each is fetched, or can't be.
    pub files: Vec<RemoteFile>,
    /// What happens when its worker is lost.
    pub on_lost: OnLost,
    /// Whether it may be answered together with the turns waiting before it.
    pub may_collect: bool,
    /// How many turns may wait in its place; one more is answered with [`Reason::Busy`].
    pub queue_max: u32,
}

/// What happens to a running turn whose worker is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnLost {
    /// `Error:` at once, because an agent's side effects must not happen twice.
    Error,
    /// It runs again, up to this many attempts in all.
    Replay {
        /// The most attempts.
        max_attempts: u32,
    },
}

/// Commands that read or change their place, in the transaction that accepts them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceCommand {
    /// What is going on here.
    Status {
        /// Lines about the bridge itself, already written.
        about: String,
    },
    /// A fresh working directory and session for the turns that follow.
    New,
    /// Ends the running turn.
    Stop,
    /// Makes a [`Request`](super::Request) that names who lives now.
    Operate(super::Operation),
    /// From now on no turn of the whole deployment is claimed. What runs goes on, and commands are answered.
    Pause {
        /// Why, as the admin put it, in one line.
        why: Option<String>,
    },
    /// Ends the pause.
    Resume,
    /// How much admins are told unasked, by the whole deployment.
    Messaging {
        /// From now on; `Some(None)` is as configured, `None` changes nothing.
        change: Option<Option<Messaging>>,
        /// What the configuration says.
        configured: Messaging,
    },
    /// A delivery of this account that waits is due at once; a last word that was given up is sent after all, under the
    /// same key, beside its lane. What may have arrived stays in doubt, unless it was held: then an admin has looked.
    SendAgain {
        /// Which.
        delivery: DeliveryId,
    },
    /// A delivery of this account that waits is given up.
    Drop {
        /// Which.
        delivery: DeliveryId,
        /// Why, as the admin put it, in one line.
        reason: String,
    },
    /// Asks the same person's last prompt for an agent again, as a turn of its own.
    Retry {
        /// How many turns may wait in its place; one more is answered with [`Reason::Busy`].
        queue_max: u32,
    },
}

/// What became of one update of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingested {
    /// The update.
    pub update: UpdateId,
    /// The turn that it made, now or when it first came.
    pub turn: Option<TurnId>,
    /// Whether this batch brought it, rather than an earlier one.
    pub is_new: bool,
}
