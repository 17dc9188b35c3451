//! Matrix: a real Synapse with people in it, and deployments that are accounts there.
//!
//! Where Synapse is not installed these tests report themselves as not run; `tests/run` installs it.

mod contract;
mod conversation;
mod encrypted;
mod files;
mod network;
mod people;
mod rooms;
mod trouble;
mod verify;
