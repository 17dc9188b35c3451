//! Whatever is asked over HTTP: an answer as documented, or a refusal of the one shape, short and with a known code.

use std::collections::HashSet;

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use reqwest::{Method, Url, header::HeaderValue};
use serde_json::Value;

use super::fixture::Web;
use crate::web::{api::Refusal, convert::REFUSAL_CHARS_MAX};

#[derive(Debug)]
struct Asked {
    method: Method,
    path: String,
    last_event_id: Option<Vec<u8>>,
    content_type: Vec<u8>,
    body: Vec<u8>,
}

fn asked() -> impl Strategy<Value = Asked> {
    let segment =
        prop_oneof!["[0-9]{1,25}", "[+-][0-9]{1,3}", "(%[0-9A-F]{2}){1,4}", "[a-z%]{1,9}", Just("1".to_owned())];
    let value = prop_oneof![
        "[0-9.]{0,25}",
        "(%[0-9A-F]{2}|[a-z=&]){0,9}",
        "[a-z]{100,1000}",
        Just("end".to_owned()),
        "-?[0-9]{1,3}"
    ];
    let query = prop::collection::vec(("(conversation|thread|before|limit|after|[a-z%0-9]{1,9})", value), 0..4)
        .prop_map(|pairs| pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&"));
    let path = prop_oneof![
        Just("messages".to_owned()),
        segment.clone().prop_map(|turn| format!("turns/{turn}")),
        segment.prop_map(|turn| format!("turns/{turn}/events")),
    ];
    let bytes = || prop::collection::vec(prop_oneof![b' '..=b'~', Just(b'.'), b'0'..=b'9', 0x80_u8..], 0..20);
    let content_type = prop_oneof![
        3 => prop::sample::select(vec!["application/json", "Application/JSON; charset=utf-8", "text/plain", ""]).prop_map(|text| text.as_bytes().to_vec()),
        1 => bytes(),
    ];
    let body = prop_oneof![
        Just(br#"{"text":"hi"}"#.to_vec()),
        prop::collection::vec(any::<u8>(), 0..300),
        "\\{\"[a-z]{0,90}\":(\"\\PC{0,9}\"|5)\\}".prop_map(String::into_bytes),
    ];
    (prop::bool::ANY, path, query, proptest::option::of(bytes()), content_type, body).prop_map(
        |(is_post, path, query, last_event_id, content_type, body)| {
            let is_post = is_post && path == "messages";
            let method = if is_post { Method::POST } else { Method::GET };
            Asked { method, path: format!("/api/v1/{path}?{query}"), last_event_id, content_type, body }
        },
    )
}

#[tokio::test]
async fn any_request_is_answered_as_documented() {
    let web = Web::start().await;
    let codes: HashSet<&str> = Refusal::ALL.iter().map(|refusal| refusal.code()).collect();
    let mut runner = TestRunner::new(ProptestConfig::default());
    for _ in 0..runner.config().cases {
        let asked = asked().new_tree(&mut runner).unwrap().current();
        let url = Url::parse(&format!("{}{}", web.url, asked.path)).unwrap();
        // What is no part of a path (`%2E` is none, either) was asked of another address.
        if asked.path.split('?').next() != Some(url.path()) {
            continue;
        }
        let mut request = web
            .http
            .request(asked.method.clone(), url)
            .header("content-type", HeaderValue::from_bytes(&asked.content_type).unwrap());
        if let Some(position) = &asked.last_event_id {
            request = request.header("last-event-id", HeaderValue::from_bytes(position).unwrap());
        }
        if asked.method == Method::POST {
            request = request.body(asked.body.clone());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(!status.is_server_error() || status == 503, "{asked:?}: {status} {text}");
        if status.is_success() {
            continue;
        }
        let refusal: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{asked:?}: {status} {text:?}"));
        let (code, message) = (refusal["error"]["code"].as_str(), refusal["error"]["message"].as_str());
        assert!(code.is_some_and(|code| codes.contains(code)), "{asked:?}: {text}");
        let is_short = |message: &str| (10..=REFUSAL_CHARS_MAX).contains(&message.chars().count());
        let is_plain = |message: &str| !message.chars().any(char::is_control);
        assert!(message.is_some_and(|message| is_short(message) && is_plain(message)), "{asked:?}: {text}");
    }
}
