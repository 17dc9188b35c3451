//! What a conversation supports, as data, so that core decides before it sends and never asks "which network is this?".

use serde::{Deserialize, Serialize};

use crate::file::FileLimits;

/// What one conversation supports, and its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Longest text of one message.
    pub text_max: TextLimit,
    /// Editing, or `None`. Must agree with [`crate::provider::Provider::edits`]. A repeated edit is idempotent.
    pub edits: Option<EditSupport>,
    /// What stops a repeated post from showing twice.
    pub idempotency: Idempotency,
    /// How long a request may live in the network after its sender is gone, in milliseconds.
    pub request_lifetime_ms: i64,
    /// Whether people watch the turn itself (a stream), so that no placeholder is posted.
    pub is_streamed: bool,
    /// Whether the network keeps what was not acknowledged for long, so that people may be told that it is kept.
    pub keeps_unacked: bool,
    /// Whether it gives that up within minutes, so that it is better acknowledged and kept in the journal while the store
    /// is out.
    pub journals_unacked: bool,
    /// Whether a turn is shown without a message while it runs: by a draft, which is a passing preview, or by presence
    /// alone. Then no placeholder is posted before the reply. Must agree with [`crate::provider::Provider::drafts`] or
    /// [`crate::provider::Provider::presence`].
    pub drafts: bool,
    /// Appending to placeholders, and how often, or `None`. Must agree with [`crate::provider::Provider::streams`].
    pub streams: Option<EditSupport>,
    /// Sending files, or `None`. Must agree with [`crate::provider::Provider::files`].
    pub files: Option<FileLimits>,
}

/// A length with its unit, because networks disagree on the unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextLimit {
    /// The largest allowed length.
    pub max: u32,
    /// What is counted.
    pub unit: TextUnit,
}

/// What a [`TextLimit`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextUnit {
    /// UTF-8 bytes.
    Bytes,
    /// UTF-16 code units.
    Utf16,
    /// Unicode scalar values.
    Chars,
}

impl TextLimit {
    /// The length of `text` in this limit's unit.
    #[must_use]
    pub fn measure(self, text: &str) -> usize {
        match self.unit {
            TextUnit::Bytes => text.len(),
            TextUnit::Utf16 => text.encode_utf16().count(),
            TextUnit::Chars => text.chars().count(),
        }
    }

    /// Whether `text` fits into one message.
    #[must_use]
    pub fn fits(self, text: &str) -> bool {
        self.measure(text) <= self.max as usize
    }
}

/// Editing limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EditSupport {
    /// Fastest polite rate of edits in the conversation, all its messages and threads together, in milliseconds.
    pub interval_min_ms: i64,
    /// Fastest polite rate of progress edits of the account, all its conversations together, in milliseconds; 0: any.
    pub account_interval_min_ms: i64,
}

/// What stops a repeated post from showing twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idempotency {
    /// The network deduplicates on our key: post again freely, within the window.
    Native {
        /// How long the network surely remembers a key, in milliseconds.
        remembered_for_ms: i64,
    },
    /// Posts are not idempotent, but an edit of a recorded message is: the terminal is an edit.
    EditOnly,
    /// We can look a post up afterwards: find it, then decide. Where edits exist too, the terminal is an edit.
    Findable,
    /// Neither: an unknown post is a policy decision.
    None,
}

/// How the replies of a place are posted: what is kept of [`Capabilities`] and the account's settings when a message
/// arrives, so that a worker can elect without knowing the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyShape {
    /// How the terminal reaches the network.
    pub via: Via,
    /// Longest text of one message.
    pub text_max: TextLimit,
    /// Whether a placeholder is posted when a turn starts, or what stands for it is shown.
    pub has_placeholder: bool,
    /// What it does with files; `None`: they are only named.
    #[serde(default)]
    pub files: Option<FileLimits>,
}

/// How a delivery reaches the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// A post under the delivery's key.
    Post,
    /// An edit of a recorded message; a placeholder is posted first where there is none.
    Edit,
}

impl Via {
    /// The stored spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Post => "post",
            Self::Edit => "edit",
        }
    }

    /// Reads the stored spelling.
    #[must_use]
    pub fn from_stored(raw: &str) -> Option<Self> {
        [Self::Post, Self::Edit].into_iter().find(|via| via.as_str() == raw)
    }
}

impl Capabilities {
    /// How replies are posted here, given the account's `placeholder` setting.
    ///
    /// A native key makes a post exact. Otherwise an edit is exact, unless the operator switched placeholders off. What is
    /// shown without a message is shown for a post, too.
    #[must_use]
    pub fn reply_shape(&self, placeholders: bool) -> ReplyShape {
        let edits = placeholders && self.edits.is_some() && !self.is_streamed;
        let via = match self.idempotency {
            Idempotency::Native { .. } => Via::Post,
            Idempotency::EditOnly | Idempotency::Findable | Idempotency::None if edits => Via::Edit,
            Idempotency::EditOnly | Idempotency::Findable | Idempotency::None => Via::Post,
        };
        let has_placeholder = via == Via::Edit || (placeholders && self.drafts && !self.is_streamed);
        ReplyShape { via, text_max: self.text_max, has_placeholder, files: self.files }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(idempotency: Idempotency, has_edits: bool, drafts: bool, placeholders: bool) -> (Via, bool) {
        let capabilities = Capabilities {
            text_max: TextLimit { max: 100, unit: TextUnit::Chars },
            edits: has_edits.then_some(EditSupport { interval_min_ms: 0, account_interval_min_ms: 0 }),
            idempotency,
            request_lifetime_ms: 1,
            is_streamed: false,
            keeps_unacked: true,
            journals_unacked: false,
            drafts,
            streams: None,
            files: None,
        };
        let shape = capabilities.reply_shape(placeholders);
        (shape.via, shape.has_placeholder)
    }

    #[test]
    fn a_native_key_needs_no_edit_and_may_show_without_a_message() {
        let native = Idempotency::Native { remembered_for_ms: 1 };
        assert_eq!(shape(native, true, false, true), (Via::Post, false));
        assert_eq!(shape(native, false, true, true), (Via::Post, true));
        assert_eq!(shape(native, false, true, false), (Via::Post, false));
    }

    #[test]
    fn an_edit_replaces_a_placeholder_unless_there_shall_be_none() {
        assert_eq!(shape(Idempotency::EditOnly, true, false, true), (Via::Edit, true));
        assert_eq!(shape(Idempotency::EditOnly, true, false, false), (Via::Post, false));
        assert_eq!(shape(Idempotency::EditOnly, true, true, true), (Via::Edit, true));
    }
}
