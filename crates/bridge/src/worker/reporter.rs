//! What an agent reports: coalesced in memory, written in paced pieces, and counted as evidence of life.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use lastword_core::{
    agent::{NotCurrent, ProcessGroup, Progress, Report},
    ids::Fence,
    store::{Standing, Store},
};
use tokio::{sync::Notify, time::Instant};

use crate::process::patience::until_answered;

/// The least time between two pieces of one turn: a person reads no faster, and each is a commit.
const PIECE_EVERY: Duration = Duration::from_millis(50);

/// The agent's side: implements [`Report`] for one attempt.
pub(super) struct Reporter {
    fence: Fence,
    store: Arc<dyn Store>,
    heard: Arc<Heard>,
}

/// What was heard and is not written yet. Bounded by the agent's own output limit.
pub(super) struct Heard {
    buffer: Mutex<Buffer>,
    news: Notify,
}

struct Buffer {
    text: String,
    has_news: bool,
    last: Instant,
    /// When the agent could act first; `None` while its start waits for the store.
    began: Option<Instant>,
}

impl Reporter {
    pub(super) fn new(fence: Fence, store: Arc<dyn Store>) -> (Self, Arc<Heard>) {
        let heard = Arc::new(Heard::new());
        (Self { fence, store, heard: Arc::clone(&heard) }, heard)
    }
}

#[async_trait]
impl Report for Reporter {
    async fn started(&mut self, group: ProcessGroup) -> Result<(), NotCurrent> {
        self.heard.waits();
        let recorded = until_answered("a process group", || self.store.record_group(self.fence, group)).await;
        self.heard.begins();
        match recorded {
            Ok(Standing::Current) => Ok(()),
            Ok(Standing::Superseded) | Err(_) => Err(NotCurrent),
        }
    }

    fn progressed(&mut self, progress: Progress) {
        let mut buffer = self.heard.buffer();
        if let Progress::Text(text) = progress {
            buffer.text.push_str(&text);
        }
        buffer.has_news = true;
        buffer.last = Instant::now();
        drop(buffer);
        self.heard.news.notify_one();
    }
}

impl Heard {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        let buffer = Buffer { text: String::new(), has_news: false, last: now, began: Some(now) };
        Self { buffer: Mutex::new(buffer), news: Notify::new() }
    }

    /// The agent may not act yet: its start is not in the store.
    pub(super) fn waits(&self) {
        self.buffer().began = None;
    }

    /// The agent may act from now on.
    pub(super) fn begins(&self) {
        let (now, mut buffer) = (Instant::now(), self.buffer());
        (buffer.began, buffer.last) = (Some(now), now);
    }

    /// When the agent last showed progress, or was started.
    pub(super) fn last(&self) -> Instant {
        self.buffer().last
    }

    /// When the agent could act first; `None` while its start waits for the store.
    pub(super) fn began(&self) -> Option<Instant> {
        self.buffer().began
    }

    /// Writes what is heard until the attempt is no longer current, then returns.
    pub(super) async fn write(&self, fence: Fence, store: &dyn Store) {
        loop {
            self.news.notified().await;
            let Some(text) = self.take() else { continue };
            match until_answered("progress", || store.progress(fence, text.clone())).await {
                Ok(Standing::Current) => {}
                Ok(Standing::Superseded) => return,
                Err(error) => {
                    tracing::warn!(turn = %fence.turn, attempt = %fence.attempt, "progress was not recorded: {error}")
                }
            }
            tokio::time::sleep(PIECE_EVERY).await;
        }
    }

    /// The text since the last piece, if anything was heard at all.
    fn take(&self) -> Option<Option<String>> {
        let mut buffer = self.buffer();
        std::mem::take(&mut buffer.has_news)
            .then(|| std::mem::take(&mut buffer.text))
            .map(|text| (!text.is_empty()).then_some(text))
    }

    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
