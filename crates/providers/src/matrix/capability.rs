//! What Matrix can do, in core's words.

use lastword_core::{
    capability::{Capabilities, EditSupport, Idempotency, TextLimit, TextUnit},
    file::FileLimits,
};

use super::{render::TEXT_BYTES_MAX, settings::MatrixSettings};

/// Synapse lets an account send one event in five seconds when its burst is used up: half of that stays for answers.
/// <https://element-hq.github.io/synapse/latest/usage/configuration/config_documentation.html#rc_message>
const EDIT_INTERVAL_MS: i64 = 5_000;
const EDIT_INTERVAL_OF_ALL_MS: i64 = 10_000;
/// How long a request may live in the network after its sender is gone.
const REQUEST_LIFETIME_MS: i64 = 20_000;
/// Synapse forgets the transaction ids of a device after a day.
/// <https://github.com/element-hq/synapse/blob/develop/synapse/storage/databases/main/events_worker.py>
const KEY_REMEMBERED_MS: i64 = 72_000_000;

pub(super) fn declared(settings: &MatrixSettings, upload_bytes_max: u64) -> Capabilities {
    // An edit is an event, and its transaction id follows from what it says: the same edit again is the same event.
    let (idempotency, edits) = match settings.edits {
        true => (
            Idempotency::EditOnly,
            Some(EditSupport { interval_min_ms: EDIT_INTERVAL_MS, account_interval_min_ms: EDIT_INTERVAL_OF_ALL_MS }),
        ),
        false => (Idempotency::Native { remembered_for_ms: KEY_REMEMBERED_MS }, None),
    };
    Capabilities {
        text_max: TextLimit { max: TEXT_BYTES_MAX, unit: TextUnit::Bytes },
        edits,
        idempotency,
        request_lifetime_ms: REQUEST_LIFETIME_MS,
        is_streamed: false,
        // What is behind our cursor stays with the homeserver.
        keeps_unacked: true,
        journals_unacked: false,
        // "Is typing" shows that it is being worked on.
        drafts: !settings.edits,
        streams: None,
        files: Some(FileLimits { upload_bytes_max: upload_bytes_max.min(settings.upload_bytes_max), album_max: 1 }),
    }
}
