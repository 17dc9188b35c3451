//! What can go wrong with one request, on demand.

use serde::{Deserialize, Serialize};

/// What becomes of one request. Each says whether the request is applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Not applied; the connection is cut.
    DropBefore,
    /// Applied; the connection is cut before the answer.
    CutAfter,
    /// Not applied; 429.
    Limited {
        /// The hint.
        retry_after_ms: u64,
        /// What must wait: `message`, `conversation` or `account`.
        scope: String,
    },
    /// Not applied; 500.
    FailBefore,
    /// Applied; 500.
    FailAfter,
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
    /// Not applied; refused with `forbidden`, `gone`, `target_lost`, `invalid` or `unauthorized`.
    Reject {
        /// The code.
        code: String,
    },
}

/// Which requests a fault is meant for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum On {
    /// The next of either kind.
    #[default]
    Any,
    /// The next post.
    Post,
    /// The next edit.
    Edit,
}

/// Faults to come, one request each, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultScript {
    /// The conversation they are meant for; all if left out.
    #[serde(default)]
    pub conversation: Option<String>,
    /// Which requests they are meant for.
    #[serde(default)]
    pub on: On,
    /// The faults.
    pub faults: Vec<Fault>,
}
