//! The tokens of bots: `token` or `token_file` of an account.

use std::{collections::BTreeMap, path::Path};

use secrecy::{ExposeSecret, SecretString};

use super::{
    api_url::is_open,
    problem::Findings,
    secret,
    tree::{Entry, Node},
};

/// The networks whose accounts have a token.
const WITH_TOKEN: &[&str] = &["telegram"];

/// Reads every token, by the account's name; what is missing or can't be one becomes a finding. No finding shows it.
pub(super) fn tokens(root: &Node, beside: &Path, findings: &mut Findings) -> BTreeMap<String, SecretString> {
    let mut tokens = BTreeMap::new();
    let mut bots: BTreeMap<String, String> = BTreeMap::new();
    let accounts = root.get("accounts").map(Node::entries).unwrap_or_default();
    for account in accounts.iter().filter(|account| has_token(account)) {
        let (node, path) = (&account.node, format!("accounts.{}", account.key));
        warn_of_open_address(node, &path, findings);
        let written = node.get("token").or_else(|| node.get("token_file"));
        if written.is_none() {
            let text = format!("{path}: a bot needs its token; set `token: ${{TELEGRAM_TOKEN}}` or `token_file`");
            findings.problem(Some(account.mark), text);
        }
        let Some(token) = secret::secret(node, &path, "token", beside, findings) else { continue };
        let mark = written.map(|written| written.mark);
        let Some(bot) = bot(token.expose_secret()) else {
            let text = format!(
                "{path}.token: this is no bot's token, which is digits, a colon and letters, such as 4711:AAF…; \
                 BotFather shows it"
            );
            findings.problem(mark, text);
            continue;
        };
        if let Some(other) = bots.insert(bot.clone(), account.key.clone()) {
            let text = format!("{path}.token: bot {bot} is account {other} already; one bot can have one account");
            findings.problem(mark, text);
        }
        tokens.insert(account.key.clone(), token);
    }
    tokens
}

fn has_token(account: &Entry) -> bool {
    account.node.get("network").and_then(Node::text).is_some_and(|network| WITH_TOKEN.contains(&network))
}

fn warn_of_open_address(node: &Node, path: &str, findings: &mut Findings) {
    if let Some(url) = node.get("api_url")
        && url.text().is_some_and(is_open)
    {
        let text = format!("{path}.api_url: the token travels readable to {}; https:// hides it", url.shown());
        findings.warning(Some(url.mark), text);
    }
}

/// The bot's id, which a token begins with.
fn bot(token: &str) -> Option<String> {
    let (bot, secret) = token.split_once(':')?;
    let is_id = !bot.is_empty() && bot.len() <= 20 && bot.bytes().all(|byte| byte.is_ascii_digit());
    let is_secret =
        !secret.is_empty() && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    (is_id && is_secret).then(|| bot.to_owned())
}
