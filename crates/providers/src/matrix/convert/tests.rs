use serde_json::{Value, json};

use super::*;

const ME: &str = "@ada:example.org";

fn read_in(is_direct: bool, edited: Edited, event: &Value) -> Heard {
    let account = AccountId::new("a");
    let room = Room { account: &account, id: "!r", me: ME, my_name: Some("Ada L."), is_direct, edited };
    room.read(&Fields::read(&event.to_string()).unwrap())
}

fn event(kind: &str, content: Value) -> Value {
    json!({
        "type": kind, "event_id": "$e", "sender": "@bob:example.org", "origin_server_ts": 7, "content": content,
    })
}

fn said(content: Value) -> Value {
    let mut whole = json!({ "msgtype": "m.text" });
    whole.as_object_mut().unwrap().extend(content.as_object().unwrap().clone());
    event("m.room.message", whole)
}

/// One line about what was heard.
fn told(heard: &Heard) -> String {
    let about = |update: &Update| match &update.kind {
        UpdateKind::Posted(message) => {
            let is_for_us = if message.is_addressed { "to us" } else { "aside" };
            let goes_on = if message.goes_on { ", goes on" } else { "" };
            let bot = if update.sender.is_bot { ", a bot" } else { "" };
            let thread = update.place.thread.as_ref().map(|thread| format!(" in {thread}")).unwrap_or_default();
            let files: String =
                message.files.iter().map(|file| format!(" [{} {:?}]", file.name, file.size_bytes)).collect();
            format!("{is_for_us}{goes_on}{bot}{thread}: {:?}{files}", message.text)
        }
        other => format!("{other:?}"),
    };
    match heard {
        Heard::Update(update) => about(update),
        Heard::Answer { update, answered } => format!("answers {answered}, {}", about(update)),
        Heard::Edit { update, original } => format!("edits {original}, {}", about(update)),
        other => format!("{other:?}"),
    }
}

fn group(content: Value) -> String {
    told(&read_in(false, Edited::Ignore, &said(content)))
}

