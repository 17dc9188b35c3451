//! Slack's own streams: a placeholder that grows by what is appended to it, until the last word takes its place.
//!
//! Guarantee: a stream shows progress and nothing else. An append is not idempotent, so one that is in doubt is the last;
//! before the last word the stream is stopped, and after that Slack takes no append any more.
//! <https://docs.slack.dev/ai/developing-ai-apps#streaming>

use std::collections::BTreeMap;

use lastword_core::{
    decide::deliver::PLACEHOLDER_TEXT,
    ids::{ConversationId, MessageId, UserId},
    outcome::{Rejection, Retry, RetryScope, SendOutcome},
    provider::SendRequest,
};
use serde_json::{Value, json};

use super::{
    Link,
    client::Answer,
    outcome::{Means, classify, meaning},
    send,
};

const START: &str = "chat.startStream";
const APPEND: &str = "chat.appendStream";
const STOP: &str = "chat.stopStream";
/// There is nothing to append to any more. <https://docs.slack.dev/reference/methods/chat.appendStream>
const ENDED: &str = "message_not_in_streaming_state";
/// A stream can't be updated before it is stopped. <https://docs.slack.dev/reference/methods/chat.update>
const CONFLICT: &str = "streaming_state_conflict";

/// How often an open stream may refuse to be stopped before it is left behind.
const STOPS_MAX: u32 = 3;
/// Of how many messages it is remembered who wrote them, and of how many streams what they show.
const REMEMBERED_MAX: usize = 1_000;

/// What is known of streams in this process; what is not is shown by updates.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// Who wrote a message: whom a stream in a channel is for.
    askers: BTreeMap<(MessageId, ConversationId), UserId>,
    open: BTreeMap<MessageId, Open>,
}

/// An open stream.
#[derive(Debug, Default)]
struct Open {
    /// `None` where an append is in doubt, or nobody knows.
    shown: Option<String>,
    /// How often it was refused to stop.
    stops: u32,
}

impl Streams {
    pub(super) fn asked(&mut self, conversation: &ConversationId, message: &MessageId, asker: &UserId) {
        bounded(&mut self.askers, (message.clone(), conversation.clone()), asker.clone());
    }

    pub(super) fn grows(&self, stream: &MessageId) -> bool {
        self.open.get(stream).is_some_and(|open| open.shown.is_some())
    }

    fn shows(&mut self, stream: &MessageId, shown: Option<String>) {
        match self.open.get_mut(stream) {
            Some(open) => open.shown = shown,
            None => bounded(&mut self.open, stream.clone(), Open { shown, stops: 0 }),
        }
    }

    /// What is to be appended so that a stream shows this; `None` where an append can't do that.
    fn more(&self, stream: &MessageId, text: &str) -> Option<String> {
        let shown = self.open.get(stream)?.shown.as_ref()?;
        text.strip_prefix(shown.as_str()).map(str::to_owned)
    }

    /// It was refused to stop once more: whether it will be left behind.
    fn refused_to_stop(&mut self, stream: &MessageId, is_for_good: bool) -> bool {
        let Some(open) = self.open.get_mut(stream) else { return false };
        open.stops += 1;
        is_for_good || open.stops >= STOPS_MAX
    }
}

/// Timestamps grow: the oldest is forgotten first.
fn bounded<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: V) {
    if map.len() >= REMEMBERED_MAX {
        map.pop_first();
    }
    map.insert(key, value);
}

/// Posts a placeholder as a stream; where there can't be one, as a message.
pub(super) async fn open(link: &Link, request: &SendRequest) -> SendOutcome {
    let Some(body) = start(link, request) else { return send::post(link, request).await };
    let answer = link.client.call(START, &body).await;
    // Streams begin less often than messages are posted: <https://docs.slack.dev/reference/methods/chat.startStream>
    let is_limited = matches!(&answer, Answer::Refused(refusal) if meaning(refusal) == Means::Limited);
    match classify(answer, None, START) {
        SendOutcome::Delivered(message) => {
            link.streams().shows(&message, Some(String::new()));
            SendOutcome::Delivered(message)
        }
        // Certainly nothing was posted.
        outcome @ (SendOutcome::Rejected(_) | SendOutcome::Retry(_)) if is_limited || is_rejected(&outcome) => {
            tracing::debug!(account = %link.account, "there is no stream: {outcome:?}");
            send::post(link, request).await
        }
        outcome => outcome,
    }
}

fn is_rejected(outcome: &SendOutcome) -> bool {
    matches!(outcome, SendOutcome::Rejected(_))
}

/// `None` where there is no thread, or nobody to whom the stream could be shown.
pub(super) fn start(link: &Link, request: &SendRequest) -> Option<Value> {
    let (conversation, thread) = (&request.place.conversation, request.place.thread.as_ref()?);
    let mut body = json!({ "channel": conversation.as_str(), "thread_ts": thread.as_str() });
    // A direct conversation has one reader.
    if !conversation.as_str().starts_with('D') {
        let asked = (request.reply_to.clone()?, conversation.clone());
        let asker = link.streams().askers.get(&asked)?.clone();
        body["recipient_user_id"] = asker.as_str().into();
        body["recipient_team_id"] = link.me()?.team.into();
    }
    Some(body)
}

