//! A living process's lock: free when it is dead, however it died.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use lastword_core::ids::IncarnationId;
use nix::{
    errno::Errno,
    fcntl::{OFlag, openat},
    sys::stat::Mode,
};

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

/// The directory of the locks, as one process knows it: the very one that was there when it was opened.
///
/// A directory that is out of sight for a moment, or another one in its place, shows no locks, and that proves nothing.
#[derive(Clone, Debug)]
pub struct LockDirectory {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl LockDirectory {
    /// Remembers which directory this is.
    pub fn open(path: &Path) -> io::Result<Self> {
        let found = fs::metadata(path)?;
        Ok(Self { path: path.to_owned(), device: found.dev(), inode: found.ino() })
    }

    /// Whether the process of a registered incarnation is gone: nobody holds its lock. Blocks.
    ///
    /// A missing file is a free lock, because the lock is held before the incarnation is registered and its file is
    /// removed only by its holder's end; but only where the directory is surely the one that the locks were taken in:
    /// the same as ever, and with the lock of `observer`, where it has one, in it and held. Any doubt is an `Err`.
    pub fn is_free(&self, id: &IncarnationId, observer: Option<&IncarnationId>) -> Result<bool, LockError> {
        // Every look goes through one descriptor: what moves away meanwhile is still seen.
        let directory = self.sight()?;
        if let Some(own) = observer
            && self.is_held(&directory, own)? != Some(true)
        {
            return Err(self.unusable("it does not show this process's own lock"));
        }
        Ok(self.is_held(&directory, id)? != Some(true))
    }

    fn sight(&self) -> Result<File, LockError> {
        let unusable = |cause| LockError::Unusable { path: self.path.clone(), cause };
        let directory = File::open(&self.path).map_err(unusable)?;
        let found = directory.metadata().map_err(unusable)?;
        if (found.dev(), found.ino()) == (self.device, self.inode) {
            Ok(directory)
        } else {
            Err(self.unusable("it is not the directory that was opened at the start"))
        }
    }

    /// `None`: there is no such file.
    fn is_held(&self, directory: &File, id: &IncarnationId) -> Result<Option<bool>, LockError> {
        let path = path_of(&self.path, id)?;
        let name = path.file_name().unwrap_or_default();
        let file = match openat(directory, name, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::ENOENT) => return Ok(None),
            Err(cause) => return Err(LockError::Unusable { path, cause: cause.into() }),
        };
        // Shared, so that two who look at once do not take each other for the holder.
        match file.try_lock_shared() {
            Ok(()) => Ok(Some(false)),
            Err(TryLockError::WouldBlock) => Ok(Some(true)),
            Err(TryLockError::Error(cause)) => Err(LockError::Unusable { path, cause }),
        }
    }

    fn unusable(&self, why: &str) -> LockError {
        LockError::Unusable { path: self.path.clone(), cause: io::Error::other(why.to_owned()) }
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

    struct Scene {
        _parent: tempfile::TempDir,
        path: PathBuf,
        locks: LockDirectory,
        me: IncarnationId,
        other: IncarnationId,
    }

    impl Scene {
        fn new() -> Self {
            let parent = tempfile::tempdir().unwrap();
            let path = parent.path().join("incarnations");
            fs::create_dir(&path).unwrap();
            let locks = LockDirectory::open(&path).unwrap();
            let [me, other] = ["bridge-1", "worker-1"].map(IncarnationId::new);
            Self { _parent: parent, path, locks, me, other }
        }

        fn hold(&self, id: &IncarnationId) -> IncarnationLock {
            IncarnationLock::hold(&self.path, id).unwrap()
        }
    }

    #[test]
    fn a_lock_is_free_only_without_a_holder() {
        let scene = Scene::new();
        let Scene { locks, me, other, .. } = &scene;
        let _mine = scene.hold(me);
        for observer in [None, Some(me)] {
            assert!(locks.is_free(other, observer).unwrap());
            let held = scene.hold(other);
            assert!(!locks.is_free(other, observer).unwrap());
            drop(held);
            assert!(locks.is_free(other, observer).unwrap());
            assert!(!scene.path.join("worker-1.lock").exists());
            fs::write(scene.path.join("worker-1.lock"), "").unwrap();
            assert!(locks.is_free(other, observer).unwrap(), "left by a process that was killed");
            IncarnationLock::forget(&scene.path, other).unwrap();
        }
    }

    #[test]
    fn a_directory_out_of_sight_or_another_in_its_place_proves_nothing() {
        let scene = Scene::new();
        let Scene { path, locks, me, other, .. } = &scene;
        let (_mine, _theirs) = (scene.hold(me), scene.hold(other));
        let away = path.with_extension("away");
        fs::rename(path, &away).unwrap();
        for observer in [None, Some(me)] {
            assert!(locks.is_free(other, observer).is_err(), "out of sight");
        }
        fs::create_dir(path).unwrap();
        fs::write(path.join("worker-1.lock"), "").unwrap();
        for observer in [None, Some(me)] {
            assert!(locks.is_free(other, observer).is_err(), "another one");
        }
        fs::remove_dir_all(path).unwrap();
        fs::rename(&away, path).unwrap();
        for observer in [None, Some(me)] {
            assert!(!locks.is_free(other, observer).unwrap(), "back");
        }
    }

    #[test]
    fn who_can_not_see_its_own_lock_knows_nothing_about_others() {
        let scene = Scene::new();
        let Scene { path, locks, me, other, .. } = &scene;
        let (_mine, _theirs) = (scene.hold(me), scene.hold(other));
        for name in ["bridge-1.lock", "worker-1.lock"] {
            fs::remove_file(path.join(name)).unwrap();
        }
        assert!(locks.is_free(other, Some(me)).is_err());
        fs::write(path.join("bridge-1.lock"), "").unwrap();
        assert!(locks.is_free(other, Some(me)).is_err(), "a copy of it is held by nobody");
    }

    #[test]
    fn a_name_never_leaves_its_directory() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["", "../x", "a/b", "a.b"] {
            assert!(IncarnationLock::hold(directory.path(), &IncarnationId::new(name)).is_err(), "{name}");
        }
    }
}
