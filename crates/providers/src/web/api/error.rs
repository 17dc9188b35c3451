//! The one shape of a refusal.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER, header::WWW_AUTHENTICATE},
    response::{IntoResponse, Response},
};
use lastword_core::store::StoreError;
use serde_json::json;

/// A refusal: `{"error": {"code", "message"}}`, the message with a cure.
#[derive(Debug)]
pub(in crate::web) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    retry_after_s: Option<u32>,
}

impl ApiError {
    pub(in crate::web) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after_s: None }
    }

    /// The request was not as documented.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", message)
    }

    /// Not now, but soon.
    pub(super) fn busy(code: &'static str, message: impl Into<String>) -> Self {
        Self { retry_after_s: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message) }
    }

    /// What a failing store means to a caller. Logged here, because here it is handled.
    pub(super) fn store(error: StoreError) -> Self {
        tracing::warn!(error = %error, "the store did not answer a web request");
        match error {
            StoreError::Unavailable(_) => Self::busy("store_unavailable", "the storage is out; send it again soon"),
            StoreError::Refused(_) | StoreError::Damaged(_) => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "store_failed", "the storage failed; the log says why")
            }
        }
    }

    #[cfg(test)]
    pub(in crate::web) fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({ "error": { "code": self.code, "message": self.message } });
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
