//! The same through the store.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use lastword_core::{
    alert::{Alert, AlertCode},
    store::{Oversight, StoreError},
};

use super::*;
use crate::sqlite::OpenError;

fn open(folder: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(options(folder, HandClock::at(0)).inline().on_disk())
}

/// Answers at once, as everything of a store does that its caller runs.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(answer) => answer,
        std::task::Poll::Pending => panic!("an inline store waits for nobody"),
    }
}

fn remember(store: &SqliteStore, n: usize) -> Result<(), StoreError> {
    let alert = Alert { code: AlertCode::ALL[0], subject: format!("{n:04}"), detail: "x".repeat(n * 1_000) };
    now(store.raise(&alert))
}

fn remembered(store: &SqliteStore) -> usize {
    now(store.alerts(true, 1_000)).unwrap().len()
}

/// A store that was opened, and emptied its log.
fn template() -> Snapshot {
    let folder = folder();
    let disk = Disk::new(folder.path());
    let store = open(folder.path()).unwrap();
    assert!(now(store.shorten_log()).unwrap());
    disk.snapshot()
}

#[test]
fn what_the_store_answered_survives_every_end_at_every_operation() {
    let told = |folder: &Path, _: &Disk| {
        let mut options = options(folder, HandClock::at(0)).inline().on_disk();
        // Whoever is told that the disk failed ends: here it was dead before.
        options.on_fatal = Arc::new(|_| {});
        let Ok(store) = SqliteStore::open(options) else { return 0 };
        let mut answered = 0;
        for n in 1..=4 {
            if remember(&store, n).is_err() {
                return answered;
            }
            answered = n;
            if n == 2 && now(store.shorten_log()).is_err() {
                return answered;
            }
        }
        answered
    };
    let operations = at_every_operation(&template(), &End::ALL, told, |folder, _, answered, at| {
        let store = Process(2).run(|| open(folder)).unwrap();
        let there = remembered(&store);
        assert!(there == answered || there == answered + 1, "{answered} answered, {there} there: {at:?}");
        assert!(now(store.audit()).unwrap().violations.is_empty(), "{at:?}");
        remember(&store, there + 1).unwrap();
    });
    assert!(operations > 15, "{operations} operations");
}

#[test]
fn a_store_whose_first_start_was_cut_short_is_made_by_the_next() {
    let folder = folder();
    let nothing = Disk::new(folder.path()).snapshot();
    let told = |folder: &Path, _: &Disk| open(folder).map(|store| store.deployment().to_owned()).ok();
    at_every_operation(&nothing, &[End::Killed, End::PowerLosesAll, End::Power(1)], told, |folder, _, answered, at| {
        let store = Process(2).run(|| open(folder)).unwrap_or_else(|error| panic!("{at:?}: {error}"));
        assert!(answered.is_none_or(|id| id == store.deployment()), "{at:?}");
        remember(&store, 1).unwrap();
    });
}

#[test]
fn a_failed_sync_is_fatal_and_never_an_answer() {
    let folder = folder();
    let disk = Disk::holding(folder.path(), &template());
    let told = Arc::new(Mutex::new(Vec::new()));
    let mut options = options(folder.path(), HandClock::at(0)).inline().on_disk();
    let heard = Arc::clone(&told);
    options.on_fatal = Arc::new(move |why| heard.lock().unwrap().push(why.to_owned()));
    let store = SqliteStore::open(options).unwrap();
    remember(&store, 1).unwrap();
    disk.set_trouble(Some(Trouble::FailingSyncs));
    assert!(matches!(remember(&store, 2), Err(StoreError::Unavailable(_))));
    assert_eq!(told.lock().unwrap().len(), 1);
    disk.power_cut(|| 0);
    disk.set_trouble(None);
    assert_eq!(remembered(&Process(1).run(|| open(folder.path())).unwrap()), 1);
}

#[test]
fn a_store_goes_on_when_the_disk_does() {
    let folder = folder();
    let disk = Disk::holding(folder.path(), &template());
    let fatal = Arc::new(AtomicUsize::new(0));
    let mut options = options(folder.path(), HandClock::at(0)).inline().on_disk();
    let count = Arc::clone(&fatal);
    options.on_fatal = Arc::new(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    let store = SqliteStore::open(options).unwrap();
    for (n, trouble) in
        [Trouble::Full, Trouble::Locked, Trouble::ReadOnly, Trouble::FailingWrites, Trouble::FailingSyncs]
            .into_iter()
            .enumerate()
    {
        disk.set_trouble(Some(trouble));
        assert!(matches!(remember(&store, n + 1), Err(StoreError::Unavailable(_))), "{trouble:?}");
        disk.set_trouble(None);
        remember(&store, n + 1).unwrap_or_else(|error| panic!("{trouble:?}: {error}"));
        assert_eq!(remembered(&store), n + 1);
    }
    assert_eq!(fatal.load(Ordering::Relaxed), 3, "a failure is told, want of room or of a lock is not");
}

#[test]
fn disks_of_many_threads_are_apart() {
    let template = template();
    std::thread::scope(|scope| {
        for commits in 1..=4 {
            let template = &template;
            scope.spawn(move || {
                let folder = folder();
                let disk = Disk::holding(folder.path(), template);
                let store = open(folder.path()).unwrap();
                (1..=commits).for_each(|n| remember(&store, n).unwrap());
                assert_eq!(remembered(&store), commits);
                disk.kill(Process(0));
                assert!(remember(&Process(1).run(|| open(folder.path())).unwrap(), 9).is_ok());
            });
        }
    });
}
