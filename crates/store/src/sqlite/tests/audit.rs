//! Every rule of the audit is broken by hand once, and named.

use std::collections::BTreeSet;

use lastword_core::{
    contract::store::{patient_turn, place},
    ids::{Place, TurnId},
    store::{Intake, Violation},
};

use super::*;
use crate::sqlite::query::audit::{CONSERVED, COUNTED, DELIVERY_READABLE, RULES, Rule, TURN_READABLE, VIOLATIONS_MAX};

/// A turn that is done (1), one that runs (2) with one merged into it (3) and two behind it (4, 5), and two that are
/// answered (6, 7), of which the first is being posted.
async fn busy_world(folder: &Path) -> World {
    let world = world(folder, SqliteOptions::inline).await;
    world.asks("a", "1").await;
    world.answers(&world.claims().await[0], "one").await;
    world.delivers_all().await;
    for text in ["2", "3"] {
        world.takes(text, Intake::Turn(patient_turn("plain m", text))).await;
    }
    world.starts(world.claims().await).await;
    for (place, text) in [("plain m", "4"), ("plain m", "5"), ("plain x", "6")] {
        world.asks(place, text).await;
    }
    world.answers(&world.claims().await[0], "six").await;
    world.asks("plain x", "7").await;
    world.answers(&world.claims().await[0], "seven").await;
    assert_eq!(world.due().await.len(), 1);
    world.is_sound().await;
    world
}

/// A rule, what breaks it, and where it is then broken.
const PLANTS: [(&str, &str, &str); 33] = [
    ("a turn that is owed has a marker", "DELETE FROM marker WHERE turn = 5", "turn 5"),
    ("a marker stands for a turn that is owed", "INSERT INTO marker (turn) VALUES (1)", "turn 1"),
    ("a running turn has an owner, a queued one has none", "UPDATE marker SET owner = NULL WHERE turn = 2", "turn 2"),
    ("a marker stands for its turn's attempt", "UPDATE marker SET attempt = 7 WHERE turn = 2", "turn 2"),
    ("who owns a marker is registered", "UPDATE marker SET owner = 'ghost' WHERE turn = 2", "turn 2"),
    ("who holds a delivery is registered", "UPDATE delivery SET holder = 'ghost' WHERE turn = 6", "delivery 3"),
    ("an ended turn has a terminal", "DELETE FROM delivery WHERE turn = 1 AND part = 1", "turn 1"),
    ("a turn that is owed or merged has no terminal", "UPDATE delivery SET turn = 4 WHERE turn = 6", "turn 4"),
    ("a turn that is owed was not emptied", "UPDATE turn SET emptied_at = 1 WHERE id = 3", "turn 3"),
    ("a merged turn's lead is there and not merged itself", "UPDATE turn SET merged_into = 3 WHERE id = 3", "turn 3"),
    ("a merged turn's lead is there and not merged itself", "UPDATE turn SET merged_into = 99 WHERE id = 3", "turn 3"),
    ("a turn's place is there and counts beyond it", "UPDATE turn SET seq = 99 WHERE id = 1", "turn 1"),
    ("a place knows its running turn", "UPDATE place SET running = NULL WHERE running = 2", "place 2"),
    (
        "a command that is owed is a request, and only such a one",
        "INSERT INTO request (turn, what, replaces) VALUES (5, 'all', '[]')",
        "turn 5",
    ),
    ("a place knows the head of its queue", "UPDATE place SET head = 5 WHERE head = 4", "place 2"),
    ("a place knows how many wait in it", "UPDATE place SET waiting = 9 WHERE head = 4", "place 2"),
    ("how replies are posted in a place can be read", "UPDATE place SET shape = '{' WHERE id = 1", "place 1"),
    ("a delivery goes to its turn's place", "UPDATE delivery SET place = 1 WHERE turn = 7", "delivery 4"),
    (
        "a delivery's place is there and counts beyond its lane",
        "UPDATE delivery SET lane = 99 WHERE turn = 7",
        "delivery 4",
    ),
    (
        "nothing behind the head of a lane is being sent",
        "UPDATE delivery SET state = 'sending', holder = 'bridge-1' WHERE turn = 7",
        "delivery 4",
    ),
    (
        "the turn that an update made is there",
        "INSERT INTO inbox (account, update_id, turn, at) VALUES ('bot', 'x', 99, 1)",
        "turn 99",
    ),
    ("the update that made a turn is in the inbox", "DELETE FROM inbox WHERE turn = 1", "turn 1"),
    (
        "what an attempt left belongs to a turn that is owed",
        "INSERT INTO process_group (turn, attempt, pid, started_ticks) VALUES (1, 1, 4, 4)",
        "turn 1",
    ),
    (
        "what the trace tells is of a turn that is there",
        "INSERT INTO trace (turn, n, at, last_at, what, detail) VALUES (99, 1, 1, 1, 'lost', '')",
        "turn 99",
    ),
    (CONSERVED, "UPDATE tally SET n = n + 1 WHERE name = 'accepted'", "counts"),
    (TURN_READABLE, "UPDATE place SET shape = '{}' WHERE head = 4", "turn 5"),
    (TURN_READABLE, "UPDATE turn SET prompt = CAST(x'ff' AS TEXT) WHERE id = 5", "turn 5"),
    (TURN_READABLE, "INSERT INTO request (turn, what, replaces) VALUES (5, 'nobody', '[]')", "turn 5"),
    (TURN_READABLE, "UPDATE turn SET message = CAST(x'ff' AS TEXT) WHERE id = 2", "turn 2"),
    (DELIVERY_READABLE, "UPDATE delivery SET text = CAST(x'ff' AS TEXT) WHERE turn = 7", "delivery 4"),
    (COUNTED, "UPDATE tally SET n = -n WHERE name = 'done'", "counts: done is -3, its rows are 3"),
    (COUNTED, "INSERT INTO tally (name, n) VALUES ('restart.worker', -1)", "counts: restart.worker is -1"),
    (COUNTED, "INSERT INTO tally (name, n) VALUES ('dropped.busy', 5)", "counts: dropped is 5, its rows are 0"),
];

