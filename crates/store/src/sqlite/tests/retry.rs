//! `/retry` looks back only so far: it does so in the writer.

use lastword_core::{
    contract::store::{answer, asked, turn},
    ids::UserId,
    store::{Intake, PlaceCommand},
};

use super::*;

async fn retries(world: &World, update: &str) -> Option<String> {
    let intake = Intake::Command { asked: asked("plain", update), command: PlaceCommand::Retry { queue_max: 10 } };
    let turn = world.takes(update, intake).await.turn.expect("a turn");
    world.last_word(turn).await
}

#[tokio::test]
async fn a_retry_looks_back_a_thousand_turns_of_its_place_and_no_further() {
    let folder = folder();
    let world = world(folder.path(), |options| options).await;
    world.asks("plain", "hello").await;
    let claim = world.claims().await.remove(0);
    world.elects(answer(&claim, "hi")).await;
    let others = |n: i64| {
        // As if others had asked so much meanwhile.
        let beside = beside(folder.path());
        let moved = beside.execute("UPDATE place SET next_seq = next_seq + ?1", [n]).unwrap();
        assert_eq!(moved, 1);
    };
    others(998);
    assert_eq!(retries(&world, "r1").await, None, "asked again");
    let claim = world.claims().await.remove(0);
    assert_eq!(claim.prompt, "hello");
    world.elects(answer(&claim, "hi again")).await;
    others(1_000);
    assert_eq!(retries(&world, "r2").await.as_deref(), Some("There is nothing to retry here yet."));
    let mut bobs = turn("plain", "of bob");
    bobs.asked.sender = UserId::new("bob");
    world.takes("bob", Intake::Turn(bobs)).await;
    assert_eq!(world.claims().await.len(), 1, "the place goes on");
}
