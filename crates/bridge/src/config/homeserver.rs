//! How an account of a homeserver logs in: `token`, or `user` and `password`; and what its files are encrypted with.

use std::{collections::BTreeMap, path::Path};

use secrecy::{ExposeSecret, SecretString};

use super::{
    problem::Findings,
    secret,
    tokens::Tokens,
    tree::{Entry, Node},
};

/// A secret that is easier to guess than a key is none.
const STORE_KEY_CHARS_MIN: usize = 32;

/// The accounts that log in already, by where and as whom.
pub(super) type Logins = BTreeMap<String, String>;

/// Reads the secrets of one account; what is missing or does not go together becomes a finding.
pub(super) fn secrets(
    account: &Entry,
    path: &str,
    beside: &Path,
    logins: &mut Logins,
    findings: &mut Findings,
) -> Tokens {
    let node = &account.node;
    let mut read = |key: &str| secret::secret(node, path, key, beside, findings);
    let tokens = Tokens {
        bot: read("token"),
        app: None,
        password: read("password"),
        store_key: read("store_key"),
        recovery_key: read("recovery_key"),
    };
    check_login(account, path, findings);
    check_store_key(node, path, tokens.store_key.as_ref(), findings);
    if let Some(login) = login(node, &tokens)
        && let Some(other) = logins.insert(login, account.key.clone())
    {
        let text = format!("{path}: account {other} logs in as the same already; one bot can have one account");
        findings.problem(Some(account.mark), text);
    }
    tokens
}

fn check_login(account: &Entry, path: &str, findings: &mut Findings) {
    let node = &account.node;
    let written = |key: &str| node.get(key).or_else(|| node.get(&format!("{key}_file")));
    match (written("token"), node.get("user"), written("password")) {
        (Some(_), None, None) | (None, Some(_), Some(_)) => {}
        (Some(_), Some(other), _) | (Some(_), None, Some(other)) => {
            let text = format!("{path}: a token is given as well as `user` or `password`; keep one of the two");
            findings.problem(Some(other.mark), text);
        }
        (None, Some(user), None) => {
            let text =
                format!("{path}.user: needs its password; set `password: ${{MATRIX_PASSWORD}}` or `password_file`");
            findings.problem(Some(user.mark), text);
        }
        (None, None, Some(password)) => {
            let text = format!("{path}.password: needs the name that it is for; set `user`, such as @ada:example.org");
            findings.problem(Some(password.mark), text);
        }
        (None, None, None) => {
            let text = format!(
                "{path}: a bot needs to log in; set `token: ${{MATRIX_TOKEN}}` or `token_file`, or `user` and \
                 `password: ${{MATRIX_PASSWORD}}`"
            );
            findings.problem(Some(account.mark), text);
        }
    }
}

fn check_store_key(node: &Node, path: &str, key: Option<&SecretString>, findings: &mut Findings) {
    if key.is_some_and(|key| key.expose_secret().chars().count() < STORE_KEY_CHARS_MIN) {
        let mark = node.get("store_key").or_else(|| node.get("store_key_file")).map(|written| written.mark);
        let text = format!(
            "{path}.store_key: has fewer than {STORE_KEY_CHARS_MIN} characters; `openssl rand -hex 32` makes a good one"
        );
        findings.problem(mark, text);
    }
}

/// Where and as whom an account logs in.
fn login(node: &Node, tokens: &Tokens) -> Option<String> {
    let homeserver = node.get("homeserver").and_then(Node::text).unwrap_or_default().trim_end_matches('/');
    let who = match (&tokens.bot, node.get("user").and_then(Node::text)) {
        (Some(token), _) => format!("by {}", token.expose_secret()),
        (None, Some(user)) => user.trim_start_matches('@').split(':').next().unwrap_or_default().to_lowercase(),
        (None, None) => return None,
    };
    Some(format!("{homeserver} {who}"))
}
