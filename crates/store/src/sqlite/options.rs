//! How a store is opened.

use std::{fmt, path::PathBuf, sync::Arc};

use lastword_core::store::Clock;

use super::connection::Files;

/// What happens when the disk failed under a commit, or the writer's thread panicked.
pub(crate) type OnFatal = Arc<dyn Fn(&str) + Send + Sync>;

/// How to open a store.
#[derive(Clone)]
pub struct SqliteOptions {
    /// The database's file; made if there is none, in a directory that exists.
    pub path: PathBuf,
    /// The directory of the wake-up sockets of every process on this database; made if there is none. `None`: no
    /// other process is told of commits, nor heard.
    pub wake_dir: Option<PathBuf>,
    /// Names this process's socket in `wake_dir`: never used twice, so an incarnation's id.
    pub name: String,
    /// Where the store's time comes from.
    pub clock: Arc<dyn Clock>,
    /// Who runs the transactions.
    pub engine: EngineKind,
    /// How much room on the disk is kept for promises, in bytes; 0 for none, which removes a reserve that is there.
    /// `None`: the reserve is somebody else's, and is left as it is.
    pub reserve_bytes: Option<u64>,
    /// Whether a database that is not there is an error, and not made.
    pub must_exist: bool,
    /// Whether nobody else may have the database open: what earlier processes left in its log is made durable before it
    /// is trusted.
    pub settles_log: bool,
    /// The id that a new database's delivery keys carry; random where `None`.
    pub deployment: Option<String>,
    /// Called when going on would risk what is stored; the default logs and aborts the process. Where it returns, the
    /// store goes on with a new connection.
    pub on_fatal: Arc<dyn Fn(&str) + Send + Sync>,
    /// The file system below the engine, by the engine's name for it ([`crate::disk::VFS`]); the real one where `None`.
    /// At `path` there is an empty file all the same, and beside it what is not the engine's.
    #[cfg(feature = "testing")]
    pub vfs: Option<String>,
}

/// Who runs the transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineKind {
    /// Threads of the store: one writes and groups what waits into one commit, others read.
    #[default]
    Threads,
    /// The caller, one transaction per call, with no thread and no socket: for the simulation.
    Inline,
}

impl SqliteOptions {
    /// The store at `path` with threads, without wake-ups of other processes, leaving the reserve alone.
    pub fn new(path: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self {
            path: path.into(),
            wake_dir: None,
            name: String::new(),
            clock,
            engine: EngineKind::Threads,
            reserve_bytes: None,
            must_exist: false,
            settles_log: false,
            deployment: None,
            on_fatal: Arc::new(|why| {
                tracing::error!(why, "the store can't go on safely; the process ends and its restart replays the log");
                std::process::abort();
            }),
            #[cfg(feature = "testing")]
            vfs: None,
        }
    }

    /// The same, telling and hearing the processes whose sockets are in `directory` of commits, by the name `name`.
    #[must_use]
    pub fn waking(mut self, directory: impl Into<PathBuf>, name: impl Into<String>) -> Self {
        self.wake_dir = Some(directory.into());
        self.name = name.into();
        self
    }

    /// The same with so much room on the disk kept for promises.
    #[must_use]
    pub fn reserving(mut self, bytes: u64) -> Self {
        self.reserve_bytes = Some(bytes);
        self
    }

    /// The same, below the engine a [`Disk`](crate::disk::Disk) at the directory of the database.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn on_disk(mut self) -> Self {
        self.vfs = Some(crate::disk::VFS.into());
        self
    }

    /// The same, run by the caller.
    #[must_use]
    pub fn inline(mut self) -> Self {
        self.engine = EngineKind::Inline;
        self
    }
}

impl SqliteOptions {
    /// Where the database is, now that its real path is known.
    pub(crate) fn files(&self, path: PathBuf) -> Files {
        let files = Files::at(path);
        #[cfg(feature = "testing")]
        let files = files.below(self.vfs.clone());
        files
    }
}

impl fmt::Debug for SqliteOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteOptions")
            .field("path", &self.path)
            .field("wake_dir", &self.wake_dir)
            .field("name", &self.name)
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}
