//! Processes that are simulated: many in one test, each on a runtime of its own, all on one thread, with a clock that a
//! hand moves.
//!
//! A test tells the thread whose instructions it runs ([`enter`]); what a process would take from its machine
//! is taken from there: its name, its disk, its clock, and chance. Everything else is the code that ships. The same
//! instructions at the same times then always do the same.

use std::{cell::RefCell, sync::Arc};

use lastword_core::{ids::IncarnationId, store::Clock};
use lastword_store::SqliteOptions;
use tokio::task::JoinHandle;

thread_local! {
    static CURRENT: RefCell<Option<Arc<Simulated>>> = const { RefCell::new(None) };
}

/// What a simulated process has instead of its machine's.
pub struct Simulated {
    /// The name that its supervisor gave it.
    pub incarnation: IncarnationId,
    /// Its clock.
    pub clock: Arc<dyn Clock>,
    /// Its chance, in `0.0..1.0`.
    pub chance: Box<dyn Fn() -> f64 + Send + Sync>,
    /// How its store is opened.
    pub store: Box<dyn Fn(SqliteOptions) -> SqliteOptions + Send + Sync>,
}

/// Whose instructions this thread runs from now on; gives back who it was before.
pub fn enter(process: Option<Arc<Simulated>>) -> Option<Arc<Simulated>> {
    CURRENT.replace(process)
}

/// The process whose instructions this thread runs, if it is simulated.
#[must_use]
pub(crate) fn current() -> Option<Arc<Simulated>> {
    CURRENT.with_borrow(Option::clone)
}

pub(crate) fn is_simulated() -> bool {
    CURRENT.with_borrow(Option::is_some)
}

/// On this very thread, and so always at the same moment.
#[expect(clippy::disallowed_methods, reason = "as independent of whoever asks as a thread would be")]
pub(crate) fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(async { work() })
}
