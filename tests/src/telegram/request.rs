//! One call of a method, however its parameters were sent: in the query, as JSON, as a form, or in parts.
//!
//! <https://core.telegram.org/bots/api#making-requests>. Methods see one shape; numbers and truths may come as text.

use std::collections::BTreeMap;

use axum::{
    Form, Json,
    extract::{FromRequest, Multipart, Query, Request},
    http::{Method, header::CONTENT_TYPE},
};
use serde_json::{Map, Value};

use super::errors::Refusal;

/// An uploaded file.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Its name, as the sender says.
    pub name: String,
    /// Its type, as the sender says.
    pub mime: Option<String>,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// The parameters of a call.
#[derive(Clone, Debug, Default)]
pub struct Args {
    /// By name, as they came: text from forms and queries, anything from JSON.
    pub values: Map<String, Value>,
    /// Uploads by the name of their part.
    pub files: BTreeMap<String, Upload>,
}

impl Args {
    /// Reads a request to its end.
    ///
    /// # Errors
    /// When the body is not what its type says, or too large.
    pub async fn read(request: Request) -> Result<Self, Refusal> {
        let mut args = Self::default();
        if let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(request.uri()) {
            args.add(pairs);
        }
        let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.to_ascii_lowercase();
        if request.method() == Method::GET {
            return Ok(args);
        }
        if kind.starts_with("application/json") {
            let body = Json::<Value>::from_request(request, &()).await;
            match body.map_err(|refused| unreadable(&refused.body_text(), refused.status().as_u16()))?.0 {
                Value::Object(values) => args.values.extend(values),
                Value::Null => {}
                _ => return Err(Refusal::bad_request("can't parse the request: an Object is expected")),
            }
        } else if kind.starts_with("application/x-www-form-urlencoded") {
            let body = Form::<Vec<(String, String)>>::from_request(request, &()).await;
            args.add(body.map_err(|refused| unreadable(&refused.body_text(), refused.status().as_u16()))?.0);
        } else if kind.starts_with("multipart/form-data") {
            args.read_parts(request).await?;
        }
        Ok(args)
    }

    async fn read_parts(&mut self, request: Request) -> Result<(), Refusal> {
        let parts = Multipart::from_request(request, &()).await;
        let mut parts = parts.map_err(|refused| unreadable(&refused.body_text(), refused.status().as_u16()))?;
        let broken =
            |error: axum::extract::multipart::MultipartError| unreadable(&error.body_text(), error.status().as_u16());
        while let Some(part) = parts.next_field().await.map_err(broken)? {
            let name = part.name().unwrap_or_default().to_owned();
            let file = part.file_name().map(ToOwned::to_owned);
            let mime = part.content_type().map(ToOwned::to_owned);
            let bytes = part.bytes().await.map_err(broken)?.to_vec();
            if let Some(file) = file {
                self.files.insert(name, Upload { name: file, mime, bytes });
            } else {
                self.values.insert(name, String::from_utf8_lossy(&bytes).into_owned().into());
            }
        }
        Ok(())
    }

    fn add(&mut self, pairs: Vec<(String, String)>) {
        self.values.extend(pairs.into_iter().map(|(name, value)| (name, Value::String(value))));
    }

    /// A parameter as text; empty if it is missing.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        match self.values.get(name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }

    /// A parameter as a number, if it is one.
    #[must_use]
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.text(name).parse().ok()
    }

    /// Whether a parameter is true.
    #[must_use]
    pub fn is_true(&self, name: &str) -> bool {
        matches!(self.text(name).to_ascii_lowercase().as_str(), "true" | "yes" | "1")
    }

    /// A parameter as a JSON value, which may come as its text; `None` if it is missing or empty.
    ///
    /// # Errors
    /// When the text is no JSON.
    pub fn json(&self, name: &str) -> Result<Option<Value>, Refusal> {
        match self.values.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => {
                let what = name.replace('_', " ");
                let parsed = serde_json::from_str(text);
                parsed.map(Some).map_err(|_| Refusal::bad_request(format_args!("can't parse {what} JSON object")))
            }
            Some(other) => Ok(Some(other.clone())),
        }
    }
}

fn unreadable(why: &str, status: u16) -> Refusal {
    if status == 413 { Refusal::new(413, "Request Entity Too Large") } else { Refusal::bad_request(why) }
}
