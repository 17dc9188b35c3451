//! The address that HTTP listens on.

use std::net::SocketAddr;

/// The name of the check in the schema.
pub(super) const FORMAT: &str = "lastword-listen";

/// An IP address with a port, or `localhost` with one.
#[must_use]
pub fn parse_listen(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}").parse().ok(),
        None => text.parse().ok(),
    }
}

/// The name of the check of an origin in the schema.
pub(super) const ORIGIN_FORMAT: &str = "lastword-origin";

/// Whether `text` is an origin as a browser sends it: a scheme and a host, perhaps a port, nothing behind.
pub(super) fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| {
        !host.is_empty() && host.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:[]".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::{is_origin, parse_listen};

    #[test]
    fn addresses_need_a_port() {
        assert_eq!(parse_listen("localhost:80"), parse_listen("127.0.0.1:80"));
        assert!(parse_listen("[::1]:7717").is_some());
        for text in ["", "7717", "localhost", "127.0.0.1", "example.org:80", "127.0.0.1:99999"] {
            assert_eq!(parse_listen(text), None, "{text}");
        }
    }

    #[test]
    fn origins_have_no_path() {
        assert!(is_origin("https://chat.example.org"));
        assert!(is_origin("http://localhost:5173"));
        for text in ["", "https://", "chat.example.org", "https://Example.org", "https://example.org/"] {
            assert!(!is_origin(text), "{text}");
        }
    }
}
