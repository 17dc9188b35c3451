//! Rows that can't be read are kept and skipped; nobody guesses.

use lastword_core::{
    contract::store::{WORKER, answer, patient_turn, place},
    ids::IncarnationId,
    store::{Intake, Replays, StoreError},
};

use super::*;

#[tokio::test]
async fn a_turn_whose_routing_cant_be_read_is_kept_and_skipped() {
    let folder = folder();
    let world = world(folder.path(), |options| options).await;
    let broken = world.asks("broken", "1").await;
    world.asks("whole", "2").await;
    beside(folder.path()).execute("UPDATE place SET shape = '{' WHERE conversation = 'broken'", []).unwrap();
    let claims = world.claims_as("worker-1", 1).await;
    assert_eq!(claims[0].place, place("whole"));
    assert!(world.claims().await.is_empty());
    let conn = beside(folder.path());
    assert_eq!(number(&conn, &format!("SELECT count(*) FROM marker WHERE turn = {broken}")), 1);
    let counts = world.counts().await;
    assert_eq!((counts.queued, counts.running), (1, 1));
}

#[tokio::test]
async fn an_election_without_a_readable_place_keeps_the_marker() {
    let folder = folder();
    let world = world(folder.path(), |options| options).await;
    world.asks("a", "1").await;
    let claim = world.claims().await.remove(0);
    let conn = beside(folder.path());
    conn.execute("UPDATE place SET shape = '{}'", []).unwrap();
    let refused = world.store.elect(answer(&claim, "done")).await;
    assert!(matches!(refused, Err(StoreError::Damaged(_))), "{refused:?}");
    assert_eq!(number(&conn, "SELECT count(*) FROM marker"), 1);
    assert_eq!(number(&conn, "SELECT count(*) FROM delivery WHERE kind = 'terminal'"), 0);
}

#[tokio::test]
async fn one_unreadable_turn_does_not_keep_the_others_of_a_lost_worker() {
    let folder = folder();
    let world = world(folder.path(), |options| options).await;
    let broken = world.asks("broken", "1").await;
    let whole = world.asks("whole", "2").await;
    world.starts(world.claims().await).await;
    let conn = beside(folder.path());
    conn.execute("UPDATE place SET shape = '{' WHERE conversation = 'broken'", []).unwrap();
    let worker = IncarnationId::new(WORKER);
    let decided = world.store.decide_lost(&worker, Replays::Allow, 10).await.unwrap();
    assert_eq!((decided.errored, decided.has_more), (1, false));
    assert!(world.last_word(whole).await.is_some() && world.last_word(broken).await.is_none());
    assert!(world.store.living().await.unwrap().iter().any(|one| one.id == worker), "it left something behind");
    // The next message brings a shape that can be read.
    world.asks("broken", "3").await;
    assert_eq!(world.store.decide_lost(&worker, Replays::Allow, 10).await.unwrap().errored, 1);
    assert!(world.last_word(broken).await.is_some());
}

#[tokio::test]
async fn a_head_that_cant_collect_what_waits_behind_it_keeps_no_other_from_being_claimed() {
    let folder = folder();
    let world = world(folder.path(), |options| options).await;
    for text in ["1", "2", "3"] {
        world.takes(text, Intake::Turn(patient_turn("broken", text))).await;
    }
    world.asks("whole", "4").await;
    let conn = beside(folder.path());
    conn.execute("UPDATE turn SET prompt = CAST(x'ff' AS TEXT) WHERE text = '3'", []).unwrap();
    let claims = world.claims_as(WORKER, 1).await;
    assert_eq!(claims.iter().map(|claim| &claim.place).collect::<Vec<_>>(), [&place("whole")]);
    assert!(world.claims().await.is_empty());
    let counts = world.counts().await;
    assert_eq!((counts.queued, counts.running, counts.merged), (3, 1, 0), "what was collected is taken back");
    assert_eq!(world.due().await.len(), 1, "only what runs has a placeholder");
    conn.execute("UPDATE turn SET prompt = 'readable again' WHERE text = '3'", []).unwrap();
    assert_eq!(world.claims().await[0].prompt, "1\n\n2\n\nreadable again");
}

#[tokio::test]
async fn a_turn_that_cant_be_decided_keeps_no_other_of_a_lost_worker_waiting() {
    let folder = folder();
    let world = world(folder.path(), |options| options).await;
    let broken = world.asks("broken", "1").await;
    let whole = [world.asks("a", "2").await, world.asks("b", "3").await];
    world.starts(world.claims().await).await;
    let conn = beside(folder.path());
    conn.execute("UPDATE turn SET message = CAST(x'ff' AS TEXT) WHERE text = '1'", []).unwrap();
    let worker = IncarnationId::new(WORKER);
    let mut decided = Vec::new();
    for _ in 0..2 {
        let one = world.store.decide_lost(&worker, Replays::Allow, 1).await.unwrap();
        decided.push((one.errored, one.has_more));
    }
    assert_eq!(decided, [(1, true), (1, false)]);
    for turn in whole {
        assert!(world.last_word(turn).await.is_some());
    }
    assert!(world.last_word(broken).await.is_none());
    assert!(world.store.living().await.unwrap().iter().any(|one| one.id == worker), "it left something behind");
    world.counts().await;
}

#[tokio::test]
async fn impossible_rows_are_refused_by_the_schema() {
    let folder = folder();
    let world = world(folder.path(), |options| options).await;
    world.asks("a", "1").await;
    world.answers(&world.claims().await[0], "one").await;
    world.asks("a", "2").await;
    let conn = beside(folder.path());
    for (change, rule) in [
        ("UPDATE turn SET state = 'done'", "a turn ends when its last word is elected"),
        ("UPDATE turn SET state = 'merged'", "a merged turn names the turn that answers for it"),
        ("UPDATE turn SET state = 'asleep'", "CHECK"),
        ("UPDATE marker SET owner = 'w'", "who owns a marker runs an attempt"),
        ("UPDATE place SET waiting = 0", "a place where turns wait has a head"),
        ("UPDATE delivery SET key = 'lw-d-1-2'", "a part's key ends with its turn and part"),
        ("UPDATE delivery SET key = 'lw-d-11-1'", "a part's key ends with its turn and part"),
    ] {
        let refused = conn.execute(change, []).unwrap_err().to_string();
        assert!(refused.contains(rule), "{change}: {refused}");
    }
}
