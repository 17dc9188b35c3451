//! Why the operator is told: stored records with a code, grouped by what they are about.
//!
//! An alert is open until its cause is gone or an operator says so. Raised again while it is open, it counts: one
//! record with the first and the last time, never a thousand.

use crate::ids::Timestamp;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nobody waits because of it.
    Info,
    /// Somebody may have noticed, and it mended itself or may.
    Warning,
    /// Somebody waits, or a promise was kept only by saying that it can't be.
    Error,
}

impl Severity {
    /// As logs, pages and the store spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// How much of what happens to the deployment admins are told in chats, unasked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Messaging {
    /// Only what somebody waits because of: alerts that are errors.
    Quiet,
    /// Warnings, too.
    #[default]
    Normal,
    /// Everything: every alert, and every process that begins.
    Debug,
}

impl Messaging {
    /// Every level, from the fewest messages to the most.
    pub const ALL: &'static [Self] = &[Self::Quiet, Self::Normal, Self::Debug];

    /// As admins, the configuration and the store spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Normal => "normal",
            Self::Debug => "debug",
        }
    }

    /// Reads the spelling.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|level| level.as_str() == name)
    }

    /// Whether admins are told of alerts that are as bad as this.
    #[must_use]
    pub fn tells(self, severity: Severity) -> bool {
        match self {
            Self::Quiet => severity >= Severity::Error,
            Self::Normal => severity >= Severity::Warning,
            Self::Debug => true,
        }
    }
}

macro_rules! alert_codes {
    ($($(#[$meta:meta])* $name:ident = $code:literal, $severity:ident, $meaning:literal, $cure:literal;)+) => {
        /// What an alert is about: the table of every code, with its severity, its meaning and the cure.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum AlertCode { $($(#[$meta])* $name),+ }

        impl AlertCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The stable spelling.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            /// How bad it is.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity),+ }
            }

            /// What happened, for the operator.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning),+ }
            }

            /// What the operator can do.
            #[must_use]
            pub fn cure(self) -> &'static str {
                match self { $(Self::$name => $cure),+ }
            }
        }
    };
}

