//! Checkpoints: by the writer, under the commit lock, when the log has grown.

use std::cell::Cell;

use rusqlite::{Connection, hooks::Wal};

use super::commit_lock::CommitGuard;

/// The log is copied into the database when it is longer than this.
pub(crate) const PASSIVE_ABOVE_BYTES: i64 = 4 << 20;
/// A log this long means that readers kept it from being reused: wait for them, and shorten it.
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
    /// Whether the log still holds what was erased.
    owes_shortening: bool,
}

impl Checkpoints {
    /// Watches the commits of `conn`, which takes the engine's own automatic checkpoints out of the way once more.
    pub(crate) fn new(conn: &Connection) -> rusqlite::Result<Self> {
        conn.wal_hook(Some(|_: &Wal, pages| {
            LOG_PAGES.set(pages.into());
            Ok(())
        }));
        let page_bytes = conn.query_row("PRAGMA page_size", [], |row| row.get(0))?;
        Ok(Self { page_bytes, tried_at_pages: 0, owes_shortening: false })
    }

    /// Copies the log into the database if this thread's last commit left it too long, or, with `shortens`, left in
    /// it what was erased; then again after every commit until the log is gone.
    pub(crate) fn maybe_run(
        &mut self,
        conn: &Connection,
        shortens: bool,
        _held: &CommitGuard<'_>,
    ) -> rusqlite::Result<()> {
        self.owes_shortening |= shortens;
        let pages = LOG_PAGES.take();
        let step_pages = PASSIVE_ABOVE_BYTES / self.page_bytes;
        if pages < self.tried_at_pages {
            self.tried_at_pages = 0;
        }
        if pages <= self.tried_at_pages + step_pages && !self.owes_shortening {
            return Ok(());
        }
        self.copy(conn, pages).map(|_| ())
    }

    /// Copies the log into the database whatever its length: whether all of it was copied, so that it begins anew.
    pub(crate) fn run(&mut self, conn: &Connection, _held: &CommitGuard<'_>) -> rusqlite::Result<bool> {
        self.copy(conn, LOG_PAGES.take())
    }

    fn copy(&mut self, conn: &Connection, pages: i64) -> rusqlite::Result<bool> {
        let mode =
            if self.owes_shortening || pages * self.page_bytes > TRUNCATE_ABOVE_BYTES { "TRUNCATE" } else { "PASSIVE" };
        let sql = format!("PRAGMA wal_checkpoint({mode})");
        let (is_busy, logged, copied): (bool, i64, i64) =
            conn.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        self.owes_shortening &= is_busy;
        self.tried_at_pages = if copied < logged { pages } else { 0 };
        tracing::debug!(mode, pages, copied, "checkpoint");
        Ok(copied == logged)
    }
}
