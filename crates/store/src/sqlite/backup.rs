//! Backups: one file, consistent, made while everybody goes on.
//!
//! Guarantee: under the name that was asked for there is a whole backup or nothing; what was examined is what is kept,
//! and an existing file is never overwritten.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use lastword_core::{
    ids::{PlaceId, Timestamp},
    store::Counts,
};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use uuid::Uuid;

use super::{
    SqliteStore, connection,
    failure::Failure,
    open_private,
    query::{alert::plain, counts},
    row::all,
};
use crate::real_path::real_path;

/// Why a backup was not made, read or restored. Each names the file and the cure.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Nothing is overwritten.
    #[error("{path} is there already and is not overwritten; name another file, or move it away")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// There is no such file.
    #[error("there is no {path}; see store.path, or the name of the backup")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{path} is not a Lastword store: {cause}; name a file that `lastword backup` made")]
    NotAStore {
        /// The file.
        path: PathBuf,
        /// What was found.
        cause: String,
    },
    /// The engine's own examination found something.
    #[error("{path} is damaged: {cause}; use another backup, and look for a failing disk")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found first.
        cause: String,
    },
    /// The schema can't be brought up to date.
    #[error("the schema of {path} can't be brought up to date: {cause}; use the build that made it, or report this")]
    Migration {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        cause: Box<refinery::Error>,
    },
    /// Somebody reads the store that is to be replaced.
    #[error("somebody still reads the store {path}: is a backup or an audit running? Wait for it, then restore again")]
    Read {
        /// The file.
        path: PathBuf,
    },
    /// The engine can't be told of it.
    #[error("{path} can't be named to the engine, because it is not in UTF-8; name another file")]
    NotUtf8 {
        /// The file.
        path: PathBuf,
    },
    /// A file can't be read or written.
    #[error("{path} can't be used: {cause}; is there room on the disk, and may this user read and write there?")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the system or the engine said.
        cause: io::Error,
    },
}

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupInfo {
    /// When the store in it was made.
    pub store_made_at: Timestamp,
    /// When the last turn in it was accepted, which is about when the backup was made.
    pub last_accepted_at: Option<Timestamp>,
    /// The last migration that ran over it.
    pub schema_version: i32,
    /// The terms of the conservation law, with the deliveries that are on their way.
    pub counts: Counts,
    /// Turns that still owe their last word.
    pub owed: u64,
    /// The current session of every place.
    pub sessions: BTreeMap<PlaceId, u32>,
}

impl SqliteStore {
    /// Writes a backup of the store at `database` to `to`, which only this user may read. Everybody else goes on
    /// meanwhile, and a store that nobody uses is fine, too.
    ///
    /// It takes as long as copying the file does: call it where blocking is allowed.
    pub fn backup(database: &Path, to: &Path) -> Result<BackupInfo, BackupError> {
        let database = real_path(database);
        if !database.is_file() {
            return Err(BackupError::Missing { path: database });
        }
        if to.symlink_metadata().is_ok() {
            return Err(BackupError::Exists { path: to.to_owned() });
        }
        let partial = Partial::beside(to)?;
        partial.fill_from(&database, to)?;
        let info = inspect(&partial.path, &database)?;
        partial.keep_as(to)?;
        Ok(info)
    }

    /// Examines a backup and says what it holds; nothing is changed.
    pub fn inspect(backup: &Path) -> Result<BackupInfo, BackupError> {
        if !backup.is_file() {
            return Err(BackupError::Missing { path: backup.to_owned() });
        }
        inspect(backup, backup)
    }
}

/// What is in `file`, which is called `named` where something is wrong with it.
fn inspect(file: &Path, named: &Path) -> Result<BackupInfo, BackupError> {
    let refused = |error| from_sql(named, &error);
    let conn = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(refused)?;
    examine(&conn, named)?;
    let view = conn.unchecked_transaction().map_err(refused)?;
    info(&view).map_err(|failure| from_failure(named, failure))
}

/// That a file is whole and a store of ours.
pub(crate) fn examine(conn: &Connection, path: &Path) -> Result<(), BackupError> {
    const OURS: &str = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name IN ('deployment', 'marker')";
    let tables = conn.prepare(OURS).and_then(|mut statement| statement.query_map([], |_| Ok(())).map(Iterator::count));
    if tables.map_err(|error| from_sql(path, &error))? != 2 {
        return Err(BackupError::NotAStore { path: path.to_owned(), cause: "it has other tables, or none".into() });
    }
    let found: String =
        conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(|error| from_sql(path, &error))?;
    if found != "ok" {
        // The engine says where on a line of its own.
        let cause = plain(&found.replace('\n', " "));
        return Err(BackupError::Damaged { path: path.to_owned(), cause });
    }
    Ok(())
}

/// What a store holds.
fn info(conn: &Connection) -> Result<BackupInfo, Failure> {
    let one = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, Option<i64>>(0));
    let version = one("SELECT max(version) FROM refinery_schema_history")?.unwrap_or(0);
    let counts = counts::counts(conn)?;
    Ok(BackupInfo {
        store_made_at: Timestamp(one("SELECT created_at FROM deployment")?.unwrap_or(0)),
        last_accepted_at: one("SELECT accepted_at FROM turn ORDER BY id DESC LIMIT 1")
            .or_else(none_if_empty)?
            .map(Timestamp),
        schema_version: i32::try_from(version).unwrap_or(i32::MAX),
        owed: counts.queued + counts.running,
        sessions: all(conn, "SELECT id, session FROM place", [], |row| Ok((PlaceId(row.get()?), row.get()?)))?
            .into_iter()
            .collect(),
        counts,
    })
}

