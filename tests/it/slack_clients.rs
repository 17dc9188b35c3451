//! Clients of others prove the fake Slack: each runs an unmodified echo bot against it.
//!
//! `tests/run` installs them; where they are not installed these tests report themselves as not run.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use lastword_tests::{
    oracle::{Findings, Oracle},
    slack::{Author, Deed, Fault, FaultScript, Settings, Socket, SocketState},
};
use serde_json::json;
use tempfile::TempDir;

use crate::world::{PATIENCE, Slack};

/// How an echo bot is started.
struct Client {
    program: PathBuf,
    script: &'static str,
}

/// Where `tests/run` puts the clients.
fn home() -> PathBuf {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/clients/slack");
    std::env::var_os("LASTWORD_CLIENTS").map_or_else(usual, |clients| PathBuf::from(clients).join("slack"))
}

fn python(script: &'static str) -> Option<Client> {
    found(home().join("python/bin/python"), &home().join("python/installed"), script)
}

fn node(script: &'static str) -> Option<Client> {
    found("node".into(), &home().join("node_modules/@slack/bolt"), script)
}

fn found(program: PathBuf, installed: &Path, script: &'static str) -> Option<Client> {
    if installed.exists() {
        return Some(Client { program, script });
    }
    eprintln!("not run: {} is not there; bash tests/run installs it", installed.display());
    None
}

/// A running echo bot and the network it talks to.
struct Echo {
    network: Slack,
    channel: String,
    child: Child,
    directory: TempDir,
}

impl Echo {
    async fn start(client: Client) -> Self {
        let network = Slack::start().await;
        let channel = network.act("channel", json!({})).await["id"].as_str().unwrap().to_owned();
        let directory = tempfile::tempdir().unwrap();
        let log = File::create(directory.path().join("log")).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/slack").join(client.script);
        let mut command = Command::new(client.program);
        let me = network.me();
        command.arg(script).args([network.url(), &me.app_token, &me.token]);
        command.env("NODE_PATH", home().join("node_modules")).env("NO_PROXY", "127.0.0.1");
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap();
        Self { network, channel, child, directory }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// The sockets that work and are not about to go.
    async fn sockets(&self) -> Vec<Socket> {
        let is_good = |socket: &Socket| socket.state == SocketState::Open && socket.disconnect.is_none();
        self.network.book().await.sockets.into_iter().filter(is_good).collect()
    }

    async fn is_connected(&self) {
        self.until("it is connected", async |echo| (!echo.sockets().await.is_empty()).then_some(())).await;
    }

    async fn until<T>(&self, what: &str, look: impl AsyncFn(&Self) -> Option<T>) -> T {
        let begin = Instant::now();
        loop {
            if let Some(seen) = look(self).await {
                return seen;
            }
            assert!(begin.elapsed() < PATIENCE, "{what}: waited in vain\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks in the channel, and waits for the answer and its file in the thread.
    async fn converses(&self, token: &str) {
        let text = format!("@lastword go {token}");
        let (_, asked) = self.network.says(json!({ "channel": self.channel, "text": text })).await;
        let what = format!("{token}: it answers, edits and sends a file");
        let answered = async |echo: &Self| {
            let book = echo.network.book().await;
            let mine = |author: &Author| matches!(author, Author::Bot { .. });
            let thread = book.messages.iter().filter(|message| message.thread.as_ref() == Some(&asked));
            let mine: Vec<_> = thread.filter(|message| mine(&message.author)).cloned().collect();
            mine.iter().any(|message| !message.files.is_empty()).then_some((book, mine))
        };
        let (book, mine) = self.until(&what, answered).await;
        let texts: Vec<_> = mine[0].versions.iter().map(|version| version.shown.clone()).collect();
        assert_eq!(texts, ["…".to_owned(), format!("done go {token}")]);
        assert_eq!((mine.len(), mine[1].now().shown.as_str()), (2, "notes"));
        let file = book.files.iter().find(|file| file.id == mine[1].files[0]).unwrap();
        assert_eq!((file.name.as_str(), file.mime.as_str(), file.size_bytes), ("notes.txt", "text/plain", 4));
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Holds a conversation, and goes on with it after the sockets were refreshed, closed and cut.
async fn converse(client: Client) {
    let echo = Echo::start(client).await;
    echo.network.set(&Settings { refresh_close_ms: 500, ..Settings::default() }).await;
    echo.is_connected().await;
    echo.converses("#t1").await;
    let reason = "refresh_requested".to_owned();
    echo.network.does(&Deed::Refresh { app: None, reason, socket: None }).await;
    echo.is_connected().await;
    echo.converses("#t2").await;
    echo.network.does(&Deed::CloseSockets { app: None, socket: None, is_rude: false }).await;
    echo.until("the sockets are closed", async |echo| echo.sockets().await.is_empty().then_some(())).await;
    echo.is_connected().await;
    echo.converses("#t3").await;
    let ledger = echo.network.ledger().await;
    let oracle = Oracle::new(|token| format!("done go {token}"));
    assert_eq!(oracle.judge(&ledger), Findings::default());
    assert_eq!((ledger.people.len(), ledger.confirmed), (3, 3), "it acknowledges");
    assert_eq!(echo.network.violations().await, [], "it sends what is documented");
}

#[tokio::test]
async fn slack_sdk_holds_a_conversation() {
    if let Some(client) = python("echo_sdk.py") {
        converse(client).await;
    }
}

#[tokio::test]
async fn slack_bolt_for_python_holds_a_conversation() {
    if let Some(client) = python("echo_bolt.py") {
        converse(client).await;
    }
}

#[tokio::test]
async fn slack_bolt_for_node_holds_a_conversation() {
    if let Some(client) = node("echo_bolt.cjs") {
        converse(client).await;
    }
}

#[tokio::test]
async fn slack_socket_mode_and_web_api_hold_a_conversation() {
    if let Some(client) = node("echo_socket.cjs") {
        converse(client).await;
    }
}

/// What tests of the bridge rely on: a second persona, faults, and reading on, through the process.
#[tokio::test]
async fn the_process_serves_personas_faults_and_the_ledger() {
    let network = Slack::start().await;
    let (workspace, name) = (Some("Elsewhere".to_owned()), "critic".to_owned());
    let elsewhere = Deed::Workspace { name: "Elsewhere".into() };
    network.does(&elsewhere).await;
    let other = network.persona(&Deed::App { name, workspace, scopes: None, events: None }).await;
    let me = network.me();
    assert!(me.team != other.team && me.id != other.id && me.bot != other.bot);
    let (channel, asked) = network.says(json!({ "text": "go #t1" })).await;
    let mut ledger = network.ledger().await;
    assert_eq!((ledger.people.len(), ledger.bot.len()), (1, 0));
    let fault = Fault::ErrorAfter { error: "internal_error".into() };
    let script = FaultScript { app: None, channel: None, method: None, skip: 0, faults: vec![fault.clone(), fault] };
    network.will(&script).await;
    let post = json!({ "channel": channel, "thread_ts": asked, "text": "done #t1" });
    assert_eq!(network.asks("chat.postMessage", post.clone()).await["error"], "internal_error");
    network.clear_faults().await;
    let posted = network.asks("chat.postMessage", post).await;
    assert_eq!(posted["message"]["user"], me.user.as_str());
    network.read_on(&mut ledger).await;
    assert_eq!(ledger.bot.iter().map(|posted| posted.text.as_str()).collect::<Vec<_>>(), ["done #t1"; 2]);
}
