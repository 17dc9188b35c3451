//! What the operator sees when something is wrong.

use serde_json::{Value, json};

use super::network::{Telegram, answer};
use crate::world::{Settings, World};

/// Waits until `/readyz` says this of the bot.
async fn trouble(world: &World, words: &str) {
    world
        .until(&format!("the page says {words:?}"), async |world| {
            let page = world.page().await?;
            let phone = &page["accounts"]["phone"];
            (phone["ready"] == false && phone["trouble"].as_str()?.contains(words)).then_some(())
        })
        .await;
}

/// Whether there is an alert that the bot receives nothing.
async fn is_deaf(world: &World) -> Option<()> {
    let alerts: Value = world.page().await?["alerts"].clone();
    let is_ours = |alert: &&Value| alert["code"] == "account_not_receiving" && alert["subject"] == "phone";
    alerts.as_array()?.iter().find(is_ours).map(|_| ())
}

async fn check(world: &World) -> (bool, String) {
    let mut check = world.lastword(&["check", "--online"]);
    // The network that it asks is in this process.
    let check = tokio::task::spawn_blocking(move || check.output().unwrap()).await.unwrap();
    (check.status.success(), String::from_utf8_lossy(&check.stdout).into_owned())
}

#[tokio::test]
async fn a_wrong_token_is_said_everywhere_and_shown_nowhere() {
    let telegram = Telegram::start().await;
    let right = telegram.token().to_owned();
    let wrong = format!("{}:wrong-s3cret", telegram.bot);
    let accounts = telegram.account().replace(&right, &wrong);
    let mut world = World::prepare(Settings { accounts, ..Settings::default() }).await;
    let (is_fine, said) = check(&world).await;
    assert!(!is_fine && said.contains("credentials refused: Telegram refused with 401"), "{said}");
    world.start_supervisor();
    trouble(&world, "credentials refused: Telegram refused with 401: Unauthorized").await;
    world
        .until("others go on", async |world| (world.page().await?["accounts"]["net"]["ready"] == true).then_some(()))
        .await;
    assert!(world.log().contains("not receiving: credentials refused"), "{}", world.log());
    world.until("there is an alert", is_deaf).await;
    for said in [world.log(), world.page().await.unwrap().to_string(), said] {
        assert!(!said.contains("s3cret"), "{said}");
    }
}

