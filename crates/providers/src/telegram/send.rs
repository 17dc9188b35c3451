//! Posting and editing: one request each.

use lastword_core::{
    delivery::Form,
    ids::{ConversationId, MessageId, Place},
    outcome::{Rejection, SendOutcome},
    provider::SendRequest,
};
use teloxide_core::{
    payloads::{
        EditMessageText, EditMessageTextSetters as _, SendChatAction, SendChatActionSetters as _, SendMessage,
        SendMessageSetters as _, SetMessageReaction, SetMessageReactionSetters as _,
    },
    types::{
        ChatAction, ChatId, LinkPreviewOptions, MessageId as BotMessageId, ReactionType, ReplyParameters, ThreadId,
    },
};

use super::{
    Link,
    chats::{message_id, read_message_id},
    client::Answer,
    outcome::classify,
    render::{Rendered, plain, render},
};
use crate::http::ANSWER_MAX;

pub(super) async fn post(link: &Link, request: &SendRequest) -> SendOutcome {
    let conversation = &request.place.conversation;
    let Some(chat) = link.chats.chat(conversation) else { return SendOutcome::Rejected(Rejection::Gone) };
    posted(link, conversation, chat, link.client.call(&message(chat, request), ANSWER_MAX).await)
}

/// What an attempt to post in `chat` came to.
pub(super) fn posted(link: &Link, conversation: &ConversationId, chat: i64, answer: Answer) -> SendOutcome {
    follow(link, chat, &answer);
    let goes_elsewhere = link.chats.chat(conversation) != Some(chat);
    classify(answer, None, goes_elsewhere, |id| message_id(conversation, chat, id))
}

pub(super) async fn edit(link: &Link, target: &MessageId, request: &SendRequest) -> SendOutcome {
    let Some((chat, message)) = read_message_id(&request.place.conversation, target) else {
        return SendOutcome::Rejected(Rejection::TargetLost);
    };
    let answer = link.client.call(&changed(chat, message, request), ANSWER_MAX).await;
    follow(link, chat, &answer);
    classify(answer, Some(target), false, |_| target.clone())
}

/// "typing …", for five seconds. <https://core.telegram.org/bots/api#sendchataction>
pub(super) async fn working(link: &Link, place: &Place) {
    if let Some(chat) = link.chats.chat(&place.conversation)
        && let Answer::Refused(refusal) = link.client.call(&typing(chat, place), ANSWER_MAX).await
    {
        tracing::debug!(account = %link.account, "a chat action was refused: {refusal}");
    }
}

pub(super) fn typing(chat: i64, place: &Place) -> SendChatAction {
    let action = SendChatAction::new(ChatId(chat), ChatAction::Typing);
    match thread(place) {
        Some(thread) => action.message_thread_id(thread),
        None => action,
    }
}

/// 👀 on a message that is taken. <https://core.telegram.org/bots/api#setmessagereaction>
pub(super) async fn taken(link: &Link, place: &Place, message: &MessageId) {
    if let Some((chat, message)) = read_message_id(&place.conversation, message)
        && let Answer::Refused(refusal) = link.client.call(&reaction(chat, message), ANSWER_MAX).await
    {
        // A group may allow none.
        tracing::debug!(account = %link.account, "a reaction was refused: {refusal}");
    }
}

pub(super) fn reaction(chat: i64, message: i32) -> SetMessageReaction {
    let eyes = ReactionType::Emoji { emoji: "👀".into() };
    SetMessageReaction::new(ChatId(chat), BotMessageId(message)).reaction([eyes])
}

pub(super) fn thread(place: &Place) -> Option<ThreadId> {
    place.thread.as_ref()?.as_str().parse().ok().map(|thread| ThreadId(BotMessageId(thread)))
}

/// Remembers where the chat has gone, if that is the answer.
fn follow(link: &Link, chat: i64, answer: &Answer) {
    if let Answer::Refused(refusal) = answer
        && let Some(to) = refusal.migrate_to
    {
        tracing::info!(account = %link.account, "the group {chat} has become the supergroup {to}");
        link.chats.refused(chat, to);
    }
}

/// <https://core.telegram.org/bots/api#sendmessage>
pub(super) fn message(chat: i64, request: &SendRequest) -> SendMessage {
    let Rendered { text, entities } = shaped(request);
    let mut message = SendMessage::new(ChatId(chat), text).entities(entities).link_preview_options(no_preview());
    if let Some(thread) = thread(&request.place) {
        message = message.message_thread_id(thread);
    }
    if let Some(asked) = answered(&request.place.conversation, chat, request.reply_to.as_ref()) {
        // Whoever deleted the question still gets the answer.
        message = message.reply_parameters(ReplyParameters::new(asked).allow_sending_without_reply());
    }
    message
}

/// <https://core.telegram.org/bots/api#editmessagetext>
pub(super) fn changed(chat: i64, message: i32, request: &SendRequest) -> EditMessageText {
    let Rendered { text, entities } = shaped(request);
    EditMessageText::new(ChatId(chat), BotMessageId(message), text)
        .entities(entities)
        .link_preview_options(no_preview())
}

fn shaped(request: &SendRequest) -> Rendered {
    match request.form {
        Form::Formatted => render(&request.text),
        Form::Plain | Form::Apology => plain(&request.text),
    }
}

/// The message that is answered, if it is in this chat.
pub(super) fn answered(conversation: &ConversationId, chat: i64, reply_to: Option<&MessageId>) -> Option<BotMessageId> {
    let (its_chat, message) = read_message_id(conversation, reply_to?)?;
    (its_chat == chat).then_some(BotMessageId(message))
}

fn no_preview() -> LinkPreviewOptions {
    LinkPreviewOptions {
        is_disabled: true,
        url: None,
        prefer_small_media: false,
        prefer_large_media: false,
        show_above_text: false,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use lastword_core::ids::{AccountId, DeliveryKey, Place, ThreadId};
    use serde_json::{json, to_value};

    use super::*;

    pub(in crate::telegram) fn request(conversation: &str, text: &str) -> SendRequest {
        SendRequest {
            key: DeliveryKey::new("k"),
            attempt: 1,
            place: Place {
                account: AccountId::new("bot"),
                conversation: ConversationId::new(conversation),
                thread: None,
            },
            reply_to: None,
            text: text.into(),
            form: Form::Formatted,
        }
    }

    #[test]
    fn a_post_goes_into_its_topic_and_answers_its_question() {
        let mut asked = request("-5", "**hello**");
        asked.place.thread = Some(ThreadId::new("12"));
        asked.reply_to = Some(MessageId::new("34"));
        assert_eq!(
            to_value(message(-5, &asked)).unwrap(),
            json!({
                "chat_id": -5,
                "text": "hello",
                "entities": [{ "type": "bold", "offset": 0, "length": 5 }],
                "link_preview_options": { "is_disabled": true },
                "message_thread_id": 12,
                "reply_parameters": { "message_id": 34, "allow_sending_without_reply": true },
            })
        );
        let moved = to_value(message(-1_005, &asked)).unwrap();
        assert_eq!(moved["reply_parameters"], json!(null), "the question stayed in the group");
    }

    #[test]
    fn an_edit_names_its_message_and_keeps_plain_text_as_it_is() {
        let plain = SendRequest { form: Form::Plain, ..request("5", "**hello**") };
        assert_eq!(
            to_value(changed(5, 7, &plain)).unwrap(),
            json!({
                "chat_id": 5,
                "message_id": 7,
                "text": "**hello**",
                "entities": [],
                "link_preview_options": { "is_disabled": true },
            })
        );
    }
}
