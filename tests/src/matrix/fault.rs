//! What can go wrong with one request, on demand.

use serde::{Deserialize, Serialize};

/// What becomes of one request. Each says whether the homeserver gets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Not applied; the connection is cut.
    DropBefore,
    /// Applied; the connection is cut in the middle of the answer.
    CutAfter,
    /// Not applied; 429 `M_LIMIT_EXCEEDED` with this hint, in the body and, rounded up, in the header.
    ///
    /// <https://spec.matrix.org/latest/client-server-api/#rate-limiting>
    Limited {
        /// The hint in milliseconds.
        retry_after_ms: u64,
    },
    /// Not applied; refused with this status and code, such as 403 `M_FORBIDDEN`.
    Refused {
        /// The status.
        status: u16,
        /// The code.
        errcode: String,
    },
    /// Not applied; 401 `M_UNKNOWN_TOKEN`.
    ///
    /// <https://spec.matrix.org/latest/client-server-api/#soft-logout>
    LoggedOut {
        /// Whether the device is kept, so that its keys may be used after the next login.
        is_soft: bool,
    },
    /// Not applied; 500 `M_UNKNOWN`.
    FailBefore,
    /// Applied; 500 `M_UNKNOWN` all the same.
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
}

/// Faults to come, one request each, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultScript {
    /// The method they are meant for, such as `PUT`; all if left out.
    #[serde(default)]
    pub method: Option<String>,
    /// What the path holds, once it is decoded, such as `/sync` or `/rooms/!r*/send/`; `*` is anything. If left out, all that
    /// post, change or remove an event of a room.
    #[serde(default)]
    pub path: Option<String>,
    /// How many requests that are meant pass before the first fault.
    #[serde(default)]
    pub skip: u32,
    /// Whether the last fault meets all that come after it, too.
    #[serde(default)]
    pub is_lasting: bool,
    /// The faults.
    pub faults: Vec<Fault>,
}

impl FaultScript {
    /// Whether it is meant for such a request.
    fn is_meant(&self, method: &str, path: &str) -> bool {
        let is_path = match &self.path {
            Some(meant) => holds(path, meant),
            None => method == "PUT" && (path.contains("/send/") || path.contains("/redact/")),
        };
        is_path && self.method.as_deref().is_none_or(|meant| meant == method)
    }
}

/// Whether a path holds the pieces of a pattern, in their order.
fn holds(path: &str, pattern: &str) -> bool {
    pattern.split('*').try_fold(path, |rest, piece| rest.split_once(piece).map(|(_, rest)| rest)).is_some()
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
    pub fn next(&mut self, method: &str, path: &str) -> Option<Fault> {
        let is_next = |script: &&mut FaultScript| !script.faults.is_empty() && script.is_meant(method, path);
        let script = self.0.iter_mut().find(is_next)?;
        if script.skip > 0 {
            script.skip -= 1;
            return None;
        }
        if script.is_lasting && script.faults.len() == 1 {
            return script.faults.first().cloned();
        }
        Some(script.faults.remove(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(method: Option<&str>, path: Option<&str>, skip: u32, fault: Fault) -> FaultScript {
        let (method, path) = (method.map(Into::into), path.map(Into::into));
        FaultScript { method, path, skip, is_lasting: false, faults: vec![fault] }
    }

    #[test]
    fn a_script_is_played_by_those_it_is_meant_for() {
        let mut faults = Faults::default();
        faults.add(script(Some("PUT"), Some("/rooms/!a*/send/"), 0, Fault::CutAfter));
        faults.add(script(None, Some("/sync"), 1, Fault::GarbleAfter));
        faults.add(script(None, None, 0, Fault::DropBefore));
        assert_eq!(faults.next("GET", "/_matrix/client/v3/sync"), None, "the first passes");
        assert_eq!(faults.next("GET", "/_matrix/client/v3/sync"), Some(Fault::GarbleAfter));
        assert_eq!(faults.next("GET", "/_matrix/client/v3/rooms/!a:b/send/x"), None, "it is no PUT");
        assert_eq!(faults.next("PUT", "/_matrix/client/v3/sendToDevice/x/1"), None, "it is in no room");
        assert_eq!(faults.next("PUT", "/_matrix/client/v3/rooms/!b/send/x/1"), Some(Fault::DropBefore));
        assert_eq!(faults.next("PUT", "/_matrix/client/v3/rooms/!a:b/send/x/1"), Some(Fault::CutAfter));
        assert_eq!(faults.next("PUT", "/_matrix/client/v3/rooms/!a:b/send/x/1"), None);
    }

    #[test]
    fn what_lasts_ends_when_it_is_cleared() {
        let mut faults = Faults::default();
        let logged_out = Fault::LoggedOut { is_soft: true };
        faults.add(FaultScript { is_lasting: true, ..script(None, Some("/"), 0, logged_out.clone()) });
        for _ in 0..3 {
            assert_eq!(faults.next("GET", "/sync"), Some(logged_out.clone()));
        }
        faults.clear();
        assert_eq!(faults.next("GET", "/sync"), None);
    }
}
