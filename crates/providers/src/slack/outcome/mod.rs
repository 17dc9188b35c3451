//! What an answer of Slack means for one attempt. Total: what is not listed proves nothing.
//!
//! Slack documents a refusal as `ok: false` with a word (<https://docs.slack.dev/apis/web-api/#responses>), and on each
//! method's page which words there are; a limit is HTTP 429 with `Retry-After`
//! (<https://docs.slack.dev/apis/web-api/rate-limits>).

mod table;
#[cfg(test)]
mod tests;

use lastword_core::{
    ids::MessageId,
    outcome::{Rejection, Retry, RetryScope, SendOutcome},
};

use self::table::TABLE;
use super::client::{Answer, Refusal};
use crate::fields::Fields;

/// Posts a message.
pub(super) const POST: &str = "chat.postMessage";
/// Shares files as one message.
pub(super) const COMPLETE_UPLOAD: &str = "files.completeUploadExternal";

/// What a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// It is so already.
    Done,
    /// The message to change is gone or can't be changed any more.
    TargetLost,
    /// The conversation or the thread is gone.
    Gone,
    /// The app may not do it there.
    Forbidden,
    /// The app lacks a permission or a setting, which an operator can give it.
    Missing,
    /// A file is not there any more.
    FileGone,
    /// A file may not be seen or shared.
    FileKept,
    /// The content or the request broke a rule.
    Invalid,
    /// A token is wrong or was revoked.
    Unauthorized,
    /// Too much at once.
    Limited,
    /// Not now: certainly nothing was done.
    Later(RetryScope),
    /// It proves nothing.
    Nothing,
}

/// What a refusal means. Total.
pub(super) fn meaning(refusal: &Refusal) -> Means {
    if refusal.status == 429 {
        return Means::Limited;
    }
    let row = TABLE.iter().find(|(code, ..)| *code == refusal.code);
    row.map_or(Means::Nothing, |(_, means, _)| *means)
}

/// Whether only an operator can lift a refusal: the token, or what the app may do.
pub(super) fn is_about_credentials(refusal: &Refusal) -> bool {
    matches!(meaning(refusal), Means::Unauthorized | Means::Missing)
}

/// Classifies one attempt to post by `method`, or to change `target`.
pub(super) fn classify(answer: Answer, target: Option<&MessageId>, method: &str) -> SendOutcome {
    match (answer, target) {
        (Answer::NotSent(cause), _) => SendOutcome::Retry(Retry { after_ms: None, scope: RetryScope::Account, cause }),
        (Answer::Lost(cause), _) => SendOutcome::Unknown(cause),
        (Answer::Done(_), Some(target)) => SendOutcome::Delivered(target.clone()),
        (Answer::Done(posted), None) => match name(&posted, method) {
            Some(name) => SendOutcome::Delivered(MessageId::new(name)),
            None => SendOutcome::Unknown("a success without a name for the message".into()),
        },
        (Answer::Refused(refusal), target) => refused(&refusal, target, method),
    }
}

/// A message goes by its timestamp, files by the first of them.
fn name(posted: &Fields, method: &str) -> Option<String> {
    let name: Option<String> = match method {
        COMPLETE_UPLOAD => posted.objects("files").first()?.get("id"),
        _ => posted.get("ts"),
    };
    name.filter(|name| !name.is_empty())
}

fn refused(refusal: &Refusal, target: Option<&MessageId>, method: &str) -> SendOutcome {
    let retry = |scope| {
        let (after_ms, cause) = (refusal.retry_after_ms, refusal.to_string().into());
        SendOutcome::Retry(Retry { after_ms, scope, cause })
    };
    let rejection = match (meaning(refusal), target) {
        (Means::Nothing, _) => return SendOutcome::Unknown(refusal.to_string().into()),
        (Means::Limited, _) => return retry(limited(method)),
        (Means::Later(scope), _) => return retry(scope),
        (Means::Done, Some(target)) => return SendOutcome::Delivered(target.clone()),
        (Means::TargetLost, Some(_)) => Rejection::TargetLost,
        (Means::Gone, _) => Rejection::Gone,
        // What the app may not do with files, it may well say.
        (Means::Missing, _) if !method.starts_with("files.") => Rejection::Forbidden,
        (Means::Forbidden, _) => Rejection::Forbidden,
        (Means::Unauthorized, _) => Rejection::Unauthorized,
        (Means::Done | Means::TargetLost | Means::Missing | Means::FileGone | Means::FileKept | Means::Invalid, _) => {
            Rejection::Invalid { detail: refusal.to_string() }
        }
    };
    SendOutcome::Rejected(rejection)
}

/// Posts are limited for each conversation, everything else for the app in its workspace.
/// <https://docs.slack.dev/apis/web-api/rate-limits>
fn limited(method: &str) -> RetryScope {
    if method == POST { RetryScope::Conversation } else { RetryScope::Account }
}
