//! The tokens of bots and apps: `token` or `token_file` of an account, and the like.

use std::{collections::BTreeMap, path::Path};

use secrecy::{ExposeSecret, SecretString};

use super::{
    api_url::is_open,
    homeserver,
    problem::{Findings, Mark},
    secret,
    tree::{Entry, Node},
};

/// The tokens of one account.
#[derive(Default)]
pub(super) struct Tokens {
    /// The bot's.
    pub(super) bot: Option<SecretString>,
    /// Its app's, on networks where that has one of its own.
    pub(super) app: Option<SecretString>,
    /// In place of a token.
    pub(super) password: Option<SecretString>,
    /// What the account's own files are encrypted with.
    pub(super) store_key: Option<SecretString>,
    /// What opens the backup of its keys.
    pub(super) recovery_key: Option<SecretString>,
}

/// A token that the accounts of a network have.
struct Wanted {
    /// Its setting.
    key: &'static str,
    /// What is told where it is missing.
    missing: &'static str,
    /// What is told where it can't be one.
    wrong: &'static str,
    /// Whose it is, by what it begins with; `None`: it is none.
    whose: fn(&str) -> Option<String>,
    /// What is told where two accounts have the same; `{}` stand for whose it is and the other account.
    twice: fn(&str, &str) -> String,
}

const TELEGRAM: &[Wanted] = &[Wanted {
    key: "token",
    missing: "a bot needs its token; set `token: ${TELEGRAM_TOKEN}` or `token_file`",
    wrong: "this is no bot's token, which is digits, a colon and letters, such as 4711:AAF…; BotFather shows it",
    whose: bot_of_telegram,
    twice: |bot, other| format!("bot {bot} is account {other} already; one bot can have one account"),
}];

const SLACK: &[Wanted] = &[
    Wanted {
        key: "token",
        missing: "a bot needs its token; set `token: ${SLACK_BOT_TOKEN}` or `token_file`",
        wrong: "this is no bot's token, which begins with xoxb-; the page \"OAuth & Permissions\" of your app at \
                https://api.slack.com/apps shows it",
        whose: |token| slack(token, "xoxb-"),
        twice: |_, other| format!("account {other} has this token already; one bot can have one account"),
    },
    Wanted {
        key: "app_token",
        missing: "an app needs its own token; set `app_token: ${SLACK_APP_TOKEN}` or `app_token_file`",
        wrong: "this is no app's token, which begins with xapp-; the page \"Basic Information\" of your app at \
                https://api.slack.com/apps makes one, with the scope connections:write",
        whose: app_of_slack,
        twice: |_, other| {
            format!("this app is account {other} already; its sockets would share what they hear: make another app")
        },
    },
];

/// Reads every token, by the account's name; what is missing or can't be one becomes a finding. No finding shows it.
pub(super) fn tokens(root: &Node, beside: &Path, findings: &mut Findings) -> BTreeMap<String, Tokens> {
    let mut tokens: BTreeMap<String, Tokens> = BTreeMap::new();
    // By network, setting and whose it is.
    let mut owners = BTreeMap::new();
    let mut logins = BTreeMap::new();
    for account in root.get("accounts").map(Node::entries).unwrap_or_default() {
        let network = account.node.get("network").and_then(Node::text).unwrap_or_default();
        let wanted = match network {
            "telegram" => TELEGRAM,
            "slack" => SLACK,
            "matrix" => {
                let path = format!("accounts.{}", account.key);
                warn_of_open_address(&account.node, "homeserver", &path, findings);
                let found = homeserver::secrets(account, &path, beside, &mut logins, findings);
                tokens.insert(account.key.clone(), found);
                continue;
            }
            _ => continue,
        };
        let path = format!("accounts.{}", account.key);
        warn_of_open_address(&account.node, "api_url", &path, findings);
        for wanted in wanted {
            let Some((token, whose, mark)) = token(account, &path, wanted, beside, findings) else { continue };
            if let Some(other) = owners.insert((network, wanted.key, whose.clone()), account.key.clone()) {
                let text = format!("{path}.{}: {}", wanted.key, (wanted.twice)(&whose, &other));
                findings.problem(mark, text);
            }
            let found = tokens.entry(account.key.clone()).or_default();
            if wanted.key == "token" { found.bot = Some(token) } else { found.app = Some(token) }
        }
    }
    tokens
}

/// One token, whose it is, and where it is written.
fn token(
    account: &Entry,
    path: &str,
    wanted: &Wanted,
    beside: &Path,
    findings: &mut Findings,
) -> Option<(SecretString, String, Option<Mark>)> {
    let (node, key) = (&account.node, wanted.key);
    let written = node.get(key).or_else(|| node.get(&format!("{key}_file")));
    if written.is_none() {
        findings.problem(Some(account.mark), format!("{path}: {}", wanted.missing));
    }
    let token = secret::secret(node, path, key, beside, findings)?;
    let mark = written.map(|written| written.mark);
    let Some(whose) = (wanted.whose)(token.expose_secret()) else {
        findings.problem(mark, format!("{path}.{key}: {}", wanted.wrong));
        return None;
    };
    Some((token, whose, mark))
}

fn warn_of_open_address(node: &Node, key: &str, path: &str, findings: &mut Findings) {
    if let Some(url) = node.get(key)
        && url.text().is_some_and(is_open)
    {
        let text = format!("{path}.{key}: the token travels readable to {}; https:// hides it", url.shown());
        findings.warning(Some(url.mark), text);
    }
}

/// The bot's id, which a token begins with.
fn bot_of_telegram(token: &str) -> Option<String> {
    let (bot, secret) = token.split_once(':')?;
    let is_id = !bot.is_empty() && bot.len() <= 20 && bot.bytes().all(|byte| byte.is_ascii_digit());
    (is_id && is_secret(secret)).then(|| bot.to_owned())
}

/// A token itself: nothing in it says whose it is.
fn slack(token: &str, begins_with: &str) -> Option<String> {
    token.strip_prefix(begins_with).filter(|secret| is_secret(secret)).map(str::to_owned)
}

/// The app's id, which stands in its token.
fn app_of_slack(token: &str) -> Option<String> {
    let rest = slack(token, "xapp-")?;
    Some(rest.split('-').nth(1).unwrap_or(&rest).to_owned())
}

fn is_secret(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}
