//! The world of an end-to-end test: the real binary on a state directory of its own, a fake network's process, people
//! who say things, and a hand that kills.
//!
//! Everything is observed from outside: the ledger, the HTTP pages, and `/proc`. Nothing sleeps for luck: what a test
//! waits for is polled with a deadline.

mod agent_script;
mod chat;
mod clock;
mod disk;
mod homestead;
mod ledger;
mod matrix;
mod other_program;
mod people;
mod processes;
mod settings;
mod slack;
mod telegram;
mod town;
mod workspace;

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

use lastword_tests::{
    ledger::Book,
    oracle::{Findings, Oracle},
};
use tempfile::TempDir;

use self::ledger::Ledger;
pub use self::{
    chat::{Chat, Faults},
    clock::FakeClock,
    disk::can_mount,
    matrix::{Matrix, PASSWORD},
    other_program::OtherProgram,
    people::Person,
    processes::{Pid, Who},
    settings::{Network, Settings, dying_at},
    slack::{Persona, Slack},
    telegram::Telegram,
    town::ChatKind,
};

/// The longest that anything may take before a test gives up on it: machines are shared and slow.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long what may happen is waited for, where nothing says that it won't.
const SOON: Duration = Duration::from_secs(3);
/// How much of the log a failed test prints, from its end.
const LOG_LINES_MAX: usize = 5_000;
/// How often a test looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A deployment under test.
pub struct World {
    directory: TempDir,
    chat: Chat,
    supervisor: Option<Child>,
    settings: Settings,
    port: u16,
}

impl World {
    /// A running deployment with everything at its defaults.
    pub async fn start() -> Self {
        Self::start_with(Settings::default()).await
    }

    /// A running deployment; returns when it is ready.
    pub async fn start_with(settings: Settings) -> Self {
        let mut world = Self::prepare(settings).await;
        world.start_supervisor();
        let begin = Instant::now();
        while !world.is_ready().await {
            let ended = world.supervisor.as_mut().and_then(|supervisor| supervisor.try_wait().unwrap());
            assert!(ended.is_none() && begin.elapsed() < PATIENCE, "it does not get ready:\n{}", world.log());
            tokio::time::sleep(LOOK_EVERY).await;
        }
        if world.settings.is_unheard {
            drop(world.supervisor.as_mut().unwrap().stderr.take());
        }
        world
    }

    /// Everything but the running processes.
    pub async fn prepare(settings: Settings) -> Self {
        let chat = Chat::start(&settings).await;
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let config = settings.config(directory.path(), port, &chat);
        let world = Self { directory, chat, supervisor: None, settings, port };
        if world.settings.is_copied {
            std::fs::copy(processes::binary(), world.program()).unwrap();
        }
        std::fs::write(world.config(), config).unwrap();
        world
    }

    /// The configuration's file.
    pub fn config(&self) -> PathBuf {
        self.directory.path().join("lastword.yaml")
    }

    /// The program under test.
    pub fn program(&self) -> PathBuf {
        if self.settings.is_copied { self.file("lastword") } else { processes::binary().to_owned() }
    }

