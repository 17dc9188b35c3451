//! What people read of what is sent, and whom it calls.

use super::*;

#[tokio::test]
async fn blocks_are_read_in_the_place_of_the_text() {
    let sides = Sides::start().await;
    let channel = sides.channel().await;
    let blocks = json!([{ "type": "markdown", "text": "**done** #t1" }]);
    let ts = sides.posts(json!({ "channel": channel, "text": "<!channel> fallback", "blocks": blocks })).await;
    let book = sides.book().await;
    let now = book.message(&channel, &ts).unwrap().now();
    assert_eq!((now.shown.as_str(), now.is_formatted, now.pings.len()), ("done #t1", true, 0));
    let ts = sides.posts(json!({ "channel": channel, "markdown_text": "plain" })).await;
    assert_eq!(sides.shown(&channel, &ts).await, "plain");
}

#[tokio::test]
async fn real_calls_are_noted_and_others_are_not() {
    let sides = Sides::start().await;
    let channel = sides.channel().await;
    let pings = async |body: Value| {
        let mut body = body;
        body["channel"] = channel.clone().into();
        let ts = sides.posts(body).await;
        sides.book().await.message(&channel, &ts).unwrap().now().pings.clone()
    };
    let rich = |leaf: Value| {
        json!({ "text": "x", "blocks": [{ "type": "rich_text", "elements": [
        { "type": "rich_text_section", "elements": [leaf] }] }] })
    };
    assert_eq!(pings(json!({ "text": "hey <!channel>" })).await, ["channel"]);
    assert_eq!(pings(json!({ "text": "hey @channel" })).await, [""; 0]);
    assert_eq!(pings(json!({ "text": "hey @channel", "link_names": true })).await, ["channel"]);
    assert_eq!(pings(json!({ "text": "hey &lt;!channel&gt;" })).await, [""; 0]);
    assert_eq!(pings(rich(json!({ "type": "broadcast", "range": "here" }))).await, ["here"]);
    assert_eq!(pings(rich(json!({ "type": "text", "text": "@here <!here>" }))).await, [""; 0]);
}

#[tokio::test]
async fn blocks_that_are_wrong_are_refused_with_the_place() {
    let sides = Sides::start().await;
    let channel = sides.channel().await;
    let blocks = json!([{ "type": "rich_text", "elements": [{ "type": "rich_text_section", "elements": [
        { "type": "text", "text": "" }] }] }]);
    let body = json!({ "channel": channel, "text": "x", "blocks": blocks });
    let answer = sides.asks_as(&sides.my("token"), "chat.postMessage", body).await;
    assert_eq!(answer["error"], "invalid_blocks");
    let place = "json-pointer:/blocks/0/elements/0/elements/0";
    assert!(answer["response_metadata"]["messages"][0].as_str().unwrap().contains(place), "{answer}");
    assert!(sides.book().await.messages.is_empty());
}
