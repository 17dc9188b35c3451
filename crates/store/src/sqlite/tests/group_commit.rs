//! One commit for many, and nobody suffers from another's failure.

use std::sync::Mutex;

use lastword_core::store::{StoreError, Topic};
use tokio::sync::oneshot;

use super::*;
use crate::{
    sqlite::{
        commit_lock::CommitLock,
        connection::Files,
        failure::{Failure, Res},
        job::{Asked, Class, Job},
        options::OnFatal,
        row::run,
        tx::Tx,
        writer::Writer,
    },
    wake::Hub,
};

pub(super) type Answer<T> = oneshot::Receiver<Result<T, StoreError>>;

pub(super) fn writer(folder: &Path) -> Writer {
    drop(SqliteStore::open(options(folder, HandClock::at(0))).unwrap());
    let lock = CommitLock::open(&folder.join("lastword.db")).unwrap();
    let on_fatal: OnFatal = Arc::new(|why| panic!("fatal: {why}"));
    let (hub, files) = (Arc::new(Hub::new(None)), Files::at(folder.join("lastword.db")));
    Writer::new(beside(folder), lock, "d".into(), HandClock::at(0), hub, on_fatal, files).unwrap()
}

pub(super) fn job<T: Send + 'static>(
    work: impl FnMut(&Tx<'_>) -> Res<T> + Send + 'static,
) -> (Box<dyn Job>, Answer<T>) {
    job_as(Class::Promised, work)
}

pub(super) fn job_as<T: Send + 'static>(
    class: Class,
    work: impl FnMut(&Tx<'_>) -> Res<T> + Send + 'static,
) -> (Box<dyn Job>, Answer<T>) {
    let (asked, answer) = Asked::new(class, work);
    (Box::new(asked), answer)
}

fn remembers(name: &'static str) -> (Box<dyn Job>, Answer<()>) {
    job(move |tx| {
        tx.touch(Topic::Turns);
        run(tx.conn(), "INSERT INTO tally (name, n) VALUES (?1, 1)", [name])?;
        Ok(())
    })
}

fn names(folder: &Path) -> String {
    let sql = "SELECT ifnull(group_concat(name), '') FROM (SELECT name FROM tally ORDER BY name)";
    beside(folder).query_row(sql, [], |row| row.get(0)).unwrap()
}

/// As the engine does by itself when a read fails in the middle.
#[test]
fn what_follows_a_transaction_that_was_taken_back_is_not_committed_by_itself() {
    let folder = folder();
    let mut writer = writer(folder.path());
    let (first, mut first_answer) = remembers("first");
    let (careless, mut careless_answer) = job(|tx| {
        run(tx.conn(), "INSERT INTO tally (name, n) VALUES ('half', 1)", [])?;
        run(tx.conn(), "ROLLBACK", [])?;
        let other_half = run(tx.conn(), "INSERT INTO tally (name, n) VALUES ('other half', 1)", []);
        assert!(other_half.is_err());
        let damaged = tx.unless_damaged("row", 1, || {
            run(tx.conn(), "INSERT INTO tally (name, n) VALUES ('one of many', 1)", [])?;
            Ok(())
        });
        assert!(damaged.is_err());
        Ok(())
    });
    writer.commit(vec![first, careless]);
    for answer in [&mut first_answer, &mut careless_answer] {
        assert!(matches!(answer.try_recv(), Ok(Err(StoreError::Unavailable(_)))));
    }
    assert_eq!(names(folder.path()), "");
    let (next, mut next_answer) = remembers("next");
    writer.commit(vec![next]);
    assert!(matches!(next_answer.try_recv(), Ok(Ok(()))));
    assert_eq!(names(folder.path()), "next");
}

#[test]
fn a_failing_job_is_rolled_back_alone() {
    let folder = folder();
    let mut writer = writer(folder.path());
    let (first, mut first_answer) = remembers("first");
    let (fails, mut fails_answer) = job(|tx| {
        run(tx.conn(), "INSERT INTO tally (name, n) VALUES ('half', 1)", [])?;
        tx.count(crate::sqlite::query::tally::Tally::accepted);
        Err::<(), _>(Failure::Refused("no".into()))
    });
    let (twice, mut twice_answer) = remembers("first");
    let (last, mut last_answer) = remembers("last");
    writer.commit(vec![first, fails, twice, last]);
    assert!(matches!(first_answer.try_recv(), Ok(Ok(()))));
    assert!(matches!(fails_answer.try_recv(), Ok(Err(StoreError::Refused(_)))));
    assert!(matches!(twice_answer.try_recv(), Ok(Err(StoreError::Refused(_)))));
    assert!(matches!(last_answer.try_recv(), Ok(Ok(()))));
    assert_eq!(names(folder.path()), "first,last");
}

