//! What one attempt to post achieved. Doubt is a state, not an error.

use std::error::Error as StdError;

use crate::ids::MessageId;

/// Any lower-level failure, kept for the log and never branched on.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// What one attempt achieved. Total: every failure is one of these four.
///
/// The question that separates them is "may I send it again?": never, yes after a pause, never, and not until
/// someone finds out.
#[derive(Debug)]
#[must_use = "an outcome that is not recorded is a lost or doubled message"]
pub enum SendOutcome {
    /// The network accepted it under this identifier.
    Delivered(MessageId),
    /// Certainly not accepted, and worth trying again.
    Retry(Retry),
    /// Certainly not accepted, and never will be in this form.
    Rejected(Rejection),
    /// May or may not have been accepted. The default for anything unclassified.
    Unknown(Cause),
}

/// A refusal that time will lift.
#[derive(Debug)]
pub struct Retry {
    /// The network's hint; `None` leaves the pause to the backoff.
    pub after_ms: Option<i64>,
    /// How much traffic the pause should hold back.
    pub scope: RetryScope,
    /// For the log.
    pub cause: Cause,
}

/// How wide a pause applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RetryScope {
    /// Only this message.
    Message,
    /// Everything for this conversation.
    Conversation,
    /// Everything this account sends.
    Account,
}

/// A refusal that time will not lift.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The bridge may not post here (kicked, blocked, missing scope).
    #[error("not allowed to post here")]
    Forbidden,
    /// The conversation or thread is gone.
    #[error("the conversation no longer exists")]
    Gone,
    /// The message to edit is gone or can't be edited any more.
    #[error("the message to edit can't be edited any more")]
    TargetLost,
    /// The content broke a rule of the network.
    #[error("the network refused the content: {detail}")]
    Invalid {
        /// The network's words, for the operator.
        detail: String,
    },
    /// Credentials refused: nothing leaves this account until an operator acts.
    #[error("the network refused the credentials")]
    Unauthorized,
}
