//! Conversations over HTTP and WebSocket, as an app and a test see them.

mod blocks;
mod events;
mod files;
mod messages;
mod sockets;
mod streams;
mod trouble;

use std::time::Instant;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite};

use super::*;

/// The longest that anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A network with one app, and both sides of it.
struct Sides {
    server: Server,
    http: reqwest::Client,
    /// What `app` returned.
    me: Value,
    /// What answers are held against, if it is there.
    contract: Option<Contract>,
}

impl Sides {
    async fn start() -> Self {
        let server = Server::start().await.unwrap();
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let mut sides = Self { server, http, me: Value::Null, contract: Contract::from_env() };
        sides.me = sides.does("app", json!({})).await;
        sides
    }

    fn my(&self, what: &str) -> String {
        self.me[what].as_str().unwrap().to_owned()
    }

    /// A deed; an answer in words is why it can't be done.
    async fn does(&self, deed: &str, body: Value) -> Value {
        let url = format!("{}/control/{deed}", self.server.control_url());
        let text = self.http.post(url).json(&body).send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    }

    async fn channel(&self) -> String {
        self.does("channel", json!({})).await["id"].as_str().unwrap().to_owned()
    }

    /// Somebody says something; returns the `ts`.
    async fn says(&self, body: Value) -> String {
        let said = self.does("say", body).await;
        said["ts"].as_str().unwrap_or_else(|| panic!("{said}")).to_owned()
    }

    async fn asks_as(&self, token: &str, method: &str, body: Value) -> Value {
        let url = format!("{}/api/{method}", self.server.url());
        // Some methods take no JSON.
        let answer = if crate::slack::methods::takes_json(method) {
            self.http.post(url).bearer_auth(token).json(&body).send().await
        } else {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            let query: Vec<_> = body.as_object().unwrap().iter().map(|(name, value)| (name, text(value))).collect();
            self.http.get(url).bearer_auth(token).query(&query).send().await
        };
        answer.unwrap().json().await.unwrap()
    }

    async fn asks(&self, method: &str, body: Value) -> Value {
        let answer = self.asks_as(&self.my("token"), method, body).await;
        assert_eq!(answer["ok"], true, "{method}: {answer}");
        answer
    }

    /// The word of a refusal.
    async fn refused(&self, method: &str, body: Value) -> String {
        let answer = self.asks_as(&self.my("token"), method, body).await;
        let error = answer["error"].as_str().unwrap_or_else(|| panic!("{method}: {answer}")).to_owned();
        if let Some(contract) = &self.contract {
            // What any method may say is not listed with each.
            let common = ["missing_scope", "invalid_arguments", "not_authed", "token_revoked", "account_inactive"];
            let common =
                [&common[..], &["is_archived", "invalid_thread_ts", "thread_not_found", "msg_too_long"]].concat();
            let is_known = contract.answers_with(method, &error) || common.contains(&error.as_str());
            assert!(is_known, "{method} is not documented to say {error}");
        }
        error
    }

    /// Posts; returns the `ts`.
    async fn posts(&self, body: Value) -> String {
        self.asks("chat.postMessage", body).await["ts"].as_str().unwrap().to_owned()
    }

    async fn book(&self) -> Book {
        self.http.get(format!("{}/book", self.server.control_url())).send().await.unwrap().json().await.unwrap()
    }

    /// Looks into the book until there is something to see.
    async fn until<T>(&self, what: &str, look: impl Fn(&Book) -> Option<T>) -> T {
        let begin = Instant::now();
        loop {
            let book = self.book().await;
            if let Some(seen) = look(&book) {
                return seen;
            }
            assert!(begin.elapsed() < PATIENCE, "waited in vain until {what}: {:#?}", book.deliveries);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What people read of a message now.
    async fn shown(&self, channel: &str, ts: &str) -> String {
        self.book().await.message(channel, ts).unwrap().now().shown.clone()
    }

    /// Opens a socket and reads its hello.
    async fn connects(&self) -> Link {
        let opened = self.asks_as(&self.my("app_token"), "apps.connections.open", json!({})).await;
        let mut link = Link::open(opened["url"].as_str().unwrap_or_else(|| panic!("{opened}"))).await;
        assert_eq!(link.next().await.unwrap()["type"], "hello");
        link
    }
}

/// A client's end of a socket.
struct Link(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Link {
    async fn open(url: &str) -> Self {
        Self(tokio_tungstenite::connect_async(url).await.unwrap().0)
    }

    /// The next frame of text; `None` at the end.
    async fn next(&mut self) -> Option<Value> {
        loop {
            match tokio::time::timeout(PATIENCE, self.0.next()).await.unwrap()? {
                Ok(tungstenite::Message::Text(text)) => return serde_json::from_str(&text).ok(),
                Ok(tungstenite::Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next envelope, acknowledged.
    async fn takes(&mut self) -> Value {
        let envelope = self.next().await.unwrap();
        self.acks(&envelope, json!({})).await;
        envelope
    }

    async fn acks(&mut self, envelope: &Value, more: Value) {
        let mut ack = json!({ "envelope_id": envelope["envelope_id"] });
        if more.as_object().is_some_and(|more| !more.is_empty()) {
            ack["payload"] = more;
        }
        self.0.send(tungstenite::Message::text(ack.to_string())).await.unwrap();
    }
}
