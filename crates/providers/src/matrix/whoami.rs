//! Who a token belongs to, asked without a session: nothing is opened, and nothing on the homeserver changes.

use lastword_core::{outcome::Cause, provider::ReceiveError};
use reqwest_012::{Client, Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{
    outcome::{Failure, Refusal, lost},
    settings::{Login, MatrixSettings},
};
use crate::{
    fields::Fields,
    http::{ANSWER_MAX, said},
};

/// Whose a token is, as the homeserver says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) user: String,
    pub(super) device: String,
}

/// Asks for whom a token stands.
/// <https://spec.matrix.org/v1.16/client-server-api/#get_matrixclientv3accountwhoami>
pub(super) async fn owner(
    http: &Client,
    settings: &MatrixSettings,
    token: &SecretString,
) -> Result<Result<Owner, ReceiveError>, Failure> {
    let request = request(http, settings, Method::GET, "account/whoami").bearer_auth(token.expose_secret());
    answer(request).await.map(|found| read(&found))
}

fn read(found: &Fields) -> Result<Owner, ReceiveError> {
    let (user, device) = (found.get("user_id"), found.get("device_id"));
    let user = user.ok_or_else(|| lost("account/whoami names nobody".into()))?;
    let Some(device) = device else {
        let cause = "token: it belongs to no device, as those of application services do; take one of a login";
        return Err(ReceiveError::Unauthorized { cause: cause.into() });
    };
    Ok(Owner { user, device })
}

/// Asks as an operator does. A password is tried with a device that is logged out again at once.
pub(super) async fn check(
    http: &Client,
    settings: &MatrixSettings,
    kept: Option<&SecretString>,
) -> Result<String, ReceiveError> {
    let (user, password) = match (&settings.login, kept) {
        (Login::Token(token), _) | (Login::Password { .. }, Some(token)) => {
            let owner = owner(http, settings, token).await.map_err(|failure| told(failure, "token"))?;
            return Ok(owner?.user);
        }
        (Login::Password { user, password }, None) => (user, password),
    };
    let body = json!({
        "type": "m.login.password",
        "identifier": { "type": "m.id.user", "user": user },
        "password": password.expose_secret(),
        "initial_device_display_name": "Lastword, a check",
    });
    let found = answer(request(http, settings, Method::POST, "login").json(&body)).await;
    let found = found.map_err(|failure| told(failure, "password"))?;
    let token: String = found.get("access_token").ok_or_else(|| lost("the login gave no token".into()))?;
    let logout = request(http, settings, Method::POST, "logout").bearer_auth(&token).json(&json!({}));
    if let Err(failure) = answer(logout).await {
        tracing::warn!("the device of this check is left behind: {failure}");
    }
    found.get("user_id").ok_or_else(|| lost("the login names nobody".into()))
}

fn request(http: &Client, settings: &MatrixSettings, method: Method, path: &str) -> RequestBuilder {
    let url = format!("{}/_matrix/client/v3/{path}", settings.homeserver.trim_end_matches('/'));
    http.request(method, url).timeout(ANSWER_MAX)
}

async fn answer(request: RequestBuilder) -> Result<Fields, Failure> {
    let response = request.send().await.map_err(|error| {
        let is_certain = error.is_connect() || error.is_builder();
        let cause = said(&error.without_url());
        if is_certain { Failure::NotSent(cause) } else { Failure::Lost(cause) }
    })?;
    let status = response.status().as_u16();
    let body = response.text().await.map_err(|error| Failure::Lost(said(&error.without_url())))?;
    let fields = Fields::read(&body);
    match (status, fields) {
        (200, Some(fields)) => Ok(fields),
        (200, None) => Err(Failure::Lost(Cause::from("the answer is no JSON"))),
        (_, fields) => {
            let fields = fields.unwrap_or_default();
            Err(Failure::Refused(Refusal {
                status,
                code: fields.get("errcode").unwrap_or_default(),
                message: fields.get("error").unwrap_or_default(),
                retry_after_ms: fields.get("retry_after_ms"),
                is_soft: fields.get::<Value>("soft_logout") == Some(Value::Bool(true)),
            }))
        }
    }
}

/// A refusal with the setting that it is about.
pub(super) fn told(failure: Failure, setting: &str) -> ReceiveError {
    match failure {
        // A wrong password is forbidden, too.
        Failure::Refused(refusal) if matches!(refusal.status, 401 | 403) => {
            ReceiveError::Unauthorized { cause: format!("{setting}: {refusal}").into() }
        }
        failure => failure.into_receive_error(),
    }
}