    /// The real program, which every world shares.
    pub fn binary() -> &'static Path {
        processes::binary()
    }

    /// A file beside the configuration.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Starts `lastword run`.
    pub fn start_supervisor(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.file("log")).unwrap();
        let mut command = self.lastword(&["run"]);
        if let Some(size) = self.settings.disk {
            command = disk::with_a_disk(&command, &self.file("state"), size);
        }
        let child = command
            .envs(self.settings.env.iter().map(|(name, value)| (*name, value.as_str())))
            .stdin(if self.settings.disk.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(log.try_clone().unwrap())
            .stderr(if self.settings.is_unheard { Stdio::piped() } else { log.into() })
            .spawn()
            .unwrap();
        self.supervisor = Some(child);
    }

    /// Starts `lastword run` where it has ended, as a service manager would; says whether it had.
    pub fn keep_running(&mut self) -> bool {
        if self.settings.disk.is_some() {
            let shell = self.supervisor.as_ref().unwrap();
            let is_gone = processes::find_by_name(Pid::of(shell), "run").is_none();
            if is_gone {
                disk::start_again(shell.stdin.as_ref().unwrap());
            }
            return is_gone;
        }
        let is_gone = self.supervisor.as_mut().is_none_or(|supervisor| supervisor.try_wait().unwrap().is_some());
        if is_gone {
            self.start_supervisor();
        }
        is_gone
    }

    /// A call of the program under test with this world's configuration.
    pub fn lastword(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.program());
        command.arg("--config").arg(self.config()).args(args).env_remove("RUST_LOG");
        command
    }

    /// The address of the HTTP pages.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What the supervisor and its children have logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.file("log")).unwrap_or_default()
    }

    /// Whether `/readyz` says so.
    pub async fn is_ready(&self) -> bool {
        reqwest::get(self.url("/readyz")).await.is_ok_and(|page| page.status().is_success())
    }

    // --- people --------------------------------------------------------------------------------------------------

    /// Alice says something in the conversation `main`; returns the message's id.
    pub async fn alice_says(&self, text: &str) -> String {
        self.says("alice", "main", text).await
    }

    /// Somebody says something somewhere; returns the message's id.
    pub async fn says(&self, who: &str, conversation: &str, text: &str) -> String {
        self.says_in(who, (conversation, None), text).await
    }

    /// The same, in a thread.
    pub async fn says_in(&self, who: &str, place: (&str, Option<&str>), text: &str) -> String {
        self.chat.say_in(who, place, text).await
    }

    /// Everything the network has seen.
    pub async fn book(&self) -> Book {
        self.chat.book().await
    }

    /// The network, whichever it is.
    pub fn chat(&self) -> &Chat {
        &self.chat
    }

    /// The scripted network's own hand: faults and settings.
    pub fn network(&self) -> &Ledger {
        self.chat.scripted()
    }

    /// Whether a message that holds a token has its last word.
    pub async fn has_last_word(&self, message: &str) -> bool {
        let book = self.book().await;
        let said = book.people.iter().find(|said| said.id == message).unwrap();
        !oracle().last_words(&book, said).is_empty()
    }

    /// Waits for the last word of a message that holds a token, and returns it.
    pub async fn last_word(&self, message: &str) -> String {
        self.until(&format!("{message} has its last word"), async |world| {
            let book = world.book().await;
            // Whoever keeps the book may hear of it late.
            let said = book.people.iter().find(|said| said.id == message)?;
            oracle().last_words(&book, said).first().map(|word| word.text.clone())
        })
        .await
    }

    /// Waits for a reply to a message that holds no token, such as a command.
    pub async fn reply(&self, message: &str) -> String {
        self.until(&format!("{message} has a reply"), async |world| {
            let book = world.book().await;
            book.bot
                .iter()
                .find(|bot| bot.reply_to.as_deref() == Some(message) && bot.text != "…")
                .map(|bot| bot.text.clone())
        })
        .await
    }

    /// Waits until nothing is missing, nothing is owed and nothing is on its way, then judges the whole book.
    pub async fn judge(&self) -> Findings {
        self.until("nothing is missing or owed", async |world| {
            // What the bridge has not accepted yet is missing, though nothing is owed.
            if !oracle().judge(&world.book().await).missing.is_empty() {
                return None;
            }
            let page: serde_json::Value = reqwest::get(world.url("/readyz")).await.ok()?.json().await.ok()?;
            let owed = ["queued", "running"].map(|state| page["store"]["turns"][state].as_u64());
            let open = page["store"]["deliveries"]["open"].as_u64();
            (owed == [Some(0), Some(0)] && open == Some(0)).then_some(())
        })
        .await;
        let book = self.book().await;
        oracle().judge(&book)
    }

    // --- agents --------------------------------------------------------------------------------------------------

    /// Lets every agent that waits at the gate go on, now and from now on.
    pub fn open_gate(&self) {
        std::fs::write(self.file("gate"), "").unwrap();
    }

    /// Makes agents that begin from now on wait again.
    pub fn close_gate(&self) {
        std::fs::remove_file(self.file("gate")).unwrap();
    }

    /// Waits until an agent has taken note of having begun with this token.
    pub async fn begun(&self, token: &str) {
        self.until(&format!("an agent has begun {token}"), async |world| (world.runs_of(token) > 0).then_some(()))
            .await;
    }

    /// How often an agent was started with this token.
    pub fn runs_of(&self, token: &str) -> usize {
        let notes = std::fs::read_to_string(self.file("notes")).unwrap_or_default();
        notes.lines().filter(|line| *line == token).count()
    }

    /// Runs a shell command in the state directory, as only the deployment sees it.
    pub async fn on_its_disk(&self, command: &str) {
        let (state, done) = (self.file("state"), self.file("done-on-its-disk"));
        let shell = self.supervisor.as_ref().unwrap().stdin.as_ref().unwrap();
        disk::run(shell, &format!("(cd {} && {command}); touch {}", state.display(), done.display()));
        self.until("it is done", async |_| std::fs::remove_file(&done).ok()).await;
    }

    // --- processes -----------------------------------------------------------------------------------------------

    /// The process that plays this part now.
    pub async fn pid(&self, who: Who) -> Pid {
        self.until(&format!("there is a {who:?}"), async |world| world.find(who)).await
    }

    /// The process that plays this part, if there is one.
    pub fn find(&self, who: Who) -> Option<Pid> {
        let supervisor = Pid::of(self.supervisor.as_ref()?);
        processes::find(supervisor, who)
    }

    /// SIGKILL, and gone.
    pub async fn kill(&self, who: Who) -> Pid {
        let pid = self.pid(who).await;
        pid.kill();
        self.until("it is gone", async |_| pid.is_gone().then_some(())).await;
        pid
    }

    /// SIGTERM.
    pub async fn terminate(&self, who: Who) {
        self.pid(who).await.terminate();
    }

    /// Stops a process where it is, and returns it.
    pub async fn freeze(&self, who: Who) -> Pid {
        let pid = self.pid(who).await;
        pid.freeze();
        pid
    }

    /// Every process of the deployment, the supervisor first.
    pub fn everybody(&self) -> Vec<Pid> {
        let root = Pid::of(self.supervisor.as_ref().unwrap());
        let below = processes::descendants(root);
        // Below a shell, where the deployment has a disk of its own.
        if self.settings.disk.is_some() { below } else { std::iter::once(root).chain(below).collect() }
    }

    /// Puts a shell script in the place of the program, at once; `{program}` in it is the real one.
    pub fn replace_program(&self, script: &str) {
        assert!(self.settings.is_copied, "others use this program, too");
        let new = self.file("lastword.new");
        self.write_program(&new, script);
        std::fs::rename(new, self.program()).unwrap();
    }

    /// Writes a shell script that can be run; `{program}` in it is the real program.
    pub fn write_program(&self, file: &Path, script: &str) {
        let script = script.replace("{program}", processes::binary().to_str().unwrap());
        std::fs::write(file, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// Takes the port that the bridge listened on, once the last of its threads is gone.
    pub async fn take_port(&self) -> std::net::TcpListener {
        self.until("the port is free", async |world| std::net::TcpListener::bind(("127.0.0.1", world.port)).ok()).await
    }

    /// The page `/readyz`, whatever it says.
    pub async fn page(&self) -> Option<serde_json::Value> {
        reqwest::get(self.url("/readyz")).await.ok()?.json().await.ok()
    }

    /// A process below this one that is not its direct child's.
    pub fn escaped_from(&self, who: Who) -> Option<Pid> {
        processes::escaped_from(self.find(who)?)
    }

    /// Whether the supervisor ends by itself, and its children with it.
    pub async fn ends_soon(&mut self) -> bool {
        let children = processes::descendants(Pid::of(self.supervisor.as_ref().unwrap()));
        let begin = Instant::now();
        while self.supervisor.as_mut().unwrap().try_wait().unwrap().is_none() {
            if begin.elapsed() > SOON {
                return false;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.supervisor = None;
        self.until("every child is gone", async |_| children.iter().all(Pid::is_gone).then_some(())).await;
        true
    }

    /// SIGKILL for the supervisor; waits until every child of it is gone.
    pub async fn kill_supervisor(&mut self) {
        let mut supervisor = self.supervisor.take().unwrap();
        let children = processes::descendants(Pid::of(&supervisor));
        supervisor.kill().unwrap();
        supervisor.wait().unwrap();
        self.until("every child is gone", async |_| children.iter().all(|child| child.is_gone()).then_some(())).await;
    }

    /// SIGTERM for the supervisor; waits for its end and returns its exit code.
    pub async fn stop(&mut self) -> Option<i32> {
        self.terminate(Who::Supervisor).await;
        self.ended().await
    }

    /// Waits for the end of the supervisor and returns its exit code.
    pub async fn ended(&mut self) -> Option<i32> {
        let mut supervisor = self.supervisor.take().unwrap();
        let begin = Instant::now();
        loop {
            if let Some(status) = supervisor.try_wait().unwrap() {
                return status.code();
            }
            assert!(begin.elapsed() < PATIENCE, "the supervisor did not stop\n{}", self.log());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Looks until there is something to see.
    pub async fn until<T>(&self, what: &str, look: impl AsyncFn(&Self) -> Option<T>) -> T {
        let begin = Instant::now();
        loop {
            if let Some(seen) = look(self).await {
                return seen;
            }
            if begin.elapsed() > PATIENCE {
                let book = serde_json::to_string_pretty(&self.book().await.bot).unwrap();
                panic!("waited in vain until {what}\n--- log\n{}\n--- bot\n{book}", self.log());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(supervisor) = &mut self.supervisor {
            let children = processes::descendants(Pid::of(supervisor));
            let _ = supervisor.kill();
            let _ = supervisor.wait();
            children.iter().for_each(Pid::kill);
        }
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let end = &lines[lines.len().saturating_sub(LOG_LINES_MAX)..];
            eprintln!("--- log of the deployment\n{}", end.join("\n"));
        }
    }
}

/// What a finished answer of the script holds.
/// What a program said.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn oracle() -> Oracle {
    Oracle::new(|token| format!("done {token}"))
}

/// A port that nobody has and that no outgoing connection takes: below the ephemeral range.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let spread = std::process::id().wrapping_mul(61).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed).into());
        let port = 12_000 + u16::try_from(spread % 16_000).unwrap();
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
