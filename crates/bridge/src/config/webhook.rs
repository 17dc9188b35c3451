//! `alerts.webhook`: its address and its token, which are secrets.

use std::path::Path;

use reqwest_012::Url;
use secrecy::{ExposeSecret, SecretString};

use super::{problem::Findings, secret, tree::Node};

/// Where the section is.
const PATH: &str = "alerts.webhook";

/// The address and the token, where there is a webhook; what is missing or can't be one becomes a finding.
pub(super) fn secrets(
    root: &Node,
    beside: &Path,
    findings: &mut Findings,
) -> Option<(SecretString, Option<SecretString>)> {
    let webhook = root.get("alerts")?.get("webhook")?;
    let written = webhook.get("url").or_else(|| webhook.get("url_file"));
    if written.is_none() {
        let text = format!("{PATH}: nobody knows where it is; set `url: ${{LASTWORD_WEBHOOK}}` or `url_file`");
        findings.problem(Some(webhook.mark), text);
    }
    let token = secret::secret(webhook, PATH, "token", beside, findings);
    let url = secret::secret(webhook, PATH, "url", beside, findings)?;
    let is_address =
        Url::parse(url.expose_secret()).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if !is_address {
        let text = format!("{PATH}.url: this is no address; it begins with https:// or http://");
        findings.problem(written.map(|written| written.mark), text);
    }
    Some((url, token))
}
