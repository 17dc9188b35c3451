//! A folder that an agent may write to, held by its descriptor: no link that is put in its way leads us elsewhere.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use nix::{
    fcntl::{AT_FDCWD, OFlag, openat, renameat},
    sys::stat::Mode,
    unistd::{UnlinkatFlags, unlinkat},
};

/// The folder.
pub(crate) struct Folder(OwnedFd);

impl Folder {
    /// The folder at `path`, which is no link itself.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(openat(AT_FDCWD, path, FOLDER, Mode::empty())?))
    }

    /// A folder in it.
    pub(crate) fn folder(&self, name: &str) -> io::Result<Self> {
        Ok(Self(openat(&self.0, name, FOLDER, Mode::empty())?))
    }

    /// A file in it, to be read. Never waits for what is no file.
    pub(crate) fn file(&self, name: &OsStr) -> io::Result<File> {
        let file = openat(&self.0, name, OFlag::O_RDONLY | OFlag::O_NONBLOCK | COMMON, Mode::empty())?;
        let file = File::from(file);
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no file")) }
    }

    /// A new file in it, private to this user, in place of what has its name.
    pub(crate) fn create(&self, name: &str) -> io::Result<File> {
        self.remove(name)?;
        let file = openat(
            &self.0,
            name,
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | COMMON,
            Mode::from_bits_truncate(0o600),
        );
        Ok(File::from(file?))
    }

    /// Gives a file another name, in place of what has it.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(renameat(&self.0, from, &self.0, to)?)
    }

    /// Removes a file, if it is there.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match unlinkat(&self.0, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(nix::Error::ENOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes what it holds outlive a power cut.
    pub(crate) fn sync(&self) -> io::Result<()> {
        File::from(self.0.as_fd().try_clone_to_owned()?).sync_all()
    }
}

const COMMON: OFlag = OFlag::O_NOFOLLOW.union(OFlag::O_CLOEXEC);
const FOLDER: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(COMMON);

#[cfg(test)]
mod tests {
    use std::{fs, io::Read, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn no_link_is_followed_and_no_pipe_is_waited_for() {
        let root = tempfile::tempdir().unwrap();
        let (inner, secret) = (root.path().join("inner"), root.path().join("secret"));
        fs::create_dir(&inner).unwrap();
        fs::write(&secret, "secret").unwrap();
        symlink(&secret, inner.join("link")).unwrap();
        symlink(&inner, root.path().join("folder-link")).unwrap();
        nix::unistd::mkfifo(&inner.join("pipe"), Mode::S_IRWXU).unwrap();
        let folder = Folder::open(root.path()).unwrap().folder("inner").unwrap();
        assert!(folder.file(OsStr::new("link")).is_err());
        assert!(folder.file(OsStr::new("pipe")).is_err());
        assert!(folder.file(OsStr::new("none")).is_err());
        assert!(Folder::open(&root.path().join("folder-link")).is_err());
        // What is created takes a link's place, and leaves alone what the link leads to.
        folder.create("link").unwrap();
        folder.rename("link", "file").unwrap();
        let mut text = String::new();
        folder.file(OsStr::new("file")).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), fs::read_to_string(&secret).unwrap().as_str()), ("", "secret"));
        folder.remove("file").unwrap();
        folder.remove("file").unwrap();
        folder.sync().unwrap();
    }
}
