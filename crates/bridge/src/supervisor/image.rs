//! Which program a child is started from: the one that this supervisor runs, or a newer one on the disk.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use lastword_core::store::Role;
use tokio::process::Command;

use super::handover::INHERITS_ENV;
use crate::{build_id::build, config::Config, process::program};

/// What the service manager of the supervisor tells it, and nobody else.
pub(super) const MANAGER_ENV: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

/// A program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Image {
    /// This supervisor's own, also when its file is gone.
    Running,
    /// A file that was looked at and works.
    OnDisk {
        /// Where.
        path: PathBuf,
        /// As it was when it was looked at.
        identity: Identity,
        /// What it calls itself.
        build: String,
    },
}

impl Image {
    /// What it calls itself.
    pub(super) fn build(&self) -> &str {
        match self {
            Self::Running => build(),
            Self::OnDisk { build, .. } => build,
        }
    }

    /// Whether it is still what was looked at.
    pub(super) fn is_there(&self) -> bool {
        match self {
            Self::Running => true,
            Self::OnDisk { path, identity, .. } => Identity::of(path) == Some(*identity),
        }
    }

    /// The same build in a file that was written anew.
    pub(super) fn moved_to(self, identity: Identity) -> Self {
        match self {
            Self::Running => Self::Running,
            Self::OnDisk { path, build, .. } => Self::OnDisk { path, identity, build },
        }
    }

    /// A call of it in this supervisor's place, with all that its service manager told it.
    pub(super) fn itself(&self, config: &Config) -> io::Result<std::process::Command> {
        let mut command = self.command(config, "run")?.into_std();
        for name in MANAGER_ENV {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        Ok(command)
    }

    /// A call of it.
    pub(super) fn command(&self, config: &Config, subcommand: &str) -> io::Result<Command> {
        let mut command = match self {
            Self::Running => {
                let mut command = Command::new(program::running()?);
                command.arg0(program::NAME);
                command
            }
            Self::OnDisk { path, .. } => program::call(path),
        };
        if let Some(file) = &config.file {
            command.arg("--config").arg(file);
        }
        for name in MANAGER_ENV {
            command.env_remove(name);
        }
        command.env_remove(INHERITS_ENV);
        command.arg(subcommand);
        Ok(command)
    }

    /// The subcommand of a child.
    pub(super) fn child(&self, config: &Config, role: Role) -> io::Result<Command> {
        self.command(config, role.as_str())
    }

    #[cfg(test)]
    pub(super) fn of_tests(build: &str) -> Self {
        let identity = Identity { device: 0, inode: 0, modified_ns: 0, bytes: 0 };
        Self::OnDisk { path: PathBuf::new(), identity, build: build.to_owned() }
    }
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    modified_ns: i128,
    bytes: u64,
}

impl Identity {
    /// The file's now; `None` where there is none.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        let modified_ns = i128::from(file.mtime()) * 1_000_000_000 + i128::from(file.mtime_nsec());
        Some(Self { device: file.dev(), inode: file.ino(), modified_ns, bytes: file.len() })
    }
}

/// Notices that a file has become another one and is no longer being written.
#[derive(Debug)]
pub(super) struct FileWatch {
    settled: Option<Identity>,
    last: Option<Identity>,
}

impl FileWatch {
    pub(super) fn new(now: Option<Identity>) -> Self {
        Self { settled: now, last: now }
    }

    /// One more look: the new identity once it was seen twice in a row. A file that is gone is no news.
    pub(super) fn look(&mut self, now: Option<Identity>) -> Option<Identity> {
        let is_stable = now == self.last;
        self.last = now;
        if !is_stable || now.is_none() || now == self.settled {
            return None;
        }
        self.settled = now;
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(inode: u64) -> Option<Identity> {
        Some(Identity { device: 1, inode, modified_ns: 0, bytes: 0 })
    }

    #[test]
    fn a_file_is_news_once_it_is_no_longer_written() {
        let mut watch = FileWatch::new(identity(1));
        for (now, news) in [
            (identity(1), None),
            (None, None),
            (None, None),
            (identity(2), None),
            (identity(3), None),
            (identity(3), identity(3)),
            (identity(3), None),
            (identity(1), None),
            (identity(1), identity(1)),
        ] {
            assert_eq!(watch.look(now), news, "{now:?}");
        }
    }
}
