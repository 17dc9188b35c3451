//! One call of a method, however its arguments were sent: in the query, as JSON, as a form, or in parts.
//!
//! <https://docs.slack.dev/apis/web-api/#basics>. Methods see one shape; numbers and truths may come as text, and lists
//! and objects as JSON within it.

use axum::{
    Form,
    body::Bytes,
    extract::{FromRequest, Multipart, Query, Request},
    http::{
        HeaderName, Method,
        header::{AUTHORIZATION, CONTENT_TYPE},
    },
};
use serde_json::{Map, Value};

use super::errors::Refusal;

/// The arguments of a call, and whose it is.
#[derive(Clone, Debug, Default)]
pub struct Args {
    /// By name, as they came, without the token.
    pub values: Map<String, Value>,
    /// The token, wherever it stood.
    pub token: Option<String>,
    /// Whether it was a GET.
    pub is_get: bool,
}

impl Args {
    /// Reads a request to its end. A method that takes no JSON does not look into such a body.
    ///
    /// # Errors
    /// When the body is not what its type says.
    pub async fn read(request: Request, takes_json: bool) -> Result<Self, Refusal> {
        let mut args = Self { is_get: request.method() == Method::GET, ..Self::default() };
        args.token = header(&request, AUTHORIZATION).strip_prefix("Bearer ").map(ToOwned::to_owned);
        let kind = header(&request, CONTENT_TYPE).to_ascii_lowercase();
        if let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(request.uri()) {
            args.add(pairs);
        }
        if !args.is_get {
            args.read_body(request, &kind, takes_json).await?;
        }
        if let Some(Value::String(token)) = args.values.remove("token") {
            args.token.get_or_insert(token);
        }
        Ok(args)
    }

    async fn read_body(&mut self, request: Request, kind: &str, takes_json: bool) -> Result<(), Refusal> {
        if kind.starts_with("application/json") {
            let body = Bytes::from_request(request, &()).await.map_err(|_| Refusal::new("request_timeout"))?;
            // A client of Slack's own posts nothing and calls it JSON.
            if body.is_empty() || !takes_json {
                return Ok(());
            }
            match serde_json::from_slice(&body) {
                Ok(Value::Object(values)) => self.values.extend(values),
                Ok(_) => return Err(Refusal::new("json_not_object")),
                Err(_) => return Err(Refusal::new("invalid_json")),
            }
        } else if kind.starts_with("application/x-www-form-urlencoded") {
            let body = Form::<Vec<(String, String)>>::from_request(request, &()).await;
            self.add(body.map_err(|_| Refusal::new("invalid_form_data"))?.0);
        } else if kind.starts_with("multipart/form-data") {
            let broken = |_| Refusal::new("invalid_form_data");
            let mut parts =
                Multipart::from_request(request, &()).await.map_err(|_| Refusal::new("invalid_form_data"))?;
            while let Some(part) = parts.next_field().await.map_err(broken)? {
                let name = part.name().unwrap_or_default().to_owned();
                let bytes = part.bytes().await.map_err(broken)?;
                self.values.insert(name, String::from_utf8_lossy(&bytes).into_owned().into());
            }
        }
        Ok(())
    }

    fn add(&mut self, pairs: Vec<(String, String)>) {
        self.values.extend(pairs.into_iter().map(|(name, value)| (name, Value::String(value))));
    }

    /// An argument as text; empty if it is missing.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        match self.values.get(name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }

    /// An argument as text, if it is there and not empty.
    #[must_use]
    pub fn given(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// An argument as text.
    ///
    /// # Errors
    /// When it is missing.
    pub fn needed(&self, name: &str) -> Result<String, Refusal> {
        self.given(name).ok_or_else(|| Refusal::invalid_arguments(name))
    }

    /// An argument as a number, if it is one.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.text(name).parse().ok()
    }

    /// Whether an argument is true.
    #[must_use]
    pub fn is_true(&self, name: &str) -> bool {
        matches!(self.text(name).to_ascii_lowercase().as_str(), "true" | "1" | "yes")
    }

    /// An argument as a JSON value, which may come as its text; `None` if it is missing, null or empty.
    ///
    /// # Errors
    /// When the text is no JSON, in this word.
    pub fn json(&self, name: &str, error: &str) -> Result<Option<Value>, Refusal> {
        match self.values.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => serde_json::from_str(text).map(Some).map_err(|_| Refusal::new(error)),
            Some(other) => Ok(Some(other.clone())),
        }
    }
}

fn header(request: &Request, name: HeaderName) -> &str {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
