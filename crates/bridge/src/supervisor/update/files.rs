//! The program's file, the one that may take its place, and the one before: each is there whole or not at all, whatever is
//! cut off in between.

use std::{
    ffi::OsString,
    fs::{self, File, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use lastword_core::faults::{UpdatePoint, point_of_update};

/// The program, and what is beside it.
#[derive(Clone, Debug)]
pub(super) struct Files {
    program: PathBuf,
}

impl Files {
    /// Those of the program at `program`.
    pub(super) fn of(program: PathBuf) -> Self {
        Self { program }
    }

    /// What a start runs.
    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// What may take its place: tried out from here.
    pub(super) fn next(&self) -> PathBuf {
        beside(&self.program, ".next")
    }

    /// What was there before.
    pub(super) fn previous(&self) -> PathBuf {
        beside(&self.program, ".previous")
    }

    /// Makes a copy of `file` what may take the program's place.
    pub(super) fn stage(&self, file: &Path) -> io::Result<()> {
        put(file, &self.next())
    }

    /// Puts it into the program's place, which is kept as the one before. Done again, it is finished.
    pub(super) fn swap(&self) -> io::Result<()> {
        put(&self.program, &self.previous())?;
        point_of_update(UpdatePoint::BeforeSwap);
        fs::rename(self.next(), &self.program)?;
        point_of_update(UpdatePoint::AfterSwap);
        sync_folder(&self.program)
    }

    /// Puts the one before into the program's place again.
    pub(super) fn put_back(&self) -> io::Result<()> {
        put(&self.previous(), &self.program)
    }

    /// Removes what will not take the program's place.
    pub(super) fn discard(&self) {
        match fs::remove_file(self.next()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("{} stays behind: {error}", self.next().display());
            }
            Ok(()) | Err(_) => {}
        }
    }
}

/// Makes a copy of `from` what is at `to`.
fn put(from: &Path, to: &Path) -> io::Result<()> {
    let draft = beside(to, ".draft");
    // One that was left behind may not be writable.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    fs::copy(from, &draft)?;
    let mode = fs::metadata(from)?.permissions().mode();
    fs::set_permissions(&draft, Permissions::from_mode(mode & 0o777))?;
    File::open(&draft)?.sync_all()?;
    fs::rename(&draft, to)?;
    sync_folder(to)
}

fn sync_folder(file: &Path) -> io::Result<()> {
    File::open(file.parent().ok_or(io::ErrorKind::NotFound)?)?.sync_all()
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.file_name().map(OsString::from).unwrap_or_default();
    name.push(ending);
    file.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swap_can_be_done_again_and_undone() {
        let folder = tempfile::tempdir().unwrap();
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        let files = Files::of(folder.path().join("lastword"));
        fs::write(files.program(), "old").unwrap();
        let made = folder.path().join("made");
        fs::write(&made, "new").unwrap();
        fs::set_permissions(&made, Permissions::from_mode(0o750)).unwrap();
        files.stage(&made).unwrap();
        // It died when the one before was kept, and goes on.
        put(files.program(), &files.previous()).unwrap();
        files.swap().unwrap();
        assert_eq!((read(files.program()), read(&files.previous())), ("new".into(), "old".into()));
        assert_eq!(fs::metadata(files.program()).unwrap().permissions().mode() & 0o777, 0o750);
        assert!(!files.next().exists());
        files.put_back().unwrap();
        files.put_back().unwrap();
        assert_eq!((read(files.program()), read(&files.previous())), ("old".into(), "old".into()));
        files.stage(&made).unwrap();
        files.discard();
        files.discard();
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 3, "the program, the one before, and what was made");
    }
}
