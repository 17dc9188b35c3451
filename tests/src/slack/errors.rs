//! How the Web API answers and refuses: HTTP 200 with `ok`, and a word that clients compare.
//!
//! <https://docs.slack.dev/apis/web-api/#responses>

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// A request that was refused. Nothing of it was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The word.
    pub error: String,
    /// Further fields of the answer.
    pub more: Value,
    /// The wait in seconds, if there was too much.
    pub retry_after_s: Option<u64>,
}

/// What a method returns: the fields beside `ok`.
pub type Answer = Result<Value, Refusal>;

impl Refusal {
    /// A word alone.
    pub fn new(error: impl Into<String>) -> Self {
        Self { error: error.into(), more: json!({}), retry_after_s: None }
    }

    /// With messages as Slack adds them for people who read logs.
    pub fn explained(error: &str, messages: &[String]) -> Self {
        let shown: Vec<_> = messages.iter().map(|message| format!("[ERROR] {message}")).collect();
        let more = json!({ "errors": messages, "response_metadata": { "messages": shown } });
        Self { more, ..Self::new(error) }
    }

    /// An argument that is missing.
    pub fn invalid_arguments(what: &str) -> Self {
        Self::explained("invalid_arguments", &[format!("missing required field: {what}")])
    }

    /// A scope that is missing.
    pub fn missing_scope(needed: &str, provided: &str) -> Self {
        Self { more: json!({ "needed": needed, "provided": provided }), ..Self::new("missing_scope") }
    }

    /// Too much: the wait stands in the header only.
    pub fn limited(retry_after_s: u64) -> Self {
        Self { retry_after_s: Some(retry_after_s), ..Self::new("ratelimited") }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body = self.more;
        body["ok"] = false.into();
        body["error"] = self.error.into();
        let status = if self.retry_after_s.is_some() { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::OK };
        let mut response = (status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The answer in its envelope.
pub fn envelope(answer: Answer) -> Response {
    match answer {
        Ok(mut result) => {
            result["ok"] = true.into();
            Json(result).into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}
