//! Opening a database: every refusal names the file and the cure.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use refinery::Migration;
use rusqlite::ErrorCode;
use tokio::sync::Semaphore;

use super::{
    SqliteStore,
    commit_lock::{self, CommitLock},
    connection,
    engine::{Engine, StartError},
    failure::Failure,
    filesystem, log, migrate,
    options::{EngineKind, SqliteOptions},
    query::deployment,
    writer::Writer,
};
use crate::{
    real_path::real_path,
    reserve::{self, Reserve},
    wake::{Hub, Wakes},
};

/// Why a store can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no directory for it.
    #[error("the store {path} has no directory to live in; create {directory}, or set store.path")]
    DirectoryMissing {
        /// The database.
        path: PathBuf,
        /// What is missing.
        directory: PathBuf,
    },
    /// It was there, and is not any more.
    #[error("the store {path} is gone; is its disk there? Put it back, or stop and restore a backup")]
    Gone {
        /// The database.
        path: PathBuf,
    },
    /// Another program holds it, or the disk is full or fails.
    #[error("the store {path} can't be used now: {cause}")]
    Busy {
        /// The database.
        path: PathBuf,
        /// What the engine said.
        cause: String,
    },
    /// The directory or a file in it can't be written.
    #[error("the store {path} can't be written: {cause}; give this user the right to write there, or set store.path")]
    Unwritable {
        /// The database.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The file is something else.
    #[error("{path} is not a Lastword store: {cause}; move it away, or set store.path to another file")]
    NotADatabase {
        /// The file.
        path: PathBuf,
        /// What the engine said.
        cause: rusqlite::Error,
    },
    /// The directory is on a network file system.
    #[error(
        "the store {path} is on a network file system ({kind}), whose locks can lose what was promised; put it on a \
         local disk, or use PostgreSQL"
    )]
    NetworkFileSystem {
        /// The database.
        path: PathBuf,
        /// Which.
        kind: &'static str,
    },
    /// Neither the engine nor our lock keeps a checkpoint from racing a commit.
    #[error(
        "file locks have no effect beside {path}, and SQLite {engine} needs them; put the store on a local disk, or \
         use PostgreSQL"
    )]
    LockWithoutEffect {
        /// The database.
        path: PathBuf,
        /// The engine's version.
        engine: &'static str,
    },
    /// The schema can't be brought up to date.
    #[error("the schema of {path} can't be brought up to date: {cause}; restore a backup, or report this as a bug")]
    Migration {
        /// The database.
        path: PathBuf,
        /// What went wrong.
        cause: Box<refinery::Error>,
    },
    /// The directory of the wake-up sockets can't be used.
    #[error("the wake-up sockets in {directory} can't be used: {cause}; give this user the right to write there")]
    WakeUps {
        /// The directory.
        directory: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// Anything else.
    #[error("the store {path} can't be opened: {cause}")]
    Other {
        /// The database.
        path: PathBuf,
        /// What went wrong.
        cause: String,
    },
}

impl OpenError {
    /// Whether it may pass without anybody changing the configuration: a disk that comes back, a lock that is freed.
    #[must_use]
    pub fn may_heal(&self) -> bool {
        match self {
            Self::DirectoryMissing { .. }
            | Self::Gone { .. }
            | Self::Busy { .. }
            | Self::Unwritable { .. }
            | Self::WakeUps { .. } => true,
            Self::NotADatabase { .. }
            | Self::NetworkFileSystem { .. }
            | Self::LockWithoutEffect { .. }
            | Self::Migration { .. }
            | Self::Other { .. } => false,
        }
    }
}

impl SqliteStore {
    /// Opens the database, makes it if there is none, and brings its schema up to date.
    ///
    /// A schema newer than this build is fine: migrations only add.
    pub fn open(options: SqliteOptions) -> Result<Self, OpenError> {
        open_with(options, &migrate::known())
    }
}