alert_codes! {
    /// About a conversation.
    DeliveryGivenUp = "delivery_given_up", Error,
        "a message was given up: the network will never take it",
        "see the cause; if people still wait there, let the bot in again and ask them to /retry, or use /outbox retry";
    /// About a conversation.
    ReplyNotPosted = "reply_not_posted", Error,
        "the network refused a reply in every form; an error was posted in its place",
        "see the cause; the reply itself is kept, and `lastword trace` says what was tried";
    /// About a conversation.
    TextPerhapsStale = "text_perhaps_stale", Warning,
        "a reply may still show the text of a progress edit that came late; asserting it once more failed",
        "see the cause; `progress: false` for the account rules it out";
    /// About a conversation.
    DeliveryHeld = "delivery_held", Warning,
        "a message that may have arrived is held, with what follows it in its place (`unknown: hold`)",
        "look whether it is there, then /outbox retry or /outbox drop; after `hold_limit` it is given up";
    /// About a conversation.
    ConversationBarred = "conversation_barred", Warning,
        "the bot was put out of a conversation, or a person blocked it: nothing that it posts arrives there",
        "nothing, if that is meant; otherwise let it in again, which closes this";
    /// About an account.
    DeliveryPerhapsTwice = "delivery_perhaps_twice", Warning,
        "a message that may have arrived was posted again, because the network can't be asked",
        "set `unknown: hold` for the account if twice is worse than late";
    /// About a turn or a delivery.
    RowDamaged = "row_damaged", Error,
        "a row of the store can't be read; it is kept as it is and skipped",
        "run `lastword audit`; restore a backup if there are many";
    /// About the store.
    StoreUnavailable = "store_unavailable", Error,
        "the store can't be reached or can't write; nothing is accepted, finished answers are kept in the journal",
        "see the cause: is the disk there, writable and not locked by another program?";
    /// About the store.
    DiskFull = "disk_full", Error,
        "the store's disk is nearly full; nothing new is accepted, answers are still kept on the reserve",
        "make room on the disk of the store";
    /// About a journal's file.
    JournalDamaged = "journal_damaged", Error,
        "a record of the journal can't be read; the turn that it answered is decided without it, a message in it is lost",
        "look for a failing disk";
    /// About a journal's file.
    JournalUnwritable = "journal_unwritable", Error,
        "the journal can't be written: what it should keep is only in memory until the store is back",
        "see the cause: is the disk of the state directory there, writable and not full?";
    /// About an account.
    UpdateUnstorable = "update_unstorable", Warning,
        "a message could not be stored as it was; the detail says what is kept of it",
        "please report what kind of message it was";
    /// About an account.
    AccountNotReceiving = "account_not_receiving", Error,
        "an account has not received for some time",
        "see the cause; `lastword check` and /readyz say more";
    /// About an account.
    AccountNotSending = "account_not_sending", Error,
        "nothing that an account sends gets through: its network refuses it, or nobody knows what becomes of it",
        "see the cause, or `send_trouble` on /readyz; a refused token has to be replaced";
    /// About an account.
    CanaryFailed = "canary_failed", Error,
        "an account's own message, which shows that it works (`canary_to`), did not make its way",
        "see the cause: is the bot still in that conversation, and may it post there? The next one that arrives closes this";
    /// About the workers.
    NoWorker = "no_worker", Error,
        "no worker's heart was seen to beat for some time; nothing is answered",
        "see why the worker does not run; where there is no supervisor, start `lastword worker`";
    /// About a role.
    ChildDied = "child_died", Warning,
        "the bridge or the worker died, or could not be started; it is tried again",
        "see the log before it; it is usually a bug, or the system's memory ran out";
    /// About a role.
    ChildHung = "child_hung", Error,
        "the bridge or the worker said nothing for too long and was ended",
        "look for an overloaded machine or a stuck disk; please report it otherwise";
    /// About a role.
    ChildLate = "child_late", Warning,
        "the bridge or the worker was asked to end, did not within its grace, and was killed",
        "see whether the store or a disk is stuck; what it held is decided";
    /// About a role.
    ChildStale = "child_stale", Warning,
        "another build is on the disk than the one that runs",
        "see the detail: one that works takes over by itself; put a working one there before the next start otherwise";
    /// About a role.
    BreakerOpen = "breaker_open", Error,
        "starts failed again and again; the supervisor gives up, and a last gasp delivers what it can",
        "see the log for the cause, mend it, and start again";
    /// About the deployment.
    LastGasp = "last_gasp", Error,
        "the last gasp could not deliver everything",
        "it is kept, and goes out with the next start";
    /// About a turn.
    AgentLingers = "agent_lingers", Error,
        "processes of a lost worker's agent can't be ended; its turn does not run again",
        "look for processes that hang in the kernel, for example on a network disk";
    /// About an agent.
    TurnBroken = "turn_broken", Error,
        "running a turn broke inside the worker; the person was told",
        "the log has the panic; please report it";
    /// About an account.
    DeliveryBroken = "delivery_broken", Error,
        "an attempt to deliver broke inside the bridge; it is tried again",
        "the log has the panic; please report it";
    /// About a role.
    ProcessLost = "process_lost", Warning,
        "a process ended without a word, and nobody who started it saw it",
        "see the log before it";
    /// About the store.
    BackupRestored = "backup_restored", Warning,
        "a backup was put in the place of the store; what happened after it was made is not known here",
        "people whose messages came in between may have to send them again";
    /// About the deployment.
    Paused = "paused", Warning,
        "an admin has paused the deployment: what people write is kept, and nothing of it is begun",
        "send /resume in a chat, which closes this; /status says for how long it is paused and why";
    /// About the janitor.
    JanitorFailed = "janitor_failed", Warning,
        "old data could not be removed as the retention settings say",
        "see the cause";
}

impl AlertCode {
    /// Reads the stable spelling.
    #[must_use]
    pub fn from_stored(raw: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == raw)
    }
}

impl std::fmt::Display for AlertCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something to tell the operator. Neither field holds what people or agents wrote, or a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// What it is about.
    pub code: AlertCode,
    /// Which one of those: open alerts with the same code and subject are one record.
    pub subject: String,
    /// What exactly happened this time.
    pub detail: String,
}

/// An alert as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertView {
    /// Its number.
    pub id: i64,
    /// The latest of its kind.
    pub alert: Alert,
    /// How often it was raised.
    pub count: u64,
    /// When first.
    pub first_at: Timestamp,
    /// When last.
    pub last_at: Timestamp,
    /// When its cause was gone or an operator said so; `None` while it is open.
    pub resolved_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_is_its_own_and_says_what_happened_and_what_to_do() {
        let spelled: HashSet<_> = AlertCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(spelled.len(), AlertCode::ALL.len());
        for code in AlertCode::ALL {
            assert_eq!(AlertCode::from_stored(code.as_str()), Some(*code));
            assert!(code.meaning().len() > 20 && !code.meaning().ends_with('.'), "{code}");
            assert!(!code.cure().is_empty() && !code.cure().ends_with('.'), "{code}");
        }
    }
}
