//! The promise of Lastword, pure: words as types, state machines, decisions, and the seams to networks, agents and
//! stores.
//!
//! Nothing here opens a socket, runs SQL, reads a clock or needs a runtime: time, chance and configuration are
//! arguments, so that the simulation drives the very code that ships. Nothing here names a network or an engine.
//!
//! * words: [`ids`], [`update`], [`turn`], [`election`], [`delivery`], [`lease`], [`reason`], [`alert`],
//!   [`outcome`], [`capability`], [`mod@file`]
//! * seams: [`provider`], [`agent`], [`store`]; their contract suites in `contract`
//! * decisions: [`decide`]
//! * [`faults`]: where a test may make a process die

#[cfg(all(feature = "testing", not(debug_assertions)))]
compile_error!("the feature `testing` is for debug builds only");

pub mod agent;
pub mod alert;
pub mod capability;
#[cfg(feature = "contract")]
pub mod contract;
#[cfg(any(test, feature = "contract"))]
pub mod corpus;
pub mod decide;
pub mod delivery;
pub mod election;
pub mod faults;
pub mod file;
pub mod ids;
pub mod lease;
pub mod outcome;
pub mod provider;
pub mod reason;
#[cfg(test)]
mod spellings;
pub mod store;
pub mod turn;
pub mod update;