/// Shows all of the request's text in a placeholder: by an append if that can do it, otherwise by an update.
pub(super) async fn append(link: &Link, target: &MessageId, request: &SendRequest) -> SendOutcome {
    let text = inert(&request.text);
    let Some(more) = link.streams().more(target, &text) else { return edit(link, target, request).await };
    if more.is_empty() {
        return SendOutcome::Delivered(target.clone());
    }
    // Whatever becomes of this one, and whoever drops it: until it is done nobody knows what is shown.
    link.streams().shows(target, None);
    let answer = link.client.call(APPEND, &appended(target, request, &more)).await;
    if matches!(&answer, Answer::Refused(refusal) if refusal.code == ENDED) {
        // Slack has ended it: it goes on by updates.
        link.streams().open.remove(target);
        return edit(link, target, request).await;
    }
    let outcome = classify(answer, Some(target), APPEND);
    match &outcome {
        SendOutcome::Delivered(_) => link.streams().shows(target, Some(text)),
        SendOutcome::Retry(_) => {
            let before = text.strip_suffix(more.as_str()).map(str::to_owned);
            link.streams().shows(target, before);
        }
        SendOutcome::Rejected(_) | SendOutcome::Unknown(_) => {}
    }
    outcome
}

pub(super) fn appended(target: &MessageId, request: &SendRequest, more: &str) -> Value {
    json!({ "channel": request.place.conversation.as_str(), "ts": target.as_str(), "markdown_text": more })
}

/// Calls nobody: a mention begins with `<`. What was shown stays the beginning of what is shown next.
fn inert(text: &str) -> String {
    text.replace('<', "<\u{200b}")
}

/// Replaces the text of a message, which is a stream no more then.
pub(super) async fn edit(link: &Link, target: &MessageId, request: &SendRequest) -> SendOutcome {
    let was_open = link.streams().open.contains_key(target);
    let mut is_stuck = false;
    if was_open {
        let answer = link.client.call(STOP, &stopped(target, request)).await;
        if let Answer::Refused(refusal) = &answer {
            match meaning(refusal) {
                // It has ended already.
                Means::TargetLost => {}
                // Not stopped, it can't be replaced: that is for the next attempt. Nothing was replaced.
                Means::Limited | Means::Later(_) => {
                    return SendOutcome::Retry(Retry {
                        after_ms: refusal.retry_after_ms,
                        // Others need no stop, or wait for their own.
                        scope: RetryScope::Message,
                        cause: refusal.to_string().into(),
                    });
                }
                means => {
                    tracing::warn!(account = %link.account, "a stream could not be stopped: {refusal}");
                    is_stuck = link.streams().refused_to_stop(target, means != Means::Nothing);
                }
            }
        }
        // Otherwise Slack says below whether it is stopped.
    }
    let answer = send::update(link, target, request).await;
    if !matches!(&answer, Answer::Refused(refusal) if refusal.code == CONFLICT) {
        link.streams().open.remove(target);
        return classify(answer, Some(target), send::UPDATE);
    }
    // Another bridge may have opened it.
    link.streams().shows(target, None);
    if is_stuck { SendOutcome::Rejected(Rejection::TargetLost) } else { classify(answer, Some(target), send::UPDATE) }
}

/// Slack stops no stream that shows nothing; this is replaced at once.
pub(super) fn stopped(target: &MessageId, request: &SendRequest) -> Value {
    json!({ "channel": request.place.conversation.as_str(), "ts": target.as_str(), "markdown_text": PLACEHOLDER_TEXT })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_goes_on_is_appended() {
        let (mut streams, stream) = (Streams::default(), MessageId::new("1.5"));
        assert_eq!(streams.more(&stream, "one"), None, "nobody knows it");
        streams.shows(&stream, Some(String::new()));
        assert_eq!(streams.more(&stream, "one").as_deref(), Some("one"));
        streams.shows(&stream, Some("one".into()));
        assert_eq!(streams.more(&stream, "one two").as_deref(), Some(" two"));
        assert_eq!(streams.more(&stream, "two"), None, "it began anew");
        streams.shows(&stream, None);
        assert_eq!(streams.more(&stream, "one two"), None, "an append is in doubt");
        assert!(!streams.grows(&stream));
        let stuck = [false, false, true].map(|_| streams.refused_to_stop(&stream, false));
        assert_eq!(stuck, [false, false, true], "only so often");
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut streams = Streams::default();
        for n in 0..2 * REMEMBERED_MAX {
            streams.shows(&MessageId::new(format!("{n:05}.0")), None);
        }
        assert_eq!(streams.open.len(), REMEMBERED_MAX);
        assert!(streams.open.contains_key(&MessageId::new(format!("{:05}.0", 2 * REMEMBERED_MAX - 1))));
    }

    #[test]
    fn nobody_is_called_however_the_text_is_cut() {
        let text = "see <!channel> and <@U1>";
        let whole = inert(text);
        assert!(!whole.contains("<!") && !whole.contains("<@"));
        for (at, _) in text.char_indices() {
            assert!(whole.starts_with(&inert(&text[..at])));
        }
    }
}
