//! What Telegram can do, in core's words.
//!
//! Limits: <https://core.telegram.org/bots/api#sendmessage>, <https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this>.

use lastword_core::{
    capability::{Capabilities, EditSupport, Idempotency, TextLimit, TextUnit},
    file::FileLimits,
    ids::ConversationId,
};

use super::{render::TEXT_MAX_UTF16, settings::TelegramSettings};

/// In a private chat about one message a second is polite.
const EDIT_INTERVAL_PRIVATE_MS: i64 = 1_500;
/// In a group 20 a minute are allowed, whatever they are and in all of its topics: a quarter stays for the answers.
const EDIT_INTERVAL_GROUP_MS: i64 = 4_000;
/// How long a request may live in the network after its sender is gone.
const REQUEST_LIFETIME_MS: i64 = 10_000;

/// How many files make an album. <https://core.telegram.org/bots/api#sendmediagroup>
const ALBUM_MAX: u32 = 10;

const TEXT_MAX: TextLimit = TextLimit { max: TEXT_MAX_UTF16 as u32, unit: TextUnit::Utf16 };

/// The ids of groups are negative.
pub(super) fn declared(conversation: &ConversationId, settings: &TelegramSettings) -> Capabilities {
    let is_group = conversation.as_str().starts_with('-');
    let interval_min_ms = if is_group { EDIT_INTERVAL_GROUP_MS } else { EDIT_INTERVAL_PRIVATE_MS };
    Capabilities {
        text_max: TEXT_MAX,
        edits: Some(EditSupport { interval_min_ms, account_interval_min_ms: 0 }),
        idempotency: Idempotency::EditOnly,
        request_lifetime_ms: REQUEST_LIFETIME_MS,
        is_streamed: false,
        // For up to 24 hours.
        keeps_unacked: true,
        journals_unacked: false,
        drafts: settings.drafts && !is_group,
        streams: None,
        files: Some(FileLimits { upload_bytes_max: settings.upload_bytes_max, album_max: ALBUM_MAX }),
    }
}
