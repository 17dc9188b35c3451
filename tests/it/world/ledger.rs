//! The ledger's process, and the test's side of its HTTP.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use lastword_tests::ledger::{Book, Fault, FaultScript, On, Settings};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};

/// A running ledger; ends with this value.
pub struct Ledger {
    child: Child,
    url: String,
    http: reqwest::Client,
}

impl Ledger {
    pub(super) async fn start(is_native: bool) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lastword-ledger"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ledger = Self { child, url: line.trim().to_owned(), http: reqwest::Client::new() };
        ledger.set(Settings { is_native, ..Settings::default() }).await;
        ledger
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) async fn say(&self, who: &str, conversation: &str, text: &str) -> String {
        let said = json!({ "sender": who, "conversation": conversation, "text": text });
        let answer: Value = self.post("/admin/say", &said).await.json().await.unwrap();
        answer["id"].as_str().unwrap().to_owned()
    }

    pub(super) async fn book(&self) -> Book {
        self.http.get(format!("{}/admin/ledger", self.url)).send().await.unwrap().json().await.unwrap()
    }

    /// What becomes of the next requests in a conversation.
    pub async fn will(&self, conversation: &str, on: On, faults: impl Into<Vec<Fault>>) {
        let script = FaultScript { conversation: Some(conversation.into()), on, faults: faults.into() };
        self.post("/admin/faults", &serde_json::to_value(script).unwrap()).await;
    }

    /// How the network behaves from now on.
    pub async fn set(&self, settings: Settings) {
        self.post("/admin/settings", &serde_json::to_value(settings).unwrap()).await;
    }

    /// Freezes the network, or lets it go on: it accepts connections and says nothing.
    pub fn freeze(&self, is_frozen: bool) {
        let signal = if is_frozen { Signal::SIGSTOP } else { Signal::SIGCONT };
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    async fn post(&self, path: &str, body: &Value) -> reqwest::Response {
        let answer = self.http.post(format!("{}{path}", self.url)).json(body).send().await.unwrap();
        answer.error_for_status().unwrap()
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
