//! Agents: what they may do again, and what they may see. Accounts: what is said of them in vain.

use crate::config::{
    duration::{parse_ms, spell},
    problem::Findings,
    tree::{Node, Value},
};

/// The shortest pause between two canaries.
const CANARY_EVERY_MS_MIN: i64 = 1_000;

pub(super) fn check(root: &Node, findings: &mut Findings) {
    for agent in root.get("agents").map(Node::entries).unwrap_or_default() {
        attempts(&agent.key, &agent.node, findings);
        environment(&agent.key, &agent.node, findings);
        wrapper(&agent.key, &agent.node, findings);
    }
    for account in root.get("accounts").map(Node::entries).unwrap_or_default() {
        nobody(&account.key, &account.node, findings);
        hold(&account.key, &account.node, findings);
        unasked(&account.key, &account.node, findings);
    }
}

/// Replaying needs a second attempt; a number of attempts needs replaying.
fn attempts(name: &str, agent: &Node, findings: &mut Findings) {
    let replays = agent.get("on_lost").and_then(Node::text) == Some("replay");
    let Some(given) = agent.get("max_attempts") else { return };
    let Value::Number(attempts) = &given.value else { return };
    if replays && attempts.as_i64() == Some(1) {
        let text = format!(
            "agents.{name}.max_attempts: `on_lost: replay` needs at least 2; here is {}. `on_lost: error` never runs a \
             turn twice",
            given.shown()
        );
        findings.problem(Some(given.mark), text);
    }
    if !replays && attempts.as_i64().is_some_and(|attempts| attempts > 1) {
        let text =
            format!("agents.{name}.max_attempts: has no effect without `on_lost: replay`; add that, or remove it");
        findings.warning(Some(given.mark), text);
    }
}

/// Our own variables hold our tokens: no agent gets them by a list of names.
fn environment(name: &str, agent: &Node, findings: &mut Findings) {
    let allowed = agent.get("env_allow").map(Node::items).unwrap_or_default();
    for (index, variable) in allowed.iter().enumerate() {
        if variable.text().is_some_and(|variable| variable.starts_with("LASTWORD_")) {
            let text = format!(
                "agents.{name}.env_allow[{index}]: {} is Lastword's own and stays with it; remove it",
                variable.shown()
            );
            findings.problem(Some(variable.mark), text);
        }
    }
}

fn wrapper(name: &str, agent: &Node, findings: &mut Findings) {
    if let Some(first) = agent.get("wrapper").and_then(|wrapper| wrapper.items().first())
        && first.text() == Some("")
    {
        let text = format!("agents.{name}.wrapper[0]: must name a program, such as bwrap; here is nothing");
        findings.problem(Some(first.mark), text);
    }
}

/// An account that nobody may talk to is most likely a mistake.
fn nobody(name: &str, account: &Node, findings: &mut Findings) {
    let is_empty = |node: Option<&Node>| node.is_none_or(|node| matches!(&node.value, Value::List(l) if l.is_empty()));
    let has_default = account.get("network").and_then(Node::text) == Some("web");
    let allow = account.get("allow");
    let nobody_listed = match allow {
        None => !has_default,
        Some(allow) => is_empty(allow.get("users")) && is_empty(allow.get("conversations")),
    };
    let no_admins = if account.get("admins").is_none() { !has_default } else { is_empty(account.get("admins")) };
    if nobody_listed && no_admins && account.get("network").is_some() {
        let mark = allow.map_or(account.mark, |allow| allow.mark);
        let text =
            format!("accounts.{name}.allow: nobody may talk to this account; list users, conversations or \"*\"");
        findings.warning(Some(mark), text);
    }
}

/// Who talks to the web API sees answers, and nothing that was not asked for.
fn unasked(name: &str, account: &Node, findings: &mut Findings) {
    let is_web = account.get("network").and_then(Node::text) == Some("web");
    for key in ["alerts_to", "canary_to"] {
        if let (Some(told), true) = (account.get(key), is_web) {
            let text = format!(
                "accounts.{name}.{key}: has no effect, because the web API shows only answers; name a conversation on \
                 another network"
            );
            findings.warning(Some(told.mark), text);
        }
    }
    let Some(every) = account.get("canary_every") else { return };
    if account.get("canary_to").is_none() {
        let text = format!("accounts.{name}.canary_every: has no effect without `canary_to`; add that, or remove it");
        findings.warning(Some(every.mark), text);
    }
    if let Some(short) = every.text().and_then(parse_ms).filter(|every_ms| *every_ms < CANARY_EVERY_MS_MIN) {
        let text = format!(
            "accounts.{name}.canary_every: a message every {} is a flood; make it at least {}",
            spell(short),
            spell(CANARY_EVERY_MS_MIN)
        );
        findings.problem(Some(every.mark), text);
    }
}

fn hold(name: &str, account: &Node, findings: &mut Findings) {
    let holds = account.get("unknown").and_then(Node::text) == Some("hold");
    if let (Some(limit), false) = (account.get("hold_limit"), holds) {
        let text = format!("accounts.{name}.hold_limit: has no effect without `unknown: hold`; add that, or remove it");
        findings.warning(Some(limit.mark), text);
    }
}
