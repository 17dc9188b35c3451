//! What an app is told, and what it is not.

use super::*;
use crate::{oracle::Oracle, slack::Author};

#[tokio::test]
async fn a_conversation_reads_clean_to_the_oracle() {
    let sides = Sides::start().await;
    let channel = sides.channel().await;
    let mut link = sides.connects().await;
    let asked = sides.says(json!({ "channel": channel, "text": "@lastword go #t1" })).await;
    let mut told = [link.takes().await, link.takes().await];
    told.sort_by_key(|envelope| envelope["payload"]["event"]["type"].to_string());
    let events = told.each_ref().map(|envelope| &envelope["payload"]["event"]);
    assert_eq!(events.map(|event| &event["type"]), ["app_mention", "message"]);
    assert_eq!(events.map(|event| &event["ts"]), [asked.as_str(), &asked]);
    assert_ne!(told[0]["payload"]["event_id"], told[1]["payload"]["event_id"]);
    assert_eq!(events[1]["text"], format!("<@{}> go #t1", sides.my("user")));
    assert_eq!((&events[1]["channel_type"], &told[0]["retry_attempt"]), (&json!("channel"), &json!(0)));
    assert_eq!(told[0]["payload"]["authorizations"][0]["user_id"], sides.me["user"]);
    let placeholder = sides.posts(json!({ "channel": channel, "thread_ts": asked, "text": "…" })).await;
    let change = json!({ "channel": channel, "ts": placeholder, "text": "done #t1" });
    assert_eq!(sides.asks("chat.update", change).await["text"], "done #t1");
    let book = sides.book().await;
    let app = sides.my("id");
    assert_eq!(book.message(&channel, &placeholder).unwrap().author.app(), Some(app.as_str()));
    assert!(matches!(book.message(&channel, &asked).unwrap().author, Author::Person(_)));
    let ledger = book.ledger(&app);
    let findings = Oracle::new(|token| format!("done {token}")).judge(&ledger);
    assert!(findings.is_clean(), "{findings}");
    assert_eq!((ledger.bot[0].versions.len(), ledger.confirmed, ledger.requests), (2, 1, 2));
    assert_eq!(ledger.bot[0].reply_to.as_deref(), Some(format!("{channel}/{asked}").as_str()));
    assert!(ledger.people[0].is_addressed);
}

#[tokio::test]
async fn events_go_to_subscribed_apps_whose_bot_is_there() {
    let sides = Sides::start().await;
    let other = sides.does("app", json!({ "name": "other", "events": ["app_mention"] })).await;
    let channel = sides.channel().await;
    let apart = sides.does("channel", json!({ "name": "apart", "is_without_apps": true })).await;
    let apart = apart["id"].as_str().unwrap();
    assert_eq!(sides.does("say", json!({ "channel": apart, "text": "hi" })).await["delivered_to"], json!([]));
    let said = sides.does("say", json!({ "channel": channel, "text": "hi" })).await;
    assert_eq!(said["delivered_to"], json!([sides.me["id"]]));
    let both = sides.does("say", json!({ "channel": channel, "text": "@other and @lastword: hi" })).await;
    assert_eq!(both["delivered_to"].as_array().unwrap().len(), 2);
    let to_other = sides.book().await.deliveries.into_iter().filter(|to| to.app == other["id"].as_str().unwrap());
    assert_eq!(to_other.map(|to| to.what).collect::<Vec<_>>(), ["app_mention"]);
}

#[tokio::test]
async fn an_app_hears_of_its_own_messages_and_of_other_bots() {
    let sides = Sides::start().await;
    let other = sides.does("app", json!({ "name": "other" })).await;
    let channel = sides.channel().await;
    let mut link = sides.connects().await;
    sides.posts(json!({ "channel": channel, "text": "mine" })).await;
    let own = link.takes().await;
    assert_eq!(own["payload"]["event"]["bot_id"], sides.me["bot"]);
    assert_eq!(own["payload"]["event"]["app_id"], sides.me["id"]);
    let post = json!({ "channel": channel, "text": "theirs" });
    sides.asks_as(other["token"].as_str().unwrap(), "chat.postMessage", post).await;
    assert_eq!(link.takes().await["payload"]["event"]["bot_profile"]["name"], "other");
}

