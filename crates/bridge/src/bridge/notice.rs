//! Telling people that the store is out, once per conversation and outage.
//!
//! Guarantee: a notice is no last word and no delivery. It is one attempt under a key of its own, recorded before it
//! leaves, so that a bridge that is started again within the same outage does not repeat it.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use lastword_core::{
    delivery::Form,
    ids::{AccountId, ConversationId, DeliveryKey, Place},
    outcome::SendOutcome,
    provider::SendRequest,
};
use tokio::{task::JoinHandle, time::Instant};

use super::account::Account;
use crate::process::{blocking::blocking, whole_file::write_whole};

/// What people read.
const NOTICE: &str = "My storage is unavailable; your message is kept and will be answered.";
/// How long the store must be out before anybody is told.
const TOLD_AFTER: Duration = Duration::from_secs(10);
/// After how long without anything that waits in vain an outage may be over: networks offer more often.
const QUIET_MIN: Duration = Duration::from_secs(120);
/// How long one notice may take.
const SENT_WITHIN: Duration = Duration::from_secs(10);
/// How long recording who is told may hold up telling.
const RECORDED_WITHIN: Duration = Duration::from_secs(1);

type Told = BTreeSet<(AccountId, ConversationId)>;

/// Who was told in this outage.
pub(super) struct Notices {
    saved: Arc<Saved>,
}

/// Who was told, in memory and in a file.
struct Saved {
    file: PathBuf,
    writing: Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    out_since: Option<Instant>,
    /// When something waited in vain last.
    waited_at: Option<Instant>,
    told: Told,
}

impl Notices {
    /// Goes on where an earlier bridge may have left off.
    pub(super) fn open(file: PathBuf) -> Self {
        let told = fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        let state = Mutex::new(State { told, ..State::default() });
        Self { saved: Arc::new(Saved { file, writing: Mutex::default(), state }) }
    }

    /// The store has not accepted something yet. `committed_at`: when it last committed anything.
    ///
    /// An outage may end unseen: what waited is not offered again, and nothing new comes. Then a commit after a long
    /// quiet tells. Either alone does not: small commits may succeed on a full disk, and people may be silent for long.
    pub(super) fn begin(&self, waiting_since: Instant, committed_at: Option<Instant>) {
        let last = self.saved.state().waited_at;
        let is_over = |last: Instant| {
            committed_at.is_some_and(|at| at > last) && waiting_since.saturating_duration_since(last) > QUIET_MIN
        };
        if last.is_some_and(is_over) {
            self.end();
        }
        let mut state = self.saved.state();
        state.out_since.get_or_insert(waiting_since);
        state.waited_at = Some(Instant::now());
    }

    /// The store accepted something: the outage is over.
    pub(super) fn end(&self) {
        let mut state = self.saved.state();
        (state.out_since, state.waited_at) = (None, None);
        if !std::mem::take(&mut state.told).is_empty() {
            drop(state);
            // Nobody waits for it: it is about the next start only.
            drop(self.save());
        }
    }

    /// Tells whoever waits at these places, if the outage is long enough and the network keeps what it is not told to
    /// forget.
    pub(super) async fn maybe_tell(&self, account: &Account, waiting: &[Place]) {
        let untold = self.take_untold(account, waiting);
        if untold.is_empty() {
            return;
        }
        if tokio::time::timeout(RECORDED_WITHIN, self.save()).await.is_err() {
            tracing::debug!("who was told of the outage is in memory only: the disk does not answer");
        }
        tracing::warn!(account = %account.id, conversations = untold.len(), "telling people that the store is out");
        join_all(untold.into_iter().map(|place| tell(account, place))).await;
    }

    fn take_untold(&self, account: &Account, waiting: &[Place]) -> Vec<Place> {
        let mut state = self.saved.state();
        if state.out_since.is_none_or(|since| since.elapsed() < TOLD_AFTER) {
            return Vec::new();
        }
        let mut untold = Vec::new();
        for place in waiting {
            let is_kept = account.provider.capabilities(&place.conversation).keeps_unacked;
            if is_kept && state.told.insert((place.account.clone(), place.conversation.clone())) {
                untold.push(place.clone());
            }
        }
        untold
    }

    /// Makes the file say what the memory says, on a thread of its own: the disk may hang.
    fn save(&self) -> JoinHandle<()> {
        let saved = Arc::clone(&self.saved);
        blocking(move || saved.write())
    }
}

impl Saved {
    fn write(&self) {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let told = self.state().told.clone();
        let written = if told.is_empty() { fs::remove_file(&self.file) } else { record(&self.file, &told) };
        if let Err(error) = written
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::debug!("who was told of the outage is in memory only: {error}");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn tell(account: &Account, place: Place) {
    let request = SendRequest {
        key: DeliveryKey::new(format!("lw-notice-{}", uuid::Uuid::now_v7().simple())),
        attempt: 1,
        place,
        reply_to: None,
        text: NOTICE.to_owned(),
        form: Form::Plain,
    };
    match tokio::time::timeout(SENT_WITHIN, account.provider.send(&request)).await {
        Ok(SendOutcome::Delivered(_)) => {}
        _ => tracing::info!(account = %account.id, "a notice of the outage may not have arrived; it is not repeated"),
    }
}

fn record(file: &Path, told: &Told) -> io::Result<()> {
    write_whole(file, &serde_json::to_vec(told)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(conversation: &str) -> Told {
        Told::from([(AccountId::new("net"), ConversationId::new(conversation))])
    }

    #[test]
    fn a_notice_is_no_last_word() {
        assert!(!NOTICE.starts_with("Error:"));
    }

    #[tokio::test]
    async fn an_outage_that_ended_unseen_is_not_the_next_one() {
        let directory = tempfile::tempdir().unwrap();
        let notices = Notices::open(directory.path().join("told.json"));
        let out_since = || notices.saved.state().out_since.unwrap();
        let begin = Instant::now();
        notices.begin(begin, None);
        let later = begin + QUIET_MIN + Duration::from_secs(60);
        for committed_at in [None, begin.checked_sub(Duration::from_secs(1))] {
            notices.begin(later, committed_at);
            assert_eq!(out_since(), begin, "nothing was committed since");
        }
        notices.begin(begin + Duration::from_secs(60), Some(later));
        assert_eq!(out_since(), begin, "a full disk takes small commits");
        notices.begin(later, Some(later));
        assert_eq!(out_since(), later);
    }

    #[tokio::test]
    async fn who_was_told_is_known_to_the_next_bridge_until_the_outage_is_over() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("told.json");
        record(&file, &told("main")).unwrap();
        let next = Notices::open(file.clone());
        assert_eq!(next.saved.state().told, told("main"));
        next.end();
        next.save().await.unwrap();
        assert!(!file.exists() && next.saved.state().told.is_empty());
        fs::write(&file, "{").unwrap();
        assert!(Notices::open(file).saved.state().told.is_empty(), "what can't be read tells nothing");
    }
}
