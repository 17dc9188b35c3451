//! What Lastword remembers: core's [`Store`](lastword_core::store::Store) on SQLite, with full sync, group commit and
//! wake-ups across processes.
//!
//! Guarantee: what a call answered with `Ok` survives a power cut, as one transaction, and no two processes ever
//! checkpoint and commit at the same time. SQL lives in this crate only.
//!
//! * [`sqlite`]: the store
//! * [`lock`]: who may use a database at all, and which incarnations live
//! * [`journal`]: finished answers, and what was acknowledged, while the store is out
//! * [`clock`]: the machine's clock
//! * `disk`, with the feature `testing`: a disk in memory that fails on demand

pub mod clock;
#[cfg(feature = "testing")]
pub mod disk;
pub mod journal;
pub mod lock;
mod real_path;
mod replies;
mod reserve;
pub mod sqlite;
mod wake;

pub use clock::SystemClock;
pub use journal::Journal;
pub use lock::{DeploymentLock, IncarnationLock, LockDirectory, LockError};
pub use sqlite::{
    BackupError, BackupInfo, EngineKind, OpenError, OwedAfterRestore, Restored, SqliteOptions, SqliteStore,
    commit_holder,
};
