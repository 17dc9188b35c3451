//! Where a deployment keeps its files: one directory, private to its user.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

#[cfg(feature = "matrix")]
use lastword_core::ids::AccountId;
use lastword_core::{decide::intake::Logger, ids::PlaceId};
use lastword_store::LockDirectory;

const INCARNATIONS: &str = "incarnations";

/// The state directory and what is where in it.
#[derive(Clone, Debug)]
pub struct StateDir {
    root: PathBuf,
    locks: LockDirectory,
}

impl StateDir {
    /// Makes the directory if needed and closes it to others.
    pub fn open(root: &Path) -> io::Result<Self> {
        make_private(root)?;
        fs::set_permissions(root, fs::Permissions::from_mode(0o700))?;
        let root = root.canonicalize()?;
        let incarnations = root.join(INCARNATIONS);
        make_private(&incarnations)?;
        let dir = Self { locks: LockDirectory::open(&incarnations)?, root };
        make_private(&dir.wake())?;
        make_private(&dir.journals())?;
        Ok(dir)
    }

    /// The same for a directory that was there before: if it is not, its disk is gone, and a new one in its place would
    /// hide that.
    pub fn existing(root: &Path) -> io::Result<Self> {
        fs::metadata(root)?;
        Self::open(root)
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Wake-up sockets of the processes.
    #[must_use]
    pub fn wake(&self) -> PathBuf {
        self.root.join("wake")
    }

    /// Lock files of the processes.
    #[must_use]
    pub fn incarnations(&self) -> PathBuf {
        self.root.join(INCARNATIONS)
    }

    /// The same as evidence: a free one in the directory that was opened proves that its process is gone.
    #[must_use]
    pub fn locks(&self) -> &LockDirectory {
        &self.locks
    }

    /// Finished answers, and what was acknowledged, while the store is out.
    #[must_use]
    pub fn journals(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// Who was told that the store is out.
    #[must_use]
    pub fn told(&self) -> PathBuf {
        self.root.join("told.json")
    }

    /// Files on their way out, where no agent writes.
    #[must_use]
    pub fn spool(&self) -> PathBuf {
        spool(&self.root)
    }

    /// The part of it for one place and session.
    pub fn open_spool(&self, place: PlaceId, session: u32) -> io::Result<PathBuf> {
        let directory = self.spool().join(Self::session_name(place, session));
        make_private(&directory)?;
        Ok(directory)
    }

    /// What a place and session are called in paths.
    #[must_use]
    pub fn session_name(place: PlaceId, session: u32) -> String {
        format!("{place}-{session}")
    }

    /// The working directory of an agent: one per place and session, with `inbox/` and `outbox/`.
    ///
    /// Named by our own numbers only; nothing that people wrote is ever part of a path.
    pub fn open_place(&self, place: PlaceId, session: u32) -> io::Result<PathBuf> {
        let directory = self::place(&places(&self.root), place, session);
        for folder in ["inbox", "outbox"] {
            make_private(&directory.join(folder))?;
        }
        Ok(directory)
    }
}

/// What an account keeps by itself: its device and its keys, where its network has such. Never removed by us.
#[cfg(feature = "matrix")]
#[must_use]
pub fn account_folder(root: &Path, account: &AccountId) -> PathBuf {
    root.join("accounts").join(account.as_str())
}

/// Where the agents' working directories are, below a state directory.
#[must_use]
pub fn places(root: &Path) -> PathBuf {
    root.join("places")
}

/// Where an agent's working directory is, among them.
#[must_use]
pub fn place(places: &Path, place: PlaceId, session: u32) -> PathBuf {
    places.join(StateDir::session_name(place, session))
}

/// What one process logged last.
#[must_use]
pub fn log_file(root: &Path, who: Logger) -> PathBuf {
    root.join("logs").join(format!("{}.log", who.as_str()))
}

/// What it logged before that.
#[must_use]
pub fn log_before(log: &Path) -> PathBuf {
    log.with_extension("log.1")
}

/// Where files on their way out are, below a state directory.
fn spool(root: &Path) -> PathBuf {
    root.join("spool")
}

/// The spool that belongs to these working directories.
#[must_use]
pub fn spool_beside(places: &Path) -> PathBuf {
    spool(places.parent().unwrap_or(places))
}

/// Removes an agent's working directory with all that is in it, and what it left to be sent; says whether there was one.
/// What a link leads to stays, wherever the link is.
pub fn remove_place(places: &Path, place: PlaceId, session: u32) -> io::Result<bool> {
    remove_folder(&spool_beside(places), &StateDir::session_name(place, session))?;
    remove_folder(places, &StateDir::session_name(place, session))
}

fn remove_folder(parent: &Path, name: &str) -> io::Result<bool> {
    let directory = parent.join(name);
    let is_ours = |path: &Path| match fs::symlink_metadata(path) {
        Ok(found) => Ok(found.is_dir()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    };
    if !is_ours(parent)? || !is_ours(&directory)? {
        return Ok(false);
    }
    fs::remove_dir_all(&directory).map(|()| true)
}

fn make_private(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_directory_is_private_to_its_user() {
        let parent = tempfile::tempdir().unwrap();
        let root = parent.path().join("state");
        let dir = StateDir::open(&root).unwrap();
        let place = dir.open_place(PlaceId(7), 2).unwrap();
        for path in [dir.root(), &dir.wake(), &place, &place.join("outbox")] {
            let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o700, "{}", path.display());
        }
        assert!(place.ends_with("places/7-2"));
    }

    #[test]
    fn a_place_goes_without_what_its_links_lead_to() {
        let parent = tempfile::tempdir().unwrap();
        let dir = StateDir::open(&parent.path().join("state")).unwrap();
        let elsewhere = parent.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join("precious"), "").unwrap();
        let place = dir.open_place(PlaceId(7), 2).unwrap();
        std::os::unix::fs::symlink(&elsewhere, place.join("outbox/link")).unwrap();
        let places = places(dir.root());
        assert!(remove_place(&places, PlaceId(7), 2).unwrap());
        assert!(!place.exists() && !remove_place(&places, PlaceId(7), 2).unwrap());
        std::os::unix::fs::symlink(&elsewhere, &place).unwrap();
        assert!(!remove_place(&places, PlaceId(7), 2).unwrap());
        assert!(elsewhere.join("precious").exists());
    }
}
