//! Messages that grow.

use super::*;

#[tokio::test]
async fn a_stream_grows_by_each_append_and_ends_once() {
    let sides = Sides::start().await;
    let channel = sides.channel().await;
    let asked = sides.says(json!({ "channel": channel, "text": "go" })).await;
    let alice = sides.does("person", json!({ "name": "alice" })).await["id"].clone();
    let mut start = json!({ "channel": channel, "thread_ts": asked });
    assert_eq!(sides.refused("chat.startStream", start.clone()).await, "missing_recipient_team_id");
    start["recipient_team_id"] = sides.me["team"].clone();
    assert_eq!(sides.refused("chat.startStream", start.clone()).await, "missing_recipient_user_id");
    start["recipient_user_id"] = alice;
    let ts = sides.asks("chat.startStream", start).await["ts"].as_str().unwrap().to_owned();
    let it = json!({ "channel": channel, "ts": ts });
    let with = |name: &str, value: Value| {
        let mut body = it.clone();
        body[name] = value;
        body
    };
    sides.asks("chat.appendStream", with("markdown_text", json!("**do"))).await;
    sides.asks("chat.appendStream", with("markdown_text", json!("ne** "))).await;
    assert_eq!(sides.refused("chat.update", with("text", json!("x"))).await, "streaming_state_conflict");
    let chunks = json!([{ "type": "markdown_text", "text": "#t1" }]);
    sides.asks("chat.appendStream", with("chunks", chunks)).await;
    assert_eq!(sides.refused("chat.appendStream", with("chunks", json!([{ "type": "x" }]))).await, "invalid_chunks");
    let below = json!([{ "type": "context", "elements": [{ "type": "mrkdwn", "text": "_by a bot_" }] }]);
    sides.asks("chat.stopStream", with("blocks", below)).await;
    assert_eq!(sides.shown(&channel, &ts).await, "done #t1\nby a bot");
    let again = sides.refused("chat.stopStream", it.clone()).await;
    assert_eq!(again, "message_not_in_streaming_state");
    let late = sides.refused("chat.appendStream", with("markdown_text", json!("x"))).await;
    assert_eq!(late, "message_not_in_streaming_state");
    let rest = json!({ "channel": channel, "ts": ts, "text": "done #t1", "blocks": [] });
    sides.asks("chat.update", rest).await;
    assert_eq!(sides.shown(&channel, &ts).await, "done #t1");
}

#[tokio::test]
async fn a_person_may_stop_a_stream() {
    let sides = Sides::start().await;
    let mut link = sides.connects().await;
    let pane = sides.does("open_assistant", json!({})).await;
    link.takes().await;
    let (channel, thread) = (pane["channel"].clone(), pane["thread_ts"].clone());
    let start = json!({ "channel": channel, "thread_ts": thread, "markdown_text": "one" });
    let ts = sides.asks("chat.startStream", start).await["ts"].clone();
    link.takes().await;
    sides.does("stop", json!({ "channel": channel, "thread_ts": thread })).await;
    let event = link.takes().await["payload"]["event"].clone();
    assert_eq!((&event["type"], &event["streaming_message_ts"]), (&json!("agent_session_stopped"), &json!([ts])));
    let append = json!({ "channel": channel, "ts": ts, "markdown_text": "two" });
    assert_eq!(sides.refused("chat.appendStream", append).await, "stopped_by_user");
    sides.asks("chat.stopStream", json!({ "channel": channel, "ts": ts })).await;
    assert_eq!(sides.shown(channel.as_str().unwrap(), ts.as_str().unwrap()).await, "one");
}
