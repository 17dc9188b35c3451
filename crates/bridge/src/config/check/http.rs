//! Who may reach the page and the API.

use crate::config::{listen::parse_listen, problem::Findings, tree::Node};

/// Whoever can reach more than this machine needs to show a token.
pub(super) fn check(root: &Node, findings: &mut Findings) {
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
