//! The state of the model: a chat network, a store, and what each process holds in its memory.
//!
//! Turns, markers, deliveries and the lease are core's own types. Everything else is kept small and comparable:
//! messages, bubbles, deliveries and incarnations are numbered from 0 in the order in which they appear.

use lastword_core::{
    capability::Via,
    delivery::{DeliveryKind, DeliveryState, Form},
    election::Election,
    ids::{Attempt, LeaseFence},
    lease::Lease,
    turn::TurnState,
};

use super::variant::{Faults, Variant};

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub network: Network,
    pub store: Store,
    /// Every incarnation there ever was; the last one is the one that a supervisor keeps running.
    pub bridges: Vec<Bridge>,
    /// The same for workers.
    pub workers: Vec<Worker>,
    /// What a sweep saw and has not spoken about yet.
    pub sweep: Option<Overdue>,
    /// What may still go wrong.
    pub left: Faults,
}

// --- the network ------------------------------------------------------------------------------------------------

/// One conversation as the network has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Network {
    /// So many of the people's messages may be forgotten; the next ones are offered again and again.
    pub acked: u8,
    /// Requests on their way to it, in no order.
    pub requests: Vec<Request>,
    /// What the people see, in the order in which it was posted.
    pub chat: Vec<Bubble>,
}

/// One message of ours in the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bubble {
    /// The delivery under whose key it was posted.
    pub key: u8,
    pub text: Text,
    pub is_deleted: bool,
}

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Text {
    /// `…`
    Dots,
    /// So far.
    Progress,
    /// A last word, or a part of it.
    Word(Word),
    /// `Error: the reply could not be posted`, in place of this part of a turn's last word.
    Apology { turn: u8, part: u8 },
}

/// A part of somebody's word on how a turn ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Word {
    pub turn: u8,
    /// The attempt that it speaks for.
    pub attempt: Attempt,
    pub says: Says,
    /// Counted from 1.
    pub part: u8,
}

/// Who speaks, and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Says {
    /// The agent's answer.
    Answer,
    /// The agent's failure.
    Failure,
    /// A sweep, about a deadline.
    Overdue,
    /// Whoever decides what a lost worker left behind.
    Lost,
}

/// A request on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Request {
    /// The bridge that waits for the answer.
    pub from: u8,
    pub about: About,
    pub asks: Asks,
}

/// What a request belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum About {
    Try(Try),
    /// A progress edit, which shows so much.
    Progress {
        shows: (Attempt, u8),
    },
}

/// One attempt at one delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Try {
    pub delivery: u8,
    /// Counted from 1.
    pub attempt: u32,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Asks {
    Post { key: u8, text: Text },
    Edit { bubble: u8, text: Text },
}

// --- the store --------------------------------------------------------------------------------------------------

/// What is committed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Store {
    pub turns: Vec<Turn>,
    pub deliveries: Vec<Delivery>,
    /// The lease of the one account.
    pub lease: Lease,
    /// So many workers were decided as lost: all but the last one, in order.
    pub workers_lost: u8,
}

/// A turn with its marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Turn {
    /// The message that asked.
    pub message: u8,
    pub state: TurnState,
    pub marker: Election,
    /// The current or last attempt.
    pub attempt: Attempt,
    /// The worker that runs it.
    pub owner: Option<u8>,
    /// Counts the signs of progress of the current attempt, and its return to the queue.
    pub progress: u8,
    /// Whether the current attempt's agent was started.
    pub has_group: bool,
    /// Whether a placeholder was ever asked for.
    pub has_placeholder: bool,
    /// The placeholder's message and the bridge that posted it.
    pub placeholder: Option<(u8, u8)>,
}

/// One durable intent to post. Its number is its place in the lane, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Delivery {
    pub turn: u8,
    pub kind: DeliveryKind,
    pub text: Text,
    pub via: Via,
    pub form: Form,
    pub state: DeliveryState,
    pub attempts: u32,
    /// The bridge in whose hands it is.
    pub holder: Option<u8>,
    pub target: Option<u8>,
    pub doubt: Option<Doubt>,
    pub due: Due,
}

/// How long ago an attempt may first have been accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Doubt {
    /// Its request may still be on its way.
    Young,
    /// No request lives that long.
    Old,
}

