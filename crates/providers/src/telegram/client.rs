//! One request to the Bot API, and what came back.
//!
//! Guarantee: one call is one request. No redirect is followed, no answer is waited for longer than asked, and no error
//! holds the token, which is a part of every address here.

use std::time::Duration;

use lastword_core::outcome::Cause;
use reqwest_012::{RequestBuilder, Response, Url, multipart::Form};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use teloxide_core::requests::Payload;

use super::settings::TelegramSettings;
use crate::http::{self, said};

/// What came of one request.
#[derive(Debug)]
pub(super) enum Answer {
    /// Done: the result, as JSON.
    Done(Box<RawValue>),
    /// Refused.
    Refused(Refusal),
    /// No byte of the request left: no connection was made.
    NotSent(Cause),
    /// The request may have arrived; no answer came that the Bot API would give.
    Lost(Cause),
}

/// `ok: false`, as <https://core.telegram.org/bots/api#making-requests> has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    /// `error_code`, which is the HTTP status too.
    pub(super) code: u16,
    /// For people; the only thing that tells refusals with one code apart.
    pub(super) description: String,
    /// How long to wait, from the body or the header.
    pub(super) retry_after_ms: Option<i64>,
    /// The supergroup that the group has become.
    pub(super) migrate_to: Option<i64>,
}

/// The Bot API of one bot.
pub(super) struct Client {
    http: reqwest_012::Client,
    api_url: String,
    token: SecretString,
}

impl Client {
    pub(super) fn new(settings: &TelegramSettings) -> Self {
        let api_url = settings.api_url.trim_end_matches('/').to_owned();
        let http = http::client(&api_url);
        Self { http, api_url, token: settings.token.clone() }
    }

    /// Asks for a method of teloxide's, or one of ours.
    pub(super) async fn call<P: Payload + Serialize>(&self, payload: &P, answer_max: Duration) -> Answer {
        answer(self.post(P::NAME, answer_max).json(payload)).await
    }

    /// Asks for a method with files in it.
    pub(super) async fn upload(&self, method: &str, form: Form, answer_max: Duration) -> Answer {
        answer(self.post(method, answer_max).multipart(form)).await
    }

    fn post(&self, method: &str, answer_max: Duration) -> RequestBuilder {
        self.http.post(format!("{}/bot{}/{method}", self.api_url, self.token.expose_secret())).timeout(answer_max)
    }

    /// Begins to fetch what `getFile` named; `None` if that leads elsewhere than to a file of this bot.
    pub(super) async fn download(&self, file_path: &str, answer_max: Duration) -> Option<Result<Response, Answer>> {
        let url = self.file_url(file_path)?;
        Some(sent(self.http.get(url).timeout(answer_max)).await)
    }

