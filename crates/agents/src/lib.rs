//! What answers in Lastword: agents behind core's [`Agent`](lastword_core::agent::Agent), and the shim that runs them.
//!
//! Guarantee: whatever an agent starts ends with the attempt it was started for, however the attempt, the worker or
//! the agent itself ends. [`shim`] keeps that promise; [`command`] runs any program under it; [`demo`] is such a
//! program, for trying the bridge without a key; [`echo`] starts nothing at all.

#[cfg(not(unix))]
compile_error!("agents are run with process groups: Linux is supported, macOS as well as it can be");

pub mod command;
pub mod demo;
pub mod echo;
pub mod shim;
mod text;
