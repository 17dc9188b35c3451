//! What comes in: one thing that happened on a network, normalised.

use serde::{Deserialize, Serialize};

use crate::{
    file::RemoteFile,
    ids::{MessageId, Place, Timestamp, UpdateId, UserId},
};

/// One thing that happened on the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// Deduplication key, unique within the account.
    pub id: UpdateId,
    /// Where it happened.
    pub place: Place,
    /// Who did it.
    pub sender: Sender,
    /// When, on the network's clock; never used for ordering.
    pub sent_at: Timestamp,
    /// What happened.
    pub kind: UpdateKind,
}

/// Who caused an update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// The network's identifier.
    pub id: UserId,
    /// Display name at the time: data from outside, for people and prompts only.
    pub name: Option<String>,
    /// Whether this is a bot, ours or another's. A bot never starts a turn.
    pub is_bot: bool,
}

/// The kinds of update that core understands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpdateKind {
    /// A new message.
    Posted(Message),
    /// A message was changed.
    Edited(Message),
    /// A message was removed.
    Deleted(MessageId),
    /// We were put out of the conversation, blocked or muted: nothing that we post arrives there.
    Barred {
        /// What was done to us, in one word of the network's, such as `kicked`.
        how: String,
    },
    /// We were let into the conversation, or may post there again.
    Admitted {
        /// What was done to us, in one word of the network's, such as `added`.
        how: String,
    },
    /// Something core has no use for. Recorded so that the cursor still advances.
    Other {
        /// The network's name for it.
        name: String,
    },
}

/// A received message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its identifier.
    pub id: MessageId,
    /// Markdown, after the provider translated the network's own format and took off a mention of us.
    pub text: String,
    /// Whether it addresses us: by name, as a reply to us, or in private.
    pub is_addressed: bool,
    /// Whether it is meant for us, too, if we were spoken to in its thread before.
    pub goes_on: bool,
    /// The files that came with it and can be fetched.
    pub files: Vec<RemoteFile>,
}