#[test]
fn a_commit_that_the_engine_rolled_back_is_unavailable_to_all() {
    let folder = folder();
    let mut writer = writer(folder.path());
    let (first, mut first_answer) = remembers("first");
    let (breaks, mut breaks_answer) = job(|tx| {
        tx.conn().execute_batch("ROLLBACK")?;
        Ok(())
    });
    writer.commit(vec![first, breaks]);
    assert!(matches!(first_answer.try_recv(), Ok(Err(StoreError::Unavailable(_)))));
    assert!(matches!(breaks_answer.try_recv(), Ok(Err(StoreError::Unavailable(_)))));
    assert_eq!(names(folder.path()), "");
    let (again, mut answer) = remembers("again");
    writer.commit(vec![again]);
    assert!(matches!(answer.try_recv(), Ok(Ok(()))), "the writer goes on");
}

#[test]
fn a_full_disk_refuses_what_is_large_and_takes_it_when_there_is_room() {
    let folder = folder();
    let mut writer = writer(folder.path());
    let pages = number(writer.conn(), "PRAGMA page_count");
    let fills = || {
        job(|tx| {
            run(tx.conn(), "INSERT INTO hint (account, user, at) VALUES (hex(zeroblob(100000)), 'x', 1)", [])?;
            Ok(())
        })
    };
    writer.conn().pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    let (large, mut answer) = fills();
    writer.commit(vec![large]);
    assert!(matches!(answer.try_recv(), Ok(Err(StoreError::Unavailable(_)))));
    writer.conn().pragma_update_and_check(None, "max_page_count", pages + 1_000, |_| Ok(())).unwrap();
    let (large, mut answer) = fills();
    writer.commit(vec![large]);
    assert!(matches!(answer.try_recv(), Ok(Ok(()))));
}

#[cfg(target_os = "linux")]
#[test]
fn whoever_outlives_a_failed_sync_goes_on_with_a_new_connection() {
    let folder = folder();
    drop(writer(folder.path()));
    let fatal = Arc::new(Mutex::new(0));
    let heard = Arc::clone(&fatal);
    let on_fatal: OnFatal = Arc::new(move |_| *heard.lock().unwrap() += 1);
    let lock = CommitLock::open(&folder.path().join("lastword.db")).unwrap();
    let hub = Arc::new(Hub::new(None));
    let files = Files::at(folder.path().join("lastword.db"));
    let mut writer =
        Writer::new(beside(folder.path()), lock, "d".into(), HandClock::at(0), hub, on_fatal, files).unwrap();
    writer.conn().pragma_update(None, "synchronous", "FULL").unwrap();
    let broken = std::thread::spawn(move || {
        crate::sqlite::broken_disk::break_this_thread();
        let (lost, mut answer) = remembers("lost");
        writer.commit(vec![lost]);
        assert!(matches!(answer.try_recv(), Ok(Err(StoreError::Unavailable(_)))));
        writer
    });
    let mut writer = broken.join().unwrap();
    assert_eq!(*fatal.lock().unwrap(), 1);
    std::fs::rename(folder.path().join("lastword.db"), folder.path().join("away")).unwrap();
    let (early, mut answer) = remembers("early");
    writer.commit(vec![early]);
    assert!(matches!(answer.try_recv(), Ok(Err(StoreError::Unavailable(_)))), "no empty store in its place");
    std::fs::rename(folder.path().join("away"), folder.path().join("lastword.db")).unwrap();
    let (kept, mut answer) = remembers("kept");
    writer.commit(vec![kept]);
    assert!(matches!(answer.try_recv(), Ok(Ok(()))));
    assert_eq!((names(folder.path()).as_str(), *fatal.lock().unwrap()), ("kept", 1));
}

#[tokio::test]
async fn a_panic_of_the_writer_is_fatal_and_its_callers_hear_of_it() {
    let folder = folder();
    let fatal = Arc::new(Mutex::new(Vec::new()));
    let heard = fatal.clone();
    let mut options = options(folder.path(), HandClock::at(0));
    options.on_fatal = Arc::new(move |why| heard.lock().unwrap().push(why.to_owned()));
    let store = SqliteStore::open(options).unwrap();
    let outcome = store.engine.write(|_| -> Res<()> { panic!("a bug") }).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))));
    let outcome = store.engine.write(|_| Ok(())).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))));
    drop(store);
    assert_eq!(*fatal.lock().unwrap(), ["the thread store-writer panicked"]);
}
