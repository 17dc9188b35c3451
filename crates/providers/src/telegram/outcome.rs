//! What an answer of Telegram means for one attempt. Total: what is not listed is a refusal of what was sent if
//! Telegram itself refused it, and unknown otherwise.
//!
//! Telegram documents that a refusal has `ok: false`, a code and a description "for people"
//! (<https://core.telegram.org/bots/api#making-requests>), and nothing more: the descriptions are those of its server
//! (<https://github.com/tdlib/telegram-bot-api>) and of the errors behind it (<https://core.telegram.org/api/errors>).

use lastword_core::{
    ids::MessageId,
    outcome::{Rejection, Retry, RetryScope, SendOutcome},
};
use serde::Deserialize;

use super::client::{Answer, Refusal};

/// What a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    /// The message reads like that already.
    Unmodified,
    /// The message to edit is gone or can't be edited any more.
    TargetLost,
    /// The chat or the topic is gone.
    Gone,
    /// The bot may not post there.
    Forbidden,
    /// The content broke a rule.
    Invalid,
    /// The token is wrong or was revoked.
    Unauthorized,
    /// Too much at once.
    Limited,
    /// It proves nothing.
    Nothing,
}

const REQUESTS: &str = "https://core.telegram.org/bots/api#making-requests";
const SEND: &str = "https://core.telegram.org/bots/api#sendmessage";
const EDIT: &str = "https://core.telegram.org/bots/api#editmessagetext";
const SERVER: &str = "https://github.com/tdlib/telegram-bot-api/blob/master/telegram-bot-api/Client.cpp";
const SENDER: &str = "https://github.com/tdlib/td/blob/master/td/telegram/MessageContent.cpp";
const FILES: &str = "https://core.telegram.org/bots/api#sending-files";
const ERRORS: &str = "https://core.telegram.org/api/errors";
const PARAMETERS: &str = "https://core.telegram.org/bots/api#responseparameters";

/// Every documented refusal: the code, words of its description in small letters (none: any), what it means, and where
/// it comes from. The first that matches counts.
const TABLE: &[(u16, &str, Means, &str)] = &[
    (400, "message is not modified", Means::Unmodified, SERVER),
    (400, "message_not_modified", Means::Unmodified, ERRORS),
    (400, "message to edit not found", Means::TargetLost, SERVER),
    (400, "message can't be edited", Means::TargetLost, EDIT),
    (400, "there is no text in the message to edit", Means::TargetLost, SERVER),
    (400, "message_id_invalid", Means::TargetLost, ERRORS),
    (400, "message identifier is not specified", Means::TargetLost, SERVER),
    (400, "message_edit_time_expired", Means::TargetLost, ERRORS),
    (400, "message_author_required", Means::TargetLost, ERRORS),
    (400, "chat not found", Means::Gone, SERVER),
    (400, "user not found", Means::Gone, SERVER),
    (400, "group chat was deactivated", Means::Gone, SERVER),
    (400, "peer_id_invalid", Means::Gone, ERRORS),
    (400, "chat_id_invalid", Means::Gone, ERRORS),
    (400, "chat_id is empty", Means::Gone, SERVER),
    (400, "message thread not found", Means::Gone, SERVER),
    (400, "topic_deleted", Means::Gone, ERRORS),
    (400, "topic_id_invalid", Means::Gone, ERRORS),
    (400, "topic_closed", Means::Forbidden, ERRORS),
    // What is refused by its kind may be welcome as another.
    (400, "not enough rights to send photos", Means::Invalid, SENDER),
    (400, "not enough rights to send videos", Means::Invalid, SENDER),
    (400, "not enough rights to send music", Means::Invalid, SENDER),
    (400, "not enough rights to send voice notes", Means::Invalid, SENDER),
    (400, "not enough rights to send animations", Means::Invalid, SENDER),
    (400, "not enough rights to send documents", Means::Invalid, SENDER),
    (400, "have no rights to send", Means::Forbidden, SERVER),
    (400, "not enough rights", Means::Forbidden, SERVER),
    (400, "need administrator rights", Means::Forbidden, SERVER),
    (400, "chat_write_forbidden", Means::Forbidden, ERRORS),
    (400, "chat_restricted", Means::Forbidden, ERRORS),
    (400, "chat_admin_required", Means::Forbidden, ERRORS),
    (400, "chat_send_plain_forbidden", Means::Forbidden, ERRORS),
    (400, "user_is_blocked", Means::Forbidden, ERRORS),
    (400, "user_banned_in_channel", Means::Forbidden, ERRORS),
    (400, "can't parse", Means::Invalid, "https://core.telegram.org/bots/api#formatting-options"),
    (400, "message is too long", Means::Invalid, SEND),
    (400, "message_too_long", Means::Invalid, ERRORS),
    (400, "text is empty", Means::Invalid, SEND),
    (400, "text must be non-empty", Means::Invalid, SEND),
    (400, "entity_bounds_invalid", Means::Invalid, ERRORS),
    (400, "must be encoded in utf-8", Means::Invalid, SERVER),
    (400, "photo_invalid_dimensions", Means::Invalid, ERRORS),
    (400, "image_process_failed", Means::Invalid, ERRORS),
    (400, "photo_ext_invalid", Means::Invalid, ERRORS),
    (400, "photo_save_file_invalid", Means::Invalid, ERRORS),
    (400, "media_invalid", Means::Invalid, ERRORS),
    (400, "media_empty", Means::Invalid, ERRORS),
    (400, "voice_messages_forbidden", Means::Invalid, ERRORS),
    (400, "file is too big", Means::Invalid, FILES),
    (400, "is too big for a photo", Means::Invalid, FILES),
    (400, "file must be non-empty", Means::Invalid, SENDER),
    (400, "wrong file identifier", Means::Invalid, SERVER),
    (400, "too many messages to send as an album", Means::Invalid, SERVER),
    (400, "can't be mixed with other media types", Means::Invalid, SERVER),
    // An album, of which some may have been posted.
    (400, "too many requests", Means::Nothing, "https://github.com/rubenlagus/TelegramBots/issues/1520"),
    (400, "failed to send message #", Means::Invalid, SERVER),
    (400, "", Means::Invalid, REQUESTS),
    (401, "", Means::Unauthorized, REQUESTS),
    (403, "bot was blocked by the user", Means::Forbidden, SERVER),
    (403, "bot was kicked", Means::Forbidden, SERVER),
    (403, "user is deactivated", Means::Forbidden, SERVER),
    (403, "bot is not a member", Means::Forbidden, SERVER),
    (403, "bot can't initiate conversation", Means::Forbidden, SERVER),
    (403, "bot can't send messages to bots", Means::Forbidden, SERVER),
    (403, "chat_send_photos_forbidden", Means::Invalid, ERRORS),
    (403, "chat_send_videos_forbidden", Means::Invalid, ERRORS),
    (403, "chat_send_audios_forbidden", Means::Invalid, ERRORS),
    (403, "chat_send_voices_forbidden", Means::Invalid, ERRORS),
    (403, "chat_send_gifs_forbidden", Means::Invalid, ERRORS),
    (403, "chat_send_docs_forbidden", Means::Invalid, ERRORS),
    (403, "chat_send_media_forbidden", Means::Invalid, ERRORS),
    (403, "", Means::Forbidden, REQUESTS),
    // The methods that we ask for are there: the token is not.
    (404, "", Means::Unauthorized, REQUESTS),
    (413, "", Means::Invalid, FILES),
    (420, "", Means::Limited, ERRORS),
    (429, "", Means::Limited, PARAMETERS),
];

