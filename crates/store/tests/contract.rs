//! The store's contract, kept by threads and by the caller's own steps.

use std::sync::Arc;

use lastword_core::contract::store::{Deployment, HandClock};
use lastword_store::{SqliteOptions, SqliteStore};
use tempfile::TempDir;

fn open(clock: Arc<HandClock>, change: impl FnOnce(SqliteOptions) -> SqliteOptions) -> (Box<dyn Deployment>, TempDir) {
    let directory = tempfile::tempdir().expect("a folder");
    let options = change(SqliteOptions::new(directory.path().join("lastword.db"), clock));
    (Box::new(SqliteStore::open(options).expect("opens")), directory)
}

mod threads {
    lastword_core::store_contract!(|clock| crate::open(clock, |options| options));
}

mod inline {
    lastword_core::store_contract!(|clock| crate::open(clock, lastword_store::SqliteOptions::inline));
}
