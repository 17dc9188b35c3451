//! Backups are whole, and a restored store begins where the backup ended, as another one.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use lastword_core::{
    alert::AlertCode,
    ids::IncarnationId,
    reason::Reason,
    store::{Oversight, Replays, Store},
    turn::TurnState,
};

use super::*;
use crate::{BackupError, DeploymentLock, OwedAfterRestore, Restored, sqlite::backup::Partial};

fn database(folder: &Path) -> PathBuf {
    folder.join("lastword.db")
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn restore(from: &Path, folder: &Path, owed: OwedAfterRestore) -> Result<Restored, BackupError> {
    let lock = DeploymentLock::found(&database(folder)).unwrap();
    SqliteStore::restore(from, &database(folder), owed, &*HandClock::at(2_000_000), &lock)
}

fn reopen(folder: &Path) -> SqliteStore {
    SqliteStore::open(options(folder, HandClock::at(3_000_000))).unwrap()
}

/// One answered and on its way, one running, one queued; then a backup; then one more.
async fn backed_up(folder: &Path) -> PathBuf {
    let world = world(folder, |options| options).await;
    world.asks("plain a", "1").await;
    world.answers(&world.claims().await[0], "one").await;
    world.asks("b", "2").await;
    world.starts(world.claims().await).await;
    world.asks("b", "3").await;
    let to = folder.join("backup");
    let info = SqliteStore::backup(&database(folder), &to).unwrap();
    assert_eq!((info.owed, info.counts.accepted, info.counts.deliveries_open), (2, 3, 2));
    assert_eq!(SqliteStore::inspect(&to).unwrap(), info);
    world.asks("a", "after the backup").await;
    to
}

#[tokio::test]
async fn a_backup_is_private_whole_and_never_overwritten() {
    let folder = folder();
    let to = backed_up(folder.path()).await;
    assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    let again = SqliteStore::backup(&database(folder.path()), &to).unwrap_err();
    assert!(matches!(again, BackupError::Exists { .. }), "{again}");
    assert!(names(folder.path()).iter().all(|name| !name.contains("partial")), "{:?}", names(folder.path()));
    let nothing = SqliteStore::backup(&folder.path().join("nothing.db"), &folder.path().join("other")).unwrap_err();
    assert!(nothing.to_string().contains("nothing.db"), "{nothing}");
}

#[tokio::test]
async fn a_backup_is_made_while_others_write() {
    let folder = folder();
    let world = Arc::new(world(folder.path(), |options| options).await);
    let writes = world.clone();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        for n in 0..200 {
            writes.asks(&format!("place {n}"), &format!("{n}")).await;
        }
    });
    let mut backups = Vec::new();
    for n in 0..3 {
        let (database, to) = (database(folder.path()), folder.path().join(format!("backup-{n}")));
        let made = tokio::task::spawn_blocking(move || SqliteStore::backup(&database, &to)).await.unwrap().unwrap();
        assert!(made.counts.conserve());
        backups.push(made.counts.accepted);
    }
    tasks.join_all().await;
    assert!(backups.is_sorted());
    assert_eq!(world.counts().await.accepted, 200);
}