/// The same with the given migrations.
pub(crate) fn open_with(options: SqliteOptions, migrations: &[Migration]) -> Result<SqliteStore, OpenError> {
    check_directory(&options.path)?;
    let files = options.files(real_path(&options.path));
    let path = files.path();
    if options.must_exist && !path.exists() {
        return Err(OpenError::Gone { path: path.to_owned() });
    }
    let lock = CommitLock::open(path).map_err(|cause| OpenError::Unwritable { path: path.to_owned(), cause })?;
    let unwritable = |cause| OpenError::Unwritable { path: path.to_owned(), cause };
    let refused = |error| from_sql(path, error);

    let held = lock.hold().map_err(unwritable)?;
    let in_force = lock.is_in_force(&held).map_err(unwritable)?;
    if !commit_lock::is_safe(rusqlite::version_number(), in_force) {
        return Err(OpenError::LockWithoutEffect { path: path.to_owned(), engine: rusqlite::version() });
    }
    // The engine would make it readable for everybody; its log inherits what it finds here.
    commit_lock::open_private(path).map_err(unwritable)?;
    let mut conn = connection::writer(&files).map_err(refused)?;
    if options.settles_log {
        log::settle(&conn, &files, &held).map_err(refused)?;
    }
    migrate::migrate(&mut conn, migrations).map_err(|error| from_migration(path, error))?;
    let id = deployment::found(&conn, options.deployment.as_deref(), options.clock.now())
        .map_err(|failure| from_failure(path, failure))?;
    let reserve = match options.reserve_bytes {
        Some(bytes) => Reserve::open(&reserve::path_for(path), bytes).map_err(unwritable)?,
        None => None,
    };
    drop(held);

    let (wakes, hub) = start_wakes(&options)?;
    let (clock, on_fatal) = (options.clock.clone(), options.on_fatal.clone());
    let writer = Writer::new(conn, lock, id.clone(), clock, hub.clone(), on_fatal, files.clone())
        .map_err(refused)?
        .keeping(reserve);
    let disk_full = writer.disk_full();
    let engine = match options.engine {
        EngineKind::Inline => Engine::Inline(Box::new(Mutex::new(writer))),
        EngineKind::Threads => {
            Engine::start(writer, &files, &options.on_fatal).map_err(|error| from_start(path, error))?
        }
    };
    Ok(SqliteStore {
        engine,
        files,
        hub,
        deployment: id,
        clock: options.clock,
        disk_full,
        auditing: Arc::new(Semaphore::new(1)),
        _wakes: wakes,
    })
}

fn check_directory(path: &Path) -> Result<(), OpenError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !directory.is_dir() {
        return Err(OpenError::DirectoryMissing { path: path.to_owned(), directory: directory.to_owned() });
    }
    match filesystem::network_file_system(directory) {
        Ok(None) => Ok(()),
        Ok(Some(kind)) => Err(OpenError::NetworkFileSystem { path: path.to_owned(), kind }),
        Err(cause) => Err(OpenError::Unwritable { path: path.to_owned(), cause }),
    }
}

fn start_wakes(options: &SqliteOptions) -> Result<(Option<Wakes>, Arc<Hub>), OpenError> {
    match (&options.wake_dir, options.engine) {
        (Some(directory), EngineKind::Threads) => {
            let refused = |cause| OpenError::WakeUps { directory: directory.clone(), cause };
            let (wakes, hub) = Wakes::start(directory, &options.name).map_err(refused)?;
            Ok((Some(wakes), hub))
        }
        (None, _) | (Some(_), EngineKind::Inline) => Ok((None, Arc::new(Hub::new(None)))),
    }
}

fn from_sql(path: &Path, error: rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => OpenError::NotADatabase { path, cause: error },
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            OpenError::Unwritable { path, cause: io::Error::other(error) }
        }
        _ if is_passing(&error) => OpenError::Busy { path, cause: error.to_string() },
        _ => OpenError::Other { path, cause: error.to_string() },
    }
}

/// A migration that could not even be tried says nothing about the schema.
fn from_migration(path: &Path, error: refinery::Error) -> OpenError {
    let engine = match error.kind() {
        refinery::error::Kind::Connection(_, cause) => cause.downcast_ref::<rusqlite::Error>(),
        _ => None,
    };
    if let Some(engine) = engine
        && is_passing(engine)
    {
        return OpenError::Busy { path: path.to_owned(), cause: engine.to_string() };
    }
    OpenError::Migration { path: path.to_owned(), cause: Box::new(error) }
}

fn is_passing(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
        )
    )
}

fn from_failure(path: &Path, failure: Failure) -> OpenError {
    match failure {
        Failure::Sql(error) => from_sql(path, error),
        Failure::Refused(cause) | Failure::Damaged(cause) => OpenError::Other { path: path.to_owned(), cause },
    }
}

fn from_start(path: &Path, error: StartError) -> OpenError {
    match error {
        StartError::Sql(error) => from_sql(path, error),
        StartError::Thread(error) => OpenError::Other { path: path.to_owned(), cause: error.to_string() },
    }
}
