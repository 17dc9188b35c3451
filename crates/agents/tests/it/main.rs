//! The shim and the agents with real processes.

mod command;
mod contract;
mod demo;
mod entry;
mod group;
mod shim;
mod world;
