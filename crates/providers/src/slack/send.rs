//! Posting and updating: one request each.
//!
//! Every message carries the key of its delivery as metadata, so that a doubtful one can be found.
//! <https://docs.slack.dev/messaging/message-metadata>

use std::collections::HashMap;

use lastword_core::{
    delivery::Form,
    ids::{MessageId, Place},
    outcome::SendOutcome,
    provider::SendRequest,
};
use serde_json::{Value, json};
use slack_morphism::prelude::{
    SlackApiChatPostMessageRequest, SlackApiChatUpdateRequest, SlackMessageContent, SlackMessageMetadata, SlackTs,
};

use super::{
    Link,
    client::Answer,
    outcome::classify,
    render::{Rendered, plain, render},
};

/// Changes a message.
pub(super) const UPDATE: &str = "chat.update";
/// What our messages' metadata is called.
pub(super) const METADATA: &str = "lastword_delivery";
/// The field of it that holds the key.
pub(super) const KEY: &str = "key";
/// The field of it that names the message that is answered.
const QUESTION: &str = "question";
/// 👀 on a message that is taken.
const TAKEN: &str = "eyes";

pub(super) async fn post(link: &Link, request: &SendRequest) -> SendOutcome {
    const METHOD: &str = "chat.postMessage";
    classify(link.client.call(METHOD, &message(request)).await, None, METHOD)
}

pub(super) async fn update(link: &Link, target: &MessageId, request: &SendRequest) -> Answer {
    link.client.call(UPDATE, &changed(target, request)).await
}

/// <https://docs.slack.dev/reference/methods/chat.postMessage>
pub(super) fn message(request: &SendRequest) -> SlackApiChatPostMessageRequest {
    let channel = request.place.conversation.as_str().into();
    SlackApiChatPostMessageRequest {
        thread_ts: thread(&request.place),
        // Nobody asked for a preview of what an agent links to.
        unfurl_links: Some(false),
        unfurl_media: Some(false),
        ..SlackApiChatPostMessageRequest::new(channel, content(request))
    }
}

/// <https://docs.slack.dev/reference/methods/chat.update>
pub(super) fn changed(target: &MessageId, request: &SendRequest) -> SlackApiChatUpdateRequest {
    let channel = request.place.conversation.as_str().into();
    let content = SlackMessageContent {
        // An assertion names no question: what the message says of itself stays.
        metadata: request.reply_to.is_some().then(|| metadata(request)),
        ..content(request)
    };
    SlackApiChatUpdateRequest {
        // By default an update links what a post leaves alone.
        parse: Some("none".into()),
        ..SlackApiChatUpdateRequest::new(channel, content, target.as_str().into())
    }
}

fn content(request: &SendRequest) -> SlackMessageContent {
    let Rendered { text, blocks } = match request.form {
        Form::Formatted => render(&request.text),
        Form::Plain | Form::Apology => plain(&request.text),
    };
    SlackMessageContent {
        text: Some(text),
        blocks: Some(blocks),
        metadata: Some(metadata(request)),
        ..SlackMessageContent::new()
    }
}

fn metadata(request: &SendRequest) -> SlackMessageMetadata {
    let mut payload = HashMap::from([(KEY.to_owned(), request.key.as_str().to_owned())]);
    payload.extend(request.reply_to.as_ref().map(|question| (QUESTION.to_owned(), question.as_str().to_owned())));
    SlackMessageMetadata { event_type: METADATA.into(), event_payload: Some(payload) }
}

pub(super) fn thread(place: &Place) -> Option<SlackTs> {
    place.thread.as_ref().map(|thread| thread.as_str().into())
}

/// <https://docs.slack.dev/reference/methods/reactions.add>
pub(super) async fn taken(link: &Link, place: &Place, message: &MessageId) {
    if let Answer::Refused(refusal) = link.client.call("reactions.add", &reaction(place, message)).await {
        // It may stand there already, or the message is a command, which is none.
        tracing::debug!(account = %link.account, "a reaction was refused: {refusal}");
    }
}

pub(super) fn reaction(place: &Place, message: &MessageId) -> Value {
    json!({ "channel": place.conversation.as_str(), "timestamp": message.as_str(), "name": TAKEN })
}

#[cfg(test)]
mod tests {
    use lastword_core::ids::{AccountId, ConversationId, DeliveryKey};

    use super::*;

    #[test]
    fn an_assertion_keeps_what_the_message_says_of_itself() {
        let place = Place { account: AccountId::new("a"), conversation: ConversationId::new("C1"), thread: None };
        let answer = SendRequest {
            key: DeliveryKey::new("k"),
            attempt: 1,
            place,
            reply_to: Some(MessageId::new("1.5")),
            text: "done".into(),
            form: Form::Formatted,
        };
        let target = MessageId::new("1.6");
        let told = changed(&target, &answer).content.metadata.unwrap().event_payload.unwrap();
        assert_eq!((told[KEY].as_str(), told[QUESTION].as_str()), ("k", "1.5"));
        // Slack keeps what an update does not bring.
        assert_eq!(changed(&target, &SendRequest { reply_to: None, ..answer }).content.metadata, None);
    }
}
