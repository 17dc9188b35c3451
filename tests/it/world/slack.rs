//! The fake Slack's process, and the test's side of its HTTP.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use lastword_tests::{
    ledger,
    slack::{Book, Deed, FaultScript, Settings, Violation},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// An app in a workspace: what it is and what it needs to connect.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Persona {
    pub id: String,
    pub team: String,
    pub user: String,
    pub bot: String,
    pub token: String,
    pub app_token: String,
}

/// A running network with one app in it; ends with this value.
pub struct Slack {
    child: Child,
    url: String,
    /// The test's side, which no outage shuts.
    hand: String,
    me: Persona,
    http: reqwest::Client,
}

impl Slack {
    pub async fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lastword-slack"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (url, hand) = line.trim().split_once(' ').unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let made = http.post(format!("{hand}/control/app")).json(&json!({})).send().await.unwrap();
        let me = made.json().await.unwrap();
        Self { child, url: url.to_owned(), hand: hand.to_owned(), me, http }
    }

    /// Where clients reach it; the Web API is below `/api/`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The first app.
    pub fn me(&self) -> &Persona {
        &self.me
    }

    /// A further app, or the same in another workspace.
    pub async fn persona(&self, deed: &Deed) -> Persona {
        serde_json::from_value(self.does(deed).await).unwrap()
    }

    /// People act, or the network's own hand does.
    pub async fn does(&self, deed: &Deed) -> Value {
        let mut body = serde_json::to_value(deed).unwrap();
        let verb = body.as_object_mut().unwrap().remove("do").unwrap();
        self.act(verb.as_str().unwrap(), body).await
    }

    /// The same as short as JSON.
    pub async fn act(&self, deed: &str, how: Value) -> Value {
        let answer = self.http.post(format!("{}/control/{deed}", self.hand)).json(&how).send().await.unwrap();
        let (status, body) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{deed} {how}: {body}");
        serde_json::from_str(&body).unwrap_or_default()
    }

    /// Somebody says something; returns the channel and the `ts`.
    pub async fn says(&self, how: Value) -> (String, String) {
        let said = self.act("say", how).await;
        let field = |name: &str| said[name].as_str().unwrap().to_owned();
        (field("channel"), field("ts"))
    }

    /// A call of the first app's bot, from nowhere near the bridge.
    pub async fn asks(&self, method: &str, how: Value) -> Value {
        let url = format!("{}/api/{method}", self.url);
        let form = how.as_object().unwrap().iter().map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            (name.clone(), text)
        });
        let query: Vec<_> = form.collect();
        let asked = self.http.post(url).query(&query).bearer_auth(&self.me.token);
        asked.send().await.unwrap().json().await.unwrap()
    }

    /// Everything that anybody has seen.
    pub async fn book(&self) -> Book {
        self.get("book").await
    }

    /// The same, as the oracle reads it for the first app.
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
        let answer = self.http.delete(format!("{}/control/faults", self.hand)).send().await.unwrap();
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

    async fn post(&self, what: &str, body: &impl Serialize) {
        let answer = self.http.post(format!("{}/control/{what}", self.hand)).json(body).send().await.unwrap();
        answer.error_for_status().unwrap();
    }

    async fn get<T: DeserializeOwned>(&self, what: &str) -> T {
        self.http.get(format!("{}/{what}", self.hand)).send().await.unwrap().json().await.unwrap()
    }
}

impl Drop for Slack {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
