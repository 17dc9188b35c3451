//! Which addresses are Slack's own.

use reqwest_012::Url;

use crate::http::is_loopback;

/// The domain under which files are, whatever `api_url` is.
const DOMAIN: &str = "slack.com";

/// Whether an address that Slack told is its own: of the API's host or under it, or under [`DOMAIN`]; encrypted, unless
/// the API itself is on this machine.
pub(super) fn is_slacks(url: &Url, api_url: &str) -> bool {
    let Some(host) = url.host_str() else { return false };
    if !url.username().is_empty() || url.password().is_some() {
        return false;
    }
    if is_loopback(api_url) {
        return url.scheme() == "http" && is_loopback(url.as_str());
    }
    let api = Url::parse(api_url).ok();
    let api_host = api.as_ref().and_then(Url::host_str).unwrap_or(DOMAIN);
    let is_under = |domain: &str| host == domain || host.strip_suffix(domain).is_some_and(|sub| sub.ends_with('.'));
    url.scheme() == "https" && url.port().is_none() && (is_under(DOMAIN) || is_under(api_host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_slacks_own_hosts_are_slacks() {
        let is_ours = |url: &str, api_url: &str| is_slacks(&Url::parse(url).unwrap(), api_url);
        let api = "https://slack.com/api";
        for url in ["https://files.slack.com/a?b", "https://slack.com/files", "https://acme.enterprise.slack.com/a"] {
            assert!(is_ours(url, api), "{url}");
        }
        for url in [
            "http://files.slack.com/a",
            "https://files.slack.com:8443/a",
            "https://files.slack.com.example.org/a",
            "https://notslack.com/a",
            "https://a@files.slack.com/a",
            "https://example.org/files.slack.com",
            "http://127.0.0.1/a",
            "ftp://files.slack.com/a",
        ] {
            assert!(!is_ours(url, api), "{url}");
        }
        assert!(is_ours("https://files.slack-gov.com/a", "https://slack-gov.com/api"));
        assert!(is_ours("http://127.0.0.1:81/a", "http://127.0.0.1:80/api"));
        assert!(!is_ours("http://example.org/a", "http://127.0.0.1:80/api"));
    }
}
