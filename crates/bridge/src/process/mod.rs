//! What every process of a deployment has: a name, a store, a heartbeat, a lifeline, and an end.

pub mod alerts;
mod answered;
pub(crate) mod blocking;
pub mod decide_lost;
pub mod deployment;
pub mod exit;
pub(crate) mod folder;
pub mod herald;
pub mod join;
pub mod lifeline;
mod losses;
pub mod member;
pub mod outage;
pub mod patience;
pub mod program;
pub mod signals;
#[cfg(feature = "testing")]
pub mod simulated;
pub mod state_dir;
pub mod sweep;
pub(crate) mod typed;
pub mod vitals;
pub mod webhook;
pub mod whole_file;
