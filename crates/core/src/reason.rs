//! Why something was refused or failed: one code, one text for people, one for operators.
//!
//! The texts are calm, say what the person can do, and never show internals. What an agent wrote stays data: it is
//! shortened and stripped of control characters by whoever builds the reason.

use serde::{Deserialize, Serialize};

/// Why a message was not taken, or a turn ended without an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Reason {
    /// The agent ended with an error of its own.
    AgentFailed {
        /// The last line it wrote to stderr, shortened; empty if it said nothing.
        line: String,
    },
    /// The agent was killed by a signal.
    AgentKilled {
        /// The signal's number.
        signal: i32,
    },
    /// The agent could not be started.
    AgentNotStarted {
        /// What the system said, for the operator.
        detail: String,
    },
    /// The agent ended well but said nothing.
    AgentSilent,
    /// The agent wrote more than it may.
    OutputTooLarge {
        /// The limit.
        max_bytes: u64,
    },
    /// The agent showed no progress for too long.
    Idle {
        /// The deadline.
        after_ms: i64,
    },
    /// The turn took too long altogether.
    TooSlow {
        /// The deadline.
        after_ms: i64,
    },
    /// The turn waited too long for a worker.
    QueuedTooLong {
        /// The deadline.
        after_ms: i64,
    },
    /// The worker that ran the turn is gone, and the agent may not run twice.
    WorkerLost,
    /// `/stop`.
    Stopped,
    /// The bridge was stopped before the agent finished.
    ShutDown,
    /// A backup was restored, and what was owed in it was not to be answered any more.
    Restored,
    /// Something of ours broke.
    Broken,
    /// The agent that the turn was routed to is no longer configured.
    AgentUnknown {
        /// Its name.
        agent: String,
    },
    /// The sender is not on the account's list.
    NotAllowed,
    /// The command is for admins.
    AdminsOnly {
        /// The command's name.
        command: String,
    },
    /// There is no such command.
    CommandUnknown {
        /// What was typed.
        command: String,
        /// The nearest one there is.
        nearest: Option<String>,
    },
    /// No route leads to an agent.
    Unroutable,
    /// Too many messages wait in this place.
    Busy {
        /// How many may wait.
        max: u32,
    },
    /// The message is longer than may be.
    TooLong {
        /// The limit.
        max_bytes: u64,
    },
    /// The message holds nothing that an agent could read.
    Unsupported,
    /// The store can't keep the message as it is.
    Unstorable,
    /// Nobody spoke to us: a group's own talk.
    NotAddressed,
    /// Written by a bot, ours or another's.
    FromBot,
    /// An edit, a deletion or another kind of update that asks nothing.
    NothingAsked {
        /// The kind.
        kind: String,
    },
}

