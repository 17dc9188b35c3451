//! Posting and editing: one event each, under the delivery's key as its transaction id.
//!
//! Guarantee: the same key is the same event, whatever an encryption makes of it, as long as the homeserver remembers the
//! transaction ids of our device.
//! <https://spec.matrix.org/v1.16/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid>

use std::time::Duration;

use lastword_core::{
    delivery::Form,
    ids::{MessageId, Place},
    outcome::{Rejection, Retry, RetryScope, SendOutcome},
    provider::{ReceiveError, SendRequest},
};
use matrix_sdk::{
    Room,
    ruma::{
        EventId, OwnedEventId, OwnedRoomId, OwnedTransactionId, RoomId,
        api::client::{
            receipt::create_receipt::{self, v3::ReceiptType},
            typing::create_typing_event::{self, v3::Typing, v3::TypingInfo},
        },
    },
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    Link,
    outcome::{Failure, Means, classify, meaning},
    render::{CONTENT_BYTES_MAX, Rendered, plain, render},
    session::Session,
    settings::Login,
};
use crate::fields::Fields;

/// Marks our events, so that another of our kind takes them for a bot's.
pub(super) const MARK: &str = "org.lastword.delivery";
/// How long a typing notice lasts; it is renewed sooner.
const TYPING_MAX: Duration = Duration::from_secs(10);
/// How much of an edited text stands in for it, where clients know no edits.
const FALLBACK_CHARS_MAX: usize = 500;

pub(super) async fn post(link: &Link, request: &SendRequest) -> SendOutcome {
    let content = message(request);
    send(link, &request.place, request.key.as_str(), content).await
}

/// An edit is an event of its own, in the place of nothing: its target must be there for people to see it.
pub(super) async fn edit(link: &Link, target: &MessageId, request: &SendRequest) -> SendOutcome {
    let content = changed(target, request);
    let session = match link.session().await {
        Ok(session) => session,
        Err(error) => return not_open(error),
    };
    match stands(link, &session, &request.place, target).await {
        Ok(true) => {}
        Ok(false) => return SendOutcome::Rejected(Rejection::TargetLost),
        // Nothing was sent yet.
        Err(failure) => return certain(classify(failure)),
    }
    match send_with(link, &session, &request.place, &edit_key(request, &content), content).await {
        SendOutcome::Delivered(_) => SendOutcome::Delivered(target.clone()),
        other => other,
    }
}

/// One event, under this transaction id.
pub(super) async fn send(link: &Link, place: &Place, key: &str, content: Value) -> SendOutcome {
    let session = match link.session().await {
        Ok(session) => session,
        Err(error) => return not_open(error),
    };
    send_with(link, &session, place, key, content).await
}

pub(super) async fn send_with(link: &Link, session: &Session, place: &Place, key: &str, content: Value) -> SendOutcome {
    let room = match room(link, session, place) {
        Ok(room) => room,
        Err(outcome) => return outcome,
    };
    let key = OwnedTransactionId::from(key);
    let _alone = session.alone_in(&room).await;
    match room.send_raw("m.room.message", content).with_transaction_id(&key).await {
        Ok(sent) => {
            link.is_own(sent.response.event_id.as_str());
            SendOutcome::Delivered(MessageId::new(sent.response.event_id.as_str()))
        }
        Err(error) => failed(link, Failure::of(error)),
    }
}

/// Where the token went, and the next session gets another, it is worth waiting for.
fn failed(link: &Link, failure: Failure) -> SendOutcome {
    let comes_again = matches!(link.settings.login, Login::Password { .. });
    match failure.logged_out() {
        Some(true) if comes_again => {
            SendOutcome::Retry(Retry { after_ms: None, scope: RetryScope::Account, cause: failure.to_string().into() })
        }
        _ => classify(failure),
    }
}

/// Why nothing was sent at all.
pub(super) fn not_open(error: ReceiveError) -> SendOutcome {
    match error {
        ReceiveError::Unauthorized { .. } => SendOutcome::Rejected(Rejection::Unauthorized),
        ReceiveError::Lost { retry_after_ms, cause } => {
            SendOutcome::Retry(Retry { after_ms: retry_after_ms, scope: RetryScope::Account, cause })
        }
        ReceiveError::Contended => SendOutcome::Retry(Retry {
            after_ms: None,
            scope: RetryScope::Account,
            cause: "another receiver holds this account".into(),
        }),
    }
}

/// Before the event itself there is no doubt.
pub(super) fn certain(outcome: SendOutcome) -> SendOutcome {
    match outcome {
        SendOutcome::Unknown(cause) => SendOutcome::Retry(Retry { after_ms: None, scope: RetryScope::Message, cause }),
        known => known,
    }
}

