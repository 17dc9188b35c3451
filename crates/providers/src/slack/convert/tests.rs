use std::sync::Arc;

use lastword_core::{ids::AccountId, store::Clock};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::slack::{SlackProvider, SlackSettings};

struct At(i64);

impl Clock for At {
    fn now(&self) -> Timestamp {
        Timestamp(self.0)
    }
}

fn provider(settings: SlackSettings) -> SlackProvider {
    SlackProvider::new(AccountId::new("ada"), settings, Arc::new(At(9_000)))
}

fn settings() -> SlackSettings {
    SlackSettings {
        commands: vec!["deploy".into()],
        ..SlackSettings::new("xoxb-1", "xapp-1-A1-1", "http://127.0.0.1:1")
    }
}

fn me() -> Me {
    Me { team: "T1".into(), user: "U0BOT".into() }
}

fn read_with(settings: SlackSettings, kind: &str, payload: &Value) -> Read {
    let provider = provider(settings);
    let reader = Reader { link: &provider.link, me: &me() };
    let payload = Fields::read(&payload.to_string()).unwrap_or_default();
    reader.read(&Envelope { id: "env-1".into(), kind: kind.into(), payload, takes_answer: true })
}

fn event(event: Value) -> Update {
    event_with(settings(), event)
}

fn event_with(settings: SlackSettings, event: Value) -> Update {
    read_with(settings, "events_api", &json!({ "team_id": "T1", "event_id": "Ev1", "event": event }))
        .update
        .expect("nothing of ours")
}

/// A message in a channel, with these fields in place of the usual.
fn message(more: Value) -> Value {
    let mut message = json!({ "type": "message", "channel": "C1", "channel_type": "channel", "user": "U1",
                              "ts": "5.000100", "text": "hello", "event_ts": "5.000100" });
    message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    message
}

/// What is told of an update, in one line.
fn told(update: &Update) -> String {
    let thread = update.place.thread.as_ref().map(|thread| format!("/{thread}")).unwrap_or_default();
    let bot = if update.sender.is_bot { " (bot)" } else { "" };
    let what = match &update.kind {
        UpdateKind::Posted(message) => {
            let whose = match (message.is_addressed, message.goes_on) {
                (true, _) => "for us",
                (false, true) => "perhaps for us",
                (false, false) => "not for us",
            };
            let files: String =
                message.files.iter().map(|file| format!(" + {} at {}", file.name, file.handle)).collect();
            format!("{:?} {whose}{files}", message.text)
        }
        other => format!("{other:?}"),
    };
    format!("{} in {}{thread} by {}{bot}: {what}", update.id, update.place.conversation, update.sender.id)
}

