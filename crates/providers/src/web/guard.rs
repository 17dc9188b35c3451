//! Who may call: the one door in front of everything that the bridge serves.
//!
//! Guarantee: with a token, nobody without it gets past (compared in constant time). Without one, only a caller who
//! addresses this machine by a loopback name does, so that a web page whose name was rebound to 127.0.0.1 gets nothing.
//! Either way a browser's request from another origin is refused unless that origin is allowed by name.
//!
//! The bridge must not listen beyond loopback without a token: the `Host` header is the caller's word, and keeps
//! browsers out, not people.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method,
        header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN},
    },
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use tower_http::{
    cors::{AllowOrigin, CorsLayer},
    set_header::SetResponseHeaderLayer,
};

use super::api::{ApiError, Refusal};

/// Headers on every answer that does not set its own.
const STRICT_HEADERS: [(&str, &str); 6] = [
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];

/// Who may call.
#[derive(Clone, Debug, Default)]
pub struct GuardSettings {
    /// What callers must show as `Authorization: Bearer …`; `None` admits callers by a loopback name only.
    pub token: Option<SecretString>,
    /// Origins of web pages that may call besides our own, as browsers spell them: `https://example.org`.
    pub allowed_origins: Vec<String>,
}

/// Puts the door in front of every route of `router`, and strict headers on every answer.
pub fn guard(router: Router, settings: GuardSettings) -> Router {
    let origins = settings.allowed_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, HeaderName::from_static("last-event-id")]);
    let guarded = router.layer(middleware::from_fn_with_state(Arc::new(settings), admit)).layer(cors);
    STRICT_HEADERS.into_iter().fold(guarded, |router, (name, value)| {
        router.layer(SetResponseHeaderLayer::if_not_present(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        ))
    })
}