/// The room of a place. One that is not known yet may become known: a new device learns of its rooms by its first sync.
pub(super) fn room(link: &Link, session: &Session, place: &Place) -> Result<Room, SendOutcome> {
    let Some(id) = room_id(place) else { return Err(SendOutcome::Rejected(Rejection::Gone)) };
    match session.client.get_room(&id) {
        Some(room) => Ok(room),
        None if link.synced().is_none() => Err(SendOutcome::Retry(Retry {
            after_ms: None,
            scope: RetryScope::Account,
            cause: "the account's rooms are not known yet".into(),
        })),
        None => Err(SendOutcome::Rejected(Rejection::Forbidden)),
    }
}

fn room_id(place: &Place) -> Option<OwnedRoomId> {
    RoomId::parse(place.conversation.as_str()).ok()
}

/// Whether an event of ours can still be seen.
async fn stands(link: &Link, session: &Session, place: &Place, target: &MessageId) -> Result<bool, Failure> {
    let Ok(event) = EventId::parse(target.as_str()) else { return Ok(false) };
    // What is wrong with the room is told by the send.
    let Ok(room) = room(link, session, place) else { return Ok(true) };
    match room.event(&event, None).await {
        Ok(found) => {
            let fields = Fields::read(found.raw().json().get()).unwrap_or_default();
            let unsigned = fields.object("unsigned").unwrap_or_default();
            Ok(fields.get::<String>("sender").as_deref() == Some(session.user.as_str())
                && !unsigned.has("redacted_because"))
        }
        Err(error) => match Failure::of(error) {
            Failure::Refused(refusal) if matches!(meaning(&refusal), Means::Gone | Means::Forbidden) => Ok(false),
            failure => Err(failure),
        },
    }
}

/// <https://spec.matrix.org/v1.16/client-server-api/#mroommessage>
pub(super) fn message(request: &SendRequest) -> Value {
    let mut content = said(request);
    if let Some(relation) = relation(&request.place, request.reply_to.as_ref()) {
        content["m.relates_to"] = relation;
    }
    fitting(content)
}

/// <https://spec.matrix.org/v1.16/client-server-api/#event-replacements>
pub(super) fn changed(target: &MessageId, request: &SendRequest) -> Value {
    let new = said(request);
    let body = new["body"].as_str().unwrap_or_default();
    let fallback: String = body.chars().take(FALLBACK_CHARS_MAX).collect();
    let more = if fallback.len() < body.len() { "…" } else { "" };
    fitting(json!({
        "msgtype": "m.text",
        "body": format!("* {fallback}{more}"),
        "m.mentions": {},
        "m.new_content": new,
        "m.relates_to": { "rel_type": "m.replace", "event_id": target.as_str() },
        MARK: request.key.as_str(),
    }))
}

/// The text itself. Its mentions are empty: nobody is called, whatever stands in it.
/// <https://spec.matrix.org/v1.16/client-server-api/#user-and-room-mentions>
fn said(request: &SendRequest) -> Value {
    let Rendered { body, html } = match request.form {
        Form::Formatted => render(&request.text),
        Form::Plain | Form::Apology => plain(&request.text),
    };
    let mut content = json!({ "msgtype": "m.text", "body": body, "m.mentions": {}, MARK: request.key.as_str() });
    if let Some(html) = html {
        content["format"] = json!("org.matrix.custom.html");
        content["formatted_body"] = json!(html);
    }
    content
}

/// Where it stands: in its thread, and below what it answers.
/// <https://spec.matrix.org/v1.16/client-server-api/#fallback-for-unthreaded-clients>
pub(super) fn relation(place: &Place, reply_to: Option<&MessageId>) -> Option<Value> {
    match (&place.thread, reply_to) {
        (Some(thread), reply_to) => {
            let last = reply_to.map_or(thread.as_str(), MessageId::as_str);
            Some(json!({
                "rel_type": "m.thread",
                "event_id": thread.as_str(),
                "is_falling_back": true,
                "m.in_reply_to": { "event_id": last },
            }))
        }
        (None, Some(reply_to)) => Some(json!({ "m.in_reply_to": { "event_id": reply_to.as_str() } })),
        (None, None) => None,
    }
}

/// Without its HTML where that would be too much for one event.
fn fitting(mut content: Value) -> Value {
    if content.to_string().len() > CONTENT_BYTES_MAX {
        for part in ["/format", "/formatted_body", "/m.new_content/format", "/m.new_content/formatted_body"] {
            let (parent, name) = part.rsplit_once('/').unwrap_or_default();
            if let Some(object) = content.pointer_mut(parent).and_then(Value::as_object_mut) {
                object.remove(name);
            }
        }
    }
    content
}

