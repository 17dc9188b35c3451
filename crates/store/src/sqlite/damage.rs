//! Rows that can't be read: kept, skipped, and named in the log once per process.

use std::{
    collections::HashSet,
    sync::{LazyLock, Mutex, PoisonError},
};

/// The most rows remembered as reported; beyond it a row may be named again.
const REPORTED_MAX: usize = 10_000;

static REPORTED: LazyLock<Mutex<HashSet<(&'static str, i64)>>> = LazyLock::new(Mutex::default);

/// Which column it is, but not what is in it, where that is what the cause would tell.
pub(crate) fn without_content(why: &str) -> String {
    match why.strip_prefix("column ").and_then(|rest| rest.split_once(':')) {
        Some((name, _)) => format!("column {name} can't be read"),
        None => why.to_owned(),
    }
}

/// Names a damaged row in the log, the first time it is met.
pub(crate) fn report(what: &'static str, id: i64, why: &str) {
    let mut reported = REPORTED.lock().unwrap_or_else(PoisonError::into_inner);
    if reported.len() >= REPORTED_MAX {
        reported.clear();
    }
    if reported.insert((what, id)) {
        tracing::error!(row = what, id, why, "a row of the store can't be read; it is kept as it is and skipped");
    }
}
