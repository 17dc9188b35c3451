//! The reserve: room on the store's disk that is kept for promises.
//!
//! Guarantee: while the file has its full length, that much room is surely there, and releasing it gives it back at
//! once. What every process sees is the file's length: shorter than it should be, it is released, and nothing new is
//! accepted until there is room to take it back.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::sqlite::open_private;

/// How often the disk is asked for room while the reserve is released.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where the reserve of a database lives.
pub(crate) fn path_for(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".reserve");
    name.into()
}

/// Gives the room back to the disk, for a promise that is kept in `directory`; not if that is on another disk.
pub(crate) fn release(path: &Path, directory: &Path) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    if file.metadata()?.dev() != fs::metadata(directory)?.dev() {
        return Err(io::ErrorKind::CrossesDevices.into());
    }
    file.set_len(0)
}

/// The reserve in the hands of a writer.
#[derive(Debug)]
pub(crate) struct Reserve {
    file: File,
    bytes: u64,
    looked_at: Option<Instant>,
}

impl Reserve {
    /// Opens the reserve at `path` and fills it, if there is room; `None` where `bytes` is 0, and the file is removed.
    pub(crate) fn open(path: &Path, bytes: u64) -> io::Result<Option<Self>> {
        if bytes == 0 {
            return match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(None),
            };
        }
        let mut reserve = Self { file: open_private(path)?, bytes, looked_at: None };
        if reserve.file.metadata()?.len() > bytes {
            reserve.file.set_len(bytes)?;
        }
        reserve.maybe_restore();
        Ok(Some(reserve))
    }

    /// Whether it is released. A length that can't be read says nothing about the disk.
    pub(crate) fn is_released(&self) -> bool {
        self.file.metadata().is_ok_and(|found| found.len() < self.bytes)
    }

    /// Gives the room back to the disk; `false` if there was none to give.
    pub(crate) fn release(&self) -> bool {
        !self.is_released() && self.file.set_len(0).is_ok()
    }

    /// Takes the room back if the disk has it, and some more, so that it is not needed again at once.
    pub(crate) fn maybe_restore(&mut self) {
        if !self.is_released() || self.looked_at.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return;
        }
        self.looked_at = Some(Instant::now());
        let restored = self.restore();
        if let Err(error) = restored {
            tracing::debug!(%error, "the reserve can't be taken back yet");
            let _ = self.file.set_len(0);
        }
    }

    fn restore(&self) -> io::Result<()> {
        let disk = nix::sys::statvfs::fstatvfs(&self.file)?;
        // These are 32 bits wide on some systems.
        #[allow(clippy::useless_conversion)]
        let free = u64::from(disk.blocks_available()).saturating_mul(u64::from(disk.fragment_size()));
        if free < self.bytes.saturating_add(self.bytes / 4) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        fill(&self.file, self.bytes)
    }
}

#[cfg(target_os = "linux")]
fn fill(file: &File, bytes: u64) -> io::Result<()> {
    let bytes = i64::try_from(bytes).map_err(io::Error::other)?;
    Ok(nix::fcntl::posix_fallocate(file, 0, bytes)?)
}

#[cfg(not(target_os = "linux"))]
fn fill(mut file: &File, bytes: u64) -> io::Result<()> {
    use io::{Read as _, Seek as _};
    file.rewind()?;
    io::copy(&mut io::repeat(0).take(bytes), &mut file).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_real_room_until_it_is_released_and_is_taken_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = path_for(&directory.path().join("lastword.db"));
        let mut reserve = Reserve::open(&path, 1 << 20).unwrap().unwrap();
        assert!(!reserve.is_released());
        assert!(fs::metadata(&path).unwrap().blocks() * 512 >= 1 << 20);
        release(&path, Path::new("/proc")).unwrap_err();
        release(&path, directory.path()).unwrap();
        assert!(reserve.is_released() && !reserve.release());
        reserve.looked_at = None;
        reserve.maybe_restore();
        assert!(!reserve.is_released());
        assert!(Reserve::open(&path, 0).unwrap().is_none() && !path.exists(), "switched off");
    }

    #[test]
    fn a_disk_without_room_leaves_the_reserve_released() {
        let directory = tempfile::tempdir().unwrap();
        let reserve = Reserve::open(&directory.path().join("reserve"), 1 << 60).unwrap().unwrap();
        assert!(reserve.is_released());
    }
}
