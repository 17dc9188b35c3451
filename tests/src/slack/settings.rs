//! How the network behaves as a whole.

use serde::{Deserialize, Serialize};

pub use crate::door::Outage;

/// Replaced as a whole by `POST /control/settings`: what is left out goes back to its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Nothing works, sockets are cut, and it fails like this.
    pub outage: Option<Outage>,
    /// How much may be asked; without limits if left out.
    pub limits: Option<Limits>,
    /// How new sockets are met.
    pub greeting: Greeting,
    /// How long an acknowledgement may take.
    ///
    /// <https://docs.slack.dev/apis/events-api/using-socket-mode#acknowledge>
    pub ack_within_ms: u64,
    /// The pauses before an event is sent again: at once, after one minute, after five.
    ///
    /// <https://docs.slack.dev/apis/events-api/#error-handling>
    pub retry_after_ms: Vec<u64>,
    /// How often a socket is pinged.
    pub ping_every_ms: u64,
    /// How long after `refresh_requested` the network closes the socket itself.
    pub refresh_close_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            outage: None,
            limits: None,
            greeting: Greeting::Hello,
            ack_within_ms: 3_000,
            retry_after_ms: vec![0, 60_000, 300_000],
            ping_every_ms: 4_000,
            refresh_close_ms: 10_000,
        }
    }
}

/// How new sockets are met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Greeting {
    /// With a hello.
    #[default]
    Hello,
    /// The WebSocket opens, and nothing is ever said on it.
    Mute,
    /// The request for a WebSocket is never answered.
    Hang,
}

/// How much may be asked before 429.
///
/// <https://docs.slack.dev/apis/web-api/rate-limits>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Messages in one channel in a second.
    pub post_per_s: u32,
    /// How many more at once, now and then.
    pub post_burst: u32,
    /// Whether methods have their tiers.
    pub has_tiers: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { post_per_s: 1, post_burst: 3, has_tiers: true }
    }
}
