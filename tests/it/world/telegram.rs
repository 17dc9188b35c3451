//! The fake Telegram's process, and the test's side of its HTTP.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use lastword_tests::{
    ledger,
    telegram::{Book, Deed, Violation},
};
use serde::de::DeserializeOwned;
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
        let url = format!("{}/control/{}", self.url, verb.as_str().unwrap());
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        answer.error_for_status().unwrap().json().await.unwrap()
    }

    /// A call of the bot's, from nowhere near the bridge.
    pub async fn asks(&self, call: &str) -> Value {
        self.get(&format!("bot{}/{call}", self.token)).await
    }

    /// Everything that anybody has seen.
    pub async fn book(&self) -> Book {
        self.get("book").await
    }

    /// The same, as the oracle reads it.
    pub async fn ledger(&self) -> ledger::Book {
        self.get("control/ledger").await
    }

    /// What was sent against the documentation; nothing is, where there is none.
    pub async fn violations(&self) -> Vec<Violation> {
        self.get("control/violations").await
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
