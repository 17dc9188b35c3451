//! How the Bot API answers and refuses: one envelope, a code, and a description that clients compare by its words.
//!
//! <https://core.telegram.org/bots/api#making-requests>

use std::fmt::Display;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// A request that was refused. Nothing of it was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status, which is also `error_code`.
    pub code: u16,
    /// The words.
    pub description: String,
    /// `ResponseParameters`, if there are any.
    pub parameters: Option<Value>,
}

/// What a method returns.
pub type Answer = Result<Value, Refusal>;

impl Refusal {
    /// Any code with its whole description.
    pub fn new(code: u16, description: impl Display) -> Self {
        Self { code, description: description.to_string(), parameters: None }
    }

    /// 400 with `Bad Request: ` before the words.
    pub fn bad_request(what: impl Display) -> Self {
        Self::new(400, format_args!("Bad Request: {what}"))
    }

    /// 403 with `Forbidden: ` before the words.
    pub fn forbidden(what: impl Display) -> Self {
        Self::new(403, format_args!("Forbidden: {what}"))
    }

    /// 409 with `Conflict: ` before the words.
    pub fn conflict(what: impl Display) -> Self {
        Self::new(409, format_args!("Conflict: {what}"))
    }

    /// A token that is not, or no longer, one.
    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized")
    }

    /// Too much: the wait stands in the words, in the parameters, and in the header.
    pub fn limited(retry_after_s: u64) -> Self {
        let words = format_args!("Too Many Requests: retry after {retry_after_s}");
        Self { parameters: Some(json!({ "retry_after": retry_after_s })), ..Self::new(429, words) }
    }

    /// The group lives on under another id.
    pub fn migrated(to: i64) -> Self {
        let refusal = Self::bad_request("group chat was upgraded to a supergroup chat");
        Self { parameters: Some(json!({ "migrate_to_chat_id": to })), ..refusal }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { code, description, parameters } = self;
        let status = StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_REQUEST);
        let retry_after = parameters.as_ref().and_then(|known| known["retry_after"].as_u64());
        let mut body = json!({ "ok": false, "error_code": code, "description": description });
        if let Some(parameters) = parameters {
            body["parameters"] = parameters;
        }
        let mut response = (status, Json(body)).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The answer in its envelope.
pub fn envelope(answer: Answer) -> Response {
    match answer {
        Ok(result) => Json(json!({ "ok": true, "result": result })).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}
