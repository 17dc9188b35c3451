//! Telegram: the provider's contract, and the real binary in conversation with people there.

mod contract;
mod conversation;
mod files;
mod network;
mod trouble;