#[test]
fn in_a_group_only_what_calls_us_is_for_us() {
    let pill =
        |link: &str| json!({ "body": "Ada L.: go", "formatted_body": format!("<a href=\"{link}\">Ada L.</a>: go") });
    let messages = [
        json!({ "body": "hello" }),
        json!({ "body": "hello", "m.mentions": { "user_ids": ["@carol:example.org", ME] } }),
        json!({ "body": "hello", "m.mentions": { "user_ids": ["@carol:example.org"] } }),
        json!({ "body": "Ada L.: go" }),
        json!({ "body": "ada, go" }),
        json!({ "body": "@Ada go" }),
        json!({ "body": "Ada is nice" }),
        json!({ "body": "Adam: go" }),
        json!({ "body": "ask @ada:example.org about it" }),
        json!({ "body": "ask @ada:example.organic about it" }),
        pill("https://matrix.to/#/@ada:example.org"),
        pill("https://matrix.to/#/%40ada%3Aexample.org?via=x"),
        json!({ "body": "no", "formatted_body": "<a href=\"https://matrix.to/#/@ada:example.org.uk\">x</a>" }),
        json!({ "body": "@ada:example.org: !status", "m.mentions": { "user_ids": [ME] } }),
    ];
    insta::assert_snapshot!(messages.map(group).join("\n"), @r#"
    aside: "hello"
    to us: "hello"
    aside: "hello"
    to us: "go"
    to us: "go"
    to us: "go"
    aside: "Ada is nice"
    aside: "Adam: go"
    to us: "ask @ada:example.org about it"
    aside: "ask @ada:example.organic about it"
    to us: "go"
    to us: "go"
    aside: "no"
    to us: "!status"
    "#);
}

#[test]
fn threads_go_on_and_answers_are_looked_at() {
    let in_thread = json!({ "rel_type": "m.thread", "event_id": "$root", "is_falling_back": true, "m.in_reply_to": { "event_id": "$l" } });
    let real = json!({ "rel_type": "m.thread", "event_id": "$root", "is_falling_back": false, "m.in_reply_to": { "event_id": "$l" } });
    let messages = [
        json!({ "body": "and?", "m.relates_to": in_thread }),
        json!({ "body": "and?", "m.relates_to": in_thread, "m.mentions": { "user_ids": ["@carol:example.org"] } }),
        json!({ "body": "and?", "m.relates_to": real }),
        json!({ "body": "> <@bob:example.org> one\n> two\n\nand?", "m.relates_to": { "m.in_reply_to": { "event_id": "$x" } } }),
        json!({ "body": "> quoted\nby hand" }),
    ];
    insta::assert_snapshot!(messages.map(group).join("\n"), @r#"
    aside, goes on in $root: "and?"
    aside in $root: "and?"
    answers $l, aside, goes on in $root: "and?"
    answers $x, aside: "and?"
    aside: "> quoted\nby hand"
    "#);
}

#[test]
fn bots_are_told_from_people() {
    let messages = [json!({ "body": "x", "msgtype": "m.notice" }), json!({ "body": "x", (MARK): "k" })];
    assert!(messages.map(group).iter().all(|told| told.contains("a bot")));
    let mut own = said(json!({ "body": "x" }));
    own["sender"] = json!(ME);
    assert!(matches!(read_in(true, Edited::Ignore, &own), Heard::Nothing));
}

#[test]
fn a_request_to_be_verified_is_no_question() {
    let request = said(json!({ "body": "Ada wants to verify you", "msgtype": "m.key.verification.request" }));
    assert_eq!(told(&read_in(true, Edited::Ignore, &request)), r#"Other { name: "m.key.verification.request" }"#);
}

#[test]
fn an_edit_is_asked_again_only_where_that_is_wanted() {
    let edit = said(json!({
        "body": "* new",
        "m.new_content": { "msgtype": "m.text", "body": "new" },
        "m.relates_to": { "rel_type": "m.replace", "event_id": "$o" },
    }));
    assert_eq!(told(&read_in(true, Edited::Ignore, &edit)), r#"Other { name: "m.replace" }"#);
    assert_eq!(told(&read_in(true, Edited::Rerun, &edit)), r#"edits $o, to us: "new""#);
}

#[test]
fn files_come_with_their_names_and_captions() {
    let encrypted = json!({ "url": "mxc://x/2", "key": { "k": "s" } });
    let messages = [
        json!({ "msgtype": "m.image", "body": "a.png", "url": "mxc://x/1", "info": { "size": 5 } }),
        json!({ "msgtype": "m.file", "body": "read this", "filename": "b.pdf", "file": encrypted }),
        json!({ "msgtype": "m.audio", "body": " ", "url": "mxc://x/3" }),
        json!({ "msgtype": "m.video", "body": "lost" }),
    ];
    let told = messages.map(|content| told(&read_in(true, Edited::Ignore, &said(content))));
    insta::assert_snapshot!(told.join("\n"), @r#"
    to us: "" [a.png Some(5)]
    to us: "read this" [b.pdf None]
    to us: "" [sound.ogg None]
    to us: "lost"
    "#);
    let Heard::Update(update) =
        read_in(true, Edited::Ignore, &said(json!({ "msgtype": "m.file", "body": "b", "file": encrypted })))
    else {
        panic!("a file")
    };
    let UpdateKind::Posted(message) = update.kind else { panic!("a message") };
    let handle: Handle = serde_json::from_str(&message.files[0].handle).unwrap();
    assert_eq!(handle, Handle { room: "!r".into(), content: Content::File(encrypted) });
}

#[test]
fn what_is_no_message_asks_nothing() {
    let member = |who: &str, now: &str, before: &str| {
        let mut event = event("m.room.member", json!({ "membership": now }));
        event["state_key"] = json!(who);
        event["unsigned"] = json!({ "prev_content": { "membership": before } });
        event
    };
    let tombstone = {
        let mut event = event("m.room.tombstone", json!({ "replacement_room": "!new" }));
        event["state_key"] = json!("");
        event
    };
    let redacted = {
        let mut event = said(json!({}));
        event["unsigned"] = json!({ "redacted_because": {} });
        event
    };
    let events = [
        event("m.reaction", json!({})),
        event("m.room.topic", json!({ "topic": "x" })),
        event("m.room.message", json!({ "msgtype": 5 })),
        redacted,
        event("m.room.encrypted", json!({ "algorithm": "m.megolm.v1.aes-sha2" })),
        event("m.room.redaction", json!({ "redacts": "$q" })),
        tombstone,
        event("m.room.tombstone", json!({ "replacement_room": "!new" })),
        member(ME, "join", "invite"),
        member(ME, "join", "join"),
        member(ME, "leave", "join"),
        member(ME, "leave", "invite"),
        member(ME, "ban", "join"),
        member("@bob:example.org", "join", "invite"),
        json!({ "type": "m.room.message" }),
    ];
    let told = events.map(|event| told(&read_in(true, Edited::Ignore, &event)));
    insta::assert_snapshot!(told.join("\n"), @r#"
    Nothing
    Nothing
    Other { name: "m.room.message" }
    Other { name: "redacted" }
    Locked { event: "$e" }
    Deleted(MessageId("$q"))
    Moved { to: "!new", by: "@bob:example.org" }
    Nothing
    Admitted { how: "let in" }
    Nothing
    Barred { how: "kicked" }
    Nothing
    Barred { how: "banned" }
    Nothing
    Nothing
    "#);
}
