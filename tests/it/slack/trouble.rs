//! What becomes of messages when something is wrong, and what the operator sees of it.

use lastword_tests::slack::{Message, SocketState, Streaming};
use serde_json::{Value, json};

use super::network::{account, channel, direct, is_answered_once, retries, says, shown, world};
use crate::world::{Settings, Slack, Who, World};

/// Waits until `/readyz` says this of the app.
async fn trouble(world: &World, words: &str) {
    world
        .until(&format!("the page says {words:?}"), async |world| {
            let page = world.page().await?;
            let ada = &page["accounts"]["ada"];
            (ada["ready"] == false && ada["trouble"].as_str()?.contains(words)).then_some(())
        })
        .await;
}

async fn is_linked(world: &World) {
    world
        .until("it listens", async |world| (world.page().await?["accounts"]["ada"]["ready"] == true).then_some(()))
        .await;
}

/// Whether there is such an alert about that; `None` while there is no page.
async fn is_open(world: &World, code: &str, subject: &str) -> Option<bool> {
    let page: Value = world.page().await?;
    let alerts = page["alerts"].as_array()?;
    Some(alerts.iter().any(|alert| alert["code"] == code && alert["subject"] == subject))
}

async fn check(world: &World) -> (bool, String) {
    let mut check = world.lastword(&["check", "--online"]);
    let check = tokio::task::spawn_blocking(move || check.output().unwrap()).await.unwrap();
    (check.status.success(), String::from_utf8_lossy(&check.stdout).into_owned())
}

#[tokio::test]
async fn wrong_tokens_and_missing_scopes_are_named_with_the_page_where_they_are_mended() {
    let slack = Slack::start().await;
    let me = slack.me().clone();
    let page = |about: &str| format!("https://api.slack.com/apps/{}/{about}", me.id);
    let mut wrong = me.clone();
    wrong.token = "xoxb-wrong-s3cret".into();
    let accounts = account(&slack, "ada", &wrong);
    let mut world = World::prepare(Settings { accounts, ..Settings::default() }).await;
    let (is_fine, said) = check(&world).await;
    assert!(!is_fine && said.contains("bot_token: Slack refused with invalid_auth"), "{said}");
    assert!(said.contains(&page("oauth")) && !said.contains("s3cret"), "{said}");
    world.start_supervisor();
    trouble(&world, "credentials refused: bot_token: Slack refused with invalid_auth").await;
    world
        .until("there is an alert", async |world| {
            is_open(world, "account_not_receiving", "ada").await.filter(|is| *is).map(|_| ())
        })
        .await;
    assert!(!world.log().contains("s3cret"));

    let mut swapped = me.clone();
    swapped.app_token = "xapp-1-A0-wrong".into();
    let accounts = account(&slack, "ada", &swapped);
    let world = World::prepare(Settings { accounts, ..Settings::default() }).await;
    let (is_fine, said) = check(&world).await;
    assert!(!is_fine && said.contains("app_token: Slack refused with invalid_auth"), "{said}");

    let accounts = account(&slack, "ada", &me);
    let world = World::prepare(Settings { accounts, ..Settings::default() }).await;
    let (is_fine, said) = check(&world).await;
    assert!(is_fine && said.contains(&format!("its network knows it as {}/{}", me.team, me.user)), "{said}");
    slack.act("scopes", json!({ "scopes": ["chat:write", "im:history"] })).await;
    let (is_fine, said) = check(&world).await;
    assert!(!is_fine && said.contains("the app lacks the scopes app_mentions:read, "), "{said}");
    slack.act("scopes", json!({ "scopes": ["app_mentions:read"] })).await;
    let (is_fine, said) = check(&world).await;
    assert!(!is_fine && said.contains("the app lacks the scopes chat:write"), "{said}");
    assert!(said.contains(&page("oauth")), "{said}");
}

#[tokio::test]
async fn an_app_without_socket_mode_is_said() {
    let slack = Slack::start().await;
    let world = world(&slack, "").await;
    slack.act("socket_mode", json!({ "is_on": false })).await;
    trouble(&world, "Socket Mode is switched off").await;
    slack.act("socket_mode", json!({ "is_on": true })).await;
    let direct = direct(&slack).await;
    slack.says(json!({ "text": "go #t1" })).await;
    says(&world, &slack, &direct, None, "done #t1").await;
}

