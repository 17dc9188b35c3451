//! What becomes of messages when something is wrong, and what the operator sees of it.

use std::collections::BTreeSet;

use lastword_tests::matrix::{Home, Outage, Settings as Way};
use serde_json::json;

use super::network::{is_answered_once, listens, says, shown, world};
use crate::world::{Matrix, Who, World};

/// Waits until `/readyz` says this of the account.
async fn trouble(world: &World, words: &str) {
    world
        .until(&format!("the page says {words:?}"), async |world| {
            let page = world.page().await?;
            let ada = &page["accounts"]["ada"];
            (ada["ready"] == false && ada["trouble"].as_str()?.contains(words)).then_some(())
        })
        .await;
}

#[tokio::test]
async fn whoever_dies_in_mid_turn_the_answer_comes_once() {
    let Some(matrix) = Matrix::maybe_start().await else { return };
    let mut world = world(&matrix, "").await;
    let alice = matrix.person("alice").await;
    let room = alice.secret(&matrix.bot().user).await;
    let plain = alice.direct(&matrix.bot().user).await;
    alice.says(&room, "gate #t1").await;
    world.begun("#t1").await;
    world.kill(Who::Bridge).await;
    alice.says(&plain, "go #t2").await;
    matrix.synapse("restart").await;
    says(&world, &matrix, &alice, &plain, "done #t2").await;
    world.open_gate();
    says(&world, &matrix, &alice, &room, "done #t1").await;

    std::fs::remove_file(world.file("gate")).unwrap();
    alice.says(&room, "gate #t3").await;
    alice.says(&plain, "gate #t4").await;
    world.begun("#t3").await;
    world.begun("#t4").await;
    world.kill_supervisor().await;
    matrix.synapse("kill").await;
    world.start_supervisor();
    matrix.synapse("start").await;
    listens(&world).await;
    says(&world, &matrix, &alice, &room, "Error:").await;
    says(&world, &matrix, &alice, &plain, "Error:").await;
    world.open_gate();
    alice.says(&room, "go #t5").await;
    says(&world, &matrix, &alice, &room, "done #t5").await;
    is_answered_once(&world, &matrix, &alice).await;
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_again_under_the_same_transaction() {
    let Some(matrix) = Matrix::maybe_start().await else { return };
    let world = world(&matrix, "").await;
    let alice = matrix.person("alice").await;
    let bot = matrix.bot().user.as_str();
    let (plain, secret) = (alice.direct(bot).await, alice.secret(bot).await);
    for (n, fault) in [
        json!({ "kind": "cut_after" }),
        json!({ "kind": "fail_after" }),
        json!({ "kind": "gateway_after" }),
        json!({ "kind": "garble_after" }),
        json!({ "kind": "drop_before" }),
        json!({ "kind": "limited", "retry_after_ms": 300 }),
    ]
    .into_iter()
    .enumerate()
    {
        for (name, room) in [("p", &plain), ("s", &secret)] {
            matrix.will(json!({ "path": format!("/rooms/{room}/send/"), "faults": [fault] })).await;
            alice.says(room, &format!("go #{name}{n}")).await;
        }
        for (name, room) in [("p", &plain), ("s", &secret)] {
            says(&world, &matrix, &alice, room, &format!("done #{name}{n}")).await;
        }
    }
    // An outage takes what was said meanwhile to its end.
    for outage in [Outage::Refuse, Outage::Hang, Outage::Gateway] {
        matrix.set(&Way { outage: Some(outage) }).await;
        let name = format!("{outage:?}").to_lowercase();
        alice.says(&plain, &format!("go #{name}")).await;
        world
            .until("the page says so", async |world| {
                (world.page().await?["accounts"]["ada"]["ready"] == false).then_some(())
            })
            .await;
        matrix.set(&Way::default()).await;
        says(&world, &matrix, &alice, &plain, &format!("done #{name}")).await;
    }
    is_answered_once(&world, &matrix, &alice).await;
    for room in [&plain, &secret] {
        let sent = matrix.sent(room).await;
        let keys: BTreeSet<_> = sent.iter().map(|(key, _)| key).collect();
        let events = shown(&matrix, &alice, room).await.len();
        assert_eq!(keys.len(), events, "one key, one event: {sent:?}");
    }
}

#[tokio::test]
async fn limits_are_waited_for_as_long_as_the_homeserver_says() {
    let Some(matrix) = Matrix::maybe_start_with(Home { has_limits: true, ..Home::default() }).await else { return };
    let world = world(&matrix, "edits: true").await;
    let alice = matrix.person("alice").await;
    let room = alice.direct(&matrix.bot().user).await;
    for n in 0..6 {
        alice.says(&room, &format!("go #t{n}")).await;
    }
    for n in 0..6 {
        says(&world, &matrix, &alice, &room, &format!("done #t{n}")).await;
    }
    is_answered_once(&world, &matrix, &alice).await;
    let sent = matrix.sent(&room).await;
    let limited = sent.iter().filter(|(_, status)| *status == Some(429)).count();
    assert!((1..20).contains(&limited), "it was limited, and waited: {sent:?}");
}

#[tokio::test]
async fn a_token_that_is_not_known_any_more_is_said() {
    let Some(matrix) = Matrix::maybe_start().await else { return };
    let world = world(&matrix, "").await;
    let alice = matrix.person("alice").await;
    let room = alice.secret(&matrix.bot().user).await;
    alice.says(&room, "go #t1").await;
    says(&world, &matrix, &alice, &room, "done #t1").await;
    matrix
        .will(json!({ "path": "/", "is_lasting": true, "faults": [{ "kind": "logged_out", "is_soft": false }] }))
        .await;
    alice.says(&room, "go #t2").await;
    trouble(&world, "credentials refused").await;
    matrix.clear_faults().await;
    // A soft logout keeps the device: it logs in again by itself.
    matrix.will(json!({ "path": "/sync", "faults": [{ "kind": "logged_out", "is_soft": true }] })).await;
    listens(&world).await;
    says(&world, &matrix, &alice, &room, "done #t2").await;
    is_answered_once(&world, &matrix, &alice).await;
}
