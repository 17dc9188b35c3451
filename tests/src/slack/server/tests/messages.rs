//! The Web API: what may be sent how, what is refused in which words, and what is read back.

use super::*;

#[tokio::test]
async fn arguments_come_in_any_shape_and_the_token_too() {
    let sides = Sides::start().await;
    let (url, token) = (format!("{}/api/auth.test", sides.server.url()), sides.my("token"));
    let empty = sides.http.post(&url).bearer_auth(&token).header("content-type", "application/json");
    let answer = empty.send().await.unwrap();
    assert!(answer.headers()["x-oauth-scopes"].to_str().unwrap().contains("chat:write"));
    let answer: Value = answer.json().await.unwrap();
    assert_eq!((&answer["user_id"], &answer["bot_id"]), (&sides.me["user"], &sides.me["bot"]));
    let form = "token=".to_owned() + token.as_str();
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let answer = sides.http.post(&url).header(kind.0, kind.1).body(form).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["ok"], true);
    let answer = sides.http.get(format!("{url}?token={token}")).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["ok"], true);
    let none: Value = sides.http.post(&url).send().await.unwrap().json().await.unwrap();
    assert_eq!(none, json!({ "ok": false, "error": "not_authed" }));
    let wrong = sides.asks_as("xoxb-nobody", "auth.test", json!({})).await;
    assert_eq!(wrong["error"], "invalid_auth");
    assert_eq!(sides.asks_as(&token, "chat.postMassage", json!({})).await["error"], "unknown_method");
    // Nested JSON within a form, as a client of Slack's own sends it.
    let channel = sides.channel().await;
    let blocks = json!([{ "type": "section", "text": { "type": "mrkdwn", "text": "*hi*" } }]).to_string();
    let blocks = blocks.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let body = format!("channel={channel}&text=fallback&blocks={blocks}");
    let url = format!("{}/api/chat.postMessage", sides.server.url());
    let posted = sides.http.post(url).bearer_auth(&token).header(kind.0, kind.1).body(body).send().await.unwrap();
    let ts = posted.json::<Value>().await.unwrap()["ts"].as_str().unwrap().to_owned();
    assert_eq!(sides.shown(&channel, &ts).await, "hi");
}

#[tokio::test]
async fn refusals_are_in_slacks_words() {
    let sides = Sides::start().await;
    let channel = sides.channel().await;
    let post = async |body: Value| sides.refused("chat.postMessage", body).await;
    assert_eq!(post(json!({ "channel": channel })).await, "no_text");
    assert_eq!(post(json!({ "channel": channel, "text": "x".repeat(40_001) })).await, "msg_too_long");
    assert_eq!(post(json!({ "channel": "C9", "text": "x" })).await, "channel_not_found");
    assert_eq!(post(json!({ "channel": channel, "text": "x", "blocks": "[{" })).await, "invalid_blocks_format");
    let both = json!({ "channel": channel, "text": "x", "markdown_text": "x" });
    assert_eq!(post(both).await, "markdown_text_conflict");
    let metadata = json!({ "channel": channel, "text": "x", "metadata": { "event_type": "x" } });
    assert_eq!(post(metadata).await, "invalid_metadata_format");
    assert_eq!(post(json!({ "channel": channel, "text": "x", "thread_ts": "x" })).await, "invalid_thread_ts");
    assert_eq!(post(json!({ "channel": channel, "text": "x", "thread_ts": "1.000001" })).await, "thread_not_found");
    let hidden = json!({ "name": "secret", "is_private": true, "is_without_apps": true });
    let hidden = sides.does("channel", hidden).await["id"].clone();
    assert_eq!(post(json!({ "channel": hidden, "text": "x" })).await, "channel_not_found");
    let theirs = sides.says(json!({ "channel": channel, "text": "x" })).await;
    let update = async |body: Value| sides.refused("chat.update", body).await;
    assert_eq!(update(json!({ "channel": channel, "ts": theirs, "text": "y" })).await, "cant_update_message");
    assert_eq!(update(json!({ "channel": channel, "ts": "1.000001", "text": "y" })).await, "message_not_found");
    let mine = sides.posts(json!({ "channel": channel, "text": "x" })).await;
    let long = json!({ "channel": channel, "ts": mine, "text": "x".repeat(4_001) });
    assert_eq!(update(long).await, "msg_too_long");
    assert_eq!(update(json!({ "channel": channel, "ts": mine })).await, "no_text");
    sides.does("archive", json!({ "channel": channel })).await;
    assert_eq!(post(json!({ "channel": channel, "text": "x" })).await, "is_archived");
}

