//! How the network behaves as a whole.

use serde::{Deserialize, Serialize};

/// Replaced as a whole by `POST /control/settings`: what is left out goes back to its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Every method fails like this, applying nothing.
    pub outage: Option<Outage>,
    /// Polls find nothing, whatever waits.
    pub is_withholding: bool,
    /// How much may be sent; without limits if left out.
    pub limits: Option<Limits>,
}

/// How a network is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outage {
    /// Connections are cut.
    Cut,
    /// Something in between answers 502 in HTML.
    Gateway,
    /// 500 in Telegram's envelope.
    Fail,
}

/// How much may be sent, as messages and edits together.
///
/// <https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// In one chat in a second.
    pub chat_per_s: u32,
    /// In one group, supergroup or channel in a minute.
    pub group_per_min: u32,
    /// Of one bot in a second.
    pub bot_per_s: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { chat_per_s: 1, group_per_min: 20, bot_per_s: 30 }
    }
}
