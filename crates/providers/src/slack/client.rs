//! One request to the Web API, and what came back.
//!
//! Guarantee: one call is one request. No redirect is followed, no answer is waited for longer than asked, and the tokens
//! go to the API's own address and nowhere else. <https://docs.slack.dev/apis/web-api>

use lastword_core::outcome::Cause;
use reqwest_012::{RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::settings::SlackSettings;
use crate::{
    fields::Fields,
    http::{self, ANSWER_MAX, said},
};

/// Says which permissions a token has. <https://docs.slack.dev/authentication/tokens>
const SCOPES: &str = "x-oauth-scopes";

/// What came of one request.
#[derive(Debug)]
pub(super) enum Answer {
    /// `ok: true`: all of it.
    Done(Fields),
    /// `ok: false`, or a limit.
    Refused(Refusal),
    /// No byte of the request left: no connection was made.
    NotSent(Cause),
    /// The request may have arrived; no answer came that the Web API would give.
    Lost(Cause),
}

/// A refusal, as <https://docs.slack.dev/apis/web-api/#responses> has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    /// `error`, a word such as `channel_not_found`.
    pub(super) code: String,
    /// The HTTP status.
    pub(super) status: u16,
    /// The permission that is missing.
    pub(super) needed: Option<String>,
    /// The permissions that there are.
    pub(super) provided: Option<String>,
    /// What else Slack says of it, for people.
    pub(super) detail: Option<String>,
    /// How long to wait, from the header.
    pub(super) retry_after_ms: Option<i64>,
}

/// The Web API for one app in one workspace.
pub(super) struct Client {
    http: reqwest_012::Client,
    api_url: String,
    bot_token: SecretString,
    app_token: SecretString,
}

impl Client {
    pub(super) fn new(settings: &SlackSettings) -> Self {
        let api_url = settings.api_url.trim_end_matches('/').to_owned();
        Self {
            http: http::client(&api_url),
            api_url,
            bot_token: settings.bot_token.clone(),
            app_token: settings.app_token.clone(),
        }
    }

    /// Asks with a body of JSON, where the method takes it.
    pub(super) async fn call(&self, method: &str, body: &impl Serialize) -> Answer {
        answer(self.post(method, &self.bot_token).json(body)).await
    }

    /// Asks with the fields of a form, which every method takes.
    pub(super) async fn ask(&self, method: &str, fields: &[(&str, &str)]) -> Answer {
        answer(self.post(method, &self.bot_token).form(fields)).await
    }

    /// `auth.test`: who the bot's token belongs to, and its permissions, if Slack names them.
    pub(super) async fn who_am_i(&self) -> (Answer, Option<String>) {
        match sent(self.post("auth.test", &self.bot_token)).await {
            Ok(response) => {
                let scopes = response.headers().get(SCOPES).and_then(|scopes| scopes.to_str().ok().map(str::to_owned));
                (read_all(response).await, scopes)
            }
            Err(failed) => (failed, None),
        }
    }

    /// `apps.connections.open`: where a socket may be opened, once.
    pub(super) async fn open_connection(&self) -> Answer {
        answer(self.post("apps.connections.open", &self.app_token)).await
    }

    fn post(&self, method: &str, token: &SecretString) -> RequestBuilder {
        self.http.post(format!("{}/{method}", self.api_url)).bearer_auth(token.expose_secret()).timeout(ANSWER_MAX)
    }

    /// A request for a file or its upload; whoever sends it decides whether the address may see the token.
    pub(super) fn http(&self) -> &reqwest_012::Client {
        &self.http
    }

    pub(super) fn api_url(&self) -> &str {
        &self.api_url
    }

    pub(super) fn bot_token(&self) -> &SecretString {
        &self.bot_token
    }
}

/// The answer to a request, read to its end.
async fn answer(request: RequestBuilder) -> Answer {
    match sent(request).await {
        Ok(response) => read_all(response).await,
        Err(failed) => failed,
    }
}

/// The beginning of an answer, whatever its status.
pub(super) async fn sent(request: RequestBuilder) -> Result<Response, Answer> {
    request.send().await.map_err(|error| {
        let error = error.without_url();
        let is_unsent = error.is_connect() || error.is_builder();
        if is_unsent { Answer::NotSent(said(&error)) } else { Answer::Lost(said(&error)) }
    })
}

async fn read_all(response: Response) -> Answer {
    let (status, retry_after_s) = (response.status().as_u16(), http::retry_after_s(&response));
    let retry_after_ms = retry_after_s.map(|seconds| seconds.saturating_mul(1_000));
    match response.text().await {
        Ok(body) => read(status, retry_after_ms, &body),
        Err(error) => Answer::Lost(said(&error.without_url())),
    }
}

/// Reads an answer. What the Web API would not say proves nothing.
pub(super) fn read(status: u16, retry_after_ms: Option<i64>, body: &str) -> Answer {
    let found = Fields::read(body).unwrap_or_default();
    match found.get::<bool>("ok") {
        Some(true) if status < 300 => Answer::Done(found),
        Some(false) => Answer::Refused(Refusal {
            code: found.get("error").unwrap_or_default(),
            status,
            needed: found.get("needed"),
            provided: found.get("provided"),
            detail: detail(&found),
            retry_after_ms,
        }),
        // Slack's limits do not always come with a body that can be read.
        Some(true) | None if status == 429 => {
            Answer::Refused(Refusal { code: "ratelimited".into(), status, retry_after_ms, ..Refusal::default() })
        }
        Some(true) | None => {
            Answer::Lost(format!("HTTP {status} without an answer of the Web API; is `api_url` right?").into())
        }
    }
}

fn detail(found: &Fields) -> Option<String> {
    let told: Vec<String> = found.object("response_metadata").and_then(|more| more.get("messages"))?;
    (!told.is_empty()).then(|| told.join("; "))
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Slack refused with {}", if self.code.is_empty() { "no reason" } else { &self.code })?;
        if let Some(needed) = &self.needed {
            write!(f, ", needs the scope {needed}")?;
        }
        self.detail.as_ref().map_or(Ok(()), |detail| write!(f, ": {detail}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_and_others_prove_nothing() {
        assert!(matches!(read(200, None, r#"{"ok":true,"ts":"1.2"}"#), Answer::Done(_)));
        for (status, body) in [(200, "{}"), (502, "<html>"), (200, ""), (200, "[]"), (500, r#"{"ok":true}"#)] {
            assert!(matches!(read(status, None, body), Answer::Lost(_)), "{status} {body}");
        }
        let Answer::Refused(limited) = read(429, Some(7_000), "slow down") else { panic!("a limit without a body") };
        assert_eq!((limited.code.as_str(), limited.retry_after_ms), ("ratelimited", Some(7_000)));
        let body = r#"{"ok":false,"error":"missing_scope","needed":"chat:write","provided":"files:read",
            "response_metadata":{"messages":["[ERROR] a","b"]}}"#;
        let Answer::Refused(refusal) = read(200, None, body) else { panic!("a refusal") };
        assert_eq!(refusal.to_string(), "Slack refused with missing_scope, needs the scope chat:write: [ERROR] a; b");
    }

    #[tokio::test]
    async fn nothing_is_sent_where_nobody_listens() {
        // A port that was free a moment ago, and that nobody listens on.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let client = Client::new(&SlackSettings::new("xoxb-s3cret", "xapp-s3cret", url));
        match client.open_connection().await {
            Answer::NotSent(cause) => assert!(!cause.to_string().contains("s3cret"), "{cause}"),
            other => panic!("nobody listens; got {other:?}"),
        }
    }
}
