//! The proxy, in front of a homeserver that only counts.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::{Json, extract::State, http::StatusCode};
use serde_json::{Value, json};

use super::*;

const SEND: &str = "/_matrix/client/v3/rooms/%21a%3Ab/send/m.room.message/1";

/// A proxy, and how many requests got through it.
struct Way {
    server: Server,
    http: reqwest::Client,
    count: Arc<AtomicUsize>,
    _home: JoinSet<()>,
}

impl Way {
    async fn start() -> Self {
        let count = Arc::new(AtomicUsize::new(0));
        let home = Router::new().fallback(echo).with_state(Arc::clone(&count));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, home).await.unwrap() });
        let server = Server::before(url, None).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { server, http, count, _home: tasks }
    }

    async fn will(&self, script: Value) {
        let url = format!("{}/control/faults", self.server.control_url());
        self.http.post(url).json(&script).send().await.unwrap().error_for_status().unwrap();
    }

    async fn outage(&self, outage: Value) {
        let url = format!("{}/control/settings", self.server.control_url());
        let answer = self.http.post(url).json(&json!({ "outage": outage })).send().await.unwrap();
        answer.error_for_status().unwrap();
    }

    /// Sends a message: the status and the body, or nothing where there is no whole answer.
    async fn send(&self) -> Option<(u16, String)> {
        let request = self.http.put(format!("{}{SEND}?a=b%2Fc", self.server.url())).bearer_auth("t").body("hello");
        let answer = request.send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    fn applied(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

async fn echo(State(count): State<Arc<AtomicUsize>>, uri: axum::http::Uri, body: String) -> (StatusCode, Json<Value>) {
    count.fetch_add(1, Ordering::SeqCst);
    (StatusCode::CREATED, Json(json!({ "uri": uri.to_string(), "body": body })))
}

#[tokio::test]
async fn what_passes_is_what_the_homeserver_says() {
    let way = Way::start().await;
    let (status, body) = way.send().await.unwrap();
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body), (201, &json!({ "uri": format!("{SEND}?a=b%2Fc"), "body": "hello" })));
    let calls: Vec<Call> = {
        let answer = way.http.get(format!("{}/control/calls", way.server.control_url())).send().await.unwrap();
        answer.json().await.unwrap()
    };
    assert_eq!(calls[0].path, "/_matrix/client/v3/rooms/!a:b/send/m.room.message/1");
    assert_eq!((calls[0].status, &calls[0].fault), (Some(201), &None));
}

#[tokio::test]
async fn each_fault_applies_and_answers_as_it_says() {
    let way = Way::start().await;
    for (fault, is_applied, status, word) in [
        (json!({ "kind": "drop_before" }), false, None, ""),
        (json!({ "kind": "cut_after" }), true, None, ""),
        (json!({ "kind": "limited", "retry_after_ms": 1_500 }), false, Some(429), "\"retry_after_ms\":1500"),
        (json!({ "kind": "refused", "status": 403, "errcode": "M_FORBIDDEN" }), false, Some(403), "M_FORBIDDEN"),
        (json!({ "kind": "logged_out", "is_soft": true }), false, Some(401), "\"soft_logout\":true"),
        (json!({ "kind": "fail_before" }), false, Some(500), "M_UNKNOWN"),
        (json!({ "kind": "fail_after" }), true, Some(500), "M_UNKNOWN"),
        (json!({ "kind": "gateway_before" }), false, Some(502), "<html>"),
        (json!({ "kind": "gateway_after" }), true, Some(502), "<html>"),
        (json!({ "kind": "garble_after" }), true, Some(200), "{\"event_"),
        (json!({ "kind": "delay_before", "ms": 1 }), true, Some(201), "hello"),
        (json!({ "kind": "delay_after", "ms": 1 }), true, Some(201), "hello"),
    ] {
        let before = way.applied();
        way.will(json!({ "path": "/rooms/!a:b/send/", "faults": [fault] })).await;
        let answer = way.send().await;
        assert_eq!(answer.as_ref().map(|(status, _)| *status), status, "{fault}");
        assert!(answer.is_none_or(|(_, body)| body.contains(word)), "{fault}");
        assert_eq!(way.applied() - before, usize::from(is_applied), "{fault}");
    }
}

#[tokio::test]
async fn a_delayed_request_is_applied_although_its_sender_is_gone() {
    let way = Way::start().await;
    way.will(json!({ "faults": [{ "kind": "delay_before", "ms": 50 }] })).await;
    let asked =
        async { while way.http.get(way.server.control_url()).send().await.is_ok() && calls(&way).await == 0 {} };
    tokio::select! {
        _ = way.send() => panic!("it is answered later"),
        () = asked => {}
    }
    while way.applied() == 0 {
        tokio::task::yield_now().await;
    }
}

async fn calls(way: &Way) -> usize {
    let answer = way.http.get(format!("{}/control/calls", way.server.control_url())).send().await.unwrap();
    answer.json::<Vec<Call>>().await.unwrap().len()
}

#[tokio::test]
async fn nothing_gets_through_an_outage() {
    let way = Way::start().await;
    for (outage, status) in [("refuse", None), ("cut", None), ("gateway", Some(502)), ("fail", Some(500))] {
        way.outage(json!(outage)).await;
        assert_eq!(way.send().await.map(|(status, _)| status), status, "{outage}");
        way.outage(Value::Null).await;
        assert_eq!(way.send().await.map(|(status, _)| status), Some(201), "after {outage}");
    }
    assert_eq!(way.applied(), 4);
}
