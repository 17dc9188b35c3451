//! Synapse's process with the proxy in front of it, and the test's side of it.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Instant,
};

use lastword_tests::matrix::{Call, FaultScript, Home, SECRET, Settings};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    LOOK_EVERY, PATIENCE,
    people::{People, Person},
};

/// What everybody's password is.
pub const PASSWORD: &str = "correct horse";
/// How much of Synapse's log a failed test prints, from its end.
const LOG_LINES_MAX: usize = 100;

/// An account on the homeserver.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Account {
    pub user: String,
    /// Of a device that nobody uses.
    pub token: String,
}

/// A homeserver with a bot and people; ends with this value.
pub struct Matrix {
    child: Child,
    url: String,
    hand: String,
    bot: Account,
    people: People,
    http: reqwest::Client,
    directory: TempDir,
}

/// Where `tests/run` puts Synapse and the people's client.
fn python() -> Option<PathBuf> {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/clients/matrix");
    let home = std::env::var_os("LASTWORD_CLIENTS").map_or_else(usual, |clients| PathBuf::from(clients).join("matrix"));
    if home.join("python/installed").exists() {
        return Some(home.join("python/bin/python"));
    }
    eprintln!("not run: {} is not there; bash tests/run installs it", home.join("python/installed").display());
    None
}

impl Matrix {
    /// Whether Synapse is there; says so where it is not.
    pub fn is_installed() -> bool {
        python().is_some()
    }

    /// Without limits; `None`, and a line that says so, where Synapse is not installed.
    pub async fn maybe_start() -> Option<Self> {
        Self::maybe_start_with(Home::default()).await
    }

    /// The same, set up like this.
    pub async fn maybe_start_with(home: Home) -> Option<Self> {
        let python = python()?;
        let directory = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_lastword-matrix"))
            .arg(&python)
            .arg(directory.path().join("synapse"))
            .arg(serde_json::to_string(&home).unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let people = People::start(&python, &directory.path().join("people"), SECRET);
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let [url, hand, home] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("Synapse did not start")
        };
        let [url, hand, home] = [url, hand, home].map(ToOwned::to_owned);
        people.go_to(&home).await;
        let bot = json!({ "do": "register", "name": "bot", "password": PASSWORD });
        let bot = serde_json::from_value(people.does(bot).await).unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Some(Self { child, url, hand, bot, people, http, directory })
    }

    /// Where the bot reaches it: through the proxy.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The bot's account.
    pub fn bot(&self) -> &Account {
        &self.bot
    }

    /// A further account.
    pub async fn account(&self, name: &str) -> Account {
        let account = json!({ "do": "register", "name": name, "password": PASSWORD });
        serde_json::from_value(self.people.does(account).await).unwrap()
    }

    /// A person with an account and a phone.
    pub async fn person(&self, name: &str) -> Person<'_> {
        self.account(name).await;
        self.people.person(name, PASSWORD).await
    }

    /// Somebody who has one already.
    pub fn of_name(&self, name: &str) -> Person<'_> {
        self.people.of_name(name)
    }

    /// The bot goes into a room, from nowhere near the bridge.
    pub async fn bot_joins(&self, room: &str) {
        let url = format!("{}/_matrix/client/v3/join/{room}", self.url);
        let answer = self.http.post(url).bearer_auth(&self.bot.token).json(&json!({})).send().await.unwrap();
        answer.error_for_status().unwrap();
    }

    /// What becomes of the bot's next requests.
    pub async fn will(&self, script: Value) {
        self.script(&serde_json::from_value(script).unwrap()).await;
    }

    /// The same, spelled out.
    pub async fn script(&self, script: &FaultScript) {
        let answer = self.http.post(format!("{}/control/faults", self.hand)).json(script).send().await.unwrap();
        answer.error_for_status().unwrap();
    }

    /// Forgets every fault that has not happened yet.
    pub async fn clear_faults(&self) {
        let answer = self.http.delete(format!("{}/control/faults", self.hand)).send().await.unwrap();
        answer.error_for_status().unwrap();
    }

    /// How the way to the homeserver behaves from now on.
    pub async fn set(&self, settings: &Settings) {
        let answer = self.http.post(format!("{}/control/settings", self.hand)).json(settings).send().await.unwrap();
        answer.error_for_status().unwrap();
    }

    /// What the bot has asked.
    pub async fn calls(&self) -> Vec<Call> {
        self.get("calls").await
    }

    /// The transaction ids under which the bot has sent into a room, with what became of each attempt.
    pub async fn sent(&self, room: &str) -> Vec<(String, Option<u16>)> {
        let path = format!("/rooms/{room}/send/");
        let calls = self.calls().await.into_iter().filter(|call| call.method == "PUT" && call.path.contains(&path));
        calls.map(|call| (call.path.rsplit('/').next().unwrap().to_owned(), call.status)).collect()
    }

    /// `start`, `stop`, `kill` or `restart`; returns when it is done.
    pub async fn synapse(&self, deed: &str) {
        let answer = self.http.post(format!("{}/control/synapse/{deed}", self.hand)).send().await.unwrap();
        let (status, said) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{deed}: {said}");
    }

    /// Looks until there is something to see.
    pub async fn until<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let begin = Instant::now();
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            assert!(begin.elapsed() < PATIENCE, "waited in vain until {what}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn get<T: DeserializeOwned>(&self, what: &str) -> T {
        self.http.get(format!("{}/control/{what}", self.hand)).send().await.unwrap().json().await.unwrap()
    }
}

impl Drop for Matrix {
    fn drop(&mut self) {
        // It takes Synapse with it, unless it is killed.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
        if std::thread::panicking() {
            for name in ["people/said", "synapse/said", "synapse/log"] {
                let log = std::fs::read_to_string(self.directory.path().join(name)).unwrap_or_default();
                let lines: Vec<_> = log.lines().collect();
                let end = &lines[lines.len().saturating_sub(LOG_LINES_MAX)..];
                eprintln!("--- {name}\n{}", end.join("\n"));
            }
        }
    }
}
