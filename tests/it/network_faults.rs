//! Whatever the network does with a reply: one last word, or visibly none.

use lastword_tests::{
    ledger::{Fault, On, Settings as Conduct},
    oracle::Findings,
};

use crate::world::{Network, Settings, World};

async fn world_on(network: Network) -> World {
    World::start_with(Settings { network, ..Settings::default() }).await
}

/// One message, answered while the network plays `faults` on its requests.
async fn survives(network: Network, on: On, faults: &[Fault]) {
    let world = world_on(network).await;
    world.network().will("main", on, faults).await;
    let first = world.alice_says("go #t1").await;
    let second = world.alice_says("go #t2").await;
    assert_eq!(world.last_word(&first).await, "done #t1");
    assert_eq!(world.last_word(&second).await, "done #t2");
    assert_eq!(world.judge().await, Findings::default(), "{network:?} {faults:?}");
}

#[tokio::test]
async fn an_answer_lost_after_it_was_applied_shows_once() {
    for network in [Network::Native, Network::EditOnly, Network::Findable] {
        survives(network, On::Any, &[Fault::CutAfter, Fault::FailAfter, Fault::CutAfter]).await;
    }
}

#[tokio::test]
async fn a_request_lost_before_it_was_applied_is_made_good() {
    for network in [Network::Native, Network::EditOnly, Network::Findable] {
        survives(network, On::Any, &[Fault::DropBefore, Fault::FailBefore, Fault::DropBefore]).await;
    }
}

#[tokio::test]
async fn a_network_that_asks_to_slow_down_is_obeyed() {
    let limited = |scope: &str| Fault::Limited { retry_after_ms: 300, scope: scope.into() };
    survives(Network::EditOnly, On::Any, &[limited("message"), limited("conversation"), limited("account")]).await;
}

#[tokio::test]
async fn a_placeholder_that_was_deleted_permits_one_fresh_post() {
    survives(Network::EditOnly, On::Edit, &[Fault::Reject { code: "target_lost".into() }]).await;
}

#[tokio::test]
async fn refused_formatting_falls_back_to_plain_text() {
    survives(Network::Native, On::Post, &[Fault::Reject { code: "invalid".into() }]).await;
}

/// The codes of what `lastword alerts` lists.
async fn alerts(world: &World, args: &[&str]) -> Vec<String> {
    let args = [&["alerts", "--json"], args].concat();
    let output = world.lastword(&args).output().unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let listed = listed.as_array().unwrap().iter();
    let mut codes: Vec<_> = listed.map(|alert| alert["code"].as_str().unwrap().to_owned()).collect();
    codes.sort();
    codes
}

#[tokio::test]
async fn content_that_is_refused_in_every_form_ends_as_an_apology() {
    let world = world_on(Network::Native).await;
    let invalid = || Fault::Reject { code: "invalid".into() };
    world.network().will("main", On::Post, [invalid(), invalid()]).await;
    let asked = world.alice_says("go #t1").await;
    assert!(world.last_word(&asked).await.starts_with("Error: the reply could not be posted"));
    assert_eq!(alerts(&world, &[]).await, ["reply_not_posted"]);
}

#[tokio::test]
async fn what_can_never_be_delivered_is_visible_and_blocks_nobody() {
    let world = world_on(Network::Native).await;
    world.network().will("gone", On::Post, [Fault::Reject { code: "gone".into() }]).await;
    world.says("alice", "gone", "go #t1").await;
    world
        .until("the delivery is given up", async |world| {
            let page: serde_json::Value = reqwest::get(world.url("/readyz")).await.ok()?.json().await.ok()?;
            (page["store"]["deliveries"]["dead"] == 1).then_some(())
        })
        .await;
    assert!(world.log().contains("given up"));
    let next = world.says("alice", "gone", "go #t2").await;
    assert_eq!(world.last_word(&next).await, "done #t2");
}

#[tokio::test]
async fn after_an_outage_every_reply_still_goes_out_in_order() {
    let world = world_on(Network::EditOnly).await;
    world.alice_says("gate #t0").await;
    world.begun("#t0").await;
    for n in 1..4 {
        world.alice_says(&format!("go #t{n}")).await;
    }
    world
        .until("all are accepted", async |world| {
            let page: serde_json::Value = reqwest::get(world.url("/readyz")).await.ok()?.json().await.ok()?;
            (page["store"]["turns"]["queued"] == 3).then_some(())
        })
        .await;
    world.network().set(Conduct { is_out: true, ..Conduct::default() }).await;
    world.open_gate();
    world
        .until("every turn is decided while the network is out", async |world| {
            let page: serde_json::Value = reqwest::get(world.url("/readyz")).await.ok()?.json().await.ok()?;
            (page["store"]["turns"]["replied"] == 4).then_some(())
        })
        .await;
    world.network().set(Conduct::default()).await;
    assert_eq!(world.judge().await, Findings::default());
}

#[tokio::test]
async fn a_careless_network_posts_again_or_holds_as_its_policy_says() {
    let world = World::start_with(Settings {
        network: Network::Careless,
        account: "unknown: hold\nhold_limit: 1s\nplaceholder: false".into(),
        ..Settings::default()
    })
    .await;
    world.network().will("main", On::Post, [Fault::FailAfter]).await;
    let asked = world.alice_says("go #t1").await;
    assert_eq!(world.last_word(&asked).await, "done #t1");
    assert_eq!(world.judge().await, Findings::default(), "held, not repeated");
    assert_eq!(alerts(&world, &[]).await, ["delivery_given_up"]);
    assert_eq!(alerts(&world, &["--all"]).await, ["delivery_given_up", "delivery_held"]);

    let world = World::start_with(Settings {
        network: Network::Careless,
        account: "unknown: resend\nplaceholder: false".into(),
        ..Settings::default()
    })
    .await;
    world.network().will("main", On::Post, [Fault::FailBefore]).await;
    let asked = world.alice_says("go #t1").await;
    assert_eq!(world.last_word(&asked).await, "done #t1");
}

#[tokio::test]
async fn progress_shows_in_the_placeholder_and_never_after_the_last_word() {
    let world = world_on(Network::EditOnly).await;
    let asked = world.alice_says("talk #t1").await;
    world
        .until("progress shows", async |world| {
            world.book().await.bot.iter().any(|bot| bot.text.contains("step 3")).then_some(())
        })
        .await;
    world.open_gate();
    assert!(world.last_word(&asked).await.ends_with("done #t1"));
    assert_eq!(world.judge().await, Findings::default());
    let book = world.book().await;
    assert_eq!(book.bot.len(), 1, "one message, edited");
    assert_eq!(book.bot[0].versions[0].text, "…");
}
