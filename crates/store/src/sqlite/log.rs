//! The engine's log, made durable before anybody trusts what can be read in it.
//!
//! After a sync that failed, the system may show bytes that it will never write by itself: later syncs succeed without
//! them (<https://wiki.postgresql.org/wiki/Fsync_Errors>). An engine that starts in such a log takes the commit that was
//! never answered for a whole one and appends to it, and a power cut then takes everything behind it, too. Writing the
//! same bytes once more makes them the system's business again.

use std::{
    ffi::OsString,
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::connection::Files;

/// How much is written at once.
const PIECE_BYTES: usize = 1 << 20;

/// Where the log of a database is.
pub(crate) fn path_for(database: &Path) -> PathBuf {
    let mut log = OsString::from(database);
    log.push("-wal");
    log.into()
}

/// Makes what can be read in the log durable, if there is one. Call it under the commit lock.
pub(crate) fn settle(files: &Files) -> io::Result<()> {
    #[cfg(feature = "testing")]
    if files.is_simulated() {
        return crate::disk::write_again(&path_for(files.path()));
    }
    let file = match File::options().read(true).write(true).open(path_for(files.path())) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut piece = vec![0; PIECE_BYTES];
    let mut at = 0;
    loop {
        let read = file.read_at(&mut piece, at)?;
        if read == 0 {
            break;
        }
        file.write_all_at(&piece[..read], at)?;
        at += read as u64;
    }
    if at == 0 { Ok(()) } else { file.sync_all() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("a.db");
        let files = Files::at(&database);
        settle(&files).unwrap();
        let log = path_for(&database);
        assert!(!log.exists(), "none is made");
        let bytes: Vec<u8> = (0..3 * PIECE_BYTES + 7).map(|n| (n % 251) as u8).collect();
        std::fs::write(&log, &bytes).unwrap();
        settle(&files).unwrap();
        assert!(std::fs::read(&log).unwrap() == bytes);
    }
}
