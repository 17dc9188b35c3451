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
        Answer::Whole { status: 200..=299, body } => match body["id"].as_str().filter(|id| !id.is_empty()) {
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
    // A hint that lies in the past is none: trying again at once is what the network complains about.
    Retry { after_ms: body["retry_after_ms"].as_i64().filter(|ms| *ms >= 0), scope, cause }
}

#[cfg(test)]
mod tests {
    use lastword_core::corpus;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// What holds for every answer: nothing is delivered without a name, and what nobody documented is in doubt.
    fn holds(status: u16, body: &Value, target: Option<&MessageId>) {
        let is_success = (200..300).contains(&status);
        match classify(Answer::Whole { status, body: body.clone() }, target) {
            SendOutcome::Delivered(id) => {
                assert!(!id.as_str().is_empty());
                assert!(is_success || status == 400 && Some(&id) == target, "{status} {body}");
            }
            SendOutcome::Retry(retry) => {
                assert!(status == 429 && retry.after_ms.is_none_or(|ms| ms >= 0), "{status} {body}");
            }
            SendOutcome::Rejected(Rejection::TargetLost) => assert!(target.is_some() && status == 404),
            SendOutcome::Rejected(_) => assert!([400, 401, 403, 410].contains(&status), "{status} {body}"),
            SendOutcome::Unknown(_) => assert!(!is_success || body["id"].as_str().is_none_or(str::is_empty)),
        }
    }

    fn every(status: u16, body: &Value) {
        holds(status, body, None);
        holds(status, body, Some(&MessageId::new("b1")));
    }

    #[test]
    fn every_seed_is_classified() {
        for (_, seed) in corpus::texts(env!("CARGO_MANIFEST_DIR"), "answer") {
            let (status, body) = seed.split_once(' ').unwrap();
            every(status.parse().unwrap(), &serde_json::from_str(body).unwrap_or(Value::Null));
        }
    }

    #[test]
    fn a_success_without_a_name_and_a_pause_in_the_past_are_neither() {
        assert_eq!(outcome(200, json!({ "id": "" })), "unknown: a success without a message id");
        let limited = json!({ "error": "limited", "retry_after_ms": -700 });
        assert_eq!(outcome(429, limited), "retry after None Conversation");
    }

    proptest! {
        #[test]
        fn any_answer_is_classified(
            status in prop_oneof![prop::sample::select(vec![200_u16, 204, 302, 400, 401, 403, 404, 410, 429, 500, 503]), 100_u16..600],
            id in prop::sample::select(vec![json!("b7"), json!(""), json!(7), json!(null), json!(["b7"])]),
            error in prop_oneof![
                prop::sample::select(vec!["not_modified", "invalid", "unauthorized", "forbidden", "target_lost", "gone", "limited"]).prop_map(Value::from),
                "\\PC{0,9}".prop_map(Value::from), Just(json!(null)), Just(json!({ "code": "gone" })),
            ],
            retry_after_ms in prop_oneof![any::<i64>().prop_map(Value::from), any::<f64>().prop_map(Value::from), Just(json!("700"))],
            scope in prop::sample::select(vec![json!("message"), json!("account"), json!("x"), json!(null)]),
        ) {
            every(status, &json!({ "id": id, "error": error, "retry_after_ms": retry_after_ms, "scope": scope }));
            every(status, &error);
        }
    }

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
