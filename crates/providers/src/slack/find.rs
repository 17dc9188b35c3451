//! Looking for a message that may have been posted, by its metadata.
//!
//! Guarantee: absence is told only after everything was looked through in which it could be.
//! <https://docs.slack.dev/messaging/message-metadata#retrieving>

use lastword_core::{
    ids::{DeliveryKey, MessageId, Place},
    outcome::Cause,
};

use super::{
    Link,
    client::Answer,
    outcome::{Means, meaning},
    send::{KEY, METADATA},
    ts::Ts,
};
use crate::fields::Fields;

/// How many messages are asked for at once; some apps get fewer.
const PAGE: &str = "200";
/// No doubt is older than that, or the network was out for longer.
const DOUBT_MS_MAX: i64 = 86_400_000;
/// How many pages are looked through: a doubtful message is among the last.
const PAGES_MAX: usize = 10;

pub(super) async fn find(link: &Link, place: &Place, key: &DeliveryKey) -> Result<Option<MessageId>, Cause> {
    let thread = place.thread.as_ref().map(|thread| thread.as_str());
    let oldest = Ts::of(link.clock.now()).minus_ms(DOUBT_MS_MAX).to_string();
    let mut cursor = String::new();
    for _ in 0..PAGES_MAX {
        let (method, fields) = asked(place.conversation.as_str(), thread, &oldest, &cursor);
        let page = match link.client.ask(method, &fields).await {
            Answer::Done(page) => page,
            Answer::Refused(refusal) => {
                return match meaning(&refusal) {
                    // It will never be shown: what is posted again is refused, too, or the operator gave no permission to look.
                    Means::Gone | Means::Forbidden | Means::Missing => Ok(None),
                    _ => Err(refusal.to_string().into()),
                };
            }
            Answer::NotSent(cause) | Answer::Lost(cause) => return Err(cause),
        };
        let messages = page.objects("messages");
        if let Some(found) = messages.iter().find(|message| is_under(message, key)) {
            return Ok(found.get::<String>("ts").map(MessageId::new));
        }
        let more = page.object("response_metadata").and_then(|more| more.get::<String>("next_cursor"));
        match more.filter(|more| !more.is_empty()) {
            Some(next) => cursor = next,
            None if page.get::<bool>("has_more") == Some(true) => return Err("there is more than Slack shows".into()),
            None => return Ok(None),
        }
    }
    Err("there is too much to look through".into())
}

/// Asks for a page of what stands in a thread, or in no thread.
pub(super) fn asked<'a>(
    conversation: &'a str,
    thread: Option<&'a str>,
    oldest: &'a str,
    cursor: &'a str,
) -> (&'static str, Vec<(&'static str, &'a str)>) {
    let mut fields =
        vec![("channel", conversation), ("include_all_metadata", "true"), ("oldest", oldest), ("limit", PAGE)];
    fields.extend(thread.map(|thread| ("ts", thread)));
    fields.extend((!cursor.is_empty()).then_some(("cursor", cursor)));
    (if thread.is_some() { "conversations.replies" } else { "conversations.history" }, fields)
}

fn is_under(message: &Fields, key: &DeliveryKey) -> bool {
    let metadata = message.object("metadata").unwrap_or_default();
    metadata.get::<String>("event_type").as_deref() == Some(METADATA)
        && metadata.object("event_payload").and_then(|payload| payload.get::<String>(KEY)).as_deref()
            == Some(key.as_str())
}
