//! What can happen next, each spelled as a sentence, so that a counterexample reads as a story.

use std::fmt;

use super::{
    spell,
    state::{About, Asks, Request, Says, Text, Try},
};

/// One step of one actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    // --- a bridge, inwards ---
    /// Receives the next message and commits it.
    Accept {
        bridge: usize,
        is_heard: bool,
    },
    /// Tells the network what it may forget; with a bug before the commit.
    Ack {
        bridge: usize,
    },

    // --- a worker ---
    /// Claims the head of the queue.
    Claim {
        worker: usize,
        is_heard: bool,
    },
    /// Starts the agent, recorded.
    Start {
        worker: usize,
    },
    /// Records a sign of progress.
    Progress {
        worker: usize,
    },
    /// The agent is done: speaks for its attempt.
    Elect {
        worker: usize,
        says: Says,
        is_heard: bool,
    },
    /// Inserts the last word whose marker is deleted already; with a bug.
    InsertLastWord {
        worker: usize,
    },
    /// Ends a turn that it owns but does not run.
    GiveUp {
        worker: usize,
    },

    // --- a sweep ---
    /// Finds a turn past its deadline.
    SweepSees,
    /// Ends what it saw, if that did not move.
    SweepSpeaks,

    // --- a bridge, outwards ---
    /// Claims the next delivery that is due.
    Take {
        bridge: usize,
        is_heard: bool,
    },
    /// The request of an attempt leaves.
    Send {
        bridge: usize,
        tried: Try,
    },
    /// Looks a doubtful post up.
    Find {
        bridge: usize,
        tried: Try,
    },
    /// Gives up waiting for an answer.
    TimeOut {
        bridge: usize,
        tried: Try,
    },
    /// Records what an attempt came to.
    Settle {
        bridge: usize,
        tried: Try,
        is_heard: bool,
    },
    /// Reads progress that the placeholder does not show yet.
    ReadProgress {
        bridge: usize,
    },
    /// The progress edit leaves.
    SendProgress {
        bridge: usize,
    },
    /// Gives up waiting for the progress edit's answer.
    TimeOutProgress {
        bridge: usize,
    },

    // --- the network and its people ---
    /// Does what a request asks for, and answers.
    Apply(Request),
    /// Refuses it for now.
    RefuseForNow(Request),
    /// Refuses its content.
    RefuseContent(Request),
    /// Loses it.
    Lose(Request),
    /// A person deletes a message of ours.
    Delete {
        bubble: u8,
    },
    /// So much time passes that no request can be on its way any more.
    LifetimePasses,

    // --- fate ---
    CrashBridge(usize),
    CrashWorker(usize),
    /// The dead one is decided as lost, and followed by another.
    DecideLostBridge(usize),
    DecideLostWorker(usize),
    /// The same, while it is only frozen: it goes on later.
    TakeOverBridge(usize),
    TakeOverWorker(usize),
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unheard = |is_heard: bool| if is_heard { "" } else { ", and never hears that it is committed" };
        match *self {
            Self::Accept { bridge, is_heard } => {
                write!(f, "bridge {bridge} accepts the next message{}", unheard(is_heard))
            }
            Self::Ack { bridge } => write!(f, "bridge {bridge} tells the network that it may forget"),
            Self::Claim { worker, is_heard } => write!(f, "worker {worker} claims a turn{}", unheard(is_heard)),
            Self::Start { worker } => write!(f, "worker {worker} starts the agent"),
            Self::Progress { worker } => write!(f, "worker {worker} records progress"),
            Self::Elect { worker, says, is_heard } => {
                let word = if says == Says::Answer { "the answer" } else { "the agent's failure" };
                write!(f, "worker {worker} elects {word}{}", unheard(is_heard))
            }
            Self::InsertLastWord { worker } => write!(f, "worker {worker} inserts the last word"),
            Self::GiveUp { worker } => write!(f, "worker {worker} elects an error for what it owns but does not run"),
            Self::SweepSees => write!(f, "a sweep sees a turn past its deadline"),
            Self::SweepSpeaks => write!(f, "the sweep elects an error for what it saw"),
            Self::Take { bridge, is_heard } => write!(f, "bridge {bridge} claims a delivery{}", unheard(is_heard)),
            Self::Send { bridge, tried } => write!(f, "bridge {bridge} sends {tried}"),
            Self::Find { bridge, tried } => write!(f, "bridge {bridge} looks {tried} up"),
            Self::TimeOut { bridge, tried } => {
                write!(f, "bridge {bridge} waits no longer for an answer about {tried}")
            }
            Self::Settle { bridge, tried, is_heard } => {
                write!(f, "bridge {bridge} records what became of {tried}{}", unheard(is_heard))
            }
            Self::ReadProgress { bridge } => write!(f, "bridge {bridge} reads progress"),
            Self::SendProgress { bridge } => write!(f, "bridge {bridge} sends a progress edit"),
            Self::TimeOutProgress { bridge } => {
                write!(f, "bridge {bridge} waits no longer for an answer about its progress edit")
            }
            Self::Apply(request) => write!(f, "the network accepts {request}"),
            Self::RefuseForNow(request) => write!(f, "the network refuses {request} for now"),
            Self::RefuseContent(request) => write!(f, "the network refuses the content of {request}"),
            Self::Lose(request) => write!(f, "the network loses {request}"),
            Self::Delete { bubble } => write!(f, "a person deletes message m{bubble}"),
            Self::LifetimePasses => write!(f, "a request's lifetime passes"),
            Self::CrashBridge(bridge) => write!(f, "bridge {bridge} dies"),
            Self::CrashWorker(worker) => write!(f, "worker {worker} dies"),
            Self::DecideLostBridge(bridge) => {
                write!(f, "bridge {bridge} is decided as lost; bridge {} starts", bridge + 1)
            }
            Self::DecideLostWorker(worker) => {
                write!(f, "worker {worker} is decided as lost; worker {} starts", worker + 1)
            }
            Self::TakeOverBridge(bridge) => {
                write!(f, "bridge {bridge} freezes and is decided as lost; bridge {} starts", bridge + 1)
            }
            Self::TakeOverWorker(worker) => {
                write!(f, "worker {worker} freezes and is decided as lost; worker {} starts", worker + 1)
            }
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.asks {
            Asks::Post { text, .. } => write!(f, "bridge {}'s post of {text}", self.from)?,
            Asks::Edit { bubble, text } => write!(f, "bridge {}'s edit of m{bubble} to {text}", self.from)?,
        }
        match self.about {
            About::Try(tried) => write!(f, " ({tried})"),
            About::Progress { .. } => Ok(()),
        }
    }
}

impl fmt::Display for Try {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "delivery {}, attempt {}", self.delivery, self.attempt)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "“{}”", spell::text(*self))
    }
}
