//! Decisions: pure functions over (state, what happened, now), with time, chance and configuration as arguments.
//!
//! * [`intake`]: what becomes of an update, by [`policy`] and [`command`]
//! * [`deliver`]: the next step of a delivery, and what follows its outcome
//! * [`backoff`]: how long to pause
//! * [`pace`]: which turn of a conversation may show progress now
//! * [`split`]: one reply as several messages
//! * [`sweep`]: which turns are past a deadline, by observation

pub mod backoff;
pub mod command;
pub mod deliver;
pub mod intake;
pub mod pace;
pub mod policy;
pub mod split;
pub mod sweep;
