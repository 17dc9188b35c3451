//! Clients of others prove the fake Telegram: each runs an unmodified echo bot against it.
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
    telegram::{Author, Deed, Say},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{PATIENCE, Telegram};

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
    found(home().join("python/bin/python"), &home().join("python/installed"), script)
}

fn node(script: &'static str) -> Option<Client> {
    found("node".into(), &home().join("node_modules/grammy"), script)
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
    network: Telegram,
    child: Child,
    directory: TempDir,
}

impl Echo {
    async fn start(client: Client) -> Self {
        let network = Telegram::start().await;
        let directory = tempfile::tempdir().unwrap();
        let log = File::create(directory.path().join("log")).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/telegram").join(client.script);
        let mut command = Command::new(client.program);
        command.arg(script).args([network.url(), network.token()]);
        command.env("NODE_PATH", home().join("node_modules")).env("NO_PROXY", "127.0.0.1");
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap();
        Self { network, child, directory }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    async fn polls(&self) -> usize {
        self.network.book().await.calls.iter().filter(|call| call.method == "getupdates").count()
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
    echo.until("it polls", async |echo| (echo.polls().await > 0).then_some(())).await;
    let say: Say = serde_json::from_value(json!({ "text": "go #t1" })).unwrap();
    let said = echo.network.does(&Deed::Say(Box::new(say))).await;
    let book = echo
        .until("it answers, edits and sends a file", async |echo| {
            let book = echo.network.book().await;
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
    let oracle = Oracle::new(|token| format!("done go {token}"));
    assert_eq!(oracle.judge(&echo.network.ledger().await), Findings::default());
    assert_eq!(echo.network.violations().await, [], "it sends what is documented");

    // The newer poller ends the older, which is the client once it waits again.
    echo.until("it polls again", async |echo| (echo.polls().await > 1).then_some(())).await;
    let is_told = async |echo: &Echo| echo.log().contains("terminated by other getUpdates").then_some(());
    let told = echo.until("it is told", is_told);
    tokio::pin!(told);
    loop {
        tokio::select! {
            () = &mut told => break,
            // The client polled once more and ended ours: again.
            ended = echo.network.asks("getUpdates?timeout=20&offset=1") => drop::<Value>(ended),
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
