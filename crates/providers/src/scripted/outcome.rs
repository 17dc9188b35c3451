//! What an answer of the ledger means for one attempt. Total: what is not listed is unknown.

use lastword_core::{
    ids::MessageId,
    outcome::{Cause, Rejection, Retry, RetryScope, SendOutcome},
};
use serde_json::Value;

use super::client::Answer;

/// Classifies one attempt to post, or to edit `target`.
pub(super) fn classify(answer: Answer, target: Option<&MessageId>) -> SendOutcome {
    match answer {
        Answer::NotSent(cause) => SendOutcome::Retry(Retry { after_ms: None, scope: RetryScope::Account, cause }),
        Answer::Lost(cause) => SendOutcome::Unknown(cause),
        Answer::Whole { status: 200..=299, body } => match body["id"].as_str() {
            Some(id) => SendOutcome::Delivered(MessageId::new(id)),
            None => SendOutcome::Unknown("a success without a message id".into()),
        },
        Answer::Whole { status, body } => {
            let code = body["error"].as_str().unwrap_or_default();
            let cause: Cause = format!("HTTP {status} {code}").into();
            match (status, code, target) {
                (400, "not_modified", Some(target)) => SendOutcome::Delivered(target.clone()),
                (400, "invalid", _) => SendOutcome::Rejected(Rejection::Invalid { detail: code.into() }),
                (401, "unauthorized", _) => SendOutcome::Rejected(Rejection::Unauthorized),
                (403, "forbidden", _) => SendOutcome::Rejected(Rejection::Forbidden),
                (404, "target_lost", Some(_)) => SendOutcome::Rejected(Rejection::TargetLost),
                (410, "gone", _) => SendOutcome::Rejected(Rejection::Gone),
                (429, "limited", _) => SendOutcome::Retry(limited(&body, cause)),
                _ => SendOutcome::Unknown(cause),
            }
        }
    }
}

fn limited(body: &Value, cause: Cause) -> Retry {
    let scope = match body["scope"].as_str() {
        Some("message") => RetryScope::Message,
        Some("account") => RetryScope::Account,
        _ => RetryScope::Conversation,
    };
    Retry { after_ms: body["retry_after_ms"].as_i64(), scope, cause }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outcome(status: u16, body: Value) -> String {
        let target = MessageId::new("b1");
        match classify(Answer::Whole { status, body }, Some(&target)) {
            SendOutcome::Delivered(id) => format!("delivered {id}"),
            SendOutcome::Retry(retry) => format!("retry after {:?} {:?}", retry.after_ms, retry.scope),
            SendOutcome::Rejected(rejection) => format!("rejected: {rejection}"),
            SendOutcome::Unknown(cause) => format!("unknown: {cause}"),
        }
    }

    #[test]
    fn every_documented_answer_is_classified() {
        assert_eq!(outcome(200, json!({ "id": "b7" })), "delivered b7");
        assert_eq!(outcome(400, json!({ "error": "not_modified" })), "delivered b1");
        assert_eq!(outcome(400, json!({ "error": "invalid" })), "rejected: the network refused the content: invalid");
        assert_eq!(outcome(401, json!({ "error": "unauthorized" })), "rejected: the network refused the credentials");
        assert_eq!(outcome(403, json!({ "error": "forbidden" })), "rejected: not allowed to post here");
        assert_eq!(outcome(410, json!({ "error": "gone" })), "rejected: the conversation no longer exists");
        let limited = json!({ "error": "limited", "retry_after_ms": 700, "scope": "account" });
        assert_eq!(outcome(429, limited), "retry after Some(700) Account");
    }

    #[test]
    fn what_nobody_documented_is_unknown() {
        assert_eq!(outcome(200, Value::Null), "unknown: a success without a message id");
        assert_eq!(outcome(404, json!({ "error": "no such route" })), "unknown: HTTP 404 no such route");
        assert_eq!(outcome(500, json!({ "error": "internal" })), "unknown: HTTP 500 internal");
        assert_eq!(outcome(503, json!({ "error": "outage" })), "unknown: HTTP 503 outage");
        assert_eq!(outcome(429, Value::Null), "unknown: HTTP 429 ");
        assert_eq!(outcome(302, Value::Null), "unknown: HTTP 302 ");
    }

    #[test]
    fn a_post_is_never_delivered_because_nothing_changed() {
        let answer = Answer::Whole { status: 400, body: json!({ "error": "not_modified" }) };
        assert!(matches!(classify(answer, None), SendOutcome::Unknown(_)));
    }
}