fn meaning(refusal: &Refusal) -> Means {
    let description = refusal.description.to_lowercase();
    let row = TABLE.iter().find(|(code, words, ..)| *code == refusal.code && description.contains(words));
    row.map_or(Means::Nothing, |(_, _, means, _)| *means)
}

/// Classifies one attempt to post, or to edit `target`. `named` gives the posted message its name; `goes_elsewhere` says
/// that the next post goes to another chat than this one did.
pub(super) fn classify(
    answer: Answer,
    target: Option<&MessageId>,
    goes_elsewhere: bool,
    named: impl Fn(i64) -> MessageId,
) -> SendOutcome {
    #[derive(Deserialize)]
    struct One {
        message_id: i64,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Posted {
        One(One),
        Album(Vec<One>),
    }
    // An album goes by its first message.
    let first = |result: &str| match serde_json::from_str(result) {
        Ok(Posted::One(One { message_id })) => Some(message_id),
        Ok(Posted::Album(album)) => album.first().map(|first| first.message_id),
        Err(_) => None,
    };
    match (answer, target) {
        (Answer::NotSent(cause), _) => SendOutcome::Retry(Retry { after_ms: None, scope: RetryScope::Account, cause }),
        (Answer::Lost(cause), _) => SendOutcome::Unknown(cause),
        (Answer::Done(_), Some(target)) => SendOutcome::Delivered(target.clone()),
        (Answer::Done(result), None) => match first(result.get()) {
            Some(posted) => SendOutcome::Delivered(named(posted)),
            None => SendOutcome::Unknown("a success without a message id".into()),
        },
        (Answer::Refused(refusal), target) => refused(&refusal, target, goes_elsewhere),
    }
}

fn refused(refusal: &Refusal, target: Option<&MessageId>, goes_elsewhere: bool) -> SendOutcome {
    let cause = || refusal.to_string().into();
    if refusal.migrate_to.is_some() {
        // What was posted in the group stays there; what is posted next goes to the supergroup.
        return match target {
            Some(_) => SendOutcome::Rejected(Rejection::TargetLost),
            // At once only if it can end otherwise.
            None => SendOutcome::Retry(Retry {
                after_ms: goes_elsewhere.then_some(0),
                scope: RetryScope::Conversation,
                cause: cause(),
            }),
        };
    }
    match (meaning(refusal), target) {
        (Means::Unmodified, Some(target)) => SendOutcome::Delivered(target.clone()),
        (Means::TargetLost, Some(_)) => SendOutcome::Rejected(Rejection::TargetLost),
        (Means::Unmodified | Means::TargetLost | Means::Invalid, _) => {
            SendOutcome::Rejected(Rejection::Invalid { detail: refusal.description.clone() })
        }
        (Means::Gone, _) => SendOutcome::Rejected(Rejection::Gone),
        (Means::Forbidden, _) => SendOutcome::Rejected(Rejection::Forbidden),
        (Means::Unauthorized, _) => SendOutcome::Rejected(Rejection::Unauthorized),
        // Limits are per chat, except the one on everything, which hits the other chats by themselves.
        (Means::Limited, _) => SendOutcome::Retry(Retry {
            after_ms: refusal.retry_after_ms,
            scope: RetryScope::Conversation,
            cause: cause(),
        }),
        (Means::Nothing, _) => SendOutcome::Unknown(cause()),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::client::read, *};

    fn outcome(status: u16, body: &str, is_edit: bool) -> String {
        outcome_of(status, body, is_edit, true)
    }

    fn outcome_of(status: u16, body: &str, is_edit: bool, goes_elsewhere: bool) -> String {
        let target = MessageId::new("7");
        let named = |id: i64| MessageId::new(id.to_string());
        match classify(read(status, None, body), is_edit.then_some(&target), goes_elsewhere, named) {
            SendOutcome::Delivered(id) => format!("delivered {id}"),
            SendOutcome::Retry(retry) => format!("retry after {:?} {:?}", retry.after_ms, retry.scope),
            SendOutcome::Rejected(rejection) => format!("rejected: {rejection}"),
            SendOutcome::Unknown(cause) => format!("unknown: {cause}"),
        }
    }

    fn refusal(code: u16, description: &str, is_edit: bool) -> String {
        let body = serde_json::json!({ "ok": false, "error_code": code, "description": description });
        outcome(code, &body.to_string(), is_edit)
    }

    #[test]
    fn every_row_has_its_effect_on_an_edit() {
        let rows = TABLE.iter().map(|(code, words, ..)| {
            let words = if words.is_empty() { "(anything else)" } else { words };
            format!("{code} {words} → {}", refusal(*code, &format!("Error: {}", words.to_uppercase()), true))
        });
        insta::assert_snapshot!(rows.collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn a_post_is_delivered_under_its_id() {
        assert_eq!(outcome(200, r#"{"ok":true,"result":{"message_id":42,"date":1}}"#, false), "delivered 42");
        assert_eq!(outcome(200, r#"{"ok":true,"result":{"message_id":7}}"#, true), "delivered 7");
        let album = r#"{"ok":true,"result":[{"message_id":42,"date":1},{"message_id":43}]}"#;
        assert_eq!(outcome(200, album, false), "delivered 42");
        for nothing in ["true", "[]", "[[]]", "{}"] {
            let body = format!(r#"{{"ok":true,"result":{nothing}}}"#);
            assert_eq!(outcome(200, &body, false), "unknown: a success without a message id");
        }
    }

    #[test]
    fn a_post_is_never_delivered_because_nothing_changed() {
        assert!(refusal(400, "Bad Request: message is not modified", false).starts_with("rejected"));
    }

    #[test]
    fn limits_keep_their_hint() {
        let limited =
            r#"{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":3}}"#;
        assert_eq!(outcome(429, limited, false), "retry after Some(3000) Conversation");
    }

    #[test]
    fn a_group_that_moved_is_followed() {
        let moved = r#"{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1005}}"#;
        assert_eq!(outcome(400, moved, false), "retry after Some(0) Conversation");
        assert_eq!(outcome_of(400, moved, false, false), "retry after None Conversation", "it goes nowhere else");
        assert_eq!(outcome(400, moved, true), "rejected: the message to edit can't be edited any more");
    }

    #[test]
    fn what_proves_nothing_is_unknown() {
        assert_eq!(
            refusal(500, "Internal Server Error", true),
            "unknown: Telegram refused with 500: Internal Server Error"
        );
        assert!(refusal(502, "Bad Gateway", false).starts_with("unknown"));
        assert!(refusal(409, "Conflict", false).starts_with("unknown"));
        assert!(outcome(200, "half an ans", false).starts_with("unknown"));
        assert!(outcome(401, "<html>a proxy</html>", false).starts_with("unknown"));
    }

    #[test]
    fn every_row_says_where_it_comes_from() {
        assert!(TABLE.iter().all(|(.., link)| link.starts_with("https://")));
    }
}
