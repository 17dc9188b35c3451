//! One HTTP request to the ledger, and what came back.

use std::time::Duration;

use lastword_core::outcome::Cause;
use reqwest::{RequestBuilder, redirect};
use serde_json::Value;

/// How long a connection may take to be made.
const CONNECT_MAX: Duration = Duration::from_secs(2);

/// What came of one request.
#[derive(Debug)]
pub(super) enum Answer {
    /// A whole answer; the body is null if it was not JSON.
    Whole {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: Value,
    },
    /// No byte of the request left: no connection was made.
    NotSent(Cause),
    /// The request may have arrived; no whole answer did.
    Lost(Cause),
}

/// A client that follows no redirect, uses no proxy and never repeats a request by itself.
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
}

impl Client {
    pub(super) fn new(url: &str) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_MAX)
            .build()
            .expect("a client without TLS needs nothing from the system");
        Self { http, url: url.trim_end_matches('/').to_owned() }
    }

    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.url))
    }

    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.url))
    }
}

/// Makes one request and reads its answer to the end.
pub(super) async fn ask(request: RequestBuilder) -> Answer {
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) if error.is_connect() => return Answer::NotSent(Box::new(error)),
        Err(error) => return Answer::Lost(Box::new(error)),
    };
    let status = response.status().as_u16();
    match response.bytes().await {
        Ok(body) => Answer::Whole { status, body: serde_json::from_slice(&body).unwrap_or(Value::Null) },
        Err(error) => Answer::Lost(Box::new(error)),
    }
}