#[tokio::test]
async fn changes_deletions_and_comings_are_events_of_their_own_kind() {
    let sides = Sides::start().await;
    let channel = sides.channel().await;
    let mut link = sides.connects().await;
    let ts = sides.says(json!({ "channel": channel, "text": "one" })).await;
    link.takes().await;
    sides.does("edit", json!({ "channel": channel, "ts": ts, "text": "two & more" })).await;
    let changed = link.takes().await["payload"]["event"].clone();
    assert_eq!((&changed["subtype"], &changed["hidden"]), (&json!("message_changed"), &json!(true)));
    assert_eq!(
        (&changed["message"]["text"], &changed["previous_message"]["text"]),
        (&json!("two &amp; more"), &json!("one"))
    );
    assert_ne!(changed["ts"], ts.as_str());
    sides.does("delete", json!({ "channel": channel, "ts": ts })).await;
    let deleted = link.takes().await["payload"]["event"].clone();
    assert_eq!((&deleted["subtype"], &deleted["deleted_ts"]), (&json!("message_deleted"), &json!(ts)));
    sides.does("join", json!({ "channel": channel, "person": "bob", "by": "alice" })).await;
    let mut kinds = [link.takes().await, link.takes().await].map(|it| it["payload"]["event"]["type"].to_string());
    kinds.sort();
    assert_eq!(kinds, ["\"member_joined_channel\"", "\"message\""]);
    sides.does("leave", json!({ "channel": channel, "by": "alice" })).await;
    let kinds = [link.takes().await, link.takes().await].map(|it| it["payload"]["event"]["type"].to_string());
    assert_eq!(kinds, ["\"message\"", "\"channel_left\""]);
    sides.says(json!({ "channel": channel, "text": "unheard" })).await;
    // Whoever may write to public channels needs to be in none.
    sides.does("scopes", json!({ "scopes": ["chat:write"] })).await;
    assert_eq!(sides.refused("chat.postMessage", json!({ "channel": channel, "text": "x" })).await, "not_in_channel");
}

#[tokio::test]
async fn the_assistants_pane_is_a_thread_of_the_direct_message() {
    let sides = Sides::start().await;
    let mut link = sides.connects().await;
    let pane = sides.does("open_assistant", json!({})).await;
    let (channel, thread) = (pane["channel"].as_str().unwrap(), pane["thread_ts"].as_str().unwrap());
    let started = link.takes().await["payload"]["event"].clone();
    assert_eq!(started["type"], "assistant_thread_started");
    assert_eq!(started["assistant_thread"]["thread_ts"], thread);
    sides.says(json!({ "channel": channel, "thread_ts": thread, "text": "hello" })).await;
    let said = link.takes().await["payload"]["event"].clone();
    assert_eq!((&said["channel_type"], &said["thread_ts"]), (&json!("im"), &json!(thread)));
    let place = json!({ "channel_id": channel, "thread_ts": thread });
    let with = |name: &str, value: Value| {
        let mut body = place.clone();
        body[name] = value;
        body
    };
    sides.asks("assistant.threads.setStatus", with("status", json!("is thinking…"))).await;
    sides.asks("assistant.threads.setTitle", with("title", json!("Greetings"))).await;
    let prompts = json!([{ "title": "Hi", "message": "Say hi" }]);
    sides.asks("assistant.threads.setSuggestedPrompts", with("prompts", prompts)).await;
    sides.posts(json!({ "channel": channel, "thread_ts": thread, "text": "hi" })).await;
    let passing = sides.book().await.passing;
    let shown: Vec<_> = passing.iter().map(|it| (it.what.as_str(), it.value.as_str().unwrap_or("list"))).collect();
    assert_eq!(shown, [("status", "is thinking…"), ("title", "Greetings"), ("prompts", "list"), ("status", "")]);
    let nowhere = json!({ "channel_id": channel, "thread_ts": "1.000001", "status": "x" });
    assert_eq!(sides.refused("assistant.threads.setStatus", nowhere).await, "invalid_thread_ts");
}
