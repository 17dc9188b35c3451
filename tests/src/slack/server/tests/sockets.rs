//! Socket Mode: envelopes, retries, and sockets that go.

use super::*;
use crate::slack::{SocketState, State};

#[tokio::test]
async fn what_is_not_acknowledged_comes_again_in_a_new_envelope() {
    let sides = Sides::start().await;
    sides.does("settings", json!({ "ack_within_ms": 30, "retry_after_ms": [0, 20] })).await;
    let mut link = sides.connects().await;
    sides.says(json!({ "text": "hi" })).await;
    let tries = [link.next().await.unwrap(), link.next().await.unwrap(), link.next().await.unwrap()];
    assert_eq!(tries.each_ref().map(|it| it["retry_attempt"].as_u64()), [Some(0), Some(1), Some(2)]);
    assert_eq!(tries.each_ref().map(|it| &it["retry_reason"]), ["", "timeout", "timeout"]);
    assert_eq!(tries[0]["payload"]["event_id"], tries[2]["payload"]["event_id"]);
    assert_ne!(tries[0]["envelope_id"], tries[2]["envelope_id"]);
    let is_over = |book: &Book| (book.deliveries[0].state == State::GivenUp).then_some(());
    sides.until("it is given up", is_over).await;
}

#[tokio::test]
async fn with_no_socket_an_event_waits_for_one_of_its_retries() {
    let sides = Sides::start().await;
    sides.does("settings", json!({ "retry_after_ms": [0, 400, 400] })).await;
    sides.says(json!({ "text": "hi" })).await;
    sides.until("it failed twice", |book| (book.deliveries[0].attempts.len() == 2).then_some(())).await;
    let mut link = sides.connects().await;
    assert_eq!(link.takes().await["retry_attempt"], 2);
    let acked = |book: &Book| (book.deliveries[0].state == State::Acked).then(|| book.deliveries[0].attempts.clone());
    let attempts = sides.until("it is acknowledged", acked).await;
    assert_eq!(attempts.iter().map(|attempt| attempt.socket).collect::<Vec<_>>(), [None, None, Some(1)]);
}

#[tokio::test]
async fn each_event_goes_to_one_of_many_sockets() {
    let sides = Sides::start().await;
    let mut links = [sides.connects().await, sides.connects().await];
    for n in 0..30 {
        sides.says(json!({ "text": format!("message {n}") })).await;
    }
    let [one, two] = &mut links;
    let mut seen = [0, 0];
    while seen[0] + seen[1] < 30 {
        tokio::select! {
            envelope = one.takes() => seen[0] += usize::from(envelope["type"] == "events_api"),
            envelope = two.takes() => seen[1] += usize::from(envelope["type"] == "events_api"),
        }
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

#[tokio::test]
async fn a_socket_is_warned_refreshed_and_then_closed() {
    let sides = Sides::start().await;
    sides.does("settings", json!({ "refresh_close_ms": 50 })).await;
    let mut link = sides.connects().await;
    sides.does("refresh", json!({ "reason": "warning" })).await;
    assert_eq!(link.next().await.unwrap()["reason"], "warning");
    sides.does("refresh", json!({})).await;
    let told = link.next().await.unwrap();
    assert_eq!((&told["type"], &told["reason"]), (&json!("disconnect"), &json!("refresh_requested")));
    let mut newer = sides.connects().await;
    assert_eq!(link.next().await, None, "the network closes it");
    sides.says(json!({ "text": "hi" })).await;
    newer.takes().await;
    let sockets = sides.book().await.sockets;
    assert_eq!((sockets[0].state, sockets[0].disconnect.as_deref()), (SocketState::Closed, Some("refresh_requested")));
}

#[tokio::test]
async fn a_zombie_keeps_its_connection_and_says_nothing() {
    let sides = Sides::start().await;
    sides.does("settings", json!({ "ping_every_ms": 10, "ack_within_ms": 50, "retry_after_ms": [0] })).await;
    let mut link = sides.connects().await;
    sides.does("silence", json!({})).await;
    sides.says(json!({ "text": "hi" })).await;
    sides.until("it is given up", |book| (book.deliveries[0].state == State::GivenUp).then_some(())).await;
    let state = sides.book().await.sockets[0].state;
    assert_eq!(state, SocketState::Silent);
    let drained = async { while link.0.next().await.is_some_and(|frame| frame.is_ok_and(|it| it.is_ping())) {} };
    assert!(tokio::time::timeout(Duration::from_millis(100), drained).await.is_err(), "it neither speaks nor ends");
    sides.does("close_sockets", json!({ "is_rude": true })).await;
    assert_eq!(link.next().await, None);
}

#[tokio::test]
async fn a_socket_may_open_and_never_greet() {
    let sides = Sides::start().await;
    sides.does("settings", json!({ "greeting": "mute", "retry_after_ms": [] })).await;
    let opened = sides.asks_as(&sides.my("app_token"), "apps.connections.open", json!({})).await;
    let mut link = Link::open(opened["url"].as_str().unwrap()).await;
    sides.says(json!({ "text": "hi" })).await;
    sides.until("nobody hears it", |book| (book.deliveries[0].state == State::GivenUp).then_some(())).await;
    assert!(tokio::time::timeout(Duration::from_millis(50), link.next()).await.is_err());
    let again = tokio_tungstenite::connect_async(opened["url"].as_str().unwrap()).await;
    assert!(again.is_err(), "a ticket is good for one socket");
}

#[tokio::test]
async fn socket_mode_can_be_switched_off() {
    let sides = Sides::start().await;
    let mut link = sides.connects().await;
    sides.does("socket_mode", json!({ "is_on": false })).await;
    assert_eq!(link.next().await.unwrap()["reason"], "link_disabled");
    assert_eq!(link.next().await, None);
    let refused = sides.asks_as(&sides.my("app_token"), "apps.connections.open", json!({})).await;
    assert_eq!(refused["error"], "forbidden_team");
    let wrong = sides.asks_as(&sides.my("token"), "apps.connections.open", json!({})).await;
    assert_eq!(wrong["error"], "not_allowed_token_type");
}

#[tokio::test]
async fn a_command_is_answered_with_its_acknowledgement_or_later() {
    let sides = Sides::start().await;
    let channel = sides.channel().await;
    let mut link = sides.connects().await;
    sides.does("command", json!({ "command": "/stop", "text": "now", "channel": channel })).await;
    let envelope = link.next().await.unwrap();
    assert_eq!((&envelope["type"], &envelope["accepts_response_payload"]), (&json!("slash_commands"), &json!(true)));
    assert_eq!((&envelope["payload"]["command"], &envelope["payload"]["text"]), (&json!("/stop"), &json!("now")));
    link.acks(&envelope, json!({ "text": "Stopped." })).await;
    let only = |book: &Book| book.messages.iter().find(|it| it.only_for.is_some()).map(|it| it.now().shown.clone());
    assert_eq!(sides.until("it is shown", only).await, "Stopped.");
    let later = json!({ "text": "Done.", "response_type": "in_channel" });
    sides.http.post(envelope["payload"]["response_url"].as_str().unwrap()).json(&later).send().await.unwrap();
    let last = sides.book().await.messages.pop().unwrap();
    assert_eq!((last.now().shown.as_str(), last.only_for.as_deref()), ("Done.", None));
}
