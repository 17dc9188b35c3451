//! What the tests rely on: people with clients of their own understand each other on a Synapse of ours, and a hand breaks it.

use lastword_tests::matrix::{Outage, Settings};
use serde_json::{Value, json};

use crate::world::{Matrix, PASSWORD};

#[tokio::test]
async fn people_understand_each_other_in_plain_and_in_secret() {
    let Some(matrix) = Matrix::maybe_start().await else { return };
    let (alice, bob) = (matrix.person("alice").await, matrix.person("bob").await);
    for is_encrypted in [false, true] {
        let room = alice.opens(json!({ "invite": [bob.id()], "name": "kitchen", "is_encrypted": is_encrypted })).await;
        bob.does("join", json!({ "room": room })).await;
        alice.sees(&room, bob.id()).await;
        bob.sees(&room, alice.id()).await;
        let said = alice.says_to(&room, bob.id(), "hello?").await;
        let answered = bob.says_in(&room, &said, "…").await;
        bob.says_so(&room, "step 1", json!({ "edits": answered })).await;
        bob.says_so(&room, "here I am", json!({ "edits": answered })).await;
        let wrong = bob.says_so(&room, "oops", json!({ "reply_to": said })).await;
        bob.does("redact", json!({ "room": room, "event": wrong })).await;
        let data: Vec<u8> = (0..=255).collect();
        alice.sends(&room, "bytes.bin", &data, json!({ "mime": "application/octet-stream" })).await;

        let expected = "alice: hello?\n  bob: here I am\nbob: (taken back)\nalice: bytes.bin\n";
        for reader in [&alice, &bob] {
            let look = async || (reader.transcript(&room).await == expected).then_some(());
            matrix.until("everything is read", look).await;
        }
        let read = bob.reads(&room).await;
        assert!(
            read.iter()
                .filter(|message| !message.is_redacted)
                .all(|message| message.event.is_encrypted == is_encrypted)
        );
        assert_eq!(read[0].now().mentions, [bob.id()]);
        let texts: Vec<_> = alice.reads(&room).await[1].versions.iter().map(|version| version.text.clone()).collect();
        assert_eq!(texts, ["…", "step 1", "here I am"]);
        assert_eq!(bob.fetches(&read[3]).await, data);
    }
}

#[tokio::test]
async fn what_was_said_survives_the_homeserver_and_a_key_may_come_late() {
    let Some(matrix) = Matrix::maybe_start().await else { return };
    let (alice, bob) = (matrix.person("alice").await, matrix.person("bob").await);
    let room = alice.opens(json!({ "invite": [bob.id()], "is_encrypted": true })).await;
    bob.does("join", json!({ "room": room })).await;
    alice.sees(&room, bob.id()).await;
    alice.says_so(&room, "one", json!({ "holds_keys": true })).await;
    let look = async |expected: &str| (bob.transcript(&room).await == expected).then_some(());
    matrix.until("it is there, and can't be read", async || look("alice: (can't be read)\n").await).await;
    alice.does("release_keys", json!({ "room": room })).await;
    matrix.until("the key is there", async || look("alice: one\n").await).await;
    matrix.synapse("restart").await;
    alice.says(&room, "two").await;
    matrix.until("it is said", async || look("alice: one\nalice: two\n").await).await;
    matrix.synapse("kill").await;
    matrix.synapse("start").await;
    alice.does("rotate_keys", json!({ "room": room })).await;
    alice.says(&room, "three").await;
    matrix.until("it is said", async || look("alice: one\nalice: two\nalice: three\n").await).await;
}

#[tokio::test]
async fn a_spoiled_request_of_the_bot_is_seen_by_people_as_it_was_applied() {
    let Some(matrix) = Matrix::maybe_start().await else { return };
    let alice = matrix.person("alice").await;
    let (bot, http) = (matrix.bot(), reqwest::Client::builder().no_proxy().build().unwrap());
    let room = alice.opens(json!({ "invite": [bot.user] })).await;
    let ask = async |method: &str, path: &str, body: Value| {
        let url = format!("{}/_matrix/client/v3/{path}", matrix.url());
        let request = http.request(method.parse().unwrap(), url).bearer_auth(&bot.token).json(&body);
        let answer = request.send().await.ok()?;
        Some((answer.status().as_u16(), answer.json::<Value>().await.ok()?))
    };
    let login = json!({ "type": "m.login.password", "user": "bot", "password": PASSWORD, "device_id": "BRIDGE" });
    assert_eq!(ask("POST", "login", login).await.unwrap().1["user_id"], bot.user);
    matrix.bot_joins(&room).await;
    alice.sees(&room, &bot.user).await;
    let send = format!("rooms/{room}/send/m.room.message");
    let says =
        async |key: &str| ask("PUT", &format!("{send}/{key}"), json!({ "msgtype": "m.text", "body": key })).await;

    matrix.will(json!({ "faults": [{ "kind": "cut_after" }, { "kind": "limited", "retry_after_ms": 100 }] })).await;
    assert_eq!(says("k1").await, None);
    assert_eq!(says("k1").await.unwrap().1["retry_after_ms"], 100);
    let (first, again) = (says("k1").await.unwrap(), says("k1").await.unwrap());
    assert_eq!((first.0, &first.1), (200, &again.1), "one transaction, one event");
    matrix.set(&Settings { outage: Some(Outage::Refuse) }).await;
    assert_eq!(says("k2").await, None);
    alice.says(&room, "is it out?").await;
    matrix.set(&Settings::default()).await;
    matrix.will(json!({ "path": "/sync", "faults": [{ "kind": "fail_before" }] })).await;
    matrix.clear_faults().await;
    assert_eq!(ask("GET", "sync", json!({})).await.unwrap().0, 200);
    says("k3").await;
    alice.catches_up().await;
    assert_eq!(alice.transcript(&room).await, "bot: k1\nalice: is it out?\nbot: k3\n");
    let sent = ["k1", "k1", "k1", "k1", "k2", "k3"].map(ToOwned::to_owned);
    let status = [Some(200), None, Some(200), Some(200), None, Some(200)];
    assert_eq!(matrix.sent(&room).await, sent.into_iter().zip(status).collect::<Vec<_>>());
}
