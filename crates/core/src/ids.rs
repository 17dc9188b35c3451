//! Names of things, one type each, so that a conversation can't be passed where a message is meant.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! opaque_id {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps an identifier; core never parses it.
            pub fn new(raw: impl Into<String>) -> Self {
                Self(raw.into())
            }

            /// The stored spelling.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

opaque_id!(
    /// One configured account: the bot identity a provider acts as, for example `web`.
    AccountId,
    /// A chat, channel or room. Unique within an account.
    ConversationId,
    /// A branch of a conversation, for networks that have them.
    ThreadId,
    /// One message as the network names it. Unique within a conversation.
    MessageId,
    /// The network's name for one update; the inbox deduplicates on it.
    UpdateId,
    /// A person or bot as the network names them.
    UserId,
    /// Where to resume receiving. Only the provider that minted it can read it.
    Cursor,
    /// Names one delivery on every attempt. At most 64 ASCII characters, never used twice, not even by a new database.
    DeliveryKey,
    /// A configured agent.
    AgentId,
    /// One start of one process.
    IncarnationId,
);

macro_rules! number {
    ($($(#[$meta:meta])* $name:ident($inner:ty)),+ $(,)?) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

number!(
    /// A turn, numbered by the store in the order of arrival.
    TurnId(i64),
    /// A place as the store numbers it; safe in paths, unlike the network's names.
    PlaceId(i64),
    /// A delivery as the store numbers it.
    DeliveryId(i64),
    /// One execution of a turn, counted from 1; 0 before the first claim.
    Attempt(u32),
    /// Grows each time an account's lease changes hands.
    LeaseFence(i64),
    /// Milliseconds since the Unix epoch, on the clock of whoever stamped it.
    Timestamp(i64),
    /// Milliseconds on a clock that only goes forward; comparable within one process.
    Monotonic(i64),
);

impl Attempt {
    /// The state of a turn that nobody has claimed yet.
    pub const NONE: Self = Self(0);

    /// The attempt that the next claim starts.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl Timestamp {
    /// This moment and `ms` more.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// How long after `earlier` this is, never negative.
    #[must_use]
    pub fn since_ms(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0).max(0)
    }
}

/// What every write of a worker carries; refused when the attempt is no longer current.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fence {
    /// The turn.
    pub turn: TurnId,
    /// The attempt that the writer believes to be current.
    pub attempt: Attempt,
}

/// Where people talk and answers go: a conversation of one account, or a thread in it.
///
/// Sequence numbers, the running turn, the agent's session and the lane are per place.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The account that hears and speaks here.
    pub account: AccountId,
    /// The conversation.
    pub conversation: ConversationId,
    /// The thread inside it, if any.
    pub thread: Option<ThreadId>,
}
