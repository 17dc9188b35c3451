//! Connections, all with the same settings.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

/// How long the engine waits for another connection: a backstop, since writers queue for our own lock before. Shorter
/// than the patience of whoever watches for a process that holds that lock and is silent.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);
/// Statements kept prepared per connection; there are fewer kinds than this.
const STATEMENTS_MAX: usize = 256;
/// The most memory for pages of the connection that writes; the engine's own default spills in the midst of a commit.
const WRITER_CACHE_KIB: i64 = 16 << 10;

/// Where a database is, and the file system below the engine.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    path: PathBuf,
    /// The engine's name of a file system in the place of the real one.
    #[cfg(feature = "testing")]
    vfs: Option<String>,
}

impl Files {
    /// On the real file system.
    pub(crate) fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            #[cfg(feature = "testing")]
            vfs: None,
        }
    }

    /// On the file system that the engine knows by this name.
    #[cfg(feature = "testing")]
    pub(crate) fn below(mut self, vfs: Option<String>) -> Self {
        self.vfs = vfs;
        self
    }

    /// The database's path. On any file system there is a file at it on the real one, which tells that it exists.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is not on the real file system.
    #[cfg(feature = "testing")]
    pub(crate) fn is_simulated(&self) -> bool {
        self.vfs.is_some()
    }

    fn connect(&self, flags: OpenFlags) -> rusqlite::Result<Connection> {
        #[cfg(feature = "testing")]
        if let Some(vfs) = &self.vfs {
            return Connection::open_with_flags_and_vfs(&self.path, flags, vfs.as_str());
        }
        Connection::open_with_flags(&self.path, flags)
    }
}

/// A connection that writes. Call it under the commit lock: the first one of a new database writes its header.
pub(crate) fn writer(files: &Files) -> rusqlite::Result<Connection> {
    let conn = open(files, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    // Always, not only when somebody is forgotten: every change of a row leaves a copy of its text behind.
    conn.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    conn.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    if cfg!(target_os = "macos") {
        conn.pragma_update(None, "fullfsync", true)?;
        conn.pragma_update(None, "checkpoint_fullfsync", true)?;
    }
    Ok(conn)
}

/// A connection that writes a copy of the whole elsewhere: it changes nothing here.
pub(crate) fn copier(path: &Path) -> rusqlite::Result<Connection> {
    open(&Files::at(path), OpenFlags::SQLITE_OPEN_READ_WRITE)
}

/// A connection to a file that nobody else knows of: it leaves no log beside it.
pub(crate) fn sole(path: &Path) -> rusqlite::Result<Connection> {
    let conn = open(&Files::at(path), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    Ok(conn)
}

/// A connection that only reads.
pub(crate) fn reader(files: &Files) -> rusqlite::Result<Connection> {
    let conn = open(files, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.pragma_update(None, "query_only", true)?;
    Ok(conn)
}

/// Does `work` without waiting for other connections.
pub(crate) fn without_waiting<T>(
    conn: &Connection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    conn.busy_timeout(Duration::ZERO)?;
    let done = work(conn);
    conn.busy_timeout(BUSY_TIMEOUT)?;
    done
}

/// Opens a connection that never checkpoints by itself: not after a commit, and not at its end.
fn open(files: &Files, access: OpenFlags) -> rusqlite::Result<Connection> {
    let conn = files.connect(access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    conn.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    // Answers with a row where a map could be made, and with none where not.
    conn.execute_batch("PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;")?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(conn)
}