/// When a delivery may be tried again. Pauses end by themselves and are not modelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Due {
    Now,
    /// Not before every request that is on its way now has died.
    AfterLifetime,
}

// --- the processes ----------------------------------------------------------------------------------------------

/// Whether a process does anything. One that is frozen does it late, as any process may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Life {
    Up,
    Dead,
}

/// A bridge's memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bridge {
    pub life: Life,
    /// So many messages were received and committed.
    pub received: u8,
    /// A message that is in memory only; with [`lastword_core::faults::Bug::AckBeforeCommit`].
    pub holds: Option<u8>,
    /// Deliveries that are being attempted.
    pub hands: Vec<Hand>,
    /// The placeholder that is kept up to date.
    pub live: Option<Live>,
}

/// One attempt at a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hand {
    pub delivery: u8,
    /// The row as it was claimed.
    pub seen: Delivery,
    /// Whether somebody else posted the placeholder.
    pub is_taken_over: bool,
    /// Whether a progress edit may still overwrite it; known once the attempt leaves.
    pub may_be_overwritten: bool,
    pub phase: Phase,
}

impl Hand {
    /// Its name.
    pub fn tried(&self) -> Try {
        Try { delivery: self.delivery, attempt: self.seen.attempts }
    }
}

/// How far an attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Claimed; no byte has left.
    Ready,
    /// The request has left.
    Waiting,
    /// The network answered, or did not.
    Answered(Answer),
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Accepted, as this bubble.
    Accepted(u8),
    /// Not now.
    TryLater,
    /// The message to edit is gone.
    TargetLost,
    /// The content breaks a rule.
    Invalid,
    /// Nothing in time.
    Nothing,
    /// Looked up: this bubble, or none.
    Found(Option<u8>),
}

/// A placeholder that follows its turn's progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Live {
    pub turn: u8,
    pub bubble: u8,
    /// What it shows: the attempt and how many signs of its progress.
    pub shows: (Attempt, u8),
    pub edit: Edit,
    /// Whether an edit was given up without an answer.
    pub is_unresolved: bool,
    /// Whether the terminal's attempt has begun.
    pub is_ended: bool,
}

/// The one progress edit at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Edit {
    None,
    /// The stream is read; no byte has left.
    Ready,
    /// The request has left.
    Waiting,
}

/// A worker's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Worker {
    pub life: Life,
    pub runs: Option<Run>,
}

/// An attempt in the hands of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    pub turn: u8,
    pub attempt: Attempt,
    /// Whether the agent was started.
    pub is_started: bool,
    /// What it said without hearing whether that counts, and so says again.
    pub says: Option<Says>,
    /// Whether the marker is deleted already; with [`lastword_core::faults::Bug::ElectionInTwoTransactions`].
    pub is_half_elected: bool,
}

/// What a sweep saw of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Overdue {
    pub turn: u8,
    pub attempt: Attempt,
    pub progress: u8,
}

impl World {
    /// Nothing is asked yet; one bridge has the lease, one worker waits.
    pub fn new(variant: &Variant) -> Self {
        let store = Store {
            turns: Vec::new(),
            deliveries: Vec::new(),
            lease: Lease::Free { fence: LeaseFence(0) },
            workers_lost: 0,
        };
        let mut world = Self {
            network: Network::default(),
            store,
            bridges: Vec::new(),
            workers: Vec::new(),
            sweep: None,
            left: variant.faults,
        };
        world.starts_bridge();
        world.starts_worker();
        world
    }

    /// A supervisor starts a bridge, which takes the lease and resumes where the network has to.
    pub fn starts_bridge(&mut self) {
        let received = self.network.acked;
        self.bridges.push(Bridge { life: Life::Up, received, holds: None, hands: Vec::new(), live: None });
        self.store.lease(self.bridges.len() - 1);
    }

    /// A supervisor starts a worker.
    pub fn starts_worker(&mut self) {
        self.workers.push(Worker { life: Life::Up, runs: None });
    }
}

impl Text {
    /// The part of a turn's last word that this is: the turn and the part.
    pub fn last_word(self) -> Option<(u8, u8)> {
        match self {
            Self::Dots | Self::Progress => None,
            Self::Word(word) => Some((word.turn, word.part)),
            Self::Apology { turn, part } => Some((turn, part)),
        }
    }
}
