//! Lengths of time that contradict each other.

use crate::config::{
    duration::{parse_ms, spell},
    file::{DeadlinesFile, RestartConfig},
    problem::{Findings, Mark},
    tree::Node,
};

/// A length of time, and where it was written if it was.
type Length = (i64, Option<Mark>);

/// The shortest silence that may count as one: two beats of a child.
const HUNG_AFTER_MS_MIN: i64 = 1_000;

pub(super) fn check(root: &Node, findings: &mut Findings) {
    let default = DeadlinesFile::default();
    let top = root.get("deadlines");
    let idle = length(top, "idle", (default.idle_ms, None));
    let total = length(top, "total", (default.total_ms, None));
    let top_is_wrong = idle_within_total("deadlines", idle, total, findings);
    for agent in root.get("agents").map(Node::entries).unwrap_or_default() {
        let Some(own) = agent.node.get("deadlines") else { continue };
        if own.entries().is_empty() || (top_is_wrong && own.get("idle").is_none() && own.get("total").is_none()) {
            continue;
        }
        let path = format!("agents.{}.deadlines", agent.key);
        idle_within_total(&path, length(Some(own), "idle", idle), length(Some(own), "total", total), findings);
    }
    pauses(root, findings);
}

/// Says whether the pair is wrong.
fn idle_within_total(path: &str, idle: Length, total: Length, findings: &mut Findings) -> bool {
    let is_wrong = idle.0 > total.0;
    if is_wrong {
        let (key, mark) = if idle.1 > total.1 { ("idle", idle.1) } else { ("total", total.1) };
        let text = format!(
            "{path}.{key}: idle ({}) is longer than total ({}), so it would never end a turn; shorten idle or lengthen \
             total",
            spell(idle.0),
            spell(total.0)
        );
        findings.problem(mark, text);
    }
    is_wrong
}

fn pauses(root: &Node, findings: &mut Findings) {
    let restart = root.get("restart");
    let default = RestartConfig::default();
    let pause = length(restart, "pause", (default.pause_ms, None));
    let pause_max = length(restart, "pause_max", (default.pause_ms_max, None));
    if pause.0 > pause_max.0 {
        let text = format!(
            "restart.pause: the first pause ({}) is longer than pause_max ({}); shorten it or lengthen pause_max",
            spell(pause.0),
            spell(pause_max.0)
        );
        findings.problem(pause.1.or(pause_max.1), text);
    }
    let hung_after = length(restart, "hung_after", (default.hung_after_ms, None));
    if hung_after.0 < HUNG_AFTER_MS_MIN {
        let text = format!(
            "restart.hung_after: {} is shorter than two beats of a healthy child; make it at least {}",
            spell(hung_after.0),
            spell(HUNG_AFTER_MS_MIN)
        );
        findings.problem(hung_after.1, text);
    }
}

/// The length under `key` where there is a good one.
fn length(section: Option<&Node>, key: &str, otherwise: Length) -> Length {
    let Some(node) = section.and_then(|section| section.get(key)) else { return otherwise };
    node.text().and_then(parse_ms).map_or(otherwise, |ms| (ms, Some(node.mark)))
}
