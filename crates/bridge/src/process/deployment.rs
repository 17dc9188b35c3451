//! Opening the deployment's store: a first start may make one, and nobody else.
//!
//! A small file in the state directory names the store that was there, so that a disk that is not mounted is never taken
//! for a first start: people's owed words would be out of sight behind an empty store.

use std::{
    fs, io,
    path::{self, Path, PathBuf},
    sync::Arc,
};

use lastword_core::ids::IncarnationId;
use lastword_store::{OpenError, SqliteOptions, SqliteStore};

use super::{exit::EXIT_STORE, member::store_options, state_dir::StateDir, whole_file::write_whole};
use crate::{config::Config, log};

/// The file in the state directory.
const FILE: &str = "deployment";

/// Why the store was not opened.
#[derive(Debug, thiserror::Error)]
pub enum NotOpened {
    /// It was there, and is not any more.
    #[error(
        "this deployment had its store at {was}, and there is none at {store}. Mount the disk that it is on, or restore \
         a backup (`lastword restore`); to begin anew with an empty one, remove {marker}"
    )]
    Gone {
        /// Where it was.
        was: String,
        /// Where the configuration says that it is.
        store: PathBuf,
        /// The file that remembers it.
        marker: PathBuf,
    },
    /// It can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl NotOpened {
    /// Whether it may pass without anybody changing the configuration.
    #[must_use]
    pub fn may_heal(&self) -> bool {
        match self {
            Self::Gone { .. } => true,
            Self::Open(error) => error.may_heal(),
        }
    }
}

/// Whether a store may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum May {
    /// Where this deployment never had one.
    BeginAnew,
    /// Never: there has to be one.
    GoOn,
}

/// Opens the configured store, with its migrations done.
pub fn open_store(
    config: &Config,
    state: &StateDir,
    incarnation: &IncarnationId,
    may: May,
) -> Result<SqliteStore, NotOpened> {
    open_with(store_options(config, state, incarnation), state, may)
}

/// The same for a supervisor, which does not end when a sync fails under it: agents run below it. Nothing of that commit
/// was answered, no other was under way, and what it writes next it writes by a new connection, over the same frames.
pub fn open_outliving_its_disk(
    config: &Config,
    state: &StateDir,
    incarnation: &IncarnationId,
) -> Result<SqliteStore, NotOpened> {
    let mut options = store_options(config, state, incarnation);
    options.on_fatal = Arc::new(|why| {
        abort_in_panic();
        tracing::error!(why, "the store can't go on safely; the supervisor opens it anew and goes on");
    });
    open_with(options, state, May::BeginAnew)
}

/// What a process does whose store can't go on: it ends at once, in a way that counts against nobody.
pub(super) fn end_without_store(why: &str) {
    abort_in_panic();
    tracing::error!(why, "the store can't go on safely; the process ends and its restart replays the log");
    log::flush();
    std::process::exit(EXIT_STORE.into());
}

/// A panic is a bug, and no failing disk.
fn abort_in_panic() {
    if std::thread::panicking() {
        tracing::error!("a thread of the store panicked; the process ends and its restart replays the log");
        std::process::abort();
    }
}

fn open_with(mut options: SqliteOptions, state: &StateDir, may: May) -> Result<SqliteStore, NotOpened> {
    let marker = state.root().join(FILE);
    let store = path::absolute(&options.path).unwrap_or_else(|_| options.path.clone());
    let had = read(&marker);
    options.must_exist = may == May::GoOn || had.is_some();
    // Whoever may make a store may be the first to open it; everybody else joins a supervisor who has it open.
    options.settles_log = may == May::BeginAnew;
    let opened = SqliteStore::open(options).map_err(|error| match (error, &had) {
        (OpenError::Gone { .. }, Some(was)) if may == May::BeginAnew => {
            NotOpened::Gone { was: was.clone(), store: store.clone(), marker: marker.clone() }
        }
        (error, _) => NotOpened::Open(error),
    })?;
    let is = store.to_string_lossy();
    if may == May::BeginAnew && had.as_deref() != Some(&*is) {
        // Unwritten, it only can't warn.
        if let Err(error) = write_whole(&marker, format!("{is}\n").as_bytes()) {
            tracing::warn!("{} could not be written: {error}", marker.display());
        }
    }
    Ok(opened)
}

/// Where the store was; one that can't be read was somewhere.
fn read(marker: &Path) -> Option<String> {
    match fs::read(marker) {
        Ok(text) => Some(String::from_utf8_lossy(&text).trim_end().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(_) => Some("an unknown place".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::member::new_incarnation;

    fn open(config: &Config, may: May) -> Result<(), NotOpened> {
        let state = StateDir::open(&config.state_dir).unwrap();
        open_store(config, &state, &new_incarnation(), may).map(drop)
    }

    #[test]
    fn only_a_first_start_makes_a_store() {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::defaults(directory.path().join("state"));
        let gone = open(&config, May::GoOn).unwrap_err();
        assert!(matches!(gone, NotOpened::Open(OpenError::Gone { .. })), "{gone}");
        open(&config, May::BeginAnew).unwrap();
        open(&config, May::GoOn).unwrap();

        let away = directory.path().join("away");
        fs::rename(&config.store_path, &away).unwrap();
        let gone = open(&config, May::BeginAnew).unwrap_err();
        assert!(gone.may_heal() && !config.store_path.exists());
        for part in ["state/lastword.db", "Mount the disk", "lastword restore", "state/deployment"] {
            assert!(gone.to_string().contains(part), "{gone}");
        }

        // Moved on purpose: what is there is taken, and remembered.
        config.store_path = away;
        open(&config, May::BeginAnew).unwrap();
        fs::remove_file(&config.store_path).unwrap();
        let gone = open(&config, May::BeginAnew).unwrap_err();
        assert!(gone.to_string().contains("had its store at") && gone.to_string().contains("away"), "{gone}");
        fs::remove_file(config.state_dir.join(FILE)).unwrap();
        open(&config, May::BeginAnew).unwrap();
    }
}
