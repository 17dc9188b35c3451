//! Telegram: the provider's contract, and the real binary in conversation with people there.

mod contract;
mod conversation;
mod exchange;
mod files;
mod network;
mod trouble;
