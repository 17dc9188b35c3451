//! The lock under which every commit and every checkpoint of every process runs.
//!
//! SQLite before 3.51.3 can corrupt a database in WAL mode when a checkpoint races a commit of another connection
//! (<https://sqlite.org/wal.html>, the WAL-reset bug). Nobody commits or checkpoints here without a [`CommitGuard`].

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::real_path::real_path;

/// The first engine without the bug.
const FIXED_ENGINE: i32 = 3_051_003;
/// How long a holder's name is in the lock's file: a pid in decimal digits, blanks in front.
const NAME_BYTES: usize = 10;
/// What stands there while nobody holds it.
const NOBODY: [u8; NAME_BYTES] = [b' '; NAME_BYTES];

/// The right to ask for the lock; one per connection that writes.
#[derive(Debug)]
pub(crate) struct CommitLock {
    path: PathBuf,
    file: File,
}

/// Proof that this process holds the lock. Dropping it lets the others in.
#[derive(Debug)]
pub(crate) struct CommitGuard<'l> {
    file: &'l File,
}

impl CommitLock {
    /// Where the lock of a database lives.
    pub(crate) fn path_for(database: &Path) -> PathBuf {
        let mut name = database.as_os_str().to_owned();
        name.push(".commit-lock");
        name.into()
    }

    pub(crate) fn open(database: &Path) -> io::Result<Self> {
        let path = Self::path_for(database);
        let file = open_private(&path)?;
        Ok(Self { path, file })
    }

    /// Waits for the lock.
    pub(crate) fn hold(&self) -> io::Result<CommitGuard<'_>> {
        self.file.lock()?;
        let held = CommitGuard { file: &self.file };
        held.sign(format!("{:>NAME_BYTES$}", std::process::id()).as_bytes());
        Ok(held)
    }

    /// Whether the lock keeps a second opener out, as it does not on every file system.
    pub(crate) fn is_in_force(&self, _held: &CommitGuard<'_>) -> io::Result<bool> {
        let second = open_private(&self.path)?;
        match second.try_lock() {
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
            Ok(()) => Ok(false),
        }
    }
}

impl CommitGuard<'_> {
    /// Says who holds it. Never synced: whoever looks is on this machine, and a holder that was cut off is dead.
    fn sign(&self, name: &[u8]) {
        // Nobody's commit fails because its supervisor would not find out who hangs in it.
        if let Err(error) = self.file.write_all_at(name, 0) {
            tracing::debug!("the commit lock was not signed: {error}");
        }
    }
}

impl Drop for CommitGuard<'_> {
    fn drop(&mut self) {
        self.sign(&NOBODY);
        if let Err(error) = self.file.unlock() {
            tracing::error!(%error, "the commit lock could not be released; other processes wait until this one ends");
        }
    }
}

/// The process that holds the commit lock of a database, as far as it said; never waits, and disturbs nobody.
///
/// A process that died with the lock in its hands stands there until the next one holds it: ask about living ones only.
#[must_use]
pub fn commit_holder(database: &Path) -> Option<u32> {
    let text = fs::read_to_string(CommitLock::path_for(&real_path(database))).ok()?;
    text.trim().parse().ok()
}

/// Whether commits and checkpoints may run at all: on an engine without the bug, or under a lock that works.
pub(crate) fn is_safe(engine: i32, lock_in_force: bool) -> bool {
    engine >= FIXED_ENGINE || lock_in_force
}

/// Opens a file that only its owner may touch, and makes it if there is none.
pub(crate) fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_engine_needs_a_lock_that_works() {
        assert!(is_safe(3_050_002, true));
        assert!(!is_safe(3_050_002, false));
        assert!(is_safe(FIXED_ENGINE, false));
    }

    #[test]
    fn the_lock_keeps_a_second_opener_out() {
        let directory = tempfile::tempdir().unwrap();
        let lock = CommitLock::open(&directory.path().join("a.db")).unwrap();
        let held = lock.hold().unwrap();
        assert!(lock.is_in_force(&held).unwrap());
    }

    #[test]
    fn whoever_holds_the_lock_is_known_for_as_long() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("a.db");
        assert_eq!(commit_holder(&database), None);
        let lock = CommitLock::open(&database).unwrap();
        assert_eq!(commit_holder(&database), None);
        let held = lock.hold().unwrap();
        assert_eq!(commit_holder(&database), Some(std::process::id()));
        drop(held);
        assert_eq!(commit_holder(&database), None);
    }
}
