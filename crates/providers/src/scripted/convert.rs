//! From the ledger's words to core's.

use lastword_core::{
    ids::{AccountId, ConversationId, MessageId, Place, ThreadId, Timestamp, UpdateId, UserId},
    update::{Message, Sender, Update, UpdateKind},
};
use serde::Deserialize;

/// One update as the ledger spells it; what else it says is of no use here.
#[derive(Debug, Deserialize)]
pub(super) struct Said {
    /// Counted from 1; the cursor behind this update.
    pub(super) n: u64,
    id: String,
    conversation: String,
    thread: Option<String>,
    sender: String,
    is_bot: bool,
    is_addressed: bool,
    text: String,
    at_ms: i64,
}

impl Said {
    pub(super) fn into_update(self, account: &AccountId) -> Update {
        Update {
            id: UpdateId::new(self.n.to_string()),
            place: Place {
                account: account.clone(),
                conversation: ConversationId::new(self.conversation),
                thread: self.thread.map(ThreadId::new),
            },
            sender: Sender { name: Some(self.sender.clone()), id: UserId::new(self.sender), is_bot: self.is_bot },
            sent_at: Timestamp(self.at_ms),
            kind: UpdateKind::Posted(Message {
                id: MessageId::new(self.id),
                text: self.text,
                is_addressed: self.is_addressed,
                goes_on: false,
                files: Vec::new(),
            }),
        }
    }
}
