//! A real Synapse on a free loopback port, and a proxy in front of it that spoils requests.
//!
//! Guarantee: what passes the proxy is Synapse's own, word for word; what a fault does is written down beside it in
//! [`Fault`]. People go past the proxy, so that what they see is what the homeserver has, whatever the bot was told.
//!
//! | for | see |
//! |---|---|
//! | Synapse's process: start, stop, kill | `synapse` |
//! | the proxy, and the test's side | `server/` |
//! | what can go wrong with a request | [`Fault`], [`FaultScript`], [`Outage`] |
//! | how the homeserver is set up | [`Home`] |
//! | what a room is to people | [`room`] |
//!
//! Synapse runs on SQLite, knows no other server, and has no limits unless [`Home::has_limits`] says so.

mod fault;
pub mod room;
mod server;
mod settings;
mod synapse;

pub use self::{
    fault::{Fault, FaultScript},
    server::{Call, Server},
    settings::{Home, Settings},
    synapse::SECRET,
};
pub use crate::door::Outage;