#[test]
fn whom_a_message_is_for_and_where_it_is_answered() {
    let told = [
        message(json!({})),
        message(json!({ "text": "<@U0BOT> hello" })),
        message(json!({ "type": "app_mention", "channel_type": null, "text": "<@U0BOT> hello" })),
        message(json!({ "thread_ts": "4.000000" })),
        message(json!({ "thread_ts": "4.000000", "text": "<@U2> hello" })),
        message(json!({ "thread_ts": "4.000000", "parent_user_id": "U0BOT" })),
        message(json!({ "channel": "D1", "channel_type": "im" })),
        message(json!({ "channel": "D1", "channel_type": "im", "thread_ts": "4.000000" })),
        message(json!({ "channel": "G1", "channel_type": "mpim" })),
        message(json!({ "text": "<@U0BOT> status" })),
        message(json!({ "text": "<@U0BOT> status of the build?" })),
        message(json!({ "text": "<@U0BOT> trace 5" })),
        message(json!({ "text": "<@U0BOT> deploy now" })),
        message(json!({ "channel": "D1", "channel_type": "im", "text": "status" })),
        message(json!({ "subtype": "file_share", "text": "<@U0BOT>", "files": [
            { "id": "F1", "name": "a.png", "url_private_download": "https://files.slack.com/a", "size": 5 },
            { "id": "F2" }, { "mode": "tombstone" }, "nonsense"] })),
    ]
    .map(|message| told(&event(message)));
    insta::assert_snapshot!(told.join("\n"), @r#"
    said:C1:5.000100 in C1 by U1: "hello" not for us
    said:C1:5.000100 in C1/5.000100 by U1: "hello" for us
    said:C1:5.000100 in C1/5.000100 by U1: "hello" for us
    said:C1:5.000100 in C1/4.000000 by U1: "hello" perhaps for us
    said:C1:5.000100 in C1/4.000000 by U1: "@U2 hello" not for us
    said:C1:5.000100 in C1/4.000000 by U1: "hello" for us
    said:D1:5.000100 in D1 by U1: "hello" for us
    said:D1:5.000100 in D1/4.000000 by U1: "hello" for us
    said:G1:5.000100 in G1 by U1: "hello" not for us
    said:C1:5.000100 in C1/5.000100 by U1: "/status" for us
    said:C1:5.000100 in C1/5.000100 by U1: "status of the build?" for us
    said:C1:5.000100 in C1/5.000100 by U1: "/trace 5" for us
    said:C1:5.000100 in C1/5.000100 by U1: "/deploy now" for us
    said:D1:5.000100 in D1 by U1: "status" for us
    said:C1:5.000100 in C1/5.000100 by U1: "" for us + a.png at https://files.slack.com/a + file at id:F2
    "#);
}

#[test]
fn what_nobody_wrote_asks_nothing() {
    let told = [
        message(json!({ "subtype": "channel_join" })),
        message(json!({ "bot_id": "B7", "text": "<@U0BOT> again" })),
        message(json!({ "subtype": "bot_message", "user": null, "bot_id": "B7" })),
        message(json!({ "user": "USLACKBOT" })),
        message(json!({ "ts": null })),
        message(
            json!({ "subtype": "message_deleted", "deleted_ts": "4.000000", "previous_message": { "user": "U1" } }),
        ),
        message(json!({ "subtype": "message_changed", "message": { "user": "U1", "ts": "4.000000", "text": "x" } })),
        json!({ "type": "reaction_added" }),
        json!({}),
    ]
    .map(|message| told(&event(message)));
    insta::assert_snapshot!(told.join("\n"), @r#"
    Ev1 in none by none: Other { name: "message: channel_join" }
    said:C1:5.000100 in C1/5.000100 by U1 (bot): "again" for us
    said:C1:5.000100 in C1 by B7 (bot): "hello" not for us
    said:C1:5.000100 in C1 by USLACKBOT (bot): "hello" not for us
    Ev1 in none by none: Other { name: "message without a timestamp" }
    deleted:C1:4.000000 in C1 by U1: Deleted(MessageId("4.000000"))
    Ev1 in none by none: Other { name: "message_changed" }
    Ev1 in none by none: Other { name: "reaction_added" }
    Ev1 in none by none: Other { name: "empty" }
    "#);
}

#[test]
fn what_we_wrote_ourselves_is_nobodys_news() {
    for ours in [
        message(json!({ "user": "U0BOT", "bot_id": "B1" })),
        message(json!({ "subtype": "message_changed", "user": null, "message": { "user": "U0BOT", "text": "x" } })),
        message(json!({ "subtype": "message_deleted", "user": null, "previous_message": { "user": "U0BOT" } })),
    ] {
        let payload = json!({ "event_id": "Ev1", "event": ours });
        assert!(read_with(settings(), "events_api", &payload).update.is_none(), "{payload}");
    }
}

#[test]
fn an_edit_asks_again_where_it_may_and_something_changed() {
    let changed = |now: Value, before: &str| {
        message(json!({ "subtype": "message_changed", "channel": "D1", "channel_type": "im", "message": now,
                        "previous_message": { "text": before } }))
    };
    let now = json!({ "user": "U1", "ts": "4.000000", "text": "two", "edited": { "ts": "6.000000", "user": "U1" } });
    let rerun = || SlackSettings { edited: Edited::Rerun, ..settings() };
    let told = [
        told(&event_with(settings(), changed(now.clone(), "one"))),
        told(&event_with(rerun(), changed(now.clone(), "one"))),
        told(&event_with(rerun(), changed(now, "two"))),
    ];
    insta::assert_snapshot!(told.join("\n"), @r#"
    Ev1 in none by none: Other { name: "message_changed" }
    edited:D1:4.000000:6.000000 in D1 by U1: "two" for us
    Ev1 in none by none: Other { name: "message_changed" }
    "#);
}

#[test]
fn what_is_done_to_the_bot_is_told() {
    let told = [
        json!({ "type": "member_joined_channel", "user": "U0BOT", "channel": "C1", "inviter": "U1", "event_ts": "1.0" }),
        json!({ "type": "member_joined_channel", "user": "U2", "channel": "C1" }),
        json!({ "type": "channel_left", "channel": "C1" }),
        json!({ "type": "channel_archive", "channel": "C1", "user": "U1" }),
        json!({ "type": "group_unarchive", "channel": "G1", "user": "U1" }),
    ]
    .map(|event_| told(&event(event_)));
    insta::assert_snapshot!(told.join("\n"), @r#"
    Ev1 in C1 by U1: Admitted { how: "added" }
    Ev1 in none by none: Other { name: "member_joined_channel" }
    Ev1 in C1 by : Barred { how: "removed" }
    Ev1 in C1 by U1: Barred { how: "archived" }
    Ev1 in G1 by U1: Admitted { how: "taken out of the archive" }
    "#);
}

#[test]
fn a_command_reads_as_it_was_typed_and_without_its_prefix() {
    let command = |command: &str, text: &str| {
        let payload = json!({ "command": command, "text": text, "user_id": "U1", "user_name": "ann", "channel_id": "C1",
                              "team_id": "T1", "trigger_id": "13.7" });
        let read = read_with(settings(), "slash_commands", &payload);
        (told(&read.update.unwrap()), read.answer)
    };
    let (told, answer) = command("/ada-trace", "5 &amp; more");
    assert_eq!(told, r#"command:13.7 in C1 by U1: "/trace 5 & more" for us"#);
    assert_eq!(answer, Some(json!({ "response_type": "in_channel" })));
    assert_eq!(command("/status", "").0, r#"command:13.7 in C1 by U1: "/status" for us"#);
}

#[test]
fn what_happens_in_another_workspace_is_not_ours() {
    let payload = |team: &str, authorizations: Value| {
        let event = message(json!({ "text": "<@U0BOT> hello" }));
        let payload = json!({ "team_id": team, "event_id": "Ev1", "authorizations": authorizations, "event": event });
        matches!(read_with(settings(), "events_api", &payload).update.unwrap().kind, UpdateKind::Posted(_))
    };
    assert!(payload("T1", json!([])) && !payload("T2", json!([])));
    // In a channel that is shared with us.
    assert!(payload("T2", json!([{ "team_id": "T1", "user_id": "U0BOT" }])));
    assert!(!payload("T1", json!([{ "team_id": "T2", "user_id": "U9BOT" }])));
}

#[test]
fn a_pane_that_is_opened_gets_suggestions_and_its_first_question_a_title() {
    let provider = provider(settings());
    let reader = Reader { link: &provider.link, me: &me() };
    let read = |event: Value| {
        let payload = Fields::read(&json!({ "event_id": "Ev1", "event": event }).to_string()).unwrap();
        reader.read(&Envelope { id: "e".into(), kind: "events_api".into(), payload, takes_answer: false }).asides
    };
    let opened = json!({ "type": "assistant_thread_started",
                         "assistant_thread": { "user_id": "U1", "channel_id": "D1", "thread_ts": "4.000000" } });
    assert!(matches!(read(opened)[..], [Aside { what: What::Prompts, .. }]));
    let asked = |ts| message(json!({ "channel": "D1", "channel_type": "im", "thread_ts": "4.000000", "ts": ts }));
    assert!(read(message(json!({ "channel": "D1", "thread_ts": "4.000000", "bot_id": "B1" }))).is_empty());
    let titled = read(asked("5.000000"));
    assert!(matches!(&titled[..], [Aside { what: What::Title(title), .. }] if title == "hello"), "{titled:?}");
    assert!(read(asked("6.000000")).is_empty());
}

#[test]
fn one_message_has_one_name_whoever_tells_of_it() {
    let provider = provider(settings());
    let reader = Reader { link: &provider.link, me: &me() };
    let said = message(json!({ "text": "<@U0BOT> hello" }));
    let remembered = reader.remembered("C1", "channel", &Fields::read(&said.to_string()).unwrap()).unwrap();
    let mention = message(json!({ "type": "app_mention", "text": "<@U0BOT> hello" }));
    assert_eq!((event(said), event(mention)), (remembered.clone(), remembered));
}

proptest! {
    #[test]
    fn whatever_comes_is_one_update(text in "\\PC{0,60}", kind in "[a-z_]{0,12}", subtype in "[a-z_]{0,12}", ts in "[0-9.]{0,12}") {
        let said = message(json!({ "type": kind, "subtype": subtype, "text": text, "ts": ts, "files": text, "edited": 5 }));
        let update = event(said);
        prop_assert!(!update.id.as_str().is_empty());
        let odd = read_with(settings(), &kind, &json!({ "event": text, "command": ts }));
        prop_assert!(odd.update.is_some_and(|update| !update.sender.is_bot));
    }
}
