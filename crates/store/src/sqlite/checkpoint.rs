//! Checkpoints: by the writer, under the commit lock, when the log has grown.
//!
//! Guarantee: nobody waits for readers under the lock, however long a backup reads.

use std::{cell::Cell, io};

use lastword_core::store::StoreError;
use rusqlite::{Connection, hooks::Wal};

use super::{
    commit_lock::{CommitGuard, CommitLock},
    connection::{self, Files},
    failure::Failure,
};

/// The log is copied into the database when it is longer than this.
pub(crate) const PASSIVE_ABOVE_BYTES: i64 = 4 << 20;
/// A log this long means that readers kept it from being reused: shorten it as soon as none is in the way.
pub(crate) const TRUNCATE_ABOVE_BYTES: i64 = 64 << 20;
const _: () = assert!(PASSIVE_ABOVE_BYTES < TRUNCATE_ABOVE_BYTES);

thread_local! {
    /// The log's length as the engine told it after this thread's last commit; its file never shrinks by itself.
    static LOG_PAGES: Cell<i64> = const { Cell::new(0) };
}

/// When the log is copied into the database.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    page_bytes: i64,
    /// The length at which the last checkpoint found readers in its way: another must wait for some growth.
    tried_at_pages: i64,
}

/// What becomes of the log once it is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It is written anew from its beginning.
    Passive,
    /// It is emptied.
    Truncate,
}

/// What a checkpoint did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Copied {
    /// Whether readers kept something of what was asked for from being done.
    pub(crate) is_busy: bool,
    /// Whether the whole log is in the database.
    pub(crate) is_whole: bool,
}

/// Copies the log into the database as far as readers let it, without waiting for them.
pub(crate) fn copy_log(conn: &Connection, mode: Mode, _held: &CommitGuard<'_>) -> rusqlite::Result<Copied> {
    let sql = match mode {
        Mode::Passive => "PRAGMA wal_checkpoint(PASSIVE)",
        Mode::Truncate => "PRAGMA wal_checkpoint(TRUNCATE)",
    };
    connection::without_waiting(conn, |conn| {
        conn.query_row(sql, [], |row| {
            let (is_busy, logged, copied): (bool, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Copied { is_busy, is_whole: copied == logged })
        })
    })
}

/// Empties the log of the database; `false` while somebody reads what is in it. Commits of others wait for
/// one try only.
pub(crate) fn empty_log(files: &Files) -> Result<bool, StoreError> {
    let unavailable = |error: io::Error| StoreError::Unavailable(format!("the commit lock: {error}").into());
    let lock = CommitLock::open(files.path()).map_err(unavailable)?;
    let held = lock.hold().map_err(unavailable)?;
    let emptied = connection::writer(files).and_then(|conn| copy_log(&conn, Mode::Truncate, &held));
    Ok(!emptied.map_err(Failure::Sql)?.is_busy)
}

impl Checkpoints {
    /// Watches the commits of `conn`, which takes the engine's own automatic checkpoints out of the way once more.
    pub(crate) fn new(conn: &Connection) -> rusqlite::Result<Self> {
        conn.wal_hook(Some(|_: &Wal, pages| {
            LOG_PAGES.set(pages.into());
            Ok(())
        }));
        let page_bytes = conn.query_row("PRAGMA page_size", [], |row| row.get(0))?;
        Ok(Self { page_bytes, tried_at_pages: 0 })
    }

    /// Copies the log into the database if this thread's last commit left it too long.
    pub(crate) fn maybe_run(&mut self, conn: &Connection, held: &CommitGuard<'_>) -> rusqlite::Result<()> {
        let pages = LOG_PAGES.take();
        let step_pages = PASSIVE_ABOVE_BYTES / self.page_bytes;
        if pages < self.tried_at_pages {
            self.tried_at_pages = 0;
        }
        if pages <= self.tried_at_pages + step_pages {
            return Ok(());
        }
        self.copy(conn, pages, held).map(|_| ())
    }

    /// Copies the log into the database whatever its length: whether all of it was copied, so that it begins anew.
    pub(crate) fn run(&mut self, conn: &Connection, held: &CommitGuard<'_>) -> rusqlite::Result<bool> {
        self.copy(conn, LOG_PAGES.take(), held)
    }

    fn copy(&mut self, conn: &Connection, pages: i64, held: &CommitGuard<'_>) -> rusqlite::Result<bool> {
        let mode = if pages * self.page_bytes > TRUNCATE_ABOVE_BYTES { Mode::Truncate } else { Mode::Passive };
        let copied = copy_log(conn, mode, held)?;
        self.tried_at_pages = if copied.is_whole { 0 } else { pages };
        tracing::debug!(?mode, pages, ?copied, "checkpoint");
        Ok(copied.is_whole)
    }
}
