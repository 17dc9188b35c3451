//! The ledger's process, and the test's side of its HTTP.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Instant,
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
    started: Instant,
    is_native: bool,
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
        let http = reqwest::Client::new();
        let ledger = Self { child, url: line.trim().to_owned(), http, started: Instant::now(), is_native };
        ledger.is_out(false).await;
        ledger
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) async fn say_in(&self, who: &str, (conversation, thread): (&str, Option<&str>), text: &str) -> String {
        let said = json!({ "sender": who, "conversation": conversation, "thread": thread, "text": text });
        let answer: Value = self.post("/admin/say", &said).await.json().await.unwrap();
        answer["id"].as_str().unwrap().to_owned()
    }

    pub(super) async fn read_on(&self, book: &mut Book) {
        let url = format!("{}/admin/ledger?since={}", self.url, book.order());
        book.catch_up(self.http.get(url).send().await.unwrap().json().await.unwrap());
    }

    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap()
    }

    pub(super) async fn clear_faults(&self) {
        let answer = self.http.delete(format!("{}/admin/faults", self.url)).send().await.unwrap();
        answer.error_for_status().unwrap();
    }

    /// What becomes of the next requests in a conversation.
    pub async fn will(&self, conversation: &str, on: On, faults: impl Into<Vec<Fault>>) {
        self.script(Some(conversation), on, faults.into()).await;
    }

    pub(super) async fn script(&self, conversation: Option<&str>, on: On, faults: Vec<Fault>) {
        let script = FaultScript { conversation: conversation.map(Into::into), on, faults };
        self.post("/admin/faults", &serde_json::to_value(script).unwrap()).await;
    }

    /// How the network behaves from now on.
    pub async fn set(&self, settings: Settings) {
        self.post("/admin/settings", &serde_json::to_value(settings).unwrap()).await;
    }

    pub(super) async fn is_out(&self, is_out: bool) {
        self.set(Settings { is_native: self.is_native, is_out, ..Settings::default() }).await;
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