    fn file_url(&self, file_path: &str) -> Option<Url> {
        let is_part =
            |part: &str| !matches!(part, "" | "." | "..") && !part.contains(|c: char| c == '\\' || c.is_control());
        if !file_path.split('/').all(is_part) {
            return None;
        }
        let mut url = Url::parse(&format!("{}/file/bot{}/", self.api_url, self.token.expose_secret())).ok()?;
        url.path_segments_mut().ok()?.pop_if_empty().extend(file_path.split('/'));
        Some(url)
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
async fn sent(request: RequestBuilder) -> Result<Response, Answer> {
    request.send().await.map_err(|error| {
        let error = error.without_url();
        let is_unsent = error.is_connect() || error.is_builder();
        if is_unsent { Answer::NotSent(said(&error)) } else { Answer::Lost(said(&error)) }
    })
}

/// What the Bot API says with this response.
pub(super) async fn read_all(response: Response) -> Answer {
    let status = response.status().as_u16();
    let retry_after_s = http::retry_after_s(&response);
    match response.text().await {
        Ok(body) => read(status, retry_after_s, &body),
        Err(error) => Answer::Lost(said(&error.without_url())),
    }
}

/// Reads an answer. What the Bot API would not say proves nothing.
pub(super) fn read(status: u16, retry_after_s: Option<i64>, body: &str) -> Answer {
    #[derive(Deserialize)]
    struct Reply {
        ok: bool,
        result: Option<Box<RawValue>>,
        error_code: Option<u16>,
        description: Option<String>,
        parameters: Option<Parameters>,
    }
    #[derive(Default, Deserialize)]
    struct Parameters {
        retry_after: Option<i64>,
        migrate_to_chat_id: Option<i64>,
    }
    match serde_json::from_str(body) {
        Ok(Reply { ok: true, result: Some(result), .. }) if status < 300 => Answer::Done(result),
        Ok(Reply { ok: false, error_code, description, parameters, .. }) => {
            let Parameters { retry_after, migrate_to_chat_id } = parameters.unwrap_or_default();
            Answer::Refused(Refusal {
                code: error_code.unwrap_or(status),
                description: description.unwrap_or_default(),
                retry_after_ms: retry_after.or(retry_after_s).map(|seconds| seconds.saturating_mul(1_000)),
                migrate_to: migrate_to_chat_id,
            })
        }
        Ok(_) | Err(_) if status == 429 => Answer::Refused(Refusal {
            code: 429,
            retry_after_ms: retry_after_s.map(|seconds| seconds.saturating_mul(1_000)),
            ..Refusal::default()
        }),
        Ok(_) | Err(_) => {
            Answer::Lost(format!("HTTP {status} without an answer of the Bot API; is `api_url` right?").into())
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Telegram refused with {}: {}", self.code, self.description)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::ANSWER_MAX;

    #[tokio::test]
    async fn no_error_holds_the_token() {
        // A port that was free a moment ago, and that nobody listens on.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let client = Client::new(&TelegramSettings::new("12345:s3cret", url));
        match client.call(&teloxide_core::payloads::GetMe::new(), ANSWER_MAX).await {
            Answer::NotSent(cause) => assert!(!cause.to_string().contains("s3cret"), "{cause}"),
            other => panic!("nobody listens; got {other:?}"),
        }
    }

    #[test]
    fn a_path_from_outside_leads_to_no_other_place() {
        let client = Client::new(&TelegramSettings::new("4711:s", "https://example.org/bots/"));
        let leads = |path: &str| client.file_url(path).map(String::from);
        let beside = "https://example.org/bots/file/bot4711:s/";
        for (path, leads_to) in [
            ("documents/file_1.pdf", "documents/file_1.pdf"),
            ("a b/c?d#e", "a%20b/c%3Fd%23e"),
            ("%2e%2e/x", "%252e%252e/x"),
            ("evil:x@example.com", "evil:x@example.com"),
        ] {
            assert_eq!(leads(path), Some(format!("{beside}{leads_to}")));
        }
        for path in ["", "/var/lib/file", "a/../b", "..", "./a", "a//b", "https://example.com/x", "a\\..\\b", "a\n"] {
            assert_eq!(leads(path), None, "{path:?}");
        }
    }

    #[test]
    fn answers_are_read_and_others_prove_nothing() {
        assert!(matches!(read(200, None, r#"{"ok":true,"result":true}"#), Answer::Done(_)));
        for (status, body) in [(200, r#"{"ok":true}"#), (502, "<html>"), (200, ""), (404, "no such page")] {
            assert!(matches!(read(status, None, body), Answer::Lost(_)), "{status} {body}");
        }
        let Answer::Refused(refusal) = read(429, Some(7), "slow down") else { panic!("a limit without a body") };
        assert_eq!((refusal.code, refusal.retry_after_ms), (429, Some(7_000)));
        let moved = r#"{"ok":false,"error_code":400,"description":"d","parameters":{"migrate_to_chat_id":-1001}}"#;
        let Answer::Refused(refusal) = read(400, None, moved) else { panic!("a refusal") };
        assert_eq!(refusal.migrate_to, Some(-1_001));
        let bare = r#"{"ok":false,"error_code":403,"description":null,"parameters":null}"#;
        let Answer::Refused(refusal) = read(403, None, bare) else { panic!("a refusal") };
        assert_eq!(refusal, Refusal { code: 403, ..Refusal::default() });
    }
}
