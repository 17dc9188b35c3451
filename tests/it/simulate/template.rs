//! What every story begins with: an empty store with its schema, and a configuration.

use std::path::Path;

use lastword::config::Config;
use lastword_store::{
    SqliteOptions, SqliteStore, SystemClock,
    disk::{self, Disk, Snapshot},
};
use tempfile::TempDir;

use super::{
    network::{ACCOUNT, TEXT_MAX},
    story::{Kind, Story},
};

/// The store's file in the folder of a story.
pub const STORE: &str = "lastword.db";
/// The agents, by their configured names: each answers in the place of its name.
pub const AGENTS: [&str; 3] = ["errs", "runs-again", "hasty"];

thread_local! {
    static SNAPSHOT: Snapshot = empty_store();
}

/// A folder for the files that are not on the simulated disk: locks, journals, working directories.
pub fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    folder.expect("a temporary folder")
}

/// A disk below the folder with an empty store on it.
pub fn disk(folder: &Path) -> Disk {
    // The name is the system's, the bytes are the simulated disk's.
    std::fs::write(folder.join(STORE), "").expect("an empty file");
    SNAPSHOT.with(|snapshot| Disk::holding(folder, snapshot))
}

fn empty_store() -> Snapshot {
    let folder = folder();
    let disk = Disk::new(folder.path());
    let options = SqliteOptions::new(folder.path().join(STORE), std::sync::Arc::new(SystemClock)).inline();
    let options = SqliteOptions { vfs: Some(disk::VFS.to_owned()), deployment: Some("simulated".into()), ..options };
    let store = SqliteStore::open(options).expect("a store is made");
    drop(store);
    disk.snapshot()
}

/// The configuration of a story, without its paths.
pub fn config(story: &Story) -> Config {
    let idempotency = match story.kind {
        Kind::Native => "native",
        Kind::EditOnly => "edit_only",
        Kind::Findable | Kind::FindablePosts => "findable",
        Kind::Careless => "none",
    };
    let (progress, collect, edits) = (story.shows_progress, story.collects, story.kind.can_edit());
    let yaml = format!(
        "state_dir: /nowhere
store: {{ journal_updates: true }}
accounts:
  {ACCOUNT}:
    network: scripted
    url: 'http://127.0.0.1:9'
    idempotency: {idempotency}
    edits: {edits}
    text_max: {TEXT_MAX}
    progress: {progress}
    notify_after: 1s
    allow: {{ users: [alice, bob] }}
    admins: [alice]
agents:
  errs: {{ kind: echo, collect: {collect} }}
  runs-again: {{ kind: echo, on_lost: replay, max_attempts: 3, collect: {collect} }}
  hasty: {{ kind: echo, deadlines: {{ idle: 1s, total: 5s, queue: 20s }} }}
routes:
- {{ conversation: runs-again, agent: runs-again }}
- {{ conversation: hasty, agent: hasty }}
default_agent: errs
deadlines: {{ queue: 60s, idle: 30s, total: 60s }}
"
    );
    let nothing = |_: &str| None;
    Config::parse(&yaml, None, &nothing).unwrap_or_else(|problems| panic!("{problems}"))
}
