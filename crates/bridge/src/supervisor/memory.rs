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
    use lastword_core::corpus;
    use proptest::prelude::*;

    use super::*;

    /// Opens what stands in the file: whatever it says, nobody waits longer than the cooldown, and goes on counting.
    fn waits(directory: &Path, text: &[u8]) -> Duration {
        let config = config(directory, "a: 1");
        let state = StateDir::open(&config.state_dir).unwrap();
        let configuration = fingerprint(config.file.as_deref());
        let text = String::from_utf8_lossy(text)
            .replace("BUILD", build())
            .replace("CONFIGURATION", &configuration.to_string());
        fs::write(state.root().join(FILE), text).unwrap();
        let memory = Memory::open(&state, &config);
        let wait = memory.wait();
        assert!(wait <= Duration::from_millis(config.restart.cooldown_ms.unsigned_abs()), "{wait:?}");
        let now = SystemClock.now();
        let verdicts = [Role::Bridge, Role::Worker].map(|role| memory.breaker().failed(role, now, memory.limits));
        assert_eq!(verdicts, [Verdict::GiveUp; 2], "one failure is the most here");
        wait
    }

    #[test]
    fn every_seed_is_remembered_or_ignored() {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in corpus::seeds(env!("CARGO_MANIFEST_DIR"), "memory") {
            assert_eq!(waits(directory.path(), &text), Duration::ZERO, "{name}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 4))]

        #[test]
        fn nothing_in_the_file_makes_anybody_wait_for_ever(
            failed in prop::collection::vec(any::<i64>(), 0..4),
            at_ms in prop_oneof![any::<i64>(), Just(SystemClock.now().0), Just(i64::MAX), Just(i64::MIN)],
            role in "bridge|worker|[a-z]{0,3}",
            changes in prop::collection::vec((any::<prop::sample::Index>(), "[\\PC]{0,2}"), 0..3),
        ) {
            let directory = tempfile::tempdir().unwrap();
            let breaker = serde_json::json!({ "failed_at_ms": { &role: failed }, "opened": { "role": role, "at_ms": at_ms } });
            let text = format!("{{\"build\":\"BUILD\",\"configuration\":CONFIGURATION,\"breaker\":{breaker}}}");
            waits(directory.path(), text.as_bytes());
            let mut text: Vec<char> = text.chars().collect();
            for (at, put) in changes {
                let at = at.index(text.len());
                text.splice(at..=at, put.chars());
            }
            waits(directory.path(), text.iter().collect::<String>().as_bytes());
        }

        #[test]
        fn what_is_kept_reads_back(failures in prop::collection::vec((any::<bool>(), any::<i64>()), 0..12)) {
            let mut breaker = Breaker::default();
            let limits = Limits { failures_max: 3, window_ms: 60_000, cooldown_ms: 10_000 };
            for (is_bridge, at_ms) in failures {
                let role = if is_bridge { Role::Bridge } else { Role::Worker };
                breaker.failed(role, lastword_core::ids::Timestamp(at_ms), limits);
            }
            let kept = Kept { build: build().to_owned(), configuration: u64::MAX, breaker: breaker.clone() };
            let read: Kept = serde_json::from_slice(&serde_json::to_vec_pretty(&kept).unwrap()).unwrap();
            prop_assert_eq!((read.breaker, read.configuration), (breaker, u64::MAX));
        }
    }

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
