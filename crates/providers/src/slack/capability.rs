//! What Slack can do, in core's words.
//!
//! Limits: <https://docs.slack.dev/apis/web-api/rate-limits>, <https://docs.slack.dev/reference/methods/chat.update>.

use lastword_core::{
    capability::{Capabilities, EditSupport, Idempotency, TextLimit, TextUnit},
    file::FileLimits,
};

use super::{render::TEXT_MAX_UTF16, settings::SlackSettings};

/// What people can follow.
const EDIT_INTERVAL_MS: i64 = 1_500;
/// About 50 updates a minute are allowed for an app in its workspace: two fifths stay for the answers, which are updates, too.
const EDIT_INTERVAL_OF_ALL_MS: i64 = 2_000;
/// Appends are in a tier of their own: 100 a minute and more.
const APPEND_INTERVAL_MS: i64 = 700;
/// How long a request may live in the network after its sender is gone.
const REQUEST_LIFETIME_MS: i64 = 15_000;
/// How many files are shared as one message.
const ALBUM_MAX: u32 = 10;

pub(super) fn declared(settings: &SlackSettings) -> Capabilities {
    Capabilities {
        text_max: TextLimit { max: TEXT_MAX_UTF16 as u32, unit: TextUnit::Utf16 },
        edits: Some(EditSupport {
            interval_min_ms: EDIT_INTERVAL_MS,
            account_interval_min_ms: EDIT_INTERVAL_OF_ALL_MS,
        }),
        idempotency: Idempotency::Findable,
        request_lifetime_ms: REQUEST_LIFETIME_MS,
        is_streamed: false,
        // Slack itself for some minutes only; what was said stays in the history, where it is found.
        keeps_unacked: true,
        journals_unacked: true,
        drafts: false,
        streams: settings.streams.then_some(EditSupport {
            interval_min_ms: APPEND_INTERVAL_MS,
            account_interval_min_ms: APPEND_INTERVAL_MS,
        }),
        files: Some(FileLimits { upload_bytes_max: settings.upload_bytes_max, album_max: ALBUM_MAX }),
    }
}