impl Reason {
    /// The stable code, as counters, logs and the store spell it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AgentFailed { .. } => "agent_failed",
            Self::AgentKilled { .. } => "agent_killed",
            Self::AgentNotStarted { .. } => "agent_not_started",
            Self::AgentSilent => "agent_silent",
            Self::OutputTooLarge { .. } => "output_too_large",
            Self::Idle { .. } => "idle",
            Self::TooSlow { .. } => "too_slow",
            Self::QueuedTooLong { .. } => "queued_too_long",
            Self::WorkerLost => "worker_lost",
            Self::Stopped => "stopped",
            Self::ShutDown => "shut_down",
            Self::Restored => "restored",
            Self::Broken => "broken",
            Self::AgentUnknown { .. } => "agent_unknown",
            Self::NotAllowed => "not_allowed",
            Self::AdminsOnly { .. } => "admins_only",
            Self::CommandUnknown { .. } => "command_unknown",
            Self::Unroutable => "unroutable",
            Self::Busy { .. } => "busy",
            Self::TooLong { .. } => "too_long",
            Self::Unsupported => "unsupported",
            Self::Unstorable => "unstorable",
            Self::NotAddressed => "not_addressed",
            Self::FromBot => "from_bot",
            Self::NothingAsked { .. } => "nothing_asked",
        }
    }

    /// The last word that a person reads, beginning with `Error:`.
    #[must_use]
    pub fn last_word(&self) -> String {
        format!("Error: {}", self.for_person())
    }

    /// One calm sentence for people, and what they can do.
    #[must_use]
    pub fn for_person(&self) -> String {
        match self {
            Self::AgentFailed { line } if line.is_empty() => {
                "the agent ended with an error and did not say why. /retry asks it again.".into()
            }
            Self::AgentFailed { line } => line.clone(),
            Self::AgentKilled { .. } => "the agent died before it could answer. /retry asks it again.".into(),
            Self::AgentNotStarted { .. } => "the agent could not be started; the operator can see why.".into(),
            Self::AgentSilent => "the agent ended without an answer. /retry asks it again.".into(),
            Self::OutputTooLarge { max_bytes } => {
                format!("the agent wrote more than {} and was ended. Ask for a shorter answer.", size(*max_bytes))
            }
            Self::Idle { after_ms } => {
                format!("the agent showed no sign of work for {} and was ended. /retry asks it again.", span(*after_ms))
            }
            Self::TooSlow { after_ms } => format!(
                "the agent was not done after {} and was ended. Ask for less at once, or /retry.",
                span(*after_ms)
            ),
            Self::QueuedTooLong { after_ms } => {
                format!("nobody was free to answer within {}. Please send it again.", span(*after_ms))
            }
            Self::WorkerLost => {
                "the work on this was interrupted. What was done so far may stand; /retry asks again.".into()
            }
            Self::Stopped => "stopped".into(),
            Self::ShutDown => "the bridge was stopped before the agent was done. /retry asks it again.".into(),
            Self::Restored => "the bridge was set back to an earlier state. Please send it again.".into(),
            Self::Broken => "something broke inside the bridge; the operator can see what. /retry asks again.".into(),
            Self::AgentUnknown { .. } => "the agent for this place is no longer there.".into(),
            Self::NotAllowed => "I may not talk to you yet.".into(),
            Self::AdminsOnly { command } => format!("/{command} is for admins."),
            Self::CommandUnknown { command, nearest: None } => {
                format!("there is no command /{command}. /help lists them.")
            }
            Self::CommandUnknown { command, nearest: Some(nearest) } => {
                format!("there is no command /{command}; did you mean /{nearest}? /help lists them.")
            }
            Self::Unroutable => "no agent is set up for this place.".into(),
            Self::Busy { max } => {
                format!("{max} messages are waiting here already. Please send it again when they are answered.")
            }
            Self::TooLong { max_bytes } => {
                format!("this message is longer than {}. Please send less at once.", size(*max_bytes))
            }
            Self::Unstorable => "I could not keep this message as it is; please write it differently.".into(),
            Self::Unsupported => "I can't read this kind of message yet; please send text.".into(),
            Self::NotAddressed | Self::FromBot | Self::NothingAsked { .. } => "nothing was asked of me.".into(),
        }
    }

    /// Cause, place and hint for the log.
    #[must_use]
    pub fn for_operator(&self) -> String {
        match self {
            Self::AgentFailed { .. } => "the agent exited with a code other than 0; its stderr says why".into(),
            Self::AgentKilled { signal } => {
                format!("the agent was killed by signal {signal}; 9 without a deadline is often a memory limit")
            }
            Self::AgentNotStarted { detail } => {
                format!("the agent could not be started: {detail}; see `agents:` in the configuration")
            }
            Self::AgentSilent => "the agent exited with code 0 and wrote nothing to stdout".into(),
            Self::OutputTooLarge { max_bytes } => {
                format!("the agent wrote more than limits.output_bytes_max ({max_bytes}) and was ended")
            }
            Self::Idle { after_ms } => format!("no progress within deadlines.idle ({after_ms} ms)"),
            Self::TooSlow { after_ms } => format!("not done within deadlines.total ({after_ms} ms)"),
            Self::QueuedTooLong { after_ms } => {
                format!("head of its place for deadlines.queue ({after_ms} ms) and not claimed; is a worker running?")
            }
            Self::WorkerLost => "its worker died; set on_lost: replay if the agent may run twice".into(),
            Self::Stopped => "somebody said /stop".into(),
            Self::ShutDown => "shutdown_grace ended before the agent did".into(),
            Self::Restored => "it was owed in a backup that was restored without what was owed".into(),
            Self::Broken => "a task of the worker panicked; the log has the panic, please report it".into(),
            Self::AgentUnknown { agent } => {
                format!("agent {agent:?} is not in this worker's configuration; it was when the message arrived")
            }
            Self::NotAllowed => "the sender is not in the account's allow list; /whoami shows the id to add".into(),
            Self::AdminsOnly { command } => format!("/{command} by somebody who is not in the account's admins"),
            Self::CommandUnknown { command, .. } => format!("no command /{command}; see `commands:`"),
            Self::Unroutable => "no route matches and there is no default; see `routes:`".into(),
            Self::Busy { max } => format!("limits.queue_max ({max}) turns of this place are waiting"),
            Self::TooLong { max_bytes } => format!("longer than limits.prompt_bytes_max ({max_bytes})"),
            Self::Unsupported => "a message without text".into(),
            Self::Unstorable => "the store refused what is in the message; the log says why".into(),
            Self::NotAddressed => "a message in a group that does not address us".into(),
            Self::FromBot => "a message written by a bot".into(),
            Self::NothingAsked { kind } => format!("an update of kind {kind:?} asks nothing"),
        }
    }
}

/// A length of time as people say it.
#[must_use]
pub fn span(ms: i64) -> String {
    let plural = |n: i64, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..120_000 => plural(ms / 1_000, "second"),
        120_000..7_200_000 => plural(ms / 60_000, "minute"),
        7_200_000..172_800_000 => plural(ms / 3_600_000, "hour"),
        _ => plural(ms / 86_400_000, "day"),
    }
}

/// A size as people say it.
#[must_use]
pub fn size(bytes: u64) -> String {
    match bytes {
        ..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{} KiB", bytes / 1_024),
        _ => format!("{} MiB", bytes / 1_048_576),
    }
}
