//! The machine's clock, the one place that reads it.

use std::time::{SystemTime, UNIX_EPOCH};

use lastword_core::{ids::Timestamp, store::Clock};

/// The time as the machine knows it. It may jump; nothing that decides about a person's message trusts it alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the clock that everybody else is handed")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}
