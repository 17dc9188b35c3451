//! What a test may declare about the scripted network.

use serde::Deserialize;

/// Settings of an account on the scripted network.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedSettings {
    /// Where the ledger serves, such as `http://127.0.0.1:4711`.
    pub url: String,
    /// What stops a repeated post from showing twice. The ledger must be told to keep it.
    #[serde(default)]
    pub repeats: Repeats,
    /// Whether messages can be edited; [`Repeats::EditOnly`] always can.
    #[serde(default)]
    pub edits: bool,
    /// The longest text, in characters.
    #[serde(default = "text_chars_max")]
    pub text_chars_max: u32,
    /// The fastest polite rate of edits in one conversation, in milliseconds.
    #[serde(default)]
    pub edit_interval_ms: i64,
    /// How long a request may live in the network after its sender is gone, in milliseconds.
    #[serde(default)]
    pub request_lifetime_ms: i64,
    /// Whether it soon gives up what is not acknowledged.
    #[serde(default)]
    pub is_impatient: bool,
}

/// The kinds of [`lastword_core::capability::Idempotency`] that a test may declare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeats {
    /// The ledger deduplicates on the key.
    Native,
    /// The terminal is an edit.
    #[default]
    EditOnly,
    /// A post can be looked up.
    Findable,
    /// Nothing does.
    None,
}

impl ScriptedSettings {
    /// The defaults, for the ledger at `url`.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            repeats: Repeats::default(),
            edits: false,
            text_chars_max: text_chars_max(),
            edit_interval_ms: 0,
            request_lifetime_ms: 0,
            is_impatient: false,
        }
    }

    pub(super) fn can_edit(&self) -> bool {
        self.edits || self.repeats == Repeats::EditOnly
    }
}

fn text_chars_max() -> u32 {
    4_096
}
