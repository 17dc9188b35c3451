//! Adapters to chat networks, each behind core's [`Provider`](lastword_core::provider::Provider).
//!
//! A provider makes one attempt per call, classifies what happened, and hands the acknowledgement over as a value; it
//! never retries and never writes to the store. Siblings never import each other.
//!
//! * `slack`: an app in a workspace by Slack's Web API and Socket Mode; with the feature `slack`
//! * `telegram`: a bot by Telegram's Bot API; with the feature `telegram`
//! * [`web`]: our own HTTP API, and the guard in front of everything the bridge serves
//! * `scripted`: the network of the tests; only with the feature `testing`

#[cfg(any(feature = "slack", feature = "telegram"))]
mod fields;
#[cfg(any(feature = "slack", feature = "telegram"))]
mod formatted;
#[cfg(any(feature = "slack", feature = "telegram"))]
mod http;
#[cfg(feature = "testing")]
pub mod scripted;
#[cfg(feature = "slack")]
pub mod slack;
#[cfg(feature = "telegram")]
pub mod telegram;
#[cfg(any(feature = "slack", feature = "telegram"))]
mod transfer;
pub mod web;
