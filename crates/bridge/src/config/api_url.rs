//! The address of a network's server.

/// The name of the check in the schema.
pub(super) const FORMAT: &str = "lastword-api-url";

/// Whether `text` is an address that a path can be put behind: a scheme, a host, perhaps a port and a path.
pub(super) fn is_api_url(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.starts_with(['/', ':'])
            && rest.chars().all(|c| c.is_ascii_alphanumeric() || "-._~:/[]%".contains(c))
    })
}

/// Whether what is sent there can be read on its way: neither TLS nor this machine.
pub(super) fn is_open(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("http://") else { return false };
    let host = rest.split('/').next().unwrap_or_default();
    let name = host.strip_prefix('[').map_or_else(|| host.split(':').next(), |rest| rest.split(']').next());
    let name = name.unwrap_or_default();
    name != "localhost" && !name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_a_host() {
        for text in
            ["https://api.telegram.org", "http://127.0.0.1:8081", "http://[::1]:80/bots", "https://x.example/a/"]
        {
            assert!(is_api_url(text), "{text}");
        }
        for text in [
            "",
            "api.telegram.org",
            "https://",
            "ftp://x",
            "https:///x",
            "https://x?y",
            "https://a b",
            "https://x#y",
            "https://u@x",
        ] {
            assert!(!is_api_url(text), "{text}");
        }
    }

    #[test]
    fn only_tls_and_this_machine_keep_a_token_secret() {
        for text in ["https://x.example", "http://127.0.0.1:8081", "http://localhost/x", "http://[::1]:80"] {
            assert!(!is_open(text), "{text}");
        }
        assert!(is_open("http://bot-api:8081") && is_open("http://10.0.0.1"));
    }
}
