//! Names that point at accounts and agents.

use super::{DEFAULT_ACCOUNT, DEFAULT_AGENT, names};
use crate::config::{
    problem::Findings,
    suggest::{did_you_mean, list},
    tree::Node,
};

pub(super) fn check(root: &Node, findings: &mut Findings) {
    let agents = names(root, "agents", DEFAULT_AGENT);
    let accounts = names(root, "accounts", DEFAULT_ACCOUNT);
    let mut point = |node: Option<&Node>, path: String, what: &str, known: &Option<Vec<&str>>| {
        let (Some(node), Some(known)) = (node, known) else { return };
        let Some(name) = node.text() else { return };
        if !known.contains(&name) {
            let text = format!(
                "{path}: there is no {what} {}{} (there is: {})",
                node.shown(),
                did_you_mean(name, known),
                list(known)
            );
            findings.problem(Some(node.mark), text);
        }
    };
    for (index, route) in root.get("routes").map(Node::items).unwrap_or_default().iter().enumerate() {
        point(route.get("account"), format!("routes[{index}].account"), "account", &accounts);
        point(route.get("agent"), format!("routes[{index}].agent"), "agent", &agents);
    }
    for command in root.get("commands").map(Node::entries).unwrap_or_default() {
        point(command.node.get("agent"), format!("commands.{}.agent", command.key), "agent", &agents);
    }
    point(root.get("default_agent"), "default_agent".into(), "agent", &agents);
}