#[tokio::test]
async fn a_token_that_is_revoked_is_said_and_an_outage_is_over_when_it_is() {
    let telegram = Telegram::start().await;
    let world = telegram.world("").await;
    let alice = telegram.alice().await;
    let (is_fine, said) = check(&world).await;
    assert!(is_fine && said.contains(&format!("Account phone: its network knows it as {}.", telegram.bot)), "{said}");
    telegram.is_out(true).await;
    trouble(&world, "link lost").await;
    telegram.is_out(false).await;
    let asked = telegram.says(json!({ "text": "go #t1" })).await;
    assert_eq!(answer(&world, &telegram, alice, asked).await, "done #t1");
    telegram.does("revoke", json!({})).await;
    trouble(&world, "credentials refused").await;
    assert!(check(&world).await.1.contains("Account phone: credentials refused"));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said() {
    let telegram = Telegram::start().await;
    // A port that was free a moment ago, and that nobody listens on.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let accounts = telegram.account().replace(telegram.url(), &nobody);
    let mut world = World::prepare(Settings { accounts, ..Settings::default() }).await;
    let (is_fine, said) = check(&world).await;
    assert!(!is_fine && said.contains("Account phone: link lost: Telegram can't be reached"), "{said}");
    world.start_supervisor();
    trouble(&world, "Telegram can't be reached").await;
}

#[tokio::test]
async fn another_receiver_is_said_and_nothing_is_lost_by_it() {
    let telegram = Telegram::start().await;
    let world = telegram.world("").await;
    let alice = telegram.alice().await;
    world
        .until("the other one is noticed", async |world| {
            telegram.asks("getUpdates", json!({ "timeout": 1 })).await;
            let page = world.page().await?;
            let trouble = page["accounts"]["phone"]["trouble"].as_str()?;
            trouble.contains("another receiver holds this account").then_some(())
        })
        .await;
    world
        .until("there is an alert", async |world| {
            telegram.asks("getUpdates", json!({ "timeout": 1 })).await;
            is_deaf(world).await
        })
        .await;
    let asked = telegram.says(json!({ "text": "go #t1" })).await;
    assert_eq!(answer(&world, &telegram, alice, asked).await, "done #t1");
}

#[tokio::test]
async fn a_link_that_looks_alive_and_brings_nothing_is_noticed_and_made_anew() {
    let telegram = Telegram::start().await;
    let world = telegram.world("").await;
    let alice = telegram.alice().await;
    telegram.withholds(true).await;
    let asked = telegram.says(json!({ "text": "go #t1" })).await;
    world
        .until("it is known that something waits", async |world| {
            (world.page().await?["accounts"]["phone"]["pending"] == 1).then_some(())
        })
        .await;
    trouble(&world, "the network keeps messages for us, and offers none").await;
    world.until("there is an alert", is_deaf).await;
    let anew = "not receiving: the network keeps messages for us";
    world.until("the link is made anew", async |world| world.log().contains(anew).then_some(())).await;
    telegram.withholds(false).await;
    assert_eq!(answer(&world, &telegram, alice, asked).await, "done #t1");
    world
        .until("it is ready again", async |world| {
            let page = world.page().await?["accounts"]["phone"].clone();
            (page["ready"] == true && page["pending"] == 0).then_some(())
        })
        .await;
    let shown = telegram.shown(alice, None).await;
    assert_eq!(shown.iter().filter(|shown| shown.versions.last().unwrap().text == "done #t1").count(), 1);
}

#[tokio::test]
async fn an_answer_to_somebody_who_blocked_the_bot_is_given_up_visibly() {
    let telegram = Telegram::start().await;
    let world = telegram.world("").await;
    let alice = telegram.alice().await;
    telegram.says(json!({ "text": "gate #t1" })).await;
    world.begun("#t1").await;
    telegram.does("block", json!({ "is_blocked": true })).await;
    world.open_gate();
    let subject = format!("phone/{alice}");
    for code in ["conversation_barred", "delivery_given_up"] {
        world
            .until("there is an alert", async |world| is_open(world, code, &subject).await.filter(|is| *is).map(|_| ()))
            .await;
    }
    // Whoever writes to the bot unblocks it.
    let asked = telegram.says(json!({ "text": "go #t2" })).await;
    assert_eq!(answer(&world, &telegram, alice, asked).await, "done #t2");
    world
        .until("the alert is closed", async |world| {
            is_open(world, "conversation_barred", &subject).await.filter(|is| !is).map(|_| ())
        })
        .await;
}

#[tokio::test]
async fn a_group_that_put_the_bot_out_is_told_until_it_is_let_in_again() {
    let telegram = Telegram::start().await;
    let mut world = telegram.world("").await;
    let group = telegram.does("chat", json!({ "kind": "group" })).await["id"].as_i64().unwrap();
    let subject = format!("phone/{group}");
    let becomes = async |world: &World, is_barred: bool| {
        world
            .until("the operator knows", async |world| {
                is_open(world, "conversation_barred", &subject).await.filter(|is| *is == is_barred).map(|_| ())
            })
            .await;
    };
    telegram.does("standing", json!({ "chat": group, "standing": "kicked" })).await;
    becomes(&world, true).await;
    world.kill_supervisor().await;
    world.start_supervisor();
    becomes(&world, true).await;
    telegram.does("standing", json!({ "chat": group, "standing": "member" })).await;
    becomes(&world, false).await;
    let asked = telegram.says(json!({ "chat": group, "text": "@lastword_bot go #t1" })).await;
    assert_eq!(answer(&world, &telegram, group, asked).await, "done #t1");
}

/// Whether there is such an alert about that; `None` while there is no page.
async fn is_open(world: &World, code: &str, subject: &str) -> Option<bool> {
    let page = world.page().await?;
    let alerts = page["alerts"].as_array()?;
    Some(alerts.iter().any(|alert| alert["code"] == code && alert["subject"] == subject))
}

#[tokio::test]
async fn an_edited_message_is_asked_again_where_the_operator_says_so() {
    let telegram = Telegram::start().await;
    let world = telegram.world("edited: rerun").await;
    let alice = telegram.alice().await;
    let asked = telegram.says(json!({ "text": "go #t1" })).await;
    assert_eq!(answer(&world, &telegram, alice, asked).await, "done #t1");
    telegram.does("edit", json!({ "message": asked, "text": "go #t2" })).await;
    world
        .until("the edit is answered", async |_| {
            telegram.shown(alice, None).await.iter().any(|shown| shown.now().text == "done #t2").then_some(())
        })
        .await;
}
