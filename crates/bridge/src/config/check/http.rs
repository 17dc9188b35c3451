//! The page and the API: one account, and who may reach it.

use crate::config::{listen::parse_listen, problem::Findings, tree::Node};

/// There is one web API, so one account on it.
fn one_account(root: &Node, findings: &mut Findings) {
    let accounts = root.get("accounts").map(Node::entries).unwrap_or_default();
    let mut on_it = accounts.iter().filter_map(|account| {
        let network = account.node.get("network").filter(|network| network.text() == Some("web"))?;
        Some((&account.key, network))
    });
    let Some((first, _)) = on_it.next() else { return };
    for (name, network) in on_it {
        let text =
            format!("accounts.{name}.network: there is one web API, and accounts.{first} is on it; remove one of them");
        findings.problem(Some(network.mark), text);
    }
}

/// Whoever can reach more than this machine needs to show a token.
pub(super) fn check(root: &Node, findings: &mut Findings) {
    one_account(root, findings);
    let Some(http) = root.get("http") else { return };
    let Some(listen) = http.get("listen") else { return };
    let Some(address) = listen.text().and_then(parse_listen) else { return };
    let has_token = http.get("token").is_some() || http.get("token_file").is_some();
    if !address.ip().is_loopback() && !has_token {
        let text = format!(
            "http.listen: {} can be reached from other machines, which needs a token; set `token: ${{LASTWORD_TOKEN}}` \
             or `token_file`, or listen on 127.0.0.1",
            listen.shown()
        );
        findings.problem(Some(listen.mark), text);
    }
}