#[tokio::test]
async fn whatever_is_broken_is_named() {
    for (rule, breaks, subject) in PLANTS {
        let folder = folder();
        let world = busy_world(folder.path()).await;
        let conn = beside(folder.path());
        conn.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;").unwrap();
        assert!(conn.execute(breaks, []).unwrap() > 0, "{breaks}");
        let found = world.store.audit().await.unwrap().violations;
        let expected = Violation { rule, subject: subject.into() };
        assert!(found.contains(&expected), "{breaks}: {found:#?}");
    }
}

#[test]
fn every_rule_has_its_plant() {
    let planted: BTreeSet<_> = PLANTS.iter().map(|(rule, ..)| *rule).collect();
    let others = [CONSERVED, COUNTED, TURN_READABLE, DELIVERY_READABLE];
    let rules: BTreeSet<_> = RULES.iter().map(|rule| rule.rule).chain(others).collect();
    assert_eq!(planted, rules);
}

#[tokio::test]
async fn rules_about_what_is_owed_begin_at_what_is_owed() {
    let folder = folder();
    let _world = world(folder.path(), SqliteOptions::inline).await;
    let conn = beside(folder.path());
    for Rule { rule, broken_by, .. } in RULES.iter().filter(|rule| rule.broken_by.contains("FROM marker m CROSS")) {
        let mut plan = conn.prepare(&format!("EXPLAIN QUERY PLAN {broken_by}")).unwrap();
        let steps: Vec<String> = plan.query_map([], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
        assert!(steps.iter().any(|step| step.starts_with("SCAN m")), "{rule}: {steps:#?}");
        assert!(!steps.iter().any(|step| step.starts_with("SCAN t")), "{rule}: {steps:#?}");
    }
}

#[tokio::test]
async fn a_store_in_ruins_is_not_told_row_by_row() {
    let folder = folder();
    let world = world(folder.path(), SqliteOptions::inline).await;
    let rows = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
         INSERT INTO inbox (account, update_id, turn, at) SELECT 'bot', i, i, 1 FROM n";
    beside(folder.path()).execute(rows, []).unwrap();
    assert_eq!(world.store.audit().await.unwrap().violations.len(), VIOLATIONS_MAX);
}

#[tokio::test]
async fn a_damaged_row_is_one_alert_however_often_it_is_met() {
    let folder = folder();
    let world = world(folder.path(), SqliteOptions::inline).await;
    world.asks("broken", "1").await;
    let conn = beside(folder.path());
    conn.execute("UPDATE place SET shape = '{' WHERE conversation = 'broken'", []).unwrap();
    for _ in 0..3 {
        assert!(world.claims().await.is_empty());
    }
    let alerts = world.store.alerts(false, 10).await.unwrap();
    assert_eq!(alerts.len(), 1);
    let alert = &alerts[0].alert;
    assert_eq!((alert.code.as_str(), &*alert.subject, alerts[0].count), ("row_damaged", "turn 1", 1));
    assert_eq!(alert.detail, "column shape can't be read");
    let history = world.store.history(&Place { thread: None, ..place("broken") }, None, 1).await.unwrap();
    assert_eq!(history[0].id, TurnId(1));
}
