use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::{Value, json};

use super::{
    super::client::read,
    table::{EVERY, link},
    *,
};

/// The methods that are asked.
const METHODS: [&str; 20] = [
    POST,
    "chat.update",
    "chat.startStream",
    "chat.appendStream",
    "chat.stopStream",
    "files.getUploadURLExternal",
    COMPLETE_UPLOAD,
    "files.info",
    "conversations.history",
    "conversations.replies",
    "conversations.info",
    "conversations.list",
    "users.conversations",
    "users.info",
    "auth.test",
    "apps.connections.open",
    "reactions.add",
    "assistant.threads.setStatus",
    "assistant.threads.setSuggestedPrompts",
    "assistant.threads.setTitle",
];

fn shown(outcome: SendOutcome) -> String {
    match outcome {
        SendOutcome::Delivered(id) => format!("delivered {id}"),
        SendOutcome::Retry(retry) => format!("retry after {:?} {:?}", retry.after_ms, retry.scope),
        SendOutcome::Rejected(Rejection::Invalid { .. }) => "rejected: invalid".into(),
        SendOutcome::Rejected(rejection) => format!("rejected: {rejection}"),
        SendOutcome::Unknown(cause) => format!("unknown: {cause}"),
    }
}

fn post(status: u16, body: &str) -> String {
    shown(classify(read(status, Some(3_000).filter(|_| status == 429), body), None, POST))
}

fn edit(status: u16, body: &str) -> String {
    let target = MessageId::new("1.5");
    shown(classify(read(status, Some(3_000).filter(|_| status == 429), body), Some(&target), "chat.update"))
}

fn refusal(code: &str) -> String {
    json!({ "ok": false, "error": code }).to_string()
}

#[test]
fn every_row_has_its_effect_on_a_post_and_on_an_edit() {
    let rows = TABLE.iter().map(|(code, ..)| {
        let (post, edit) = (post(200, &refusal(code)), edit(200, &refusal(code)));
        if post == edit { format!("{code} → {post}") } else { format!("{code} → {post} | {edit}") }
    });
    insta::assert_snapshot!(rows.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_post_is_delivered_under_its_timestamp_and_files_under_the_first() {
    assert_eq!(post(200, r#"{"ok":true,"channel":"C1","ts":"1503435956.000247"}"#), "delivered 1503435956.000247");
    assert_eq!(edit(200, r#"{"ok":true,"ts":"1.5"}"#), "delivered 1.5");
    let files = read(200, None, r#"{"ok":true,"files":[{"id":"F1"},{"id":"F2"}]}"#);
    assert_eq!(shown(classify(files, None, COMPLETE_UPLOAD)), "delivered F1");
    for nothing in [r#"{"ok":true}"#, r#"{"ok":true,"ts":""}"#, r#"{"ok":true,"ts":1.5}"#] {
        assert_eq!(post(200, nothing), "unknown: a success without a name for the message");
    }
}

#[test]
fn limits_keep_their_hint_and_reach_as_far_as_they_are_counted() {
    assert_eq!(post(429, &refusal("ratelimited")), "retry after Some(3000) Conversation");
    assert_eq!(post(429, "slow down"), "retry after Some(3000) Conversation");
    assert_eq!(post(429, &refusal("a new word")), "retry after Some(3000) Conversation");
    assert_eq!(edit(429, &refusal("ratelimited")), "retry after Some(3000) Account");
}

#[test]
fn what_proves_nothing_is_unknown() {
    assert_eq!(post(200, &refusal("a_new_word")), "unknown: Slack refused with a_new_word");
    assert!(post(500, &refusal("internal_error")).starts_with("unknown"));
    assert!(edit(503, "<html>").starts_with("unknown"));
    assert!(post(200, r#"{"ok":false}"#).starts_with("unknown"));
    assert!(post(200, "half an ans").starts_with("unknown"));
}

#[test]
fn a_permission_for_files_that_is_missing_is_told_in_the_chat() {
    let lacking = || read(200, None, r#"{"ok":false,"error":"missing_scope","needed":"files:write"}"#);
    match classify(lacking(), None, COMPLETE_UPLOAD) {
        SendOutcome::Rejected(Rejection::Invalid { detail }) => {
            assert_eq!(detail, "Slack refused with missing_scope, needs the scope files:write");
        }
        other => panic!("got {other:?}"),
    }
    assert_eq!(shown(classify(lacking(), None, POST)), "rejected: not allowed to post here");
}

#[test]
fn every_word_stands_once() {
    let words: BTreeSet<_> = TABLE.iter().map(|(code, ..)| code).collect();
    assert_eq!(words.len(), TABLE.len());
}

/// The words that Slack documents for each method.
fn documented() -> Option<BTreeMap<&'static str, BTreeSet<String>>> {
    let methods = Path::new(&std::env::var_os("LASTWORD_CONTRACTS")?).join("slack-api-ref/methods");
    let words = |method: &str| {
        let file = fs::read_to_string(methods.join(format!("{method}.json"))).unwrap();
        let described: Value = serde_json::from_str(&file).unwrap();
        described["errors"].as_object().unwrap().keys().cloned().collect()
    };
    Some(METHODS.map(|method| (method, words(method))).into())
}

#[test]
fn every_documented_refusal_has_a_row_and_no_row_names_another() {
    let Some(documented) = documented() else {
        eprintln!("not run: LASTWORD_CONTRACTS is not set");
        return;
    };
    for (method, words) in &documented {
        for word in words {
            assert!(TABLE.iter().any(|(code, ..)| code == word), "{method} documents {word}");
        }
    }
    for (code, _, method) in TABLE {
        // What every method's page documents, the descriptions leave out.
        let is_documented = *method == EVERY || documented[method].contains(*code);
        assert!(is_documented, "{code} is not at {}", link(method));
    }
}
