//! The store on SQLite: one file, full sync, commits in groups.
//!
//! Guarantee: a call that returned `Ok` is on the disk. Every commit and every checkpoint of every process runs under
//! one lock beside the database (`commit_lock`), and nothing else ever checkpoints.
//!
//! The way of a write: `store` wraps it as a `job`, the `engine` hands it to the `writer`, which runs it with
//! whatever else waits as one transaction (`tx`), answers, and wakes whoever listens. Reads go to connections of
//! their own. The SQL is in `query`, one function per query.

mod backup;
#[cfg(all(feature = "testing", target_os = "linux"))]
pub(crate) mod broken_disk;
mod checkpoint;
mod commit_lock;
mod connection;
mod damage;
mod engine;
mod failure;
mod filesystem;
mod job;
pub(crate) mod log;
mod migrate;
mod open;
mod options;
mod oversight;
mod presence;
mod query;
mod restore;
mod row;
mod store;
mod tx;
mod writer;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

pub use self::{
    backup::{BackupError, BackupInfo},
    commit_lock::commit_holder,
    open::OpenError,
    options::{EngineKind, SqliteOptions},
    restore::{OwedAfterRestore, Restored},
};
pub(crate) use commit_lock::open_private;

use lastword_core::store::Clock;

use crate::wake::{Hub, Wakes};

/// A SQLite database behind core's [`Store`](lastword_core::store::Store).
///
/// Dropping it finishes what waits, without a checkpoint; the next start reads the log.
pub struct SqliteStore {
    engine: engine::Engine,
    files: connection::Files,
    hub: Arc<Hub>,
    deployment: String,
    clock: Arc<dyn Clock>,
    disk_full: watch::Receiver<bool>,
    /// Held by the audit that runs: who asked for it may be gone long before it ends.
    auditing: Arc<Semaphore>,
    _wakes: Option<Wakes>,
}

impl SqliteStore {
    /// The random part of this database's delivery keys.
    #[must_use]
    pub fn deployment(&self) -> &str {
        &self.deployment
    }

    /// Whether the disk is full, so that promises are kept on the reserve and nothing new is taken on: as of this
    /// process's last commit.
    #[must_use]
    pub fn disk_full(&self) -> watch::Receiver<bool> {
        self.disk_full.clone()
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("deployment", &self.deployment).finish_non_exhaustive()
    }
}
