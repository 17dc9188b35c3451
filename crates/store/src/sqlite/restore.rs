//! Restoring a backup.
//!
//! Guarantee: at every moment the database's name leads to the store that was there or to the whole restored one, and
//! nothing of the former is deleted: it keeps another name. The restored one never repeats a delivery key, whatever
//! was sent since the backup was made.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use lastword_core::{ids::Timestamp, store::Clock};
use rusqlite::Connection;

use super::{
    SqliteStore,
    backup::{BackupError, BackupInfo, Partial, examine, from_failure, from_sql, sync, sync_directory_of, unusable},
    checkpoint::{Mode, copy_log},
    commit_lock::{CommitGuard, CommitLock},
    connection::{self, Files},
    migrate,
    query::restored,
    tx::Tx,
};
use crate::{lock::DeploymentLock, real_path::real_path};

/// What becomes of the turns that a backup still owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwedAfterRestore {
    /// They are answered, and deliveries go out; what was answered since the backup was made is answered again.
    Keep,
    /// They are ended with [`Reason::Restored`](lastword_core::reason::Reason::Restored) and nobody is told; open
    /// deliveries are given up, and networks are asked for everything that they still offer.
    Drop,
}

/// What a restore did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What the backup held.
    pub info: BackupInfo,
    /// Where the former store is now, if there was one; its log is beside it.
    pub former: Option<PathBuf>,
    /// Turns that were ended because they were owed.
    pub dropped: u64,
    /// Deliveries that were given up because they were on their way.
    pub given_up: u64,
}

impl SqliteStore {
    /// That nobody reads the store at `database`, so that it can be replaced: also somebody who is no part of the
    /// deployment, and so not kept out by its lock.
    pub fn must_be_unread(database: &Path, _lock: &DeploymentLock) -> Result<(), BackupError> {
        let database = real_path(database);
        let commits = CommitLock::open(&database).map_err(|cause| unusable(&database, cause))?;
        let held = commits.hold().map_err(|cause| unusable(&database, cause))?;
        if database.exists() { copy_log_of(&database, &held) } else { Ok(()) }
    }

    /// Puts the backup `from` into the place of the store at `database`. The lock proves that nobody uses that one.
    ///
    /// With [`OwedAfterRestore::Keep`], what the backup's processes held is left to be decided by the next start, as
    /// after any death: their lock files are missing, which proves them dead.
    pub fn restore(
        from: &Path,
        database: &Path,
        owed: OwedAfterRestore,
        clock: &dyn Clock,
        _lock: &DeploymentLock,
    ) -> Result<Restored, BackupError> {
        let database = real_path(database);
        let info = Self::inspect(from)?;
        let partial = Partial::beside(&database)?;
        // By the engine, with its log: a store that was replaced before may have one beside it.
        partial.fill_from(from, &database)?;
        let (dropped, given_up) = prepare(&partial.path, from, owed, clock.now())?;
        let commits = CommitLock::open(&database).map_err(|cause| unusable(&database, cause))?;
        let held = commits.hold().map_err(|cause| unusable(&database, cause))?;
        let former = keep_former(&database, &held)?;
        partial.replace(&database)?;
        Ok(Restored { info, former, dropped, given_up })
    }
}

/// Brings the copy of `from` up to date, gives it a name of its own and decides what it owes.
fn prepare(copy: &Path, from: &Path, owed: OwedAfterRestore, now: Timestamp) -> Result<(u64, u64), BackupError> {
    let refused = |error: rusqlite::Error| from_sql(from, &error);
    let mut conn = connection::sole(copy).map_err(refused)?;
    migrate::migrate(&mut conn, &migrate::known())
        .map_err(|cause| BackupError::Migration { path: from.to_owned(), cause: Box::new(cause) })?;
    let decided = decide(&conn, owed, now).map_err(|failure| from_failure(from, failure))?;
    examine(&conn, from)?;
    conn.close().map_err(|(_, error)| refused(error))?;
    Ok(decided)
}

fn decide(conn: &Connection, owed: OwedAfterRestore, now: Timestamp) -> super::failure::Res<(u64, u64)> {
    let transaction = conn.unchecked_transaction()?;
    let deployment = restored::rename(&transaction)?;
    let tx = Tx::new(&transaction, now, &deployment);
    let decided = restored::decide(&tx, owed)?;
    tx.flush()?;
    transaction.commit()?;
    Ok(decided)
}

/// Gives the store that is there a second name, and takes its log out of the way of the new one.
///
/// First its log is copied into it, so that its first name leads to all of it until the very end. A store that is too
/// damaged for that keeps its log under the second name only.
fn keep_former(database: &Path, held: &CommitGuard<'_>) -> Result<Option<PathBuf>, BackupError> {
    let former = free_name(database)?;
    let was_there = database.exists();
    if was_there {
        copy_log_of(database, held)?;
        link(database, &former)?;
    }
    let beside: Vec<_> = LOGS.iter().filter(|suffix| with_suffix(database, suffix).exists()).collect();
    for suffix in &beside {
        link(&with_suffix(database, suffix), &with_suffix(&former, suffix))?;
    }
    sync_directory_of(database)?;
    for suffix in &beside {
        let log = with_suffix(database, suffix);
        fs::remove_file(&log).map_err(|cause| unusable(&log, cause))?;
    }
    sync_directory_of(database)?;
    Ok(was_there.then_some(former))
}

/// Whoever still reads the log would go on in a file that is replaced, and keeps the log from being copied.
fn copy_log_of(database: &Path, held: &CommitGuard<'_>) -> Result<(), BackupError> {
    match connection::writer(&Files::at(database)).and_then(|conn| copy_log(&conn, Mode::Truncate, held)) {
        Ok(copied) if copied.is_busy => Err(BackupError::Read { path: database.to_owned() }),
        Ok(_) => Ok(()),
        Err(error) => {
            tracing::warn!(%error, "the former store's log can't be copied into it; it stays beside it");
            Ok(())
        }
    }
}

/// What the engine keeps beside a database: its log, and the index of that.
const LOGS: [&str; 2] = ["-wal", "-shm"];

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// The first `<database>.before-restore-<n>` that nobody has.
fn free_name(database: &Path) -> Result<PathBuf, BackupError> {
    const NAMES_MAX: u32 = 10_000;
    let mut names = (1..NAMES_MAX).map(|n| with_suffix(database, &format!(".before-restore-{n}")));
    let is_free = |path: &PathBuf| !path.exists() && LOGS.iter().all(|suffix| !with_suffix(path, suffix).exists());
    names.find(is_free).ok_or_else(|| BackupError::Exists { path: database.to_owned() })
}

/// A second name, or a copy where the file system has none.
fn link(file: &Path, name: &Path) -> Result<(), BackupError> {
    match fs::hard_link(file, name) {
        Ok(()) => Ok(()),
        Err(_) => {
            fs::copy(file, name).map_err(|cause| unusable(name, cause))?;
            sync(name)
        }
    }
}