async fn admit(State(settings): State<Arc<GuardSettings>>, request: Request, next: Next) -> Response {
    match check(&settings, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

fn check(settings: &GuardSettings, headers: &HeaderMap) -> Result<(), ApiError> {
    let host = text(headers, &HOST).unwrap_or_default();
    let origin = text(headers, &ORIGIN);
    let is_allowed = |origin: &str| settings.allowed_origins.iter().any(|allowed| allowed == origin);
    if let Some(origin) = origin
        && !is_same_origin(origin, host)
        && !is_allowed(origin)
    {
        return Err(forbidden("this page may not call; add its origin to the allowed origins"));
    }
    let site = text(headers, &HeaderName::from_static("sec-fetch-site"));
    if site == Some("cross-site") && !origin.is_some_and(is_allowed) {
        return Err(forbidden("requests from other sites are refused"));
    }
    match &settings.token {
        Some(token) => check_token(token, headers),
        None if is_loopback(host) => Ok(()),
        None => Err(forbidden("call by a loopback name (localhost, 127.0.0.1), or set a token")),
    }
}

fn check_token(token: &SecretString, headers: &HeaderMap) -> Result<(), ApiError> {
    let shown = text(headers, &AUTHORIZATION).and_then(|value| {
        let (scheme, shown) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(shown.trim())
    });
    let is_right = shown.is_some_and(|shown| shown.as_bytes().ct_eq(token.expose_secret().as_bytes()).into());
    if is_right {
        return Ok(());
    }
    Err(Refusal::Unauthorized.into())
}

/// Whether `host` (a `Host` header, with or without a port) names this machine for certain.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(bracketed) => return matches!(bracketed.split_once(']'), Some(("::1", port)) if is_port(port)),
        None => match host.find(':') {
            Some(colon) if !is_port(&host[colon..]) => return false,
            Some(colon) => &host[..colon],
            None => host,
        },
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse().is_ok_and(|address: std::net::Ipv4Addr| address.is_loopback())
}

fn is_port(raw: &str) -> bool {
    let is_number = |port: &str| port.bytes().all(|digit| digit.is_ascii_digit()) && port.parse::<u16>().is_ok();
    raw.is_empty() || raw.strip_prefix(':').is_some_and(is_number)
}

fn is_same_origin(origin: &str, host: &str) -> bool {
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(|authority| !host.is_empty() && authority.eq_ignore_ascii_case(host))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    // A header that is not text matches nothing, rather than passing as absent.
    headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"))
}

fn forbidden(message: &str) -> ApiError {
    Refusal::Forbidden.saying(message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What another reader of addresses takes for another machine is never this one.
        #[test]
        fn no_other_machine_passes_for_this_one(
            host in "(localhost|LocalHost|127\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,4}|\\[::1\\]|\\[[0-9a-f:]{0,9}\\]|[a-z0-9.@:\\[\\]-]{0,20})(\\.evil|@evil|%00|\\.|#|/|\\?)?(:[+0-9]{0,6})?",
        ) {
            if is_loopback(&host) {
                let url = reqwest::Url::parse(&format!("http://{host}/")).unwrap();
                let name = url.host_str().unwrap();
                prop_assert!(["localhost", "[::1]"].contains(&name) || name.starts_with("127."), "{} is {}", host, name);
                prop_assert!(url.username().is_empty() && url.path() == "/" && url.query().is_none(), "{}", host);
            }
        }

        #[test]
        fn only_the_token_itself_opens(
            token in "[!-~]{1,20}",
            scheme in "(?i)bearer|Basic|Bearer:|",
            shown in "[ -~]{0,24}",
            is_right in any::<bool>(),
        ) {
            let settings = GuardSettings { token: Some(token.clone().into()), ..GuardSettings::default() };
            let shown = if is_right { &token } else { &shown };
            let expected = if scheme.eq_ignore_ascii_case("bearer") && shown.trim() == token { 200 } else { 401 };
            prop_assert_eq!(answer(&settings, &[("host", "bot.example"), ("authorization", &format!("{scheme} {shown}"))]), expected);
        }

        #[test]
        fn a_page_passes_only_with_an_origin_that_is_ours(origin in "(https?://)?[a-z.:0-9]{0,12}(localhost:80)?", host in "localhost(:80)?") {
            let status = answer(&GuardSettings::default(), &[("host", &host), ("origin", &origin)]);
            let is_ours = origin == format!("http://{host}") || origin == format!("https://{host}");
            prop_assert_eq!(status, if is_ours { 200 } else { 403 });
        }
    }

    fn answer(settings: &GuardSettings, headers: &[(&'static str, &str)]) -> u16 {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect();
        check(settings, &headers).map_or_else(|refusal| refusal.status().as_u16(), |()| 200)
    }

    #[test]
    fn without_a_token_only_loopback_names_are_served() {
        let open = GuardSettings::default();
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:80", "127.8.8.8", "[::1]", "[::1]:8080"] {
            assert_eq!(answer(&open, &[("host", host)]), 200, "{host}");
        }
        for host in
            ["evil.example", "127.0.0.1.evil.example", "localhost.evil:80", "[::2]", "[::1]x", "127.0.0.1:x", ""]
        {
            assert_eq!(answer(&open, &[("host", host)]), 403, "{host}");
        }
        assert_eq!(answer(&open, &[]), 403, "no host at all");
    }

    #[test]
    fn a_page_of_another_origin_is_refused() {
        let open = GuardSettings { allowed_origins: vec!["https://ours.example".into()], ..GuardSettings::default() };
        let host = ("host", "localhost:8080");
        assert_eq!(answer(&open, &[host, ("origin", "http://localhost:8080")]), 200);
        assert_eq!(answer(&open, &[host, ("origin", "http://localhost:9090")]), 403);
        assert_eq!(answer(&open, &[host, ("origin", "null")]), 403);
        assert_eq!(answer(&open, &[host, ("origin", "https://evil.example")]), 403);
        assert_eq!(answer(&open, &[host, ("sec-fetch-site", "cross-site")]), 403);
        assert_eq!(answer(&open, &[host, ("sec-fetch-site", "same-origin")]), 200);
        let ours = [host, ("origin", "https://ours.example"), ("sec-fetch-site", "cross-site")];
        assert_eq!(answer(&open, &ours), 200);
    }

    #[test]
    fn with_a_token_any_host_is_served_to_who_shows_it() {
        let closed = GuardSettings { token: Some("s3cret".to_owned().into()), ..GuardSettings::default() };
        let host = ("host", "bot.example");
        assert_eq!(answer(&closed, &[host, ("authorization", "Bearer s3cret")]), 200);
        assert_eq!(answer(&closed, &[host, ("authorization", "bearer s3cret")]), 200);
        assert_eq!(answer(&closed, &[host, ("authorization", "Bearer s3cre")]), 401);
        assert_eq!(answer(&closed, &[host, ("authorization", "Basic s3cret")]), 401);
        assert_eq!(answer(&closed, &[("host", "localhost")]), 401);
        assert!(!format!("{closed:?}").contains("s3cret"));
    }
}
