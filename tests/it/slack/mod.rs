//! Slack: the provider's contract on the fake Slack, and deployments that are apps there.

mod contract;
mod conversation;
mod exchange;
mod network;
mod trouble;
