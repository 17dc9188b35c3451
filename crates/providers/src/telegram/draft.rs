//! Drafts: an answer as it grows, in a private chat. <https://core.telegram.org/bots/api#sendmessagedraft>

use lastword_core::{
    ids::{Place, TurnId},
    outcome::{Retry, RetryScope},
    provider::DraftOutcome,
};
use serde::Serialize;
use teloxide_core::{requests::Payload, types::ThreadId};

use super::{Link, client::Answer, send::thread};
use crate::http::ANSWER_MAX;

/// `sendMessageDraft`: a preview of 30 seconds, which a message of the bot's ends.
#[derive(Debug, Serialize)]
pub(super) struct SendMessageDraft {
    chat_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_thread_id: Option<ThreadId>,
    /// Never zero; a draft with the same number is changed, not replaced.
    draft_id: i64,
    text: String,
}

impl Payload for SendMessageDraft {
    type Output = bool;
    const NAME: &'static str = "SendMessageDraft";
}

pub(super) async fn show(link: &Link, place: &Place, turn: TurnId, text: &str) -> DraftOutcome {
    let Some(chat) = link.chats.chat(&place.conversation) else {
        return DraftOutcome::Refused("this is no chat of Telegram's".into());
    };
    let later = |after_ms, cause| DraftOutcome::Later(Retry { after_ms, scope: RetryScope::Conversation, cause });
    match link.client.call(&draft(chat, place, turn, text), ANSWER_MAX).await {
        Answer::Done(_) => DraftOutcome::Shown,
        Answer::Refused(refusal) if refusal.retry_after_ms.is_some() => {
            later(refusal.retry_after_ms, refusal.to_string().into())
        }
        Answer::Refused(refusal) => DraftOutcome::Refused(refusal.to_string().into()),
        Answer::NotSent(cause) | Answer::Lost(cause) => later(None, cause),
    }
}

/// Plain, as all progress is.
pub(super) fn draft(chat: i64, place: &Place, turn: TurnId, text: &str) -> SendMessageDraft {
    SendMessageDraft { chat_id: chat, message_thread_id: thread(place), draft_id: turn.0.max(1), text: text.into() }
}
