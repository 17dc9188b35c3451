//! The engine's log, made durable before anybody trusts what can be read in it.
//!
//! After a sync that failed, the system may show bytes that it will never write by itself: later syncs succeed without
//! them (<https://wiki.postgresql.org/wiki/Fsync_Errors>). An engine that begins with such a log takes the commit that was
//! never answered for a whole one and appends to it, and a power cut then takes everything behind it, too. Writing the
//! same bytes once more makes them the system's business again.
//!
//! While anybody has the database open, the log's shared index says what was committed, and nobody reads the log anew.
//! So this is for whoever may be the first to open it.

use std::{
    ffi::OsString,
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, ffi};

use super::{commit_lock::CommitGuard, connection::Files};

/// How much is written at once.
const PIECE_BYTES: usize = 1 << 20;

/// Where the log of a database is.
pub(crate) fn path_for(database: &Path) -> PathBuf {
    let mut log = OsString::from(database);
    log.push("-wal");
    log.into()
}

/// Makes what can be read in the log durable, if there is one, while nobody commits: under our lock, and under the
/// engine's, which other programs keep, too.
pub(crate) fn settle(conn: &Connection, files: &Files, _held: &CommitGuard<'_>) -> rusqlite::Result<()> {
    conn.execute_batch("BEGIN IMMEDIATE")?;
    let settled = rewrite(files);
    conn.execute_batch("ROLLBACK")?;
    match settled {
        // On a file system that writes nothing in place. What is there stays as it is, as durable as it was.
        Err(error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
            tracing::warn!(%error, "the store's log could not be written again; its disk is full");
            Ok(())
        }
        settled => settled.map_err(as_sql),
    }
}

fn rewrite(files: &Files) -> io::Result<()> {
    let path = path_for(files.path());
    #[cfg(feature = "testing")]
    if files.is_simulated() {
        return match crate::disk::open_log(&path) {
            Ok(log) => write_again(log),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
    }
    match File::options().read(true).write(true).open(path) {
        Ok(log) => write_again(log),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// A log, on whichever file system.
pub(crate) trait Log {
    /// Reads what is there, at most a whole `piece`; 0 at the end.
    fn read_at(&mut self, piece: &mut [u8], at: u64) -> io::Result<usize>;
    /// Writes all of `piece`.
    fn write_at(&mut self, piece: &[u8], at: u64) -> io::Result<()>;
    /// Makes everything durable.
    fn sync(&mut self) -> io::Result<()>;
}

impl Log for File {
    fn read_at(&mut self, piece: &mut [u8], at: u64) -> io::Result<usize> {
        FileExt::read_at(self, piece, at)
    }

    fn write_at(&mut self, piece: &[u8], at: u64) -> io::Result<()> {
        self.write_all_at(piece, at)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

fn write_again(mut log: impl Log) -> io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut at = 0;
    loop {
        let read = log.read_at(&mut piece, at)?;
        if read == 0 {
            break;
        }
        log.write_at(&piece[..read], at)?;
        at += read as u64;
    }
    if at == 0 { Ok(()) } else { log.sync() }
}

/// What the system said, in the engine's words.
fn as_sql(error: io::Error) -> rusqlite::Error {
    let code = match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => ffi::SQLITE_READONLY,
        _ => ffi::SQLITE_IOERR,
    };
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some(format!("the log: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_log_is_written_again_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let files = Files::at(directory.path().join("a.db"));
        rewrite(&files).unwrap();
        let log = path_for(files.path());
        assert!(!log.exists(), "none is made");
        let bytes: Vec<u8> = (0..3 * PIECE_BYTES + 7).map(|n| (n % 251) as u8).collect();
        std::fs::write(&log, &bytes).unwrap();
        rewrite(&files).unwrap();
        assert!(std::fs::read(&log).unwrap() == bytes);
    }
}
