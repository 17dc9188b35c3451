//! What operators read of the store, in the terminal and in the chat: the same text for both.
//!
//! Guarantee: nothing that people or agents wrote is in it, and nothing that steers a terminal.

mod alerts;
mod audit;
mod time;
mod trace;

pub use self::{
    alerts::{alerts_json, alerts_text, unstored_json},
    audit::{audit_json, audit_text},
    time::Zone,
    trace::{trace_json, trace_text},
};
use crate::chat::clean::clean;

/// Text from outside as a part of one line.
fn line(text: &str) -> String {
    clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
}
