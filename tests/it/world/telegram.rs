//! The fake Telegram's process, and the test's side of its HTTP.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use lastword_tests::{
    ledger,
    telegram::{Book, Deed, FaultScript, Settings, Violation},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// A running network with one bot in it; ends with this value.
pub struct Telegram {
    child: Child,
    url: String,
    token: String,
    http: reqwest::Client,
}

impl Telegram {
    pub async fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lastword-telegram"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut network = Self { child, url: line.trim().to_owned(), token: String::new(), http };
        let bot = network.does(&Deed::Bot { username: "lastword_bot".into(), reads_all: false }).await;
        network.token = bot["token"].as_str().unwrap().to_owned();
        network
    }

    /// Where clients reach it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The bot's token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// People act, or the network's own hand does.
    pub async fn does(&self, deed: &Deed) -> Value {
        let mut body = serde_json::to_value(deed).unwrap();
        let verb = body.as_object_mut().unwrap().remove("do").unwrap();
        self.post(verb.as_str().unwrap(), &body).await.json().await.unwrap()
    }

    /// A call of the bot's, from nowhere near the bridge.
    pub async fn asks(&self, call: &str) -> Value {
        self.get(&format!("bot{}/{call}", self.token)).await
    }

    /// Somebody else waits for the bot's updates, takes none, and hangs up; whatever they are told.
    pub async fn is_polled(&self, during: Duration) {
        let url = format!("{}/bot{}/getUpdates?timeout=1", self.url, self.token);
        let _ = self.http.get(url).timeout(during).send().await;
    }

    /// Everything that anybody has seen.
    pub async fn book(&self) -> Book {
        self.get("book").await
    }

    /// The same, as the oracle reads it.
    pub async fn ledger(&self) -> ledger::Book {
        self.get("control/ledger").await
    }

    /// Reads on in that.
    pub async fn read_on(&self, book: &mut ledger::Book) {
        book.catch_up(self.get(&format!("control/ledger?since={}", book.order())).await);
    }

    /// What becomes of the next requests.
    pub async fn will(&self, script: &FaultScript) {
        self.post("faults", script).await;
    }

    /// Forgets every fault that has not happened yet.
    pub async fn clear_faults(&self) {
        let answer = self.http.delete(format!("{}/control/faults", self.url)).send().await.unwrap();
        answer.error_for_status().unwrap();
    }

    /// How the network behaves from now on.
    pub async fn set(&self, settings: &Settings) {
        self.post("settings", settings).await;
    }

    /// What was sent against the documentation; nothing is, where there is none.
    pub async fn violations(&self) -> Vec<Violation> {
        self.get("control/violations").await
    }

    async fn post(&self, what: &str, body: &impl Serialize) -> reqwest::Response {
        let answer = self.http.post(format!("{}/control/{what}", self.url)).json(body).send().await.unwrap();
        answer.error_for_status().unwrap()
    }

    async fn get<T: DeserializeOwned>(&self, what: &str) -> T {
        self.http.get(format!("{}/{what}", self.url)).send().await.unwrap().json().await.unwrap()
    }
}

impl Drop for Telegram {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
