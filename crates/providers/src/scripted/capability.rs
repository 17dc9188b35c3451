//! What the settings declare, in core's words.

use lastword_core::capability::{Capabilities, EditSupport, Idempotency, TextLimit, TextUnit};

use super::settings::{Repeats, ScriptedSettings};

/// A day, as a real network would forget.
const REMEMBERED_FOR_MS: i64 = 24 * 60 * 60 * 1_000;

/// The same in every conversation.
pub(super) fn declared(settings: &ScriptedSettings) -> Capabilities {
    Capabilities {
        text_max: TextLimit { max: settings.text_chars_max, unit: TextUnit::Chars },
        edits: settings
            .can_edit()
            .then_some(EditSupport { interval_min_ms: settings.edit_interval_ms, account_interval_min_ms: 0 }),
        idempotency: match settings.repeats {
            Repeats::Native => Idempotency::Native { remembered_for_ms: REMEMBERED_FOR_MS },
            Repeats::EditOnly => Idempotency::EditOnly,
            Repeats::Findable => Idempotency::Findable,
            Repeats::None => Idempotency::None,
        },
        request_lifetime_ms: settings.request_lifetime_ms,
        is_streamed: false,
        keeps_unacked: true,
        journals_unacked: settings.is_impatient,
        drafts: false,
        streams: None,
        files: None,
    }
}
