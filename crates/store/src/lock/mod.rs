//! Locks of the operating system that outlive nobody: who may use a database, and which incarnations live.

mod deployment;
mod incarnation;

use std::{io, path::PathBuf};

pub use self::{
    deployment::DeploymentLock,
    incarnation::{IncarnationLock, LockDirectory},
};

/// Why a lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another deployment has it.
    #[error(
        "another Lastword already uses {database} ({}); stop it, or give this one its own store.path",
        pid.map_or_else(|| "of unknown pid".to_owned(), |pid| format!("pid {pid}"))
    )]
    InUse {
        /// The database.
        database: PathBuf,
        /// The other supervisor, as far as it said.
        pid: Option<u32>,
    },
    /// An incarnation's name that can't be a file's.
    #[error("{0:?} can't name a lock file: letters, digits, '-' and '_' only")]
    BadName(String),
    /// The file can't be opened or locked.
    #[error("the lock {path} can't be used: {cause}; give this user the right to write there")]
    Unusable {
        /// The lock's file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}
