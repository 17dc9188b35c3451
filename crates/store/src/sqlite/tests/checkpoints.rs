//! Nothing checkpoints outside the lock, and the log stays bounded.

use std::{fs, path::Path, task::Poll};

use lastword_core::{
    contract::store::turn,
    ids::TurnId,
    store::{Intake, Store},
};

use super::*;
use crate::sqlite::{
    checkpoint::{Copied, Mode, PASSIVE_ABOVE_BYTES, copy_log},
    commit_lock::CommitLock,
};

fn database(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("lastword.db")).unwrap()
}

fn log_bytes(folder: &Path) -> i64 {
    fs::metadata(folder.join("lastword.db-wal")).unwrap().len().cast_signed()
}

#[tokio::test]
async fn a_held_lock_keeps_every_commit_and_checkpoint_out() {
    let folder = folder();
    let world = world(folder.path(), |options| options).await;
    world.asks("a", "before").await;
    let lock = CommitLock::open(&folder.path().join("lastword.db")).unwrap();
    let held = lock.hold().unwrap();
    let (database_before, log_before) = (database(folder.path()), log_bytes(folder.path()));

    let mut waits = std::pin::pin!(world.asks("a", "while it is held"));
    assert!(futures_poll(waits.as_mut()).is_pending());
    // Reads go on, from every reader.
    for _ in 0..10 {
        assert_eq!(world.store.turn(TurnId(1)).await.unwrap().unwrap().text, "before");
        assert!(world.store.turn(TurnId(2)).await.unwrap().is_none());
    }
    assert!(futures_poll(waits.as_mut()).is_pending());
    assert_eq!((database(folder.path()), log_bytes(folder.path())), (database_before, log_before));

    drop(held);
    assert_eq!(waits.await, TurnId(2));
}

fn futures_poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

#[tokio::test]
async fn closing_the_last_connection_leaves_the_log_to_the_next_start() {
    let folder = folder();
    let world = world(folder.path(), |options| options).await;
    world.asks("a", "hello").await;
    let (database_before, log_before) = (database(folder.path()), log_bytes(folder.path()));
    drop(world);
    assert_eq!((database(folder.path()), log_bytes(folder.path())), (database_before, log_before));
    assert!(log_before > 0);
    let again = super::world(folder.path(), SqliteOptions::inline).await;
    assert_eq!(again.counts().await.queued, 1);
}

#[tokio::test]
async fn the_log_stays_bounded_under_load() {
    let folder = folder();
    let world = world(folder.path(), |options| options).await;
    let text = "x".repeat(64 << 10);
    let mut written = 0;
    for n in 0..400_i64 {
        let mut asked = turn("a", &format!("{n}"));
        asked.queue_max = 1_000;
        asked.prompt.clone_from(&text);
        world.takes(&format!("{n}"), Intake::Turn(asked)).await;
        written += 64 << 10;
    }
    assert!(written > 5 * PASSIVE_ABOVE_BYTES);
    let bytes = log_bytes(folder.path());
    assert!(bytes < 2 * PASSIVE_ABOVE_BYTES, "the log has {bytes} bytes after {written} were written");
    assert!(database(folder.path()).len() > 20 << 20, "what left the log is in the database");
}

#[tokio::test]
async fn two_stores_on_one_file_take_turns() {
    let folder = folder();
    let one = Arc::new(world(folder.path(), |options| options).await);
    let two = Arc::new(SqliteStore::open(options(folder.path(), HandClock::at(1))).unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..50 {
        let (one, two) = (one.clone(), two.clone());
        tasks.spawn(async move {
            one.asks(&format!("place {}", n % 5), &format!("from one {n}")).await;
            let batch = lastword_core::contract::store::batch;
            let intake = Intake::Turn(turn(&format!("place {}", n % 5), "from two"));
            two.ingest(batch(&format!("from two {n}"), intake)).await.expect("is accepted");
        });
    }
    tasks.join_all().await;
    assert_eq!(one.counts().await.queued, 100);
    assert_eq!(two.counts().await.unwrap(), one.counts().await);
    let conn = beside(folder.path());
    assert_eq!(number(&conn, "SELECT count(DISTINCT place || '.' || seq) FROM turn"), 100);
    assert_eq!(conn.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).unwrap(), "ok");
}

#[test]
fn every_connection_syncs_and_never_checkpoints_by_itself() {
    use rusqlite::config::DbConfig;
    let folder = folder();
    let files = connection::Files::at(folder.path().join("lastword.db"));
    let writer = connection::writer(&files).unwrap();
    let reader = connection::reader(&files).unwrap();
    for conn in [&writer, &reader] {
        assert!(conn.db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE).unwrap());
        assert_eq!(number(conn, "PRAGMA wal_autocheckpoint"), 0);
    }
    assert_eq!(number(&writer, "PRAGMA synchronous"), 2);
    assert_eq!(number(&writer, "PRAGMA foreign_keys"), 1);
    let mode: String = writer.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    assert!(reader.execute_batch("CREATE TABLE t (x)").is_err());
}

#[tokio::test]
async fn no_checkpoint_waits_for_a_reader() {
    let folder = folder();
    let world = world(folder.path(), |options| options).await;
    world.asks("a", "1").await;
    let reader = beside(folder.path());
    reader.execute_batch("BEGIN; SELECT count(*) FROM turn").unwrap();
    world.asks("a", "2").await;
    let (conn, lock) = (beside(folder.path()), CommitLock::open(&folder.path().join("lastword.db")).unwrap());
    let held = lock.hold().unwrap();
    let begin = std::time::Instant::now();
    for mode in [Mode::Passive, Mode::Truncate] {
        assert!(!copy_log(&conn, mode, &held).unwrap().is_whole, "{mode:?}");
    }
    assert!(begin.elapsed() < std::time::Duration::from_millis(800), "{:?}", begin.elapsed());
    assert_eq!(number(&conn, "PRAGMA busy_timeout"), 1_000, "everything else waits as before");
    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(copy_log(&conn, Mode::Truncate, &held).unwrap(), Copied { is_busy: false, is_whole: true });
    assert_eq!(log_bytes(folder.path()), 0);
}
