//! A directory, agents in it, and ways to look at what became of their processes.

use std::{
    fs,
    future::Future,
    path::{Path, PathBuf},
    sync::Arc,
    thread::yield_now,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use lastword_agents::command::{CommandAgent, CommandSettings};
use lastword_core::{
    agent::{Agent, AgentOutcome, AgentRequest, NotCurrent, ProcessGroup, Progress, Report},
    ids::{AccountId, AgentId, Attempt, ConversationId, Fence, Place, TurnId},
};
use tokio::sync::Notify;

use crate::entry;

/// How long anything here may take before a test fails.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Starts helpers that try to get away, each leaving its pid in a file: in the background, ignoring polite signals, in
/// a session of its own, and in one of its own with its parents gone. Waits until all of them are there.
pub const HELPERS: &str = r#"
note() { printf 'echo $$ > pid.%s.tmp; mv pid.%s.tmp pid.%s; exec sleep 1000' "$1" "$1" "$1"; }
sh -c "$(note near)" &
sh -c "trap '' TERM INT HUP; $(note deaf)" &
setsid sh -c "$(note session)" &
( ( setsid sh -c "$(note orphan)" & ) & )
for one in near deaf session orphan; do while [ ! -e pid.$one ]; do sleep 0.01; done; done
"#;

/// One temporary directory and what runs in it.
pub struct World {
    directory: tempfile::TempDir,
}

impl World {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for folder in ["inbox", "outbox"] {
            fs::create_dir(directory.path().join(folder)).unwrap();
        }
        Self { directory }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn request(&self, prompt: &str) -> AgentRequest {
        AgentRequest {
            fence: Fence { turn: TurnId(7), attempt: Attempt(1) },
            place: Place { account: AccountId::new("web"), conversation: ConversationId::new("c"), thread: None },
            prompt: prompt.to_owned(),
            sender_name: Some("Alice".to_owned()),
            directory: self.path().to_owned(),
            about: Default::default(),
        }
    }

    /// Runs a shell script as the agent.
    pub fn asks(&self, script: &str, prompt: &str) -> (AgentOutcome, Said) {
        self.asks_agent(script_settings(script), prompt)
    }

    pub fn asks_agent(&self, settings: CommandSettings, prompt: &str) -> (AgentOutcome, Said) {
        block_on(async {
            let mut said = Said::default();
            let outcome = CommandAgent::new(settings).run(&self.request(prompt), &mut said).await;
            (outcome, said)
        })
    }

    /// The pids that agents and helpers left here, by who left them.
    pub fn pids(&self) -> Vec<(String, i32)> {
        let files = fs::read_dir(self.path()).unwrap().flatten();
        let named = files.filter_map(|file| Some(file.file_name().to_str()?.strip_prefix("pid.")?.to_owned()));
        named
            .filter(|name| !name.ends_with(".tmp"))
            .map(|name| {
                let pid = fs::read_to_string(self.path().join(format!("pid.{name}"))).unwrap();
                (name, pid.trim().parse().unwrap())
            })
            .collect()
    }

    /// Those of [`World::pids`] that still live.
    pub fn living(&self) -> Vec<String> {
        self.pids().into_iter().filter(|(_, pid)| lives(*pid)).map(|(name, _)| name).collect()
    }

    pub fn has(&self, file: &str) -> bool {
        self.path().join(file).exists()
    }
}

/// Whether a process is there and not merely waiting to be asked about.
pub fn lives(pid: i32) -> bool {
    let stat = fs::read(PathBuf::from(format!("/proc/{pid}/stat"))).unwrap_or_default();
    String::from_utf8_lossy(&stat).rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// Looks until it holds.
#[track_caller]
pub fn eventually(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        yield_now();
    }
}

/// Runs a future on a runtime of its own, within the deadline.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(DEADLINE, future).await.expect("within the deadline") })
}

pub fn script_settings(script: &str) -> CommandSettings {
    let mut settings = CommandSettings::new(AgentId::new("script"), "/bin/sh", entry::shim());
    settings.args = vec!["-c".to_owned(), script.to_owned()];
    settings
}

/// What an agent reported.
#[derive(Debug, Default)]
pub struct Said {
    /// Told at each sign of progress.
    pub heard: Arc<Notify>,
    pub groups: Vec<ProcessGroup>,
    pub pieces: Vec<String>,
    pub steps: u32,
}

#[async_trait]
impl Report for Said {
    async fn started(&mut self, group: ProcessGroup) -> Result<(), NotCurrent> {
        self.groups.push(group);
        Ok(())
    }

    fn progressed(&mut self, progress: Progress) {
        self.heard.notify_one();
        match progress {
            Progress::Text(piece) => self.pieces.push(piece),
            Progress::Step => self.steps += 1,
        }
    }
}
