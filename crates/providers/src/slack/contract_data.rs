//! What we send against Slack's own description of its methods, where `LASTWORD_CONTRACTS` points to it.

use std::{fs, path::Path};

use serde_json::{Value, json};

use lastword_core::ids::MessageId;

use super::{
    find,
    outcome::COMPLETE_UPLOAD,
    pane,
    send::{changed, message, reaction},
    settings::Prompt,
    stream,
    upload::{GET_PLACE, Uploaded, asked, shared, tests::request},
};

/// A method as Slack describes it.
fn described(method: &str) -> Option<Value> {
    let file = Path::new(&std::env::var_os("LASTWORD_CONTRACTS")?).join(format!("slack-api-ref/methods/{method}.json"));
    Some(serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap())
}

/// An object has only described fields and all that are required; the token goes in a header.
fn agrees(name: &str, described: &Value, sent: &Value) {
    let (known, sent) = (described["properties"].as_object().unwrap(), sent.as_object().unwrap());
    for (field, value) in sent {
        let described = known.get(field).unwrap_or_else(|| panic!("{name} has no {field}"));
        if let Some(items) = described.get("items").filter(|items| items.get("properties").is_some()) {
            value.as_array().unwrap().iter().for_each(|item| agrees(&format!("{name} {field}"), items, item));
        }
    }
    let required = described["required"].as_array().into_iter().flatten().map(|field| field.as_str().unwrap());
    for field in required.filter(|field| *field != "token") {
        assert!(sent.contains_key(field), "{name} needs {field}");
    }
}

fn call(method: &str, sent: &Value) {
    let described = described(method).unwrap();
    assert_eq!(described["json_input_supported"], true, "{method} takes no JSON");
    agrees(method, &described["args"], sent);
}

fn ask(method: &str, fields: &[(&str, &str)]) {
    let sent: serde_json::Map<_, _> = fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    agrees(method, &described(method).unwrap()["args"], &Value::Object(sent));
}

#[test]
fn what_is_sent_has_only_documented_arguments() {
    if described(COMPLETE_UPLOAD).is_none() {
        eprintln!("not run: LASTWORD_CONTRACTS is not set");
        return;
    }
    ask(GET_PLACE, &asked("a.txt", "1"));
    ask("files.info", &[("file", "F1")]);
    let uploaded = [Uploaded { id: "F1".into(), name: "a.txt".into() }];
    call(COMPLETE_UPLOAD, &shared(&request(None), &uploaded));
    call(COMPLETE_UPLOAD, &shared(&request(Some("1.5")), &uploaded));
    let asked = request(Some("1.5"));
    call("chat.postMessage", &json!(message(&asked)));
    call("chat.update", &json!(changed(&MessageId::new("1.6"), &asked)));
    call("chat.appendStream", &stream::appended(&MessageId::new("1.6"), &asked, "more"));
    call("chat.stopStream", &stream::stopped(&MessageId::new("1.6"), &asked));
    call("reactions.add", &reaction(&asked.place, &MessageId::new("1.6")));
    call("assistant.threads.setStatus", &pane::status_of(&asked.place, ""));
    for what in [pane::What::Prompts, pane::What::Title("a".into())] {
        let aside = pane::Aside { conversation: "D1".into(), thread: "1.5".into(), what };
        let (method, sent) = pane::request(&aside, &[Prompt { title: "a".into(), message: "b".into() }]);
        call(method, &sent);
    }
    for thread in [None, Some("1.5")] {
        let (method, fields) = find::asked("C1", thread, "1.5", "next");
        ask(method, &fields);
    }
}