#[tokio::test]
async fn a_socket_is_replaced_before_it_closes() {
    let slack = Slack::start().await;
    let world = world(&slack, "").await;
    let direct = direct(&slack).await;
    for n in 1..=3 {
        slack.act("refresh", json!({ "reason": if n == 2 { "warning" } else { "refresh_requested" } })).await;
        slack.says(json!({ "text": format!("go #t{n}") })).await;
        says(&world, &slack, &direct, None, &format!("done #t{n}")).await;
        world
            .until("another socket stands", async |_| {
                let sockets = slack.book().await.sockets;
                (sockets.len() == n + 1).then_some(())
            })
            .await;
    }
    // A warning and what follows it are about one socket.
    slack.act("settings", json!({ "refresh_close_ms": 200 })).await;
    slack.act("refresh", json!({ "reason": "warning" })).await;
    slack.act("refresh", json!({})).await;
    world
        .until("one socket stands", async |_| {
            let sockets = slack.book().await.sockets;
            let open = sockets.iter().filter(|socket| socket.state == SocketState::Open).count();
            (sockets.len() > 4 && open == 1).then_some(())
        })
        .await;
    slack.says(json!({ "text": "go #t9" })).await;
    says(&world, &slack, &direct, None, "done #t9").await;
    world.judge().await;
    is_answered_once(&slack).await;
    assert!(!world.log().contains("not receiving"), "{}", world.log());
}

#[tokio::test]
async fn a_socket_that_only_looks_alive_is_given_up() {
    let slack = Slack::start().await;
    slack.act("settings", retries(&[0, 2_000, 30_000])).await;
    let world = world(&slack, "").await;
    let direct = direct(&slack).await;
    slack.act("silence", json!({})).await;
    // Slack offers it to the zombie, and then to the socket that takes its place; what it gives up is in the history.
    slack.says(json!({ "text": "go #t1" })).await;
    says(&world, &slack, &direct, None, "done #t1").await;
    world.judge().await;
    is_answered_once(&slack).await;
}

#[tokio::test]
async fn what_slack_gave_up_is_found_in_the_history() {
    let slack = Slack::start().await;
    slack.act("settings", retries(&[0])).await;
    let mut world = world(&slack, "").await;
    let (kitchen, direct) = (channel(&slack).await, direct(&slack).await);
    let (_, thread) = slack.says(json!({ "channel": kitchen, "text": "@lastword go #t1" })).await;
    says(&world, &slack, &kitchen, Some(&thread), "done #t1").await;
    world.kill_supervisor().await;
    slack.says(json!({ "text": "go #t2" })).await;
    let (_, missed) = slack.says(json!({ "channel": kitchen, "text": "@lastword go #t3" })).await;
    slack.says(json!({ "channel": kitchen, "thread_ts": thread, "text": "go #t4" })).await;
    slack.says(json!({ "channel": kitchen, "text": "among us" })).await;
    world
        .until("Slack has given up", async |_| {
            let deliveries = slack.book().await.deliveries;
            (deliveries.iter().filter(|one| format!("{:?}", one.state) == "GivenUp").count() >= 4).then_some(())
        })
        .await;
    world.start_supervisor();
    says(&world, &slack, &direct, None, "done #t2").await;
    says(&world, &slack, &kitchen, Some(&missed), "done #t3").await;
    says(&world, &slack, &kitchen, Some(&thread), "done #t4").await;
    // Once more over the same gap: nothing is answered twice.
    world.kill_supervisor().await;
    world.start_supervisor();
    is_linked(&world).await;
    slack.says(json!({ "text": "go #t5" })).await;
    says(&world, &slack, &direct, None, "done #t5").await;
    world.judge().await;
    is_answered_once(&slack).await;
}

#[tokio::test]
async fn a_doubtful_placeholder_is_found_and_a_doubtful_answer_repeated() {
    let slack = Slack::start().await;
    let world = world(&slack, "").await;
    let direct = direct(&slack).await;
    for (n, (method, fault)) in [
        ("chat.postMessage", json!({ "kind": "error_after", "error": "internal_error" })),
        ("chat.postMessage", json!({ "kind": "cut_after" })),
        ("chat.update", json!({ "kind": "gateway_after" })),
        ("chat.update", json!({ "kind": "garble_after" })),
        ("chat.postMessage", json!({ "kind": "limited", "retry_after_s": 1, "is_bare": true })),
    ]
    .into_iter()
    .enumerate()
    {
        slack.act("faults", json!({ "method": method, "faults": [fault] })).await;
        slack.says(json!({ "text": format!("gate #t{n}") })).await;
        // An answer that is there before the placeholder was posted has one of its own, which stays when it is in doubt.
        says(&world, &slack, &direct, None, "…").await;
        world.open_gate();
        says(&world, &slack, &direct, None, &format!("done #t{n}")).await;
        world.close_gate();
    }
    world.judge().await;
    let words: Vec<_> = shown(&slack, &slack.me().id, &direct, None).await;
    let words: Vec<_> = words.iter().map(|message| message.now().shown.clone()).collect();
    assert_eq!(words, ["done #t0", "done #t1", "done #t2", "done #t3", "done #t4"], "and no bubble is left");
    is_answered_once(&slack).await;
}