#[tokio::test]
async fn what_a_backup_owes_is_kept_and_answered() {
    let folder = folder();
    let to = backed_up(folder.path()).await;
    let former_id = reopen(folder.path()).deployment().to_owned();
    let restored = restore(&to, folder.path(), OwedAfterRestore::Keep).unwrap();
    assert_eq!((restored.dropped, restored.given_up), (0, 0));
    let former = restored.former.unwrap();
    assert_eq!(
        SqliteStore::open(SqliteOptions::new(&former, HandClock::at(0))).unwrap().counts().await.unwrap().accepted,
        4
    );
    let store = reopen(folder.path());
    assert_ne!(store.deployment(), former_id, "turn numbers repeat, delivery keys must not");
    assert_eq!(store.counts().await.unwrap().accepted, 3);
    let worker = IncarnationId::new("worker-1");
    assert!(store.living().await.unwrap().iter().any(|one| one.id == worker), "the next start decides what it ran");
    assert_eq!(store.decide_lost(&worker, Replays::Allow, 10).await.unwrap().errored, 1);
    assert_eq!(store.audit().await.unwrap().violations, []);
    assert_eq!(fs::metadata(database(folder.path())).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn what_a_backup_owes_is_dropped_without_a_word() {
    let folder = folder();
    let to = backed_up(folder.path()).await;
    let restored = restore(&to, folder.path(), OwedAfterRestore::Drop).unwrap();
    assert_eq!((restored.info.owed, restored.dropped), (2, 2));
    let store = reopen(folder.path());
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.errored, counts.queued, counts.running, counts.deliveries_open), (2, 0, 0, 0));
    let view = store.turn(lastword_core::ids::TurnId(3)).await.unwrap().unwrap();
    assert_eq!((view.state, view.reason), (TurnState::Failed, Some(Reason::Restored)));
    assert!(store.living().await.unwrap().is_empty());
    assert_eq!(store.audit().await.unwrap().violations, []);
    let alerts = store.alerts(false, 10).await.unwrap();
    assert_eq!(alerts.iter().map(|alert| alert.alert.code).collect::<Vec<_>>(), [AlertCode::BackupRestored]);
    let conn = beside(folder.path());
    assert_eq!(number(&conn, "SELECT count(*) FROM account WHERE cursor IS NOT NULL OR holder IS NOT NULL"), 0);
}

/// It may have been delivered after the backup was made; the error that took the place of an answer was not.
#[tokio::test]
async fn what_was_on_its_way_in_a_backup_stays_doubtful_when_it_is_dropped() {
    let folder = folder();
    let world = world(folder.path(), SqliteOptions::inline).await;
    world.asks("plain", "1").await;
    world.answers(&world.claims().await[0], "one").await;
    world.asks("plain", "2").await;
    let to = folder.path().join("backup");
    SqliteStore::backup(&database(folder.path()), &to).unwrap();
    drop(world);
    restore(&to, folder.path(), OwedAfterRestore::Drop).unwrap();
    let store = reopen(folder.path());
    let conn = beside(folder.path());
    let doubtful = "SELECT count(*) FROM delivery WHERE state = 'dead' AND doubted_at IS NOT NULL AND turn =";
    let of = |turn: i64| number(&conn, &format!("{doubtful} {turn}"));
    assert_eq!((of(1), of(2), number(&conn, "SELECT count(*) FROM delivery WHERE state = 'dead'")), (1, 0, 2));
    assert_eq!(store.audit().await.unwrap().violations, []);
}

#[tokio::test]
async fn a_store_too_damaged_to_read_is_kept_and_replaced() {
    let folder = folder();
    let to = backed_up(folder.path()).await;
    let garbage = "not a database, whatever its name says\n".repeat(100);
    for file in ["lastword.db", "lastword.db-wal"] {
        fs::write(folder.path().join(file), &garbage).unwrap();
    }
    let restored = restore(&to, folder.path(), OwedAfterRestore::Keep).unwrap();
    let former = restored.former.unwrap();
    assert_eq!(fs::read_to_string(&former).unwrap(), garbage);
    let log = former.with_file_name("lastword.db.before-restore-1-wal");
    assert_eq!(fs::read_to_string(log).unwrap(), garbage);
    assert_eq!(reopen(folder.path()).counts().await.unwrap().accepted, 3);
}

#[tokio::test]
async fn a_backup_that_cant_be_read_changes_nothing() {
    let folder = folder();
    let to = backed_up(folder.path()).await;
    let notes = folder.path().join("notes.txt");
    fs::write(&notes, "notes\n".repeat(1_000)).unwrap();
    let torn = folder.path().join("torn");
    let mut bytes = fs::read(&to).unwrap();
    let half = bytes.len() / 2;
    bytes[4_096..half].fill(0x5a);
    fs::write(&torn, bytes).unwrap();
    let other = folder.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    let before = names(folder.path());
    for (from, says) in [(notes, "not a Lastword store"), (torn, "torn"), (other, "not a Lastword store")] {
        let refused = restore(&from, folder.path(), OwedAfterRestore::Drop).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
    }
    let after: Vec<_> = names(folder.path()).into_iter().filter(|name| !name.contains("deployment-lock")).collect();
    assert_eq!(after, before);
    assert_eq!(reopen(folder.path()).counts().await.unwrap().accepted, 4);
}

