//! What a schema can't say: whether the parts of a configuration fit together.
//!
//! These checks read the tree and pass over what is broken, so that one run finds every problem.

mod agents;
mod commands;
mod deadlines;
mod http;
mod references;
mod retention;
mod routes;
mod update;

use super::{
    problem::Findings,
    tree::{Node, Value},
};

/// The account and the agent that are there when none is configured.
pub(super) const DEFAULT_ACCOUNT: &str = "web";
pub(super) const DEFAULT_AGENT: &str = "demo";

/// Runs every check.
pub(super) fn check(root: &Node, findings: &mut Findings) {
    references::check(root, findings);
    routes::check(root, findings);
    commands::check(root, findings);
    agents::check(root, findings);
    deadlines::check(root, findings);
    retention::check(root, findings);
    http::check(root, findings);
    update::check(root, findings);
}

/// The names under `section`, or its default where there are none; `None` where the section itself is broken.
fn names<'n>(root: &'n Node, section: &str, default: &'n str) -> Option<Vec<&'n str>> {
    match root.get(section).map(|node| &node.value) {
        None => Some(vec![default]),
        Some(Value::Map(entries)) if entries.is_empty() => Some(vec![default]),
        Some(Value::Map(entries)) => Some(entries.iter().map(|entry| entry.key.as_str()).collect()),
        Some(_) => None,
    }
}
