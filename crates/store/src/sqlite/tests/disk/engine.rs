//! What the engine makes of it.

use rusqlite::{ErrorCode, Result};

use super::*;
use crate::sqlite::{
    checkpoint::Mode,
    commit_lock::CommitLock,
    connection::Files,
    failure::{is_disk_failure, is_full},
    log,
};

/// A row longer than a page, so that a commit is several writes.
const LONG: usize = 9_000;

fn database(folder: &Path) -> PathBuf {
    std::fs::canonicalize(folder).unwrap().join("rows.db")
}

fn files(folder: &Path) -> Files {
    Files::at(database(folder)).below(Some(VFS.into()))
}

fn open(folder: &Path) -> Result<Connection> {
    connection::writer(&files(folder))
}

fn insert(conn: &Connection, n: usize) -> Result<()> {
    conn.execute("INSERT INTO entry (n, text) VALUES (?1, ?2)", (n, "x".repeat(n * LONG / 4)))?;
    Ok(())
}

fn copy_log(folder: &Path, conn: &Connection, mode: Mode) -> Result<()> {
    let lock = CommitLock::open(&database(folder)).unwrap();
    crate::sqlite::checkpoint::copy_log(conn, mode, &lock.hold().unwrap())?;
    Ok(())
}

/// A disk with an empty table.
fn prepared(folder: &Path) -> Disk {
    let disk = Disk::new(folder);
    let conn = open(folder).unwrap();
    conn.execute_batch("CREATE TABLE entry (n INTEGER PRIMARY KEY, text TEXT)").unwrap();
    copy_log(folder, &conn, Mode::Truncate).unwrap();
    disk
}

fn template() -> Snapshot {
    let folder = folder();
    prepared(folder.path()).snapshot()
}

