//! `docs/api.md`, as callers meet it.

use futures_util::StreamExt;
use lastword_core::{
    provider::{Inbound, Provider, ReceiveError},
    store::StreamKind,
};
use serde_json::{Value, json};

use super::fixture::{Web, next_batch, read};
use crate::web::{GuardSettings, WebSettings};

fn code(body: &Value) -> &str {
    body["error"]["code"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_message_is_answered_only_after_its_commit_and_its_id_names_one_turn() {
    let web = Web::start().await;
    let mut bridge = web.bridge().await;
    let body = json!({ "text": "deploy?", "id": "x1" });
    let (status, accepted) = web.accepted(&mut bridge, body.clone()).await;
    assert_eq!(status, 202);
    assert_eq!(
        accepted,
        json!({ "turn": 1, "update": "x1", "conversation": "main", "thread": null, "events": "/api/v1/turns/1/events" })
    );
    assert_eq!(web.accepted(&mut bridge, body).await.1["turn"], 1, "the same id is the same turn");
}

#[tokio::test]
async fn nobody_hears_accepted_when_the_bridge_is_away_or_could_not_commit() {
    let web = Web::start().await;
    let answer = web.post(json!({ "text": "hello?" })).send().await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "1");
    let (status, body) = read(answer).await;
    assert_eq!((status, code(&body)), (503, "not_receiving"));

    let mut bridge = web.bridge().await;
    let (answer, ()) = tokio::join!(web.post(json!({ "text": "hello?" })).send(), async {
        drop(next_batch(&mut bridge).await);
    });
    let (status, body) = read(answer.unwrap()).await;
    assert_eq!((status, code(&body)), (503, "not_confirmed"));
}

#[tokio::test]
async fn a_message_that_made_no_turn_is_not_accepted() {
    let web = Web::start().await;
    let mut bridge = web.bridge().await;
    let (answer, ()) = tokio::join!(web.post(json!({ "text": "let me in" })).send(), async {
        next_batch(&mut bridge).await.ack.confirm();
    });
    let (status, body) = read(answer.unwrap()).await;
    assert_eq!((status, code(&body)), (403, "not_accepted"));
}

#[tokio::test]
async fn what_is_not_as_documented_is_refused_with_a_cure() {
    let web = Web::with(WebSettings { body_bytes_max: 200, ..WebSettings::default() }).await;
    let (status, body) = read(web.post(json!({ "text": "a", "room": "b" })).send().await.unwrap()).await;
    assert_eq!((status, code(&body)), (400, "invalid"));
    assert_eq!(body["error"]["message"], "unknown field `room`; the fields are text, conversation, thread, id");
    let (status, body) = read(web.post(json!({ "text": "a".repeat(300) })).send().await.unwrap()).await;
    assert_eq!((status, code(&body)), (413, "too_large"));
    let form = web.http.post(format!("{}/api/v1/messages", web.url)).body("text=a").send().await.unwrap();
    assert_eq!(read(form).await.0, 415);
    let (status, body) = read(web.get("/api/v1/messages?limit=1000").send().await.unwrap()).await;
    assert_eq!((status, &body["error"]["message"]), (400, &json!("`limit` is 1 to 200")));
    assert_eq!(read(web.get("/api/v1/messages?lmit=1").send().await.unwrap()).await.0, 400);
    assert_eq!(read(web.get("/api/v1/turns/1/events?after=now").send().await.unwrap()).await.0, 404);
}

#[tokio::test]
async fn a_turn_shows_its_last_word_and_another_accounts_turn_does_not_exist() {
    let web = Web::start().await;
    let mut bridge = web.bridge().await;
    web.accepted(&mut bridge, json!({ "text": "deploy?", "conversation": "ops" })).await;
    web.store.happens(1, StreamKind::Error("Error: stopped".into()));
    let (status, turn) = read(web.get("/api/v1/turns/1").send().await.unwrap()).await;
    assert_eq!((status, &turn["state"], &turn["reply"]), (200, &json!("failed"), &json!("Error: stopped")));
    assert_eq!((&turn["is_error"], &turn["conversation"]), (&json!(true), &json!("ops")));
    web.store.give_to(1, "other");
    for path in ["/api/v1/turns/1", "/api/v1/turns/1/events", "/api/v1/turns/2", "/api/v1/turns/one"] {
        let (status, body) = read(web.get(path).send().await.unwrap()).await;
        assert_eq!((status, code(&body)), (404, "no_such_turn"), "{path}");
    }
}

#[tokio::test]
async fn history_is_oldest_first_and_pages_backwards() {
    let web = Web::start().await;
    let mut bridge = web.bridge().await;
    for n in 1..=5 {
        web.accepted(&mut bridge, json!({ "text": format!("message {n}") })).await;
    }
    let texts = async |query: &str| -> Vec<String> {
        let (_, body) = read(web.get(&format!("/api/v1/messages?{query}")).send().await.unwrap()).await;
        body["messages"].as_array().unwrap().iter().map(|turn| turn["text"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(texts("limit=2").await, ["message 4", "message 5"]);
    assert_eq!(texts("limit=2&before=4").await, ["message 2", "message 3"]);
    assert!(texts("conversation=other").await.is_empty());
}

#[tokio::test]
async fn a_watcher_sees_everything_once_and_resumes_where_it_stood() {
    let web = Web::start().await;
    let mut bridge = web.bridge().await;
    web.accepted(&mut bridge, json!({ "text": "deploy?" })).await;
    web.store.happens(1, StreamKind::Progress("wor".into()));
    let watching = web.get("/api/v1/turns/1/events").send().await.unwrap();
    assert_eq!(watching.headers()["content-type"], "text/event-stream");
    assert_eq!(watching.headers()["cache-control"], "no-store");
    web.store.happens(1, StreamKind::Progress("king".into()));
    web.store.happens(1, StreamKind::Reply("working".into()));
    assert_eq!(
        watching.text().await.unwrap(),
        "event: progress\nid: 1.1\ndata: {\"text\":\"wor\"}\n\n\
         event: progress\nid: 1.2\ndata: {\"text\":\"king\"}\n\n\
         event: reply\nid: end\ndata: {\"text\":\"working\"}\n\n"
    );
    let resumed = web.get("/api/v1/turns/1/events?after=1.1").header("last-event-id", "1.2").send().await.unwrap();
    assert_eq!(resumed.text().await.unwrap(), "event: reply\nid: end\ndata: {\"text\":\"working\"}\n\n");
    let at_the_end = web.get("/api/v1/turns/1/events?after=end").send().await.unwrap();
    assert_eq!(at_the_end.status(), 204, "a browser does not come back");
}

#[tokio::test]
async fn a_stream_ends_when_the_store_fails_or_the_bridge_stops() {
    let web = Web::start().await;
    let mut bridge = web.bridge().await;
    web.accepted(&mut bridge, json!({ "text": "deploy?" })).await;
    let watching = web.get("/api/v1/turns/1/events").send().await.unwrap();
    web.store.set_out(true);
    assert_eq!(watching.text().await.unwrap(), "");
    assert_eq!(read(web.get("/api/v1/turns/1").send().await.unwrap()).await.0, 503);
    web.store.set_out(false);
    let watching = web.get("/api/v1/turns/1/events").send().await.unwrap();
    let (answer, ()) = tokio::join!(web.post(json!({ "text": "in hand" })).send(), async {
        let _unanswered = next_batch(&mut bridge).await;
        web.closing.cancel();
        assert_eq!(watching.text().await.unwrap(), "");
    });
    let (status, body) = read(answer.unwrap()).await;
    assert_eq!((status, code(&body)), (503, "not_confirmed"), "a caller does not keep a stopping bridge waiting");
    assert_eq!(read(web.post(json!({ "text": "late" })).send().await.unwrap()).await.0, 503);
}

#[tokio::test]
async fn the_guard_stands_in_front_of_every_route() {
    let token = Some("s3cret".to_owned().into());
    let guard = GuardSettings { token, allowed_origins: vec!["https://ours.example".into()] };
    let web = Web::with(WebSettings { guard, ..WebSettings::default() }).await;
    let refused = web.get("/api/v1/messages").send().await.unwrap();
    assert_eq!((refused.status().as_u16(), &refused.headers()["www-authenticate"]), (401, &"Bearer".parse().unwrap()));
    assert_eq!(refused.headers()["x-content-type-options"], "nosniff");
    assert!(refused.headers()["content-security-policy"].to_str().unwrap().contains("frame-ancestors 'none'"));
    let shown = web.get("/api/v1/messages").bearer_auth("s3cret").header("origin", "https://ours.example");
    let admitted = shown.send().await.unwrap();
    assert_eq!(admitted.status(), 200);
    assert_eq!(admitted.headers()["access-control-allow-origin"], "https://ours.example");
    assert_eq!(admitted.headers()["cache-control"], "no-store");
}

#[tokio::test]
async fn a_second_receiver_is_told_that_the_account_is_held() {
    let web = Web::start().await;
    let first = web.bridge().await;
    let mut second = web.provider.receive(None);
    assert!(matches!(second.next().await, Some(Err(ReceiveError::Contended))));
    assert!(second.next().await.is_none());
    drop(first);
    assert!(matches!(web.provider.receive(None).next().await, Some(Ok(Inbound::Alive))));
}
