use lastword_core::corpus;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn refusal(body: &str) -> String {
    Posted::parse(body.as_bytes()).unwrap_err()
}

#[test]
fn only_the_text_is_required() {
    let posted = Posted::parse(br#"{"text":"hi"}"#).unwrap();
    assert_eq!(posted.conversation, "main");
    assert_eq!((posted.thread, posted.id), (None, None));
}

#[test]
fn a_refusal_names_the_field_and_the_cure() {
    assert_eq!(refusal("{}"), "`text` is missing; it holds the message");
    assert_eq!(refusal(r#"{"text":" \n"}"#), "`text` is empty; it holds the message");
    assert_eq!(refusal(r#"{"text":5}"#), "`text` is not a string; put it in quotes");
    assert_eq!(
        refusal(r#"{"text":"a","chanel":"x"}"#),
        "unknown field `chanel`; the fields are text, conversation, thread, id"
    );
    assert_eq!(refusal(r#"{"text":"a","id":"a\u0007"}"#), "`id` contains control characters; take them out");
    assert!(refusal("[1]").starts_with("the body is not a JSON object"));
}

#[test]
fn a_name_of_128_characters_passes_and_one_more_does_not() {
    assert_eq!(check_id("id", &"ä".repeat(128)), Ok(()));
    assert_eq!(check_id("id", &"ä".repeat(129)).unwrap_err(), "`id` is longer than 128 characters; shorten it");
}

#[test]
fn the_same_chosen_id_is_the_same_update() {
    let update = |body: &str| {
        let (account, user) = (AccountId::new("web"), UserId::new("local"));
        Posted::parse(body.as_bytes()).unwrap().into_update(&account, &user, Timestamp(0)).id
    };
    assert_eq!(update(r#"{"text":"a","id":"x"}"#), update(r#"{"text":"a","id":"x"}"#));
    assert_ne!(update(r#"{"text":"a"}"#), update(r#"{"text":"a"}"#));
}

/// What a posting may be, the slow way: `None` is refused.
fn model(body: &[u8]) -> Option<Posted> {
    let Value::Object(fields) = serde_json::from_slice(body).ok()? else { return None };
    if fields.keys().any(|name| !FIELDS.contains(&name.as_str())) {
        return None;
    }
    let field = |name: &str| fields.get(name).filter(|value| !value.is_null());
    let is_text = |name: &str| field(name).is_none_or(Value::is_string);
    let is_id = |name: &str| {
        let id = field(name).and_then(Value::as_str);
        id.is_none_or(|id| (1..=128).contains(&id.chars().count()) && !id.chars().any(char::is_control))
    };
    if !FIELDS.iter().all(|name| is_text(name)) || !FIELDS[1..].iter().all(|name| is_id(name)) {
        return None;
    }
    let owned = |name: &str| field(name).and_then(Value::as_str).map(str::to_owned);
    let text = owned("text").filter(|text| !text.trim().is_empty() && !text.contains('\0'))?;
    let conversation = owned("conversation").unwrap_or_else(|| "main".into());
    Some(Posted { text, conversation, thread: owned("thread"), id: owned("id") })
}

/// What holds for every body.
fn holds(body: &[u8]) {
    let expected = model(body);
    match Posted::parse(body) {
        Ok(posted) => assert_eq!(Some(posted), expected),
        Err(why) => {
            assert_eq!(expected, None, "{why}");
            assert!(why.chars().count() <= REFUSAL_CHARS_MAX, "{} characters", why.chars().count());
            assert!(!why.chars().any(char::is_control), "{why:?}");
            assert!(
                why.starts_with('`') || why.starts_with("unknown field `") || why.starts_with("the body is not"),
                "{why}"
            );
        }
    }
}

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => "[\\PC\\pC]{0,20}".prop_map(Value::from),
        1 => "[a-zä]{120,140}".prop_map(Value::from),
        1 => prop::sample::select(vec![json!(null), json!(5), json!(true), json!([]), json!({}), json!(""), json!(" ")]),
    ]
}

fn objects() -> impl Strategy<Value = Map<String, Value>> {
    let name = prop_oneof![9 => prop::sample::select(FIELDS.to_vec()).prop_map(str::to_owned), 1 => "[\\PC\\pC]{0,90}"];
    prop::collection::vec((name, values()), 0..6).prop_map(|fields| fields.into_iter().collect())
}

#[test]
fn every_seed_is_a_posting_or_a_short_refusal() {
    for (_, body) in corpus::seeds(env!("CARGO_MANIFEST_DIR"), "body") {
        holds(&body);
    }
}

#[test]
fn a_refusal_does_not_say_the_whole_body_back() {
    let why = Posted::parse(format!("\"{}\"", "long ".repeat(100_000)).as_bytes()).unwrap_err();
    assert!(why.starts_with("the body is not a JSON object: invalid type: string \"long long"), "{why}");
    assert_eq!(why.chars().count(), REFUSAL_CHARS_MAX);
}

proptest! {
    #[test]
    fn any_object_is_read_as_documented(fields in objects()) {
        holds(&serde_json::to_vec(&fields).unwrap());
        holds(&serde_json::to_vec_pretty(&fields).unwrap());
    }

    #[test]
    fn any_change_of_a_body_is_read_or_refused(
        fields in objects(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..4, prop::collection::vec(any::<u8>(), 0..4)), 1..4),
    ) {
        let mut body = serde_json::to_vec(&fields).unwrap();
        for (at, cut, put) in changes {
            let at = at.index(body.len() + 1);
            body.splice(at..(at + cut).min(body.len()), put);
        }
        holds(&body);
    }

    #[test]
    fn what_was_posted_is_what_comes_in(text in "\\PC{1,40}", conversation in "\\PC{1,128}", thread in "\\PC{1,9}", id in "\\PC{1,128}") {
        prop_assume!(!text.trim().is_empty());
        let body = json!({ "text": text, "conversation": conversation, "thread": thread, "id": id }).to_string();
        let update = Posted::parse(body.as_bytes()).unwrap().into_update(&AccountId::new("web"), &UserId::new("local"), Timestamp(7));
        prop_assert_eq!(update.id.as_str(), id);
        prop_assert_eq!(update.place.conversation.as_str(), conversation);
        prop_assert_eq!(update.place.thread, Some(ThreadId::new(thread)));
        let UpdateKind::Posted(message) = update.kind else { panic!("a message") };
        prop_assert_eq!(message.text, text);
        prop_assert!(message.is_addressed && !update.sender.is_bot);
    }
}
