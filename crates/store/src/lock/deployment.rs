//! One deployment per database.
//!
//! Guarantee: [`DeploymentLock::found`] succeeds only while nobody else founded or joined, whatever path leads to the
//! file; the system frees the lock when the last process that holds it ends, however it ends.

use std::{
    fs::{File, TryLockError},
    io::{self, Read, Seek, Write},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::MetadataExt,
    },
    path::{Path, PathBuf},
};

use uuid::Uuid;

use super::LockError;
use crate::{real_path::real_path, sqlite::open_private};

/// A process's part in the one deployment that uses a database. Held for as long as the value lives.
#[derive(Debug)]
pub struct DeploymentLock {
    file: File,
}

impl DeploymentLock {
    /// For the supervisor: refused while another deployment's supervisor, or a child of it, is alive.
    pub fn found(database: &Path) -> Result<Self, LockError> {
        let (path, mut file) = open(database)?;
        let unusable = |cause| LockError::Unusable { path: path.clone(), cause };
        let in_use = |file: &mut File| LockError::InUse { database: database.to_owned(), pid: founder(file) };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(&mut file)),
            Err(TryLockError::Error(cause)) => return Err(unusable(cause)),
        }
        // Going from exclusive to shared lets go in between, where another founder may get in. Who wrote last while
        // exclusive is the founder; once this lock is shared, nobody can be exclusive and the file stays as it is.
        let claim = format!("{} {}\n", std::process::id(), Uuid::now_v7());
        write(&mut file, &claim).map_err(unusable)?;
        file.unlock().map_err(unusable)?;
        match file.try_lock_shared() {
            Ok(()) if read(&mut file).map_err(unusable)? == claim => Ok(Self { file }),
            Ok(()) | Err(TryLockError::WouldBlock) => Err(in_use(&mut file)),
            Err(TryLockError::Error(cause)) => Err(unusable(cause)),
        }
    }

    /// For the children of a supervisor, which founded the deployment and holds its lock.
    pub fn join(database: &Path) -> Result<Self, LockError> {
        let (path, mut file) = open(database)?;
        match file.try_lock_shared() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => {
                Err(LockError::InUse { database: database.to_owned(), pid: founder(&mut file) })
            }
            Err(TryLockError::Error(cause)) => Err(LockError::Unusable { path, cause }),
        }
    }
}

impl DeploymentLock {
    /// The founder's own, in what it became: the same process, and the same open file.
    pub fn inherited(database: &Path, file: OwnedFd) -> Result<Self, LockError> {
        let (path, now) = open(database)?;
        let unusable = |cause| LockError::Unusable { path: path.clone(), cause };
        let file = File::from(file);
        let which = |file: &File| file.metadata().map(|file| (file.dev(), file.ino()));
        if which(&file).map_err(unusable)? != which(&now).map_err(unusable)? {
            return Err(unusable(io::Error::other("it is not the lock of this database")));
        }
        Ok(Self { file })
    }
}

impl AsFd for DeploymentLock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn open(database: &Path) -> Result<(PathBuf, File), LockError> {
    let mut name = real_path(database).into_os_string();
    name.push(".deployment-lock");
    let path = PathBuf::from(name);
    match open_private(&path) {
        Ok(file) => Ok((path, file)),
        Err(cause) => Err(LockError::Unusable { path, cause }),
    }
}

fn founder(file: &mut File) -> Option<u32> {
    read(file).ok()?.split(' ').next()?.parse().ok()
}

fn read(file: &mut File) -> io::Result<String> {
    let mut text = String::new();
    file.rewind()?;
    file.read_to_string(&mut text)?;
    Ok(text)
}

fn write(file: &mut File, text: &str) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 8))]

        #[test]
        fn whatever_stands_in_the_lock_it_is_taken_and_refused_alike(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..60),
                "-?[0-9]{0,12} ?[\\PC\n]{0,20}".prop_map(String::into_bytes),
            ],
        ) {
            let directory = tempfile::tempdir().unwrap();
            let database = directory.path().join("lastword.db");
            std::fs::write(directory.path().join("lastword.db.deployment-lock"), &bytes).unwrap();
            let child = DeploymentLock::join(&database).unwrap();
            let refused = DeploymentLock::found(&database).unwrap_err();
            let first = String::from_utf8(bytes.clone()).ok().and_then(|text| text.split(' ').next()?.parse().ok());
            prop_assert!(matches!(refused, LockError::InUse { pid, .. } if pid == first), "{}", refused);
            drop(child);
            let _founder = DeploymentLock::found(&database).unwrap();
            let refused = DeploymentLock::found(&database).unwrap_err().to_string();
            let pid = std::process::id().to_string();
            prop_assert!(refused.contains(&pid), "{}", refused);
        }
    }

    #[test]
    fn a_second_supervisor_is_told_who_uses_the_database() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("lastword.db");
        let _first = DeploymentLock::found(&database).unwrap();
        let refused = DeploymentLock::found(&database).unwrap_err().to_string();
        let pid = std::process::id();
        assert!(refused.contains("another Lastword already uses"), "{refused}");
        assert!(refused.contains(&format!("pid {pid}")), "{refused}");
    }

    #[test]
    fn a_lingering_child_keeps_a_second_supervisor_out() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("lastword.db");
        let supervisor = DeploymentLock::found(&database).unwrap();
        let child = DeploymentLock::join(&database).unwrap();
        drop(supervisor);
        assert!(DeploymentLock::found(&database).is_err());
        drop(child);
        DeploymentLock::found(&database).unwrap();
    }

    #[test]
    fn a_link_to_the_same_file_collides_even_before_there_is_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let (database, link) = (directory.path().join("real.db"), directory.path().join("link.db"));
        std::os::unix::fs::symlink("real.db", &link).unwrap();
        let first = DeploymentLock::found(&link).unwrap();
        assert!(DeploymentLock::found(&database).is_err());
        drop(first);
        File::create(&database).unwrap();
        let _first = DeploymentLock::found(&database).unwrap();
        assert!(DeploymentLock::found(&link).is_err());
    }

    #[test]
    fn of_many_founders_at_once_exactly_one_gets_in() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("lastword.db");
        for _ in 0..50 {
            let outcomes: Vec<_> = std::thread::scope(|scope| {
                let founders: Vec<_> = (0..4).map(|_| scope.spawn(|| DeploymentLock::found(&database).ok())).collect();
                founders.into_iter().map(|founder| founder.join().unwrap()).collect()
            });
            // Two may refuse each other; two may never both get in.
            assert!(outcomes.iter().flatten().count() <= 1);
        }
    }
}
