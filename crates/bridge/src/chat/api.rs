//! The HTTP API as a client sees it: one request per call, and whether asking again makes sense.

use std::time::Duration;

use eventsource_stream::{Event, Eventsource};
use futures_util::{Stream, StreamExt};
use reqwest::{RequestBuilder, Response, Url, header::RETRY_AFTER, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::clean::clean;

/// How long a connection may take to be made.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// The longest silence: three missed keep-alives of an event stream.
const SILENCE_MAX: Duration = Duration::from_secs(45);

/// Why a request came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Ask again; the bridge may be restarting.
    Passing {
        /// The bridge's own hint.
        retry_after: Option<Duration>,
        /// For the person.
        what: String,
    },
    /// The bridge said no, with this sentence.
    Refused(String),
}

/// A turn as far as a chat shows it. Its texts are from outside.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Turn {
    pub(super) turn: i64,
    pub(super) text: String,
    pub(super) reply: Option<String>,
    pub(super) is_error: bool,
}

/// A client for one bridge.
#[derive(Clone)]
pub(super) struct Api {
    http: reqwest::Client,
    url: String,
    token: Option<SecretString>,
}

impl Api {
    /// A client for the bridge at `url`; `Err` is a sentence for the person.
    pub(super) fn new(url: &str, token: Option<SecretString>) -> Result<Self, String> {
        let shown = clean(url);
        let parsed = Url::parse(url).map_err(|error| format!("{shown} is not an address: {error}"))?;
        if parsed.scheme() != "http" {
            return Err(format!("{shown} does not begin with http://; that is all this client speaks"));
        }
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_MAX)
            .read_timeout(SILENCE_MAX)
            .build()
            .map_err(|error| format!("no HTTP client: {error}"))?;
        Ok(Self { http, url: url.trim_end_matches('/').to_owned(), token })
    }

    /// The address, for people.
    pub(super) fn url(&self) -> String {
        clean(&self.url)
    }

    /// Posts a message once; the turn that it made. The same `id` again is the same message.
    pub(super) async fn post(&self, conversation: &str, text: &str, id: &str) -> Result<i64, Trouble> {
        #[derive(Deserialize)]
        struct Accepted {
            turn: i64,
        }
        let body = json!({ "text": text, "conversation": conversation, "id": id });
        let request = self.http.post(format!("{}/api/v1/messages", self.url)).json(&body);
        Ok(read::<Accepted>(self.ask(request).await?).await?.turn)
    }

    /// The newest `limit` turns, oldest first.
    pub(super) async fn history(&self, conversation: &str, limit: usize) -> Result<Vec<Turn>, Trouble> {
        #[derive(Deserialize)]
        struct History {
            messages: Vec<Turn>,
        }
        let request = self.http.get(format!("{}/api/v1/messages", self.url));
        let query = [("conversation", conversation.to_owned()), ("limit", limit.to_string())];
        Ok(read::<History>(self.ask(request.query(&query)).await?).await?.messages)
    }

    /// A turn's events behind `after`, until the connection ends. A broken one just ends.
    pub(super) async fn events(
        &self,
        turn: i64,
        after: Option<&str>,
    ) -> Result<impl Stream<Item = Event> + Unpin + use<>, Trouble> {
        let request = self.http.get(format!("{}/api/v1/turns/{turn}/events", self.url));
        let request = after.into_iter().fold(request, |request, after| request.header("last-event-id", after));
        let events = self.ask(request).await?.bytes_stream().eventsource();
        Ok(Box::pin(
            events.take_while(|event| std::future::ready(event.is_ok())).filter_map(|event| async { event.ok() }),
        ))
    }

    async fn ask(&self, request: RequestBuilder) -> Result<Response, Trouble> {
        let request = self.token.iter().fold(request, |request, token| request.bearer_auth(token.expose_secret()));
        let response = request.send().await.map_err(lost)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let retry_after = header.map(Duration::from_secs);
        let body: Value = response.json().await.unwrap_or_default();
        let said = body["error"]["message"].as_str().map_or_else(|| format!("the bridge answered {status}"), clean);
        Err(match status.as_u16() {
            408 | 429 | 500.. => Trouble::Passing { retry_after, what: said },
            _ => Trouble::Refused(said),
        })
    }
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T, Trouble> {
    response.json().await.map_err(|error| {
        if error.is_decode() { Trouble::Refused("that is not a Lastword bridge".into()) } else { lost(error) }
    })
}

fn lost(error: reqwest::Error) -> Trouble {
    let what =
        if error.is_connect() { "nobody listens there".to_owned() } else { clean(&error.without_url().to_string()) };
    Trouble::Passing { retry_after: None, what }
}