#[tokio::test]
async fn a_doubtful_stream_shows_no_more_than_progress() {
    let slack = Slack::start().await;
    let world = world(&slack, "streams: true").await;
    let kitchen = channel(&slack).await;
    for (n, (method, fault)) in [
        ("chat.startStream", json!({ "kind": "error_before", "error": "restricted_action" })),
        ("chat.startStream", json!({ "kind": "cut_after" })),
        ("chat.appendStream", json!({ "kind": "cut_after" })),
        ("chat.appendStream", json!({ "kind": "limited", "retry_after_s": 1 })),
        ("chat.stopStream", json!({ "kind": "drop_before" })),
        ("chat.stopStream", json!({ "kind": "cut_after" })),
        ("chat.stopStream", json!({ "kind": "error_before", "error": "restricted_action" })),
        ("chat.stopStream", json!({ "kind": "limited", "retry_after_s": 1 })),
        ("chat.update", json!({ "kind": "gateway_after" })),
    ]
    .into_iter()
    .enumerate()
    {
        slack.act("faults", json!({ "method": method, "faults": [fault] })).await;
        let (_, asked) = slack.says(json!({ "channel": kitchen, "text": format!("@lastword work 4 #t{n}") })).await;
        let done = format!("done #t{n}");
        let is_over = |message: &Message| {
            let is_open = message.stream.as_ref().is_some_and(|stream| stream.state == Streaming::Running);
            message.now().shown.contains(&done) && !is_open
        };
        let ours = world
            .until("the answer stands", async |_| {
                let ours = shown(&slack, &slack.me().id, &kitchen, Some(&asked)).await;
                ours.iter().any(is_over).then_some(ours)
            })
            .await;
        // A stream of which nobody knows, or that can't be stopped, stays behind.
        let is_left = n == 1 || n == 6;
        if method == "chat.appendStream" {
            let grew = ours[0].stream.as_ref().is_some_and(|stream| !stream.markdown.is_empty());
            assert!(grew, "the fault met an append: {ours:?}");
        }
        assert_eq!(ours.len(), if is_left { 2 } else { 1 }, "{n}: {ours:?}");
    }
    world.judge().await;
    is_answered_once(&slack).await;
}

#[tokio::test]
async fn a_bridge_that_dies_between_stopping_a_stream_and_its_answer_leaves_one_answer() {
    let slack = Slack::start().await;
    let world = world(&slack, "streams: true").await;
    let kitchen = channel(&slack).await;
    let late = json!({ "kind": "delay_before", "ms": 5_000 });
    slack.act("faults", json!({ "method": "chat.update", "faults": [late] })).await;
    let (_, asked) = slack.says(json!({ "channel": kitchen, "text": "@lastword go #t1" })).await;
    world
        .until("the stream is stopped", async |_| {
            let ours = shown(&slack, &slack.me().id, &kitchen, Some(&asked)).await;
            let is_stopped =
                |message: &Message| message.stream.as_ref().is_some_and(|stream| stream.state == Streaming::Stopped);
            ours.iter().any(is_stopped).then_some(())
        })
        .await;
    world.kill(Who::Bridge).await;
    world
        .until("the answer takes its place", async |_| {
            let ours = shown(&slack, &slack.me().id, &kitchen, Some(&asked)).await;
            (ours.len() == 1 && ours[0].now().shown == "done #t1").then_some(())
        })
        .await;
    world.judge().await;
    is_answered_once(&slack).await;
}

#[tokio::test]
async fn a_bot_that_is_put_out_of_a_channel_is_told_until_it_is_let_in_again() {
    let slack = Slack::start().await;
    let world = world(&slack, "").await;
    let kitchen = channel(&slack).await;
    let (_, asked) = slack.says(json!({ "channel": kitchen, "text": "@lastword gate #t1" })).await;
    world.begun("#t1").await;
    slack.act("leave", json!({ "channel": kitchen, "app": "lastword", "by": "alice" })).await;
    let subject = format!("ada/{kitchen}");
    for code in ["conversation_barred"] {
        world
            .until("there is an alert", async |world| is_open(world, code, &subject).await.filter(|is| *is).map(|_| ()))
            .await;
    }
    slack.act("join", json!({ "channel": kitchen, "app": "lastword", "by": "alice" })).await;
    world
        .until("the alert is closed", async |world| {
            is_open(world, "conversation_barred", &subject).await.filter(|is| !is).map(|_| ())
        })
        .await;
    world.open_gate();
    says(&world, &slack, &kitchen, Some(&asked), "done #t1").await;
}

#[tokio::test]
async fn whoever_dies_in_mid_turn_the_answer_comes_once() {
    let slack = Slack::start().await;
    let world = world(&slack, "").await;
    let direct = direct(&slack).await;
    slack.says(json!({ "text": "gate #t1" })).await;
    world.begun("#t1").await;
    world.kill(Who::Bridge).await;
    slack.says(json!({ "text": "go #t2" })).await;
    world.open_gate();
    says(&world, &slack, &direct, None, "done #t1").await;
    says(&world, &slack, &direct, None, "done #t2").await;
    world.judge().await;
    is_answered_once(&slack).await;
}
