//! What a supervisor remembers of the one before it: the breaker, in a small file of the state directory.
//!
//! It holds for one build and one configuration: an operator who changed either starts afresh.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lastword_core::store::{Clock, Role};
use lastword_store::SystemClock;
use serde::{Deserialize, Serialize};

use super::breaker::{Breaker, Limits, Verdict};
use crate::{
    build_id::build,
    config::Config,
    process::{state_dir::StateDir, whole_file::write_whole},
};

/// The file in the state directory.
const FILE: &str = "supervisor.json";
/// How long the disk may take to write it; what is not written is forgotten with this supervisor.
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);

#[derive(Debug, Deserialize, Serialize)]
struct Kept {
    build: String,
    configuration: u64,
    breaker: Breaker,
}

/// The breaker, kept on disk.
pub(super) struct Memory {
    limits: Limits,
    remembered: Arc<Remembered>,
}

struct Remembered {
    path: PathBuf,
    configuration: u64,
    breaker: Mutex<Breaker>,
    writing: Mutex<()>,
}

impl Memory {
    /// Reads what the last supervisor left, if it was of this build and this configuration.
    pub(super) fn open(state: &StateDir, config: &Config) -> Self {
        let path = state.root().join(FILE);
        let configuration = fingerprint(config.file.as_deref());
        let breaker = match read(&path) {
            Ok(Some(kept)) if kept.build == build() && kept.configuration == configuration => kept.breaker,
            Ok(_) => Breaker::default(),
            Err(error) => {
                tracing::warn!("{} can't be read and is ignored: {error}", path.display());
                Breaker::default()
            }
        };
        let limits = Limits {
            failures_max: config.restart.failures_max as usize,
            window_ms: config.restart.window_ms,
            cooldown_ms: config.restart.cooldown_ms,
        };
        let (breaker, writing) = (Mutex::new(breaker), Mutex::default());
        Self { limits, remembered: Arc::new(Remembered { path, configuration, breaker, writing }) }
    }

    /// How long this supervisor has to wait before it starts anything.
    pub(super) fn wait(&self) -> Duration {
        let wait_ms = self.breaker().wait_ms(SystemClock.now(), self.limits);
        Duration::from_millis(wait_ms.unsigned_abs())
    }

    /// A start failed.
    pub(super) async fn failed(&self, role: Role) -> Verdict {
        let verdict = self.breaker().failed(role, SystemClock.now(), self.limits);
        self.write().await;
        verdict
    }

    /// A child lived.
    pub(super) async fn healthy(&self, role: Role) {
        let has_changed = self.breaker().healthy(role);
        if has_changed {
            self.write().await;
        }
    }

    /// Away from our own thread: a disk that hangs must not stop the supervisor's rounds.
    async fn write(&self) {
        let remembered = Arc::clone(&self.remembered);
        let writing = tokio::task::spawn_blocking(move || remembered.write());
        let path = self.remembered.path.display();
        match tokio::time::timeout(WRITTEN_WITHIN, writing).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::warn!("{path} could not be written: {error}"),
            Ok(Err(panic)) => tracing::error!("writing {path} died: {panic}"),
            Err(_) => tracing::warn!("{path} was not written in time"),
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.remembered.breaker()
    }
}

impl Remembered {
    /// One after the other, each with the latest: both roles may fail at once.
    fn write(&self) -> io::Result<()> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let breaker = self.breaker().clone();
        let kept = Kept { build: build().to_owned(), configuration: self.configuration, breaker };
        write_whole(&self.path, &serde_json::to_vec_pretty(&kept)?)
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What tells one configuration from another; the same for a file that can't be read as for none.
fn fingerprint(file: Option<&Path>) -> u64 {
    let mut hasher = DefaultHasher::new();
    file.and_then(|file| fs::read(file).ok()).hash(&mut hasher);
    hasher.finish()
}

fn read(path: &Path) -> io::Result<Option<Kept>> {
    match fs::read(path) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(directory: &Path, text: &str) -> Config {
        let file = directory.join("lastword.yaml");
        fs::write(&file, text).unwrap();
        let mut config = Config::defaults(directory.join("state"));
        config.restart.failures_max = 1;
        config.file = Some(file);
        config
    }

    #[tokio::test]
    async fn an_open_breaker_outlives_its_supervisor_until_the_operator_changes_something() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path(), "a: 1");
        let state = StateDir::open(&config.state_dir).unwrap();
        let memory = Memory::open(&state, &config);
        assert_eq!(memory.wait(), Duration::ZERO);
        assert_eq!(memory.failed(Role::Bridge).await, Verdict::GiveUp);
        let next = Memory::open(&state, &config);
        assert!(next.wait() > Duration::from_secs(20), "{:?}", next.wait());
        fs::write(config.file.as_ref().unwrap(), "a: 2").unwrap();
        assert_eq!(Memory::open(&state, &config).wait(), Duration::ZERO);
        fs::write(config.file.as_ref().unwrap(), "a: 1").unwrap();
        next.healthy(Role::Bridge).await;
        assert_eq!(Memory::open(&state, &config).wait(), Duration::ZERO);
    }

    #[tokio::test]
    async fn both_roles_may_fail_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path(), "");
        let state = StateDir::open(&config.state_dir).unwrap();
        let memory = Memory::open(&state, &config);
        for _ in 0..20 {
            tokio::join!(memory.failed(Role::Bridge), memory.failed(Role::Worker));
        }
        let kept = read(&state.root().join(FILE)).unwrap().unwrap();
        assert_eq!(kept.breaker, *memory.breaker(), "the latest is what is kept");
    }

    #[tokio::test]
    async fn a_file_that_can_not_be_read_is_ignored() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path(), "");
        let state = StateDir::open(&config.state_dir).unwrap();
        for text in ["", "{", "[]", "{\"build\": 7}"] {
            fs::write(state.root().join(FILE), text).unwrap();
            assert_eq!(Memory::open(&state, &config).wait(), Duration::ZERO, "{text}");
        }
    }
}
