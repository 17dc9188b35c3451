//! The one shape of a refusal, and the table of all of them.

use axum::{
    Json,
    http::{
        HeaderValue, StatusCode,
        header::{RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use lastword_core::store::StoreError;
use serde_json::json;

/// When to come back after a refusal that passes.
const RETRY_AFTER_S: u32 = 1;

macro_rules! refusals {
    ($($name:ident = $status:ident, $code:literal, $cure:literal;)+) => {
        /// Why the API says no: every code, with its status and the cure.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(in crate::web) enum Refusal { $($name),+ }

        impl Refusal {
            #[cfg(test)]
            pub(in crate::web) const ALL: &'static [Self] = &[$(Self::$name),+];

            pub(in crate::web) fn code(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            pub(in crate::web) fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),+ }
            }

            pub(in crate::web) fn cure(self) -> &'static str {
                match self { $(Self::$name => $cure),+ }
            }
        }
    };
}

refusals! {
    Invalid = BAD_REQUEST, "invalid", "a field is missing, wrong or unknown; the message names it";
    Unauthorized = UNAUTHORIZED, "unauthorized", "show the token as `Authorization: Bearer <token>`";
    Forbidden = FORBIDDEN, "forbidden",
        "call by a loopback name (localhost, 127.0.0.1), or set a token; a web page's origin must be allowed";
    NotAccepted = FORBIDDEN, "not_accepted",
        "the message was not accepted; the bridge's rules for this account say no";
    NoSuchTurn = NOT_FOUND, "no_such_turn", "there is no such turn";
    TooSlow = REQUEST_TIMEOUT, "too_slow", "the request took too long; send it again";
    TooLarge = PAYLOAD_TOO_LARGE, "too_large", "the body is larger than the bridge takes; send less at once";
    UnsupportedContentType = UNSUPPORTED_MEDIA_TYPE, "unsupported_content_type",
        "send `Content-Type: application/json`";
    StoreFailed = INTERNAL_SERVER_ERROR, "store_failed", "the storage failed; the bridge's log says why";
    StoreUnavailable = SERVICE_UNAVAILABLE, "store_unavailable",
        "the storage is out; send it again soon, with the same `id`";
    NotReceiving = SERVICE_UNAVAILABLE, "not_receiving",
        "certainly not accepted: the bridge does not receive now; send it again soon";
    TooMany = SERVICE_UNAVAILABLE, "too_many",
        "certainly not accepted: too many messages are waiting, or too many streams are open; come back soon";
    NotConfirmed = SERVICE_UNAVAILABLE, "not_confirmed",
        "nobody could say whether it was committed; send it again with the `id` from the message";
}

/// A refusal: `{"error": {"code", "message"}}`, the message with a cure.
#[derive(Debug)]
pub(in crate::web) struct ApiError {
    refusal: Refusal,
    message: String,
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, message: refusal.cure().to_owned() }
    }
}

impl Refusal {
    /// The same with a message that says more about this case.
    pub(in crate::web) fn saying(self, message: impl Into<String>) -> ApiError {
        ApiError { refusal: self, message: message.into() }
    }
}

impl ApiError {
    /// The request was not as documented.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Refusal::Invalid.saying(message)
    }

    /// What a failing store means to a caller. Logged here, because here it is handled.
    pub(super) fn store(error: StoreError) -> Self {
        tracing::warn!(error = %error, "the store did not answer a web request");
        match error {
            StoreError::Unavailable(_) => Refusal::StoreUnavailable.into(),
            StoreError::Refused(_) | StoreError::Damaged(_) => Refusal::StoreFailed.into(),
        }
    }

    #[cfg(test)]
    pub(in crate::web) fn status(&self) -> StatusCode {
        self.refusal.status()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code) = (self.refusal.status(), self.refusal.code());
        let body = json!({ "error": { "code": code, "message": self.message } });
        let mut response = (status, Json(body)).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_list_every_refusal_with_its_cure() {
        let mut table = String::from("| status | code | what to do |\n|---|---|---|\n");
        for refusal in Refusal::ALL {
            let cure = refusal.cure().replace('|', "\\|");
            table.push_str(&format!("| {} | `{}` | {cure} |\n", refusal.status().as_u16(), refusal.code()));
        }
        for (name, page) in [
            ("reasons.md", include_str!("../../../../../docs/reasons.md")),
            ("api.md", include_str!("../../../../../docs/api.md")),
        ] {
            assert!(page.contains(&table), "docs/{name} must hold this table:\n{table}");
        }
    }
}