#[tokio::test]
async fn a_backup_is_restored_where_there_was_no_store() {
    let (old, new) = (folder(), folder());
    let to = backed_up(old.path()).await;
    let restored = restore(&to, new.path(), OwedAfterRestore::Drop).unwrap();
    assert_eq!(restored.former, None);
    assert_eq!(reopen(new.path()).audit().await.unwrap().violations, []);
}

#[tokio::test]
async fn a_restore_is_undone_with_what_was_only_in_the_log() {
    let folder = folder();
    let to = backed_up(folder.path()).await;
    // A store whose log could not be copied into it keeps it beside it, under the second name, too.
    let aside = folder.path().join("lastword.db.before-restore-9");
    for suffix in ["", "-wal"] {
        let name = |path: &Path| PathBuf::from(format!("{}{suffix}", path.display()));
        assert!(fs::copy(name(&database(folder.path())), name(&aside)).unwrap() > 0);
    }
    let restored = restore(&to, folder.path(), OwedAfterRestore::Drop).unwrap();
    assert_eq!(reopen(folder.path()).counts().await.unwrap().accepted, 3);
    for former in [restored.former.unwrap(), aside] {
        restore(&former, folder.path(), OwedAfterRestore::Keep).unwrap();
        let store = reopen(folder.path());
        assert_eq!(store.counts().await.unwrap().accepted, 4, "{}", former.display());
        assert_eq!(store.audit().await.unwrap().violations, []);
    }
}

#[tokio::test]
async fn a_store_that_somebody_reads_is_not_replaced() {
    let folder = folder();
    let to = backed_up(folder.path()).await;
    let reader = beside(folder.path());
    reader.execute_batch("BEGIN; SELECT count(*) FROM turn").unwrap();
    let before = names(folder.path());
    let lock = DeploymentLock::found(&database(folder.path())).unwrap();
    let unread = SqliteStore::must_be_unread(&database(folder.path()), &lock);
    assert!(matches!(unread, Err(BackupError::Read { .. })), "{unread:?}");
    drop(lock);
    let refused = restore(&to, folder.path(), OwedAfterRestore::Keep).unwrap_err().to_string();
    assert!(refused.contains("somebody still reads"), "{refused}");
    reader.execute_batch("COMMIT").unwrap();
    let after: Vec<_> = names(folder.path()).into_iter().filter(|name| !name.contains("deployment-lock")).collect();
    assert_eq!(after, before, "nothing was changed");
    restore(&to, folder.path(), OwedAfterRestore::Keep).unwrap();
}

#[tokio::test]
async fn a_backup_that_can_not_be_written_names_where_to_and_leaves_nothing() {
    let (folder, target) = (folder(), folder());
    let to = backed_up(folder.path()).await;
    let left = target.path().join(".old.db.partial-0123");
    let recent = target.path().join(".other.db.partial-4567");
    for path in [&left, &recent] {
        fs::write(path, "half").unwrap();
    }
    let hours = std::time::Duration::from_secs(2 * 3_600);
    let file = fs::File::options().write(true).open(&left).unwrap();
    file.set_modified(file.metadata().unwrap().modified().unwrap() - hours).unwrap();
    let made = target.path().join("made.db");
    SqliteStore::backup(&database(folder.path()), &made).unwrap();
    assert_eq!(names(target.path()), [".other.db.partial-4567", "made.db"], "what a killed backup left is gone");
    let partial = Partial::beside(&made).unwrap();
    fs::write(&partial.path, "not empty, so that it can't be written").unwrap();
    let refused = partial.fill_from(&to, &made).unwrap_err();
    assert!(refused.to_string().starts_with(&format!("{} ", made.display())), "{refused}");
    fs::write(PathBuf::from(format!("{}-journal", partial.path.display())), "").unwrap();
    drop(partial);
    assert_eq!(names(target.path()), [".other.db.partial-4567", "made.db"]);
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::ffi::OsStringExt;
        let odd = target.path().join(std::ffi::OsString::from_vec(b"odd-\xff.db".to_vec()));
        let refused = SqliteStore::backup(&database(folder.path()), &odd).unwrap_err();
        assert!(matches!(refused, BackupError::NotUtf8 { .. }), "{refused}");
    }
}
