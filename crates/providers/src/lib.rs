//! Adapters to chat networks, each behind core's [`Provider`](lastword_core::provider::Provider).
//!
//! A provider makes one attempt per call, classifies what happened, and hands the acknowledgement over as a value; it
//! never retries and never writes to the store. Siblings never import each other.
//!
//! * `telegram`: a bot by Telegram's Bot API; with the feature `telegram`
//! * [`web`]: our own HTTP API, and the guard in front of everything the bridge serves
//! * `scripted`: the network of the tests; only with the feature `testing`

#[cfg(feature = "testing")]
pub mod scripted;
#[cfg(feature = "telegram")]
pub mod telegram;
pub mod web;
