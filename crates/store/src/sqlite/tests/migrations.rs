//! Migrations run over data, and an older build starts on a newer schema.

use lastword_core::{
    contract::store::{HandClock, World, asked},
    store::Intake,
};
use refinery::Migration;

use super::{super::open::open_with, *};
use crate::sqlite::{OpenError, migrate};

const ADDS_A_COLUMN: &str = "ALTER TABLE turn ADD COLUMN colour TEXT NOT NULL DEFAULT 'blue'; CREATE TABLE later (x);";

fn newer() -> Vec<Migration> {
    let mut migrations = migrate::known();
    migrations.push(Migration::unapplied("V1000__adds_a_column", ADDS_A_COLUMN).unwrap());
    migrations
}

async fn world_with(folder: &Path, migrations: &[Migration]) -> World {
    World::new(|clock: Arc<HandClock>| {
        let store = open_with(options(folder, clock), migrations).expect("opens");
        (Box::new(store) as Box<dyn Deployment>, ())
    })
    .await
}

#[tokio::test]
async fn a_migration_runs_over_rows_that_are_there() {
    let folder = folder();
    let old = world(folder.path(), |options| options).await;
    let turn = old.asks("a", "hello").await;
    drop(old);
    let new = world_with(folder.path(), &newer()).await;
    assert_eq!(new.store.turn(turn).await.unwrap().unwrap().text, "hello");
    assert_eq!(new.claims().await[0].fence.turn, turn);
    assert_eq!(number(&beside(folder.path()), "SELECT count(*) FROM turn WHERE colour = 'blue'"), 1);
}

#[tokio::test]
async fn a_turn_from_before_its_row_named_its_update_is_named_by_the_inbox() {
    let folder = folder();
    let conn = beside(folder.path());
    conn.execute_batch(include_str!("../../../migrations/V1__obligations.sql")).unwrap();
    conn.execute_batch(
        "INSERT INTO place (id, account, conversation, shape) VALUES (1, 'net', 'a', '{}');
         INSERT INTO turn (id, place, seq, kind, state, session, sender, message, accepted_at, ended_at, text)
             VALUES (7, 1, 1, 'command', 'done', 1, 'alice', 'm', 1, 1, '/help');
         INSERT INTO inbox (account, update_id, turn, at) VALUES ('net', 'u7', 7, 1);",
    )
    .unwrap();
    conn.execute_batch(include_str!("../../../migrations/V2__oversight.sql")).unwrap();
    assert_eq!(number(&conn, "SELECT count(*) FROM turn WHERE id = 7 AND update_id = 'u7'"), 1);
}

#[tokio::test]
async fn an_older_build_starts_on_a_newer_schema() {
    let folder = folder();
    drop(world_with(folder.path(), &newer()).await);
    let old = world(folder.path(), |options| options).await;
    old.asks("a", "hello").await;
    assert_eq!(old.claims().await.len(), 1);
    drop(old);
    assert_eq!(world_with(folder.path(), &newer()).await.counts().await.running, 1);
}

#[tokio::test]
async fn a_migration_that_changed_after_it_ran_is_refused() {
    let folder = folder();
    drop(world_with(folder.path(), &newer()).await);
    let mut changed = migrate::known();
    changed.push(Migration::unapplied("V1000__adds_a_column", "CREATE TABLE later (y);").unwrap());
    let refused = open_with(options(folder.path(), HandClock::at(0)), &changed).unwrap_err();
    assert!(matches!(refused, OpenError::Migration { .. }), "{refused}");
}

#[tokio::test]
async fn a_new_database_never_repeats_a_delivery_key() {
    let (first, second) = (folder(), folder());
    let mut keys = Vec::new();
    for folder in [&first, &second] {
        let world = world(folder.path(), |options| options).await;
        let help = Intake::Answer { asked: asked("a", "/help"), text: "Help.".into(), reason: None };
        world.takes("u1", help).await;
        keys.push(world.due().await.remove(0).key);
    }
    assert_ne!(keys[0], keys[1]);
}

#[test]
fn a_refusal_names_the_file_and_the_cure() {
    let folder = folder();
    let open = |path: std::path::PathBuf| {
        SqliteStore::open(SqliteOptions::new(path, HandClock::at(0))).map(|_| ()).unwrap_err().to_string()
    };
    let missing = open(folder.path().join("nowhere/lastword.db"));
    assert!(missing.contains("create") && missing.contains("nowhere"), "{missing}");
    let other = folder.path().join("notes.txt");
    std::fs::write(&other, "These are notes and not a database, whatever the program thinks.\n".repeat(20)).unwrap();
    let refused = open(other);
    assert!(refused.contains("notes.txt is not a Lastword store"), "{refused}");
    let a_folder = open(folder.path().to_owned());
    assert!(a_folder.contains("can't be written"), "{a_folder}");
}
