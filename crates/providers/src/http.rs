//! What every adapter that asks over HTTP shares.
//!
//! Guarantee: no redirect is followed, and a connection is not waited for without end.

use std::time::Duration;

use lastword_core::outcome::Cause;
use reqwest_012::{Client, Response, Url, header::RETRY_AFTER, redirect};
use rustls::crypto::CryptoProvider;

/// What we call ourselves.
pub(crate) const USER_AGENT: &str = concat!("Lastword/", env!("CARGO_PKG_VERSION"));
/// How long a connection may take to be made.
pub(crate) const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long a connection is kept for the next request; networks keep it for longer.
const IDLE_MAX: Duration = Duration::from_secs(25);
/// How long a network may take for an answer that it does not wait with.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(20);

/// The slowest line that a file is worth waiting for.
const FILE_BYTES_PER_S_MIN: u64 = 50_000;

/// How long a file of this size may take, one way.
pub(crate) const fn file_max(size_bytes: u64) -> Duration {
    ANSWER_MAX.saturating_add(Duration::from_secs(size_bytes / FILE_BYTES_PER_S_MIN))
}

/// A client for the network at this address.
pub(crate) fn client(api_url: &str) -> Client {
    install_tls();
    let mut builder = Client::builder()
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_MAX)
        // A connection of its own for whatever waits: a stuck request holds up no answer.
        .http1_only()
        .pool_idle_timeout(IDLE_MAX)
        .user_agent(USER_AGENT);
    if is_loopback(api_url) {
        builder = builder.no_proxy();
    }
    builder.build().expect("built-in certificates and a TLS provider are all it needs")
}

/// The one TLS provider of the process, unless somebody installed it before.
pub(crate) fn install_tls() {
    if CryptoProvider::get_default().is_none() {
        // Whoever loses a race against another installer has what it needs.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
}

/// Whether an address leads to this machine.
pub(crate) fn is_loopback(url: &str) -> bool {
    let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let ip = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

/// How long the network asks to be left alone, by its header.
pub(crate) fn retry_after_s(response: &Response) -> Option<i64> {
    response.headers().get(RETRY_AFTER).and_then(|hint| hint.to_str().ok()?.trim().parse().ok())
}

/// An error with what is behind it, in one line.
pub(crate) fn said(error: &dyn std::error::Error) -> Cause {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_asked_without_a_proxy() {
        assert!(
            is_loopback("http://127.0.0.1:8081") && is_loopback("http://[::1]:1") && is_loopback("http://localhost")
        );
        assert!(!is_loopback("https://api.telegram.org"));
    }
}
