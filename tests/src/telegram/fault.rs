//! What can go wrong with one request, on demand.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What becomes of one request. Each says whether the request is applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Not applied; the connection is cut.
    DropBefore,
    /// Applied; the connection is cut before the answer, or in the middle of a file.
    CutAfter,
    /// Not applied; 429 with this hint.
    Limited {
        /// The hint in seconds.
        retry_after_s: u64,
    },
    /// Not applied; 500 in Telegram's envelope.
    FailBefore,
    /// Applied; 500 in Telegram's envelope.
    FailAfter,
    /// Not applied; 502 from something in between, which speaks HTML.
    GatewayBefore,
    /// Applied; 502 from something in between, which speaks HTML.
    GatewayAfter,
    /// Applied; 200 with a body that nobody can read.
    GarbleAfter,
    /// Applied after this time, even if the sender is gone by then; then answered.
    DelayBefore {
        /// The time.
        ms: u64,
    },
    /// Applied at once; answered after this time.
    DelayAfter {
        /// The time.
        ms: u64,
    },
    /// Not applied; refused in these words.
    Reject {
        /// The code; 400 if left out.
        #[serde(default = "bad_request")]
        code: u16,
        /// The whole description.
        description: String,
        /// `ResponseParameters`, if there are any.
        #[serde(default)]
        parameters: Option<Value>,
    },
}

fn bad_request() -> u16 {
    400
}

/// Faults to come, one request each, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultScript {
    /// The bot they are meant for; all if left out.
    #[serde(default)]
    pub bot: Option<i64>,
    /// The chat they are meant for; all if left out.
    #[serde(default)]
    pub chat: Option<i64>,
    /// The method they are meant for, in any case, or `download`; if left out, all that post, change or delete a message.
    #[serde(default)]
    pub method: Option<String>,
    /// The faults.
    pub faults: Vec<Fault>,
}

/// The faults that have not happened yet.
#[derive(Clone, Debug, Default)]
pub struct Faults(Vec<FaultScript>);

impl Faults {
    /// Adds a script behind those there are.
    pub fn add(&mut self, script: FaultScript) {
        self.0.push(script);
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes the next fault for a request; `method` in lower case.
    pub fn next(&mut self, bot: i64, method: &str, chat: Option<i64>) -> Option<Fault> {
        let meant = |script: &&mut FaultScript| {
            !script.faults.is_empty()
                && script.bot.is_none_or(|meant| meant == bot)
                && (script.chat.is_none() || script.chat == chat)
                && match &script.method {
                    Some(meant) => meant.eq_ignore_ascii_case(method),
                    None => is_message(method),
                }
        };
        self.0.iter_mut().find(meant).map(|script| script.faults.remove(0))
    }
}

/// Whether a method posts, changes or deletes a message; `method` in lower case.
#[must_use]
pub fn is_message(method: &str) -> bool {
    let is_sending = method.starts_with("send") && method != "sendchataction" && method != "sendmessagedraft";
    is_sending || method.starts_with("editmessage") || method.starts_with("deletemessage")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_played_in_order_by_those_it_is_meant_for() {
        let mut faults = Faults::default();
        let script = |chat, method: Option<&str>, fault| FaultScript {
            bot: None,
            chat,
            method: method.map(Into::into),
            faults: vec![fault],
        };
        faults.add(script(Some(5), None, Fault::CutAfter));
        faults.add(script(None, Some("getUpdates"), Fault::FailBefore));
        faults.add(script(None, None, Fault::DropBefore));
        assert_eq!(faults.next(1, "getupdates", None), Some(Fault::FailBefore));
        assert_eq!(faults.next(1, "getme", None), None);
        assert_eq!(faults.next(1, "sendchataction", Some(5)), None);
        assert_eq!(faults.next(1, "sendmessage", Some(6)), Some(Fault::DropBefore));
        assert_eq!(faults.next(1, "editmessagetext", Some(5)), Some(Fault::CutAfter));
        assert_eq!(faults.next(1, "sendmessage", Some(5)), None);
    }
}
