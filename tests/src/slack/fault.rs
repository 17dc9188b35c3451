//! What can go wrong with one request, on demand.

use serde::{Deserialize, Serialize};

/// What becomes of one request. Each says whether the request is applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
        /// Whether the body has no content type and no JSON in it.
        #[serde(default)]
        is_bare: bool,
    },
    /// Not applied; refused with this word, such as `internal_error`.
    ErrorBefore {
        /// The word.
        error: String,
    },
    /// Applied; answered with this word all the same, as `internal_error` and `fatal_error` may be.
    ErrorAfter {
        /// The word.
        error: String,
    },
    /// Not applied; 503 from something in between, which speaks HTML.
    GatewayBefore,
    /// Applied; 503 from something in between, which speaks HTML.
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
}

/// Faults to come, one request each, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultScript {
    /// The app they are meant for; all if left out.
    #[serde(default)]
    pub app: Option<String>,
    /// The conversation they are meant for; all if left out.
    #[serde(default)]
    pub channel: Option<String>,
    /// The method they are meant for, or `upload` or `download`; if left out, all that post, change or delete a message.
    #[serde(default)]
    pub method: Option<String>,
    /// How many requests that are meant pass before the first fault.
    #[serde(default)]
    pub skip: u32,
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

    /// Takes the next fault for a request.
    pub fn next(&mut self, app: &str, method: &str, channel: Option<&str>) -> Option<Fault> {
        let meant = |script: &&mut FaultScript| {
            !script.faults.is_empty()
                && script.app.as_deref().is_none_or(|meant| meant == app)
                && (script.channel.is_none() || script.channel.as_deref() == channel)
                && match &script.method {
                    Some(meant) => meant == method,
                    None => is_message(method),
                }
        };
        let script = self.0.iter_mut().find(meant)?;
        if script.skip > 0 {
            script.skip -= 1;
            return None;
        }
        Some(script.faults.remove(0))
    }
}

/// Whether a method posts, changes or deletes a message.
#[must_use]
pub fn is_message(method: &str) -> bool {
    let is_chat = method.starts_with("chat.") && method != "chat.postEphemeral";
    is_chat || method == "files.completeUploadExternal"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_played_in_order_by_those_it_is_meant_for() {
        let mut faults = Faults::default();
        let script = |channel: Option<&str>, method: Option<&str>, skip, fault| FaultScript {
            app: None,
            channel: channel.map(Into::into),
            method: method.map(Into::into),
            skip,
            faults: vec![fault],
        };
        faults.add(script(Some("C5"), None, 0, Fault::CutAfter));
        faults.add(script(None, Some("auth.test"), 1, Fault::GarbleAfter));
        faults.add(script(None, None, 0, Fault::DropBefore));
        assert_eq!(faults.next("A", "auth.test", None), None, "the first passes");
        assert_eq!(faults.next("A", "auth.test", None), Some(Fault::GarbleAfter));
        assert_eq!(faults.next("A", "reactions.add", Some("C5")), None);
        assert_eq!(faults.next("A", "chat.postMessage", Some("C6")), Some(Fault::DropBefore));
        assert_eq!(faults.next("A", "chat.update", Some("C5")), Some(Fault::CutAfter));
        assert_eq!(faults.next("A", "chat.update", Some("C5")), None);
    }
}
