//! Tests of what is particular to this engine.

mod any_backup;
mod any_row;
mod audit;
mod backups;
mod checkpoints;
mod damage;
#[cfg(feature = "testing")]
mod disk;
mod forgetting;
mod full_disk;
mod group_commit;
mod guards;
mod long_looks;
mod migrations;
mod retry;
mod schedule;
mod wake_ups;

use std::{path::Path, sync::Arc};

use lastword_core::{
    contract::store::{BRIDGE, Deployment, HandClock, World},
    store::{Clock, Role},
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{SqliteOptions, SqliteStore, connection};

/// A folder for one database.
pub(super) fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Options for the database in `folder`.
pub(super) fn options(folder: &Path, clock: Arc<dyn Clock>) -> SqliteOptions {
    SqliteOptions::new(folder.join("lastword.db"), clock)
}

/// A world on the database in `folder`.
pub(super) async fn world(folder: &Path, change: impl FnOnce(SqliteOptions) -> SqliteOptions) -> World {
    World::new(|clock: Arc<HandClock>| {
        let store = SqliteStore::open(change(options(folder, clock))).expect("opens");
        (Box::new(store) as Box<dyn Deployment>, ())
    })
    .await
}

/// A connection beside the store's, to look at rows and to spoil them.
pub(super) fn beside(folder: &Path) -> Connection {
    connection::writer(&connection::Files::at(folder.join("lastword.db"))).expect("opens beside")
}

/// One number.
pub(super) fn number(conn: &Connection, sql: &str) -> i64 {
    conn.query_row(sql, [], |row| row.get(0)).expect("a number")
}
