//! What we send against Telegram's own description of its methods, where `LASTWORD_CONTRACTS` points to it.

use std::{collections::BTreeMap, fs, path::Path};

use lastword_core::{
    delivery::Form,
    ids::{AccountId, ConversationId, DeliveryKey, MessageId, Place, ThreadId, TurnId},
    provider::SendRequest,
};
use serde::Serialize;
use serde_json::{Value, to_value};
use teloxide_core::{
    payloads::{GetFile, GetMe, GetMyCommands, GetMyCommandsSetters as _, SetMyCommands, SetMyCommandsSetters as _},
    requests::Payload,
    types::{AllowedUpdate, BotCommand, BotCommandScope, FileId},
};

use super::{
    draft::draft,
    receive::Poll,
    send,
    upload::{Upload, upload},
};

/// Parameters by name: whether they are required.
type Parameters = BTreeMap<String, bool>;

/// Every method and type, by its name in small letters.
fn described() -> Option<BTreeMap<String, Parameters>> {
    let file = Path::new(&std::env::var_os("LASTWORD_CONTRACTS")?).join("telegram-bot-api-10.3.json");
    let described: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let mut found = BTreeMap::new();
    for item in described["items"].as_array().unwrap().iter().flat_map(|group| group["children"].as_array().unwrap()) {
        let parameters = item["annotations"].as_array().into_iter().flatten();
        let parameters = parameters.map(|one| (one["name"].as_str().unwrap().to_owned(), one["required"] == true));
        found.insert(item["name"].as_str().unwrap().to_lowercase(), parameters.collect());
    }
    Some(found)
}

fn agrees(described: &BTreeMap<String, Parameters>, name: &str, sent: &Value) {
    let parameters = &described[&name.to_lowercase()];
    let sent = sent.as_object().unwrap();
    for key in sent.keys() {
        assert!(parameters.contains_key(key), "{name} has no {key}");
    }
    for (required, _) in parameters.iter().filter(|(_, is_required)| **is_required) {
        assert!(sent.contains_key(required), "{name} needs {required}");
    }
}

fn method<P: Payload + Serialize>(described: &BTreeMap<String, Parameters>, payload: &P) -> Value {
    let sent = to_value(payload).unwrap();
    // A method without parameters is spelled as nothing.
    let sent = if sent.is_null() { Value::Object(Default::default()) } else { sent };
    agrees(described, P::NAME, &sent);
    sent
}

#[test]
fn what_is_sent_has_only_documented_parameters() {
    let Some(described) = described() else {
        eprintln!("not run: LASTWORD_CONTRACTS is not set");
        return;
    };
    let request = SendRequest {
        key: DeliveryKey::new("k"),
        attempt: 1,
        place: Place {
            account: AccountId::new("bot"),
            conversation: ConversationId::new("-5"),
            thread: Some(ThreadId::new("3")),
        },
        reply_to: Some(MessageId::new("4")),
        text: "**a** `b` [c](https://example.org)\n```rust\nd\n```\n> e ~~f~~".into(),
        form: Form::Formatted,
    };
    let sent = method(&described, &send::message(-5, &request));
    agrees(&described, "ReplyParameters", &sent["reply_parameters"]);
    agrees(&described, "LinkPreviewOptions", &sent["link_preview_options"]);
    let entities = sent["entities"].as_array().unwrap();
    assert_eq!(entities.len(), 6);
    entities.iter().for_each(|entity| agrees(&described, "MessageEntity", entity));
    method(&described, &send::changed(-5, 7, &request));
    method(&described, &send::typing(-5, &request.place));
    method(&described, &draft(5, &request.place, TurnId(7), "so far"));
    let reaction = method(&described, &send::reaction(-5, 7));
    agrees(&described, "ReactionTypeEmoji", &reaction["reaction"][0]);
    for form in [Form::Formatted, Form::Plain] {
        let request = SendRequest { form, ..request.clone() };
        for name in ["a.png", "a.mp4", "a.mp3", "a.ogg", "a.pdf"] {
            let Upload { method, parameters, parts } = upload(-5, &request, &[(name, 1)]);
            let parts = parts.into_iter().map(|part| (part, Value::Null));
            let sent = parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(parts).collect();
            agrees(&described, method, &Value::Object(sent));
        }
        for (names, kind) in [(["a.png", "b.mp4"], "InputMediaPhoto"), (["a.pdf", "b"], "InputMediaDocument")] {
            let Upload { method, parameters, .. } = upload(-5, &request, &names.map(|name| (name, 1)));
            let sent: serde_json::Map<_, _> =
                parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            let kind = if form == Form::Plain { "InputMediaDocument" } else { kind };
            agrees(&described, kind, &sent["media"][0]);
            agrees(&described, method, &Value::Object(sent));
        }
    }
    method(&described, &GetFile::new(FileId("x".into())));
    method(&described, &GetMe::new());
    method(&described, &GetMyCommands::new().scope(BotCommandScope::Default));
    let menu = method(&described, &SetMyCommands::new([BotCommand::new("a", "b")]).scope(BotCommandScope::Default));
    agrees(&described, "BotCommand", &menu["commands"][0]);
    let allowed_updates = vec![AllowedUpdate::Message];
    method(&described, &Poll { offset: Some(1), limit: 1, timeout: 1, allowed_updates });
}
