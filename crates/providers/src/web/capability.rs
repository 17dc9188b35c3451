//! What the web supports: everything that needs no network.

use lastword_core::capability::{Capabilities, Idempotency, TextLimit, TextUnit};

/// The same in every conversation. A post is a row under its key, so a repeat is the same row for ever; people watch
/// the turn itself, so there is no placeholder and nothing to edit.
pub(super) const EVERYWHERE: Capabilities = Capabilities {
    text_max: TextLimit { max: u32::MAX, unit: TextUnit::Bytes },
    edits: None,
    idempotency: Idempotency::Native { remembered_for_ms: i64::MAX },
    request_lifetime_ms: 0,
    is_streamed: true,
    // Whoever posts is told with 503 that it was not taken.
    keeps_unacked: false,
    journals_unacked: false,
    drafts: false,
    streams: None,
    files: None,
};
