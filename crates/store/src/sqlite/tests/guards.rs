//! The unique keys that stand behind the decisions: each refuses what no decision should ever ask for.

use super::*;

#[tokio::test]
async fn a_second_of_what_may_be_only_once_is_refused_by_its_key() {
    let folder = folder();
    let world = world(folder.path(), SqliteOptions::inline).await;
    world.asks("plain a", "1").await;
    world.asks("plain a", "2").await;
    world.answers(&world.claims().await[0], "one").await;
    world.asks("plain a", "3").await;
    assert_eq!(world.claims().await.len(), 1, "the second runs, the third waits");
    let beside = beside(folder.path());
    let refused = |change: &str, by: &str| {
        let copy =
            "CREATE TEMP TABLE copy AS SELECT * FROM delivery WHERE kind = 'terminal'; UPDATE copy SET id = id + 99;";
        let again = format!("BEGIN; {copy} {change}; ");
        let error = beside.execute_batch(&again).unwrap_err().to_string();
        beside.execute_batch("ROLLBACK").unwrap();
        assert!(error.contains(&format!("UNIQUE constraint failed: {by}")), "{change}: {error}");
    };
    refused("UPDATE copy SET lane = lane + 9; INSERT INTO delivery SELECT * FROM copy", "delivery.turn, delivery.part");
    refused(
        "UPDATE copy SET kind = 'part', part = 2, key = key || '-1-2'; INSERT INTO delivery SELECT * FROM copy",
        "delivery.place, delivery.lane",
    );
    refused(
        "UPDATE copy SET kind = 'hint', part = NULL, lane = NULL, key = 'k'; INSERT INTO delivery SELECT * FROM copy;
         UPDATE copy SET id = id + 1; INSERT INTO delivery SELECT * FROM copy",
        "delivery.key",
    );
    refused("UPDATE turn SET state = 'running', attempt = 1 WHERE state = 'queued'", "turn.place");
    refused("UPDATE turn SET seq = 1 WHERE seq = 2", "turn.place, turn.seq");
    refused("INSERT INTO inbox SELECT * FROM inbox", "inbox.account, inbox.");
}
