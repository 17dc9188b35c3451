//! What an answer of a homeserver means for one attempt. Total: what is not listed proves nothing.
//!
//! A refusal has a word beginning with `M_`, and a limit says how long it lasts
//! (<https://spec.matrix.org/v1.16/client-server-api/#standard-error-response>).

mod table;
#[cfg(test)]
mod tests;

use lastword_core::{
    outcome::{Cause, Rejection, Retry, RetryScope, SendOutcome},
    provider::ReceiveError,
};
use matrix_sdk::{
    HttpError,
    ruma::api::error::{ErrorKind, FromHttpResponseError, RetryAfter},
};

use self::table::TABLE;
use crate::http::said;

/// What a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// It is so already.
    Done,
    /// The room or the event is not there.
    Gone,
    /// The account may not do it there.
    Forbidden,
    /// The content broke a rule.
    Invalid,
    /// The token is not valid any more, or the account is closed.
    Unauthorized,
    /// Too much at once.
    Limited,
    /// Not now: certainly nothing was done.
    Later,
    /// It proves nothing.
    Nothing,
}

/// Why something was not done.
#[derive(Debug)]
pub(super) enum Failure {
    /// No byte left.
    NotSent(Cause),
    /// The homeserver said no.
    Refused(Refusal),
    /// It may have been done.
    Lost(Cause),
    /// It ended on this machine, before the event was sent.
    Ours(Cause),
    /// We are not in the room.
    Outside,
}

/// What the homeserver said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// Such as `M_FORBIDDEN`; empty where it said none.
    pub(super) code: String,
    pub(super) message: String,
    pub(super) retry_after_ms: Option<i64>,
    /// With an unknown token: whether the device stands, and only its token is gone.
    pub(super) is_soft: bool,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { status, code, message, .. } = self;
        write!(f, "the homeserver refused with {status} {code}: {message}")
    }
}

impl Failure {
    pub(super) fn of(error: matrix_sdk::Error) -> Self {
        match error {
            matrix_sdk::Error::Http(error) => Self::of_http(*error),
            matrix_sdk::Error::WrongRoomState(_) => Self::Outside,
            // Before the event is sent it is encrypted, which needs other requests and the stores.
            other => Self::Ours(said(&other)),
        }
    }

    pub(super) fn of_http(error: HttpError) -> Self {
        match error {
            HttpError::Reqwest(error) => {
                let is_certain = error.is_connect() || error.is_builder();
                let cause = said(&error.without_url());
                if is_certain { Self::NotSent(cause) } else { Self::Lost(cause) }
            }
            HttpError::Api(error) => match *error {
                FromHttpResponseError::Server(answer) => match answer {
                    matrix_sdk::RumaApiError::MatrixError(error) => Self::Refused(refusal(&error)),
                    matrix_sdk::RumaApiError::AuthResponse(_) => Self::Refused(Refusal {
                        status: 401,
                        code: String::new(),
                        message: "it asks for the password again".into(),
                        retry_after_ms: None,
                        is_soft: false,
                    }),
                },
                unreadable => Self::Lost(said(&unreadable)),
            },
            HttpError::IntoHttp(error) => Self::Ours(said(&error)),
            other => Self::Lost(said(&other)),
        }
    }

    /// Whether the token is not valid any more; and then, whether the device stands.
    pub(super) fn logged_out(&self) -> Option<bool> {
        match self {
            Self::Refused(refusal) if refusal.code == "M_UNKNOWN_TOKEN" => Some(refusal.is_soft),
            _ => None,
        }
    }

    /// Why a link ends.
    pub(super) fn into_receive_error(self) -> ReceiveError {
        match self {
            Self::Refused(refusal) if meaning(&refusal) == Means::Unauthorized => {
                ReceiveError::Unauthorized { cause: refusal.to_string().into() }
            }
            Self::Refused(refusal) => {
                ReceiveError::Lost { retry_after_ms: refusal.retry_after_ms, cause: refusal.to_string().into() }
            }
            Self::NotSent(cause) => lost(format!("the homeserver can't be reached: {cause}")),
            Self::Lost(cause) => lost(format!("no answer from the homeserver: {cause}")),
            Self::Ours(cause) => ReceiveError::Lost { retry_after_ms: None, cause },
            Self::Outside => lost("the account is not in the room".into()),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotSent(cause) | Self::Lost(cause) | Self::Ours(cause) => cause.fmt(f),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Outside => f.write_str("the account is not in the room"),
        }
    }
}

pub(super) fn lost(cause: String) -> ReceiveError {
    ReceiveError::Lost { retry_after_ms: None, cause: cause.into() }
}

fn refusal(error: &matrix_sdk::ruma::api::error::Error) -> Refusal {
    let kind = error.error_kind();
    let retry_after_ms = match kind {
        Some(ErrorKind::LimitExceeded(limit)) => match limit.retry_after {
            Some(RetryAfter::Delay(delay)) => i64::try_from(delay.as_millis()).ok(),
            // On the homeserver's clock, which is not ours.
            Some(RetryAfter::DateTime(_)) | None => None,
        },
        _ => None,
    };
    let message = match &error.body {
        matrix_sdk::ruma::api::error::ErrorBody::Standard(body) => body.message.clone(),
        _ => String::new(),
    };
    Refusal {
        status: error.status_code.as_u16(),
        code: kind.map(|kind| kind.errcode().to_string()).unwrap_or_default(),
        message,
        retry_after_ms,
        is_soft: matches!(kind, Some(ErrorKind::UnknownToken(token)) if token.soft_logout),
    }
}

/// What a refusal means. Total.
pub(super) fn meaning(refusal: &Refusal) -> Means {
    // An error of the homeserver's own may have come after the deed.
    if refusal.status >= 500 {
        return Means::Nothing;
    }
    if refusal.status == 429 {
        return Means::Limited;
    }
    let row = TABLE.iter().find(|(code, ..)| *code == refusal.code);
    match row {
        Some((_, means, _)) => *means,
        None if refusal.status == 413 => Means::Invalid,
        None => Means::Nothing,
    }
}

/// Classifies a failed attempt to post or to edit.
pub(super) fn classify(failure: Failure) -> SendOutcome {
    let retry = |after_ms, scope, cause| SendOutcome::Retry(Retry { after_ms, scope, cause });
    match failure {
        Failure::NotSent(cause) => retry(None, RetryScope::Account, cause),
        Failure::Ours(cause) => retry(None, RetryScope::Message, cause),
        Failure::Lost(cause) => SendOutcome::Unknown(cause),
        Failure::Outside => SendOutcome::Rejected(Rejection::Forbidden),
        Failure::Refused(refusal) => match meaning(&refusal) {
            // Synapse counts what an account sends, wherever it sends it.
            // <https://element-hq.github.io/synapse/latest/usage/configuration/config_documentation.html#rc_message>
            Means::Limited => retry(refusal.retry_after_ms, RetryScope::Account, refusal.to_string().into()),
            Means::Later => retry(refusal.retry_after_ms, RetryScope::Message, refusal.to_string().into()),
            Means::Gone => SendOutcome::Rejected(Rejection::Gone),
            Means::Forbidden => SendOutcome::Rejected(Rejection::Forbidden),
            Means::Unauthorized => SendOutcome::Rejected(Rejection::Unauthorized),
            Means::Invalid => SendOutcome::Rejected(Rejection::Invalid { detail: refusal.to_string() }),
            Means::Done | Means::Nothing => SendOutcome::Unknown(refusal.to_string().into()),
        },
    }
}
