//! What operators read of the store, in the terminal and in the chat: the same text for both.
//!
//! Guarantee: nothing that people or agents wrote is in it, and nothing that steers a terminal.

use std::fmt::Write as _;

use serde_json::Value;

mod alerts;
#[cfg(test)]
mod any_text;
mod audit;
mod builds;
mod logs;
mod outbox;
mod time;
mod trace;

pub use self::{
    alerts::{alerts_json, alerts_text, unstored_json},
    audit::{audit_json, audit_text},
    builds::builds_text,
    logs::logs_text,
    outbox::outbox_text,
    time::Zone,
    trace::{trace_json, trace_text},
};
use crate::chat::clean::{clean, steers};

/// The same for programs, as text; whatever steers a terminal is written as its number, which reads back the same.
pub fn json_text(json: &Value) -> String {
    // Outside of its strings, JSON has no such characters but the ends of its lines.
    format!("{json:#}").chars().fold(String::new(), |mut text, c| {
        if steers(c) && c != '\n' {
            // Writing to a String can't fail; all that steer are within four digits.
            let _ = write!(text, "\\u{:04x}", u32::from(c));
        } else {
            text.push(c);
        }
        text
    })
}

/// Text from outside as a part of one line.
pub(crate) fn line(text: &str) -> String {
    clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
}
