//! Whether the database is still where its name leads.
//!
//! A file that was moved away or removed goes on taking commits from whoever has it open, and nobody would ever read
//! them. So nothing is committed while the names of the database and of its log don't lead to the files that are open.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::log;

/// Which files are open, and where they belong.
#[derive(Debug)]
pub(crate) struct Presence {
    files: Vec<(PathBuf, Identity)>,
}

/// What tells one file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Presence {
    /// Of a database that was opened just now.
    pub(crate) fn of(database: &Path) -> Self {
        let files = [database.to_owned(), log::path_for(database)];
        Self { files: files.into_iter().filter_map(|path| Some((path.clone(), identity(&path).ok()?))).collect() }
    }

    /// Whether both names lead to the files that are open; otherwise what is wrong, and the cure.
    pub(crate) fn look(&self) -> Result<(), String> {
        for (path, open) in &self.files {
            let wrong = match identity(path) {
                Ok(found) if found == *open => continue,
                Ok(_) => "another file is in its place".to_owned(),
                Err(error) => error.to_string(),
            };
            let path = path.display();
            return Err(format!("{path} is not where it was ({wrong}); put it back, or stop and restore a backup"));
        }
        Ok(())
    }
}

fn identity(path: &Path) -> io::Result<Identity> {
    let file = fs::metadata(path)?;
    Ok(Identity { device: file.dev(), inode: file.ino() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_gone_or_replaced_is_missed() {
        let directory = tempfile::tempdir().unwrap();
        let (database, away) = (directory.path().join("a.db"), directory.path().join("away"));
        let log = directory.path().join("a.db-wal");
        for path in [&database, &log] {
            fs::write(path, "").unwrap();
        }
        let presence = Presence::of(&database);
        assert_eq!(presence.look(), Ok(()));
        for path in [&database, &log] {
            fs::rename(path, &away).unwrap();
            assert!(presence.look().unwrap_err().contains("No such file"));
            fs::write(path, "").unwrap();
            assert!(presence.look().unwrap_err().contains("another file"));
            fs::rename(&away, path).unwrap();
            assert_eq!(presence.look(), Ok(()));
        }
    }
}