/// The transaction id of an edit: the same text under the same key is the same event.
fn edit_key(request: &SendRequest, content: &Value) -> String {
    let digest = Sha256::digest(content.to_string());
    let short: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{}.{short}", request.key)
}

/// <https://spec.matrix.org/v1.16/client-server-api/#typing-notifications>
pub(super) async fn typing(link: &Link, place: &Place, is_typing: bool) {
    let Some(room) = room_id(place) else { return };
    let was_typing = link.notes_typing(&room, is_typing);
    if !is_typing && !was_typing {
        return;
    }
    let Ok(session) = link.session().await else { return };
    let state = if is_typing { Typing::Yes(TypingInfo::new(TYPING_MAX)) } else { Typing::No };
    let request = create_typing_event::v3::Request::new(session.user.clone(), room, state);
    if let Err(error) = session.client.send(request).await {
        tracing::debug!(account = %link.account, "a typing notice was refused: {}", Failure::of_http(error));
    }
}

/// <https://spec.matrix.org/v1.16/client-server-api/#receipts>
pub(super) async fn taken(link: &Link, place: &Place, message: &MessageId) {
    let (Some(room), Ok(event)) = (room_id(place), OwnedEventId::try_from(message.as_str())) else { return };
    let Ok(session) = link.session().await else { return };
    let request = create_receipt::v3::Request::new(room, ReceiptType::Read, event);
    if let Err(error) = session.client.send(request).await {
        tracing::debug!(account = %link.account, "a receipt was refused: {}", Failure::of_http(error));
    }
}

#[cfg(test)]
mod tests {
    use lastword_core::ids::{AccountId, ConversationId, DeliveryKey, ThreadId};

    use super::*;

    fn request(text: &str, thread: Option<&str>, reply_to: Option<&str>) -> SendRequest {
        SendRequest {
            key: DeliveryKey::new("k"),
            attempt: 1,
            place: Place {
                account: AccountId::new("a"),
                conversation: ConversationId::new("!r:example.org"),
                thread: thread.map(ThreadId::new),
            },
            reply_to: reply_to.map(MessageId::new),
            text: text.into(),
            form: Form::Formatted,
        }
    }

    #[test]
    fn a_message_stands_in_its_place_and_calls_nobody() {
        insta::assert_json_snapshot!(message(&request("**yes**", None, Some("$q"))), @r#"
        {
          "body": "**yes**",
          "format": "org.matrix.custom.html",
          "formatted_body": "<p><strong>yes</strong></p>",
          "m.mentions": {},
          "m.relates_to": {
            "m.in_reply_to": {
              "event_id": "$q"
            }
          },
          "msgtype": "m.text",
          "org.lastword.delivery": "k"
        }
        "#);
        let threaded = message(&request("yes", Some("$root"), Some("$q")));
        insta::assert_json_snapshot!(threaded["m.relates_to"], @r#"
        {
          "event_id": "$root",
          "is_falling_back": true,
          "m.in_reply_to": {
            "event_id": "$q"
          },
          "rel_type": "m.thread"
        }
        "#);
        assert_eq!(message(&request("yes", None, None)).get("m.relates_to"), None);
    }

    #[test]
    fn an_edit_replaces_its_target() {
        insta::assert_json_snapshot!(changed(&MessageId::new("$t"), &request("done", None, Some("$q"))), @r#"
        {
          "body": "* done",
          "m.mentions": {},
          "m.new_content": {
            "body": "done",
            "m.mentions": {},
            "msgtype": "m.text",
            "org.lastword.delivery": "k"
          },
          "m.relates_to": {
            "event_id": "$t",
            "rel_type": "m.replace"
          },
          "msgtype": "m.text",
          "org.lastword.delivery": "k"
        }
        "#);
    }

    #[test]
    fn the_same_edit_is_the_same_event() {
        let key = |text: &str| {
            let request = request(text, None, None);
            edit_key(&request, &changed(&MessageId::new("$t"), &request))
        };
        assert_eq!(key("a"), key("a"));
        assert_ne!(key("a"), key("b"));
        assert!(key("a").starts_with("k."));
    }

    #[test]
    fn what_would_be_too_large_goes_without_html() {
        for text in ["\"\\\n".repeat(5_333), "*&*".repeat(5_333), "<\"".repeat(8_000)] {
            let request = request(&text, Some("$root"), Some("$q"));
            for content in [message(&request), changed(&MessageId::new("$t"), &request)] {
                let size = content.to_string().len();
                assert!(size <= CONTENT_BYTES_MAX, "{size}");
                assert!(content.to_string().contains(r#""body":"#));
            }
        }
    }
}