#[tokio::test]
async fn a_token_may_be_taken_away_and_scopes_be_missing() {
    let sides = Sides::start().await;
    let channel = sides.channel().await;
    sides.does("scopes", json!({ "scopes": ["chat:write"] })).await;
    let read = json!({ "channel": channel });
    let missing = sides.asks_as(&sides.my("token"), "conversations.history", read).await;
    let expected =
        json!({ "ok": false, "error": "missing_scope", "needed": "channels:history", "provided": "chat:write" });
    assert_eq!(missing, expected);
    let post = json!({ "channel": channel, "text": "x" });
    for (state, error) in [("revoked", "token_revoked"), ("inactive", "account_inactive")] {
        sides.does("token", json!({ "state": state })).await;
        assert_eq!(sides.refused("chat.postMessage", post.clone()).await, error);
    }
    let token = sides.does("rotate", json!({})).await["token"].as_str().unwrap().to_owned();
    assert_eq!(sides.asks_as(&token, "chat.postMessage", post).await["ok"], true);
}

#[tokio::test]
async fn an_update_keeps_what_it_does_not_bring() {
    let sides = Sides::start().await;
    let channel = sides.channel().await;
    let metadata = json!({ "event_type": "answer", "event_payload": { "key": "k1" } });
    let blocks = json!([{ "type": "markdown", "text": "**old**" }]);
    let post = json!({ "channel": channel, "text": "old", "blocks": blocks, "metadata": metadata });
    let ts = sides.posts(post).await;
    sides.asks("chat.update", json!({ "channel": channel, "ts": ts, "text": "new" })).await;
    assert_eq!(sides.shown(&channel, &ts).await, "old", "blocks stay");
    sides.asks("chat.update", json!({ "channel": channel, "ts": ts, "text": "new", "blocks": [] })).await;
    assert_eq!(sides.shown(&channel, &ts).await, "new");
    let history = async |with: bool| {
        let body = json!({ "channel": channel, "include_all_metadata": with });
        sides.asks("conversations.history", body).await["messages"][0]["metadata"].clone()
    };
    assert_eq!((history(true).await, history(false).await), (metadata, Value::Null));
    sides.asks("chat.update", json!({ "channel": channel, "ts": ts, "metadata": {} })).await;
    assert_eq!(history(true).await, Value::Null);
    sides.asks("chat.delete", json!({ "channel": channel, "ts": ts })).await;
    assert_eq!(
        sides.refused("chat.update", json!({ "channel": channel, "ts": ts, "text": "x" })).await,
        "message_not_found"
    );
    assert_eq!(sides.book().await.message(&channel, &ts).unwrap().versions.len(), 4, "every version is kept");
}