/// How many rows there are, in a database that is whole.
fn rows(conn: &Connection, at: &dyn std::fmt::Debug) -> usize {
    let found: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(found, "ok", "{at:?}");
    let (count, last): (usize, usize) = conn
        .query_row("SELECT count(*), ifnull(max(n), 0) FROM entry", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!(count, last, "{at:?}");
    count
}

/// Commits and checkpoints of both kinds; how many commits were answered.
fn story(folder: &Path, answered: &mut usize) -> Result<()> {
    let conn = open(folder)?;
    for n in 1..=7 {
        insert(&conn, n)?;
        *answered = n;
        match n {
            2 | 4 => copy_log(folder, &conn, Mode::Passive)?,
            5 => copy_log(folder, &conn, Mode::Truncate)?,
            _ => {}
        }
    }
    Ok(())
}

#[test]
fn what_was_committed_survives_every_end_at_every_operation() {
    let told = |folder: &Path, _: &Disk| {
        let mut answered = 0;
        let _ = story(folder, &mut answered);
        answered
    };
    let operations = at_every_operation(&template(), &End::ALL, told, |folder, disk, answered, at| {
        Process(2).run(|| {
            let conn = open(folder).unwrap();
            let there = rows(&conn, at);
            assert!(there == answered || there == answered + 1, "{answered} answered, {there} there: {at:?}");
            insert(&conn, there + 1).unwrap();
            disk.power_cut(|| 0);
            let conn = Process(3).run(|| open(folder)).unwrap();
            assert_eq!(rows(&conn, at), there + 1, "{at:?}");
        });
    });
    assert!(operations > 25, "{operations} operations");
}

#[test]
fn a_new_database_is_there_or_not() {
    let folder = folder();
    let nothing = Disk::new(folder.path()).snapshot();
    let told = |folder: &Path, _: &Disk| {
        let make = |conn: Connection| conn.execute_batch("CREATE TABLE entry (n INTEGER PRIMARY KEY, text TEXT)");
        open(folder).and_then(make).is_ok()
    };
    at_every_operation(&nothing, &End::ALL, told, |folder, _, is_made, at| {
        let conn = Process(2).run(|| open(folder)).unwrap();
        let tables = number(&conn, "SELECT count(*) FROM sqlite_master");
        assert!(tables == 1 || !is_made, "{at:?}");
    });
}

#[test]
fn without_full_sync_a_power_cut_takes_what_was_answered() {
    let folder = folder();
    let disk = Disk::holding(folder.path(), &template());
    let conn = open(folder.path()).unwrap();
    insert(&conn, 1).unwrap();
    conn.pragma_update(None, "synchronous", "NORMAL").unwrap();
    insert(&conn, 2).unwrap();
    disk.kill(Process(0));
    let conn = Process(1).run(|| open(folder.path())).unwrap();
    assert_eq!(rows(&conn, &"a process that dies takes nothing with it"), 2);
    disk.power_cut(|| 0);
    let conn = Process(2).run(|| open(folder.path())).unwrap();
    assert_eq!(rows(&conn, &"a power cut does"), 1);
}

#[test]
fn processes_see_each_others_commits_and_a_dead_one_holds_nothing_up() {
    let folder = folder();
    let disk = Disk::holding(folder.path(), &template());
    let (one, two) = (Process(1).run(|| open(folder.path())).unwrap(), Process(2).run(|| open(folder.path())).unwrap());
    for n in [1, 3, 5] {
        insert(&one, n).unwrap();
        assert_eq!(rows(&two, &n), n);
        insert(&two, n + 1).unwrap();
        assert_eq!(rows(&one, &n), n + 1);
    }
    let reads = two.unchecked_transaction().unwrap();
    assert_eq!(rows(&reads, &"a view"), 6);
    copy_log(folder.path(), &one, Mode::Passive).unwrap();
    insert(&one, 7).unwrap();
    copy_log(folder.path(), &one, Mode::Passive).unwrap();
    assert_eq!(rows(&reads, &"a view does not change"), 6);
    drop(reads);

    one.execute_batch("BEGIN IMMEDIATE").unwrap();
    insert(&one, 8).unwrap();
    let slept = crate::disk::slept();
    let busy = insert(&two, 8).unwrap_err();
    assert_eq!(busy.sqlite_error_code(), Some(ErrorCode::DatabaseBusy));
    assert!(crate::disk::slept() > slept, "it waited, in its own time");
    disk.kill(Process(1));
    insert(&two, 8).unwrap();
    assert!(one.execute_batch("COMMIT").is_err());
    assert!(insert(&one, 9).is_err() && Process(1).run(|| open(folder.path())).is_err());
    drop(one);
    assert_eq!(rows(&two, &"the dead changed nothing"), 8);
}

#[test]
fn troubles_are_what_the_engine_calls_them() {
    let folder = folder();
    let disk = Disk::holding(folder.path(), &template());
    let conn = open(folder.path()).unwrap();
    for trouble in [Trouble::Full, Trouble::ReadOnly, Trouble::FailingWrites, Trouble::FailingSyncs, Trouble::Locked] {
        let before = rows(&conn, &trouble);
        disk.set_trouble(Some(trouble));
        let error = insert(&conn, before + 1).unwrap_err();
        let (full, failed) = (is_full(&error), is_disk_failure(&error));
        let busy = error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy);
        let expected = match trouble {
            Trouble::Full => (true, false, false),
            Trouble::Locked => (false, false, true),
            _ => (false, true, false),
        };
        assert_eq!((full, failed, busy), expected, "{trouble:?}: {error}");
        disk.set_trouble(None);
        assert_eq!(rows(&conn, &trouble), before);
        insert(&conn, before + 1).unwrap();
    }
    disk.set_trouble_of(Process(1), Some(Trouble::ReadOnly));
    let reads_only = Process(1).run(|| Files::at(database(folder.path())).below(Some(VFS.into())));
    let refused = Process(1).run(|| connection::reader(&reads_only).and_then(|conn| insert(&conn, 1))).unwrap_err();
    assert_eq!(refused.sqlite_error_code(), Some(ErrorCode::ReadOnly));
    disk.set_trouble_of(Process(2), Some(Trouble::FailingReads));
    assert!(is_disk_failure(&Process(2).run(|| open(folder.path())).unwrap_err()));
    disk.set_trouble_of(Process(3), Some(Trouble::Locked));
    let locked = Process(3).run(|| open(folder.path())).unwrap_err();
    assert_eq!(locked.sqlite_error_code(), Some(ErrorCode::DatabaseBusy));
    insert(&conn, rows(&conn, &"others are well") + 1).unwrap();
}

/// Otherwise it would take everything behind it along when the power is cut.
#[test]
fn what_a_failed_sync_left_is_durable_before_anything_follows_it() {
    let folder = folder();
    let disk = Disk::holding(folder.path(), &template());
    let conn = open(folder.path()).unwrap();
    insert(&conn, 1).unwrap();
    disk.set_trouble(Some(Trouble::FailingSyncs));
    assert!(is_disk_failure(&insert(&conn, 2).unwrap_err()));
    disk.set_trouble(None);
    disk.kill(Process(0));
    let conn = Process(1).run(|| {
        let conn = open(folder.path()).unwrap();
        let (files, lock) = (files(folder.path()), CommitLock::open(&database(folder.path())).unwrap());
        log::settle(&conn, &files, &lock.hold().unwrap()).unwrap();
        conn
    });
    assert_eq!(rows(&conn, &"the log is read as it is"), 2);
    insert(&conn, 3).unwrap();
    disk.power_cut(|| 0);
    let conn = Process(2).run(|| open(folder.path())).unwrap();
    assert_eq!(rows(&conn, &"what was read was kept"), 3);
}

#[test]
fn a_failed_sync_whose_writes_are_done_again_is_made_good() {
    let folder = folder();
    let disk = Disk::holding(folder.path(), &template());
    let conn = open(folder.path()).unwrap();
    disk.set_trouble(Some(Trouble::FailingSyncs));
    assert!(insert(&conn, 1).is_err());
    disk.set_trouble(None);
    insert(&conn, 1).unwrap();
    disk.power_cut(|| 0);
    let conn = Process(1).run(|| open(folder.path())).unwrap();
    assert_eq!(rows(&conn, &"written again"), 1);
}
