//! Clients of others prove the fake Telegram: each runs an unmodified echo bot against it.
//!
//! `tests/run` installs them; where they are not installed these tests report themselves as not run.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Instant,
};

use lastword_tests::{
    oracle::{Findings, Oracle},
    telegram::{Author, Book, Server, Violation},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::PATIENCE;

/// How an echo bot is started.
struct Client {
    program: PathBuf,
    script: &'static str,
}

/// Where `tests/run` puts the clients.
fn home() -> PathBuf {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/clients/telegram");
    std::env::var_os("LASTWORD_CLIENTS").map_or_else(usual, |clients| PathBuf::from(clients).join("telegram"))
}

fn python(script: &'static str) -> Option<Client> {
    found(home().join("python/bin/python"), home().join("python/installed"), script)
}

fn node(script: &'static str) -> Option<Client> {
    found("node".into(), home().join("node_modules/grammy"), script)
}

fn found(program: PathBuf, installed: PathBuf, script: &'static str) -> Option<Client> {
    if installed.exists() {
        return Some(Client { program, script });
    }
    eprintln!("not run: {} is not there; bash tests/run installs it", installed.display());
    None
}

/// A running echo bot and the network it talks to.
struct Echo {
    server: Server,
    http: reqwest::Client,
    token: String,
    child: Child,
    directory: TempDir,
}

impl Echo {
    async fn start(client: Client) -> Self {
        let server = Server::start().await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = http.post(format!("{}/control/bot", server.url())).json(&json!({})).send().await.unwrap();
        let bot: Value = answer.json().await.unwrap();
        let token = bot["token"].as_str().unwrap().to_owned();
        let directory = tempfile::tempdir().unwrap();
        let log = File::create(directory.path().join("log")).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/telegram").join(client.script);
        let mut command = Command::new(client.program);
        command.arg(script).args([server.url(), &token]);
        command.env("NODE_PATH", home().join("node_modules")).env("NO_PROXY", "127.0.0.1");
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap();
        let echo = Self { server, http, token, child, directory };
        echo.until("it polls", async |echo| {
            let book: Book = echo.reads("book").await;
            book.calls.iter().any(|call| call.method == "getupdates").then_some(())
        })
        .await;
        echo
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    async fn reads<T: DeserializeOwned>(&self, what: &str) -> T {
        self.http.get(format!("{}/{what}", self.server.url())).send().await.unwrap().json().await.unwrap()
    }

    async fn until<T>(&self, what: &str, look: impl AsyncFn(&Self) -> Option<T>) -> T {
        let begin = Instant::now();
        loop {
            if let Some(seen) = look(self).await {
                return seen;
            }
            assert!(begin.elapsed() < PATIENCE, "{what}: waited in vain\n{}", self.log());
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Holds a conversation, and then takes the bot's updates away from it.
async fn converse(client: Client) {
    let echo = Echo::start(client).await;
    let say = echo.http.post(format!("{}/control/say", echo.server.url())).json(&json!({ "text": "go #t1" }));
    let said: Value = say.send().await.unwrap().json().await.unwrap();
    let book = echo
        .until("it answers, edits and sends a file", async |echo| {
            let book: Book = echo.reads("book").await;
            book.messages.iter().any(|message| message.attachment.is_some()).then_some(book)
        })
        .await;
    let mine: Vec<_> = book.messages.iter().filter(|message| matches!(message.author, Author::Bot(_))).collect();
    let texts: Vec<_> = mine[0].versions.iter().map(|version| version.text.as_str()).collect();
    assert_eq!(texts, ["…", "done go #t1"]);
    assert_eq!(mine[0].reply_to, said["message_id"].as_i64());
    let file = mine[1].attachment.as_ref().unwrap();
    assert_eq!((file.kind.as_str(), file.name.as_str(), file.size_bytes), ("document", "notes.txt", 4));
    assert_eq!(mine[1].now().text, "notes");
    let ledger = echo.reads("control/ledger").await;
    assert_eq!(Oracle::new(|token| format!("done go {token}")).judge(&ledger), Findings::default());
    let violations: Vec<Violation> = echo.reads("control/violations").await;
    assert_eq!(violations, [], "it sends what is documented");

    // The newer poller ends the older, which is the client once it waits again.
    let polls = async |echo: &Echo| {
        let book: Book = echo.reads("book").await;
        book.calls.iter().filter(|call| call.method == "getupdates").count()
    };
    echo.until("it polls again", async |echo| (polls(echo).await > 1).then_some(())).await;
    let url = format!("{}/bot{}/getUpdates?timeout=20&offset=1", echo.server.url(), echo.token);
    let is_told = async |echo: &Echo| echo.log().contains("terminated by other getUpdates").then_some(());
    let told = echo.until("it is told", is_told);
    tokio::pin!(told);
    loop {
        tokio::select! {
            () = &mut told => break,
            // The client polled once more and ended ours: again.
            newer = echo.http.get(&url).send() => drop(newer),
        }
    }
}

#[tokio::test]
async fn aiogram_holds_a_conversation() {
    if let Some(client) = python("echo_aiogram.py") {
        converse(client).await;
    }
}

#[tokio::test]
async fn python_telegram_bot_holds_a_conversation() {
    if let Some(client) = python("echo_ptb.py") {
        converse(client).await;
    }
}

#[tokio::test]
async fn grammy_holds_a_conversation() {
    if let Some(client) = node("echo_grammy.cjs") {
        converse(client).await;
    }
}