fn none_if_empty(error: rusqlite::Error) -> rusqlite::Result<Option<i64>> {
    match error {
        rusqlite::Error::QueryReturnedNoRows => Ok(None),
        error => Err(error),
    }
}

/// What the name of a [`Partial`] has in its middle.
const PARTIAL: &str = ".partial-";
/// How long nobody wrote to a file that is not whole before it counts as left behind.
const LEFT_AGE_MIN: Duration = Duration::from_secs(3_600);

/// A file that is not whole yet; it is removed unless it is kept.
#[derive(Debug)]
pub(crate) struct Partial {
    pub(crate) path: PathBuf,
}

impl Partial {
    /// An empty one, which only this user may read, in the directory of `whole`. Those there that nobody has written to
    /// for an hour are removed: whoever made them was killed.
    pub(crate) fn beside(whole: &Path) -> Result<Self, BackupError> {
        let mut name = std::ffi::OsString::from(".");
        name.push(whole.file_name().unwrap_or_default());
        name.push(format!("{PARTIAL}{}", Uuid::now_v7().simple()));
        let path = whole.with_file_name(name);
        if path.to_str().is_none() {
            return Err(BackupError::NotUtf8 { path: whole.to_owned() });
        }
        open_private(&path).map_err(|cause| unusable(whole, cause))?;
        let partial = Self { path };
        if let Err(error) = partial.remove_left() {
            tracing::warn!(%error, "what a killed backup left can't be removed");
        }
        Ok(partial)
    }

    /// Writes all that the store `database` holds, with its log, into it; `to` is what it is called where it can't be
    /// written.
    pub(crate) fn fill_from(&self, database: &Path, to: &Path) -> Result<(), BackupError> {
        let source = connection::copier(database).map_err(|error| from_sql(database, &error))?;
        // Whether the source can be read at all, so that what goes wrong afterwards is about the copy.
        source
            .query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))
            .map_err(|error| from_sql(database, &error))?;
        let written = source.execute("VACUUM INTO ?1", [self.path.to_str()]);
        written.map(drop).map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt) => from_sql(database, &error),
            _ => unusable(to, io::Error::other(error)),
        })
    }

    fn remove_left(&self) -> io::Result<()> {
        let now = self.path.metadata()?.modified()?;
        for entry in fs::read_dir(directory_of(&self.path))? {
            let entry = entry?;
            let name = entry.file_name();
            if !name.to_string_lossy().starts_with('.') || !name.to_string_lossy().contains(PARTIAL) {
                continue;
            }
            let written_at = entry.metadata()?.modified()?;
            if now.duration_since(written_at).is_ok_and(|age| age > LEFT_AGE_MIN) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Makes it durable and gives it its name, unless that is taken.
    fn keep_as(self, name: &Path) -> Result<(), BackupError> {
        sync(&self.path)?;
        match fs::hard_link(&self.path, name) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(BackupError::Exists { path: name.to_owned() });
            }
            // Not every file system has links.
            Err(_) => fs::rename(&self.path, name).map_err(|cause| unusable(name, cause))?,
        }
        drop(self);
        sync_directory_of(name)
    }

    /// Makes it durable and puts it into the place of whatever has the name, in one step.
    pub(crate) fn replace(self, name: &Path) -> Result<(), BackupError> {
        sync(&self.path)?;
        fs::rename(&self.path, name).map_err(|cause| unusable(name, cause))?;
        sync_directory_of(name)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let mut journal = self.path.clone().into_os_string();
        journal.push("-journal");
        for path in [&self.path, Path::new(&journal)] {
            let _ = fs::remove_file(path);
        }
    }
}

pub(crate) fn sync(path: &Path) -> Result<(), BackupError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|cause| unusable(path, cause))
}

/// Makes names in a file's directory durable.
pub(crate) fn sync_directory_of(path: &Path) -> Result<(), BackupError> {
    sync(directory_of(path))
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

pub(crate) fn unusable(path: &Path, cause: io::Error) -> BackupError {
    BackupError::Unusable { path: path.to_owned(), cause }
}

pub(crate) fn from_sql(path: &Path, error: &rusqlite::Error) -> BackupError {
    // What the engine says may quote the file.
    let (path, cause) = (path.to_owned(), plain(&error.to_string()));
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => BackupError::NotAStore { path, cause },
        Some(ErrorCode::DatabaseCorrupt) => BackupError::Damaged { path, cause },
        _ => BackupError::Unusable { path, cause: io::Error::other(cause) },
    }
}

pub(crate) fn from_failure(path: &Path, failure: Failure) -> BackupError {
    match failure {
        Failure::Sql(error) => from_sql(path, &error),
        Failure::Refused(cause) | Failure::Damaged(cause) => BackupError::Damaged { path: path.to_owned(), cause },
    }
}
