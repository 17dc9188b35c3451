//! A living process's lock: free when it is dead, however it died.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use lastword_core::ids::IncarnationId;

use super::LockError;
use crate::sqlite::open_private;

/// Held by a process for as long as it lives; its file is removed when the value is dropped.
#[derive(Debug)]
pub struct IncarnationLock {
    path: PathBuf,
    _file: File,
}

impl IncarnationLock {
    /// Takes the lock `<directory>/<id>.lock`. Do this before the incarnation is registered.
    pub fn hold(directory: &Path, id: &IncarnationId) -> Result<Self, LockError> {
        let path = path_of(directory, id)?;
        let file = open_private(&path).map_err(|cause| LockError::Unusable { path: path.clone(), cause })?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path, _file: file }),
            Err(TryLockError::WouldBlock) => {
                let cause = io::Error::other("another process holds this incarnation's lock");
                Err(LockError::Unusable { path, cause })
            }
            Err(TryLockError::Error(cause)) => Err(LockError::Unusable { path, cause }),
        }
    }

    /// Whether the process of a registered incarnation is gone: nobody holds its lock.
    ///
    /// A missing file is a free lock, because the lock is held before the incarnation is registered and its file is
    /// removed only by its holder's end. Any doubt is an `Err`.
    pub fn is_free(directory: &Path, id: &IncarnationId) -> Result<bool, LockError> {
        let path = path_of(directory, id)?;
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(cause) => return Err(LockError::Unusable { path, cause }),
        };
        // Shared, so that two who look at once do not take each other for the holder.
        match file.try_lock_shared() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(cause)) => Err(LockError::Unusable { path, cause }),
        }
    }

    /// Removes the file that a dead incarnation left. Call it only after it was decided as lost.
    pub fn forget(directory: &Path, id: &IncarnationId) -> Result<(), LockError> {
        let path = path_of(directory, id)?;
        match fs::remove_file(&path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(LockError::Unusable { path, cause }),
            _ => Ok(()),
        }
    }
}

impl Drop for IncarnationLock {
    fn drop(&mut self) {
        // While it is still held: nobody sees a free lock of a living process.
        let _ = fs::remove_file(&self.path);
    }
}

fn path_of(directory: &Path, id: &IncarnationId) -> Result<PathBuf, LockError> {
    let name = id.as_str();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if name.is_empty() || !name.bytes().all(is_plain) {
        return Err(LockError::BadName(name.to_owned()));
    }
    Ok(directory.join(format!("{name}.lock")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_free_only_without_a_holder() {
        let directory = tempfile::tempdir().unwrap();
        let id = IncarnationId::new("worker-1");
        assert!(IncarnationLock::is_free(directory.path(), &id).unwrap());
        let held = IncarnationLock::hold(directory.path(), &id).unwrap();
        assert!(!IncarnationLock::is_free(directory.path(), &id).unwrap());
        drop(held);
        assert!(IncarnationLock::is_free(directory.path(), &id).unwrap());
        assert!(!directory.path().join("worker-1.lock").exists());
    }

    #[test]
    fn a_name_never_leaves_its_directory() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["", "../x", "a/b", "a.b"] {
            assert!(IncarnationLock::hold(directory.path(), &IncarnationId::new(name)).is_err(), "{name}");
        }
    }
}
