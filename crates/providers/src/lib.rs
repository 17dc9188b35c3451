//! Adapters to chat networks, each behind core's [`Provider`](lastword_core::provider::Provider).
//!
//! A provider makes one attempt per call, classifies what happened, and hands the acknowledgement over as a value; it
//! never retries and never writes to the store. Siblings never import each other.
//!
//! * `matrix`: an account on a homeserver, with encryption; with the feature `matrix`
//! * `slack`: an app in a workspace by Slack's Web API and Socket Mode; with the feature `slack`
//! * `telegram`: a bot by Telegram's Bot API; with the feature `telegram`
//! * [`web`]: our own HTTP API, and the guard in front of everything the bridge serves
//! * `scripted`: the network of the tests; only with the feature `testing`

#![recursion_limit = "256"]

#[cfg(any(feature = "matrix", feature = "slack", feature = "telegram"))]
mod fields;
#[cfg(any(feature = "matrix", feature = "slack", feature = "telegram"))]
mod formatted;
#[cfg(any(feature = "matrix", feature = "slack", feature = "telegram"))]
mod http;
#[cfg(feature = "matrix")]
pub mod matrix;
#[cfg(feature = "testing")]
pub mod scripted;
#[cfg(feature = "slack")]
pub mod slack;
#[cfg(feature = "telegram")]
pub mod telegram;
#[cfg(any(feature = "matrix", feature = "slack", feature = "telegram"))]
mod transfer;
#[cfg(any(feature = "matrix", feature = "slack"))]
mod waits;
pub mod web;

/// What is switched off in the log unless an operator asks for it: libraries that tell of every request. What matters of
/// it is told by their provider.
pub const QUIET_LOGS: &[&str] = &[
    #[cfg(feature = "matrix")]
    matrix::QUIET_LOG,
];