#[tokio::test]
async fn history_shows_roots_and_replies_show_threads() {
    let sides = Sides::start().await;
    let channel = sides.channel().await;
    let mut roots = Vec::new();
    for n in 0..5 {
        roots.push(sides.says(json!({ "channel": channel, "text": format!("root {n}") })).await);
    }
    let mut replies = Vec::new();
    for n in 0..3 {
        let reply = json!({ "channel": channel, "thread_ts": roots[1], "text": format!("reply {n}") });
        replies.push(sides.posts(reply).await);
    }
    let (mut read, mut cursor) = (Vec::new(), json!(""));
    loop {
        let page =
            sides.asks("conversations.history", json!({ "channel": channel, "limit": 2, "cursor": cursor })).await;
        read.extend(page["messages"].as_array().unwrap().clone());
        assert_eq!(page["has_more"], page["response_metadata"]["next_cursor"].is_string());
        if page["has_more"] == false {
            break;
        }
        cursor = page["response_metadata"]["next_cursor"].clone();
    }
    let texts: Vec<_> = read.iter().map(|message| message["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["root 4", "root 3", "root 2", "root 1", "root 0"]);
    assert_eq!((&read[3]["thread_ts"], &read[3]["reply_count"]), (&json!(roots[1]), &json!(3)));
    assert_eq!(read[3]["latest_reply"], replies[2].as_str());
    assert_eq!(read[2]["thread_ts"], Value::Null);
    let span = json!({ "channel": channel, "oldest": roots[1], "latest": roots[3] });
    let count =
        async |body: Value| sides.asks("conversations.history", body).await["messages"].as_array().unwrap().len();
    assert_eq!(count(span.clone()).await, 1);
    assert_eq!(
        count(json!({ "channel": channel, "oldest": roots[1], "latest": roots[3], "inclusive": true })).await,
        3
    );
    let thread = sides.asks("conversations.replies", json!({ "channel": channel, "ts": roots[1] })).await;
    let texts: Vec<_> = thread["messages"].as_array().unwrap().iter().map(|it| it["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["root 1", "reply 0", "reply 1", "reply 2"]);
    let newer = json!({ "channel": channel, "ts": roots[1], "oldest": replies[1] });
    let newer = sides.asks("conversations.replies", newer).await;
    assert_eq!(newer["messages"].as_array().unwrap().len(), 2, "the root and what is newer");
    assert_eq!(
        sides.refused("conversations.replies", json!({ "channel": channel, "ts": "1.000001" })).await,
        "thread_not_found"
    );
    sides.does("delete", json!({ "channel": channel, "ts": roots[1] })).await;
    let history = sides.asks("conversations.history", json!({ "channel": channel })).await;
    assert_eq!(history["messages"][3]["subtype"], "tombstone");
}

#[tokio::test]
async fn there_are_workspaces_people_and_conversations() {
    let sides = Sides::start().await;
    let channel = sides.channel().await;
    sides.does("workspace", json!({ "name": "Elsewhere" })).await;
    let there = sides.does("install", json!({ "app": "lastword", "workspace": "Elsewhere" })).await;
    assert_eq!(there["id"], sides.me["id"]);
    let theirs = there["token"].as_str().unwrap();
    assert_eq!(
        sides.asks_as(theirs, "conversations.info", json!({ "channel": channel })).await["error"],
        "channel_not_found"
    );
    assert_eq!(sides.asks_as(theirs, "auth.test", json!({})).await["team"], "Elsewhere");
    let info = sides.asks("conversations.info", json!({ "channel": channel, "include_num_members": true })).await;
    assert_eq!((&info["channel"]["name"], &info["channel"]["num_members"]), (&json!("kitchen"), &json!(2)));
    let alice = sides.does("person", json!({ "name": "alice" })).await["id"].as_str().unwrap().to_owned();
    let user = sides.asks("users.info", json!({ "user": alice })).await;
    assert_eq!((&user["user"]["profile"]["display_name"], &user["user"]["is_bot"]), (&json!("alice"), &json!(false)));
    let direct = sides.asks("conversations.open", json!({ "users": alice })).await["channel"]["id"].clone();
    sides.posts(json!({ "channel": alice, "text": "hello" })).await;
    let messages = sides.asks("conversations.history", json!({ "channel": direct })).await;
    assert_eq!(messages["messages"][0]["text"], "hello");
    let types = json!({ "types": "public_channel,im,mpim,private_channel" });
    assert_eq!(sides.asks("users.conversations", types).await["channels"].as_array().unwrap().len(), 2);
    let members = sides.asks("conversations.members", json!({ "channel": channel, "limit": 1 })).await;
    assert_eq!(members["members"].as_array().unwrap().len(), 1);
    assert!(!members["response_metadata"]["next_cursor"].as_str().unwrap().is_empty());
    assert_eq!(sides.asks("bots.info", json!({ "bot": sides.me["bot"] })).await["bot"]["user_id"], sides.me["user"]);
    assert_eq!(sides.asks("team.info", json!({})).await["team"]["name"], "Home");
    assert_eq!(sides.asks("users.list", json!({})).await["members"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn reactions_are_left_once_and_taken_back_once() {
    let sides = Sides::start().await;
    let channel = sides.channel().await;
    let ts = sides.says(json!({ "channel": channel, "text": "hi" })).await;
    let eyes = json!({ "channel": channel, "timestamp": ts, "name": "eyes" });
    sides.asks("reactions.add", eyes.clone()).await;
    assert_eq!(sides.refused("reactions.add", eyes.clone()).await, "already_reacted");
    let read = sides.asks("reactions.get", json!({ "channel": channel, "timestamp": ts })).await;
    assert_eq!(read["message"]["reactions"][0]["users"], json!([sides.me["user"]]));
    sides.asks("reactions.remove", eyes.clone()).await;
    assert_eq!(sides.refused("reactions.remove", eyes).await, "no_reaction");
    let wrong = json!({ "channel": channel, "timestamp": ts, "name": ":eyes:" });
    assert_eq!(sides.refused("reactions.add", wrong).await, "invalid_name");
    let nowhere = json!({ "channel": channel, "timestamp": "1.000001", "name": "eyes" });
    assert_eq!(sides.refused("reactions.add", nowhere).await, "message_not_found");
}
