//! Syncing with our own cursor.
//!
//! Guarantee: a sync begins only at a token that is committed, or behind which there was nothing for us; what was refused
//! is offered again from memory. The first start begins now: nothing that was said before is answered.
//! <https://spec.matrix.org/v1.16/client-server-api/#syncing>

mod gap;
mod hear;
mod locked;
pub(super) mod rooms;
pub(super) mod round;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream};
use lastword_core::{
    ids::Cursor,
    provider::{Ack, Batch, Inbound, ReceiveError, UpdateStream},
    update::Update,
};
use matrix_sdk::ruma::{events::AnySyncTimelineEvent, serde::Raw};
use tokio::time::Instant;

use super::{Link, cursor::Seen, session::Session};
use crate::waits::{maybe, until};

/// How long a sync waits for something to happen.
const POLL_MAX: Duration = Duration::from_secs(10);
/// How often the first sync, which may take long, is said to be alive.
const ALIVE_EVERY: Duration = Duration::from_secs(10);
/// Where nothing was said to us, the cursor is committed so often.
const COMMIT_EVERY: Duration = Duration::from_secs(60);
/// How long until invitations and upgrades that failed are tried again.
const TEND_AGAIN: Duration = Duration::from_secs(30);

/// What could not be decrypted yet, by its event, as it came.
type Locked = BTreeMap<String, Raw<AnySyncTimelineEvent>>;

/// Receives until a sync fails.
pub(super) fn stream(link: Arc<Link>, resume_from: Option<Cursor>) -> UpdateStream {
    let seen = resume_from.as_ref().and_then(Seen::read);
    if resume_from.is_some() && seen.is_none() {
        tracing::warn!(account = %link.account, "the cursor can't be read; receiving begins now");
    }
    let receiving = Receiving {
        link,
        session: None,
        seen,
        locked: Locked::default(),
        looked_at: None,
        syncing: None,
        tending: None,
        tend_at: None,
        offered: None,
        committed_at: None,
    };
    stream::unfold(Some(receiving), |receiving| async {
        let mut receiving = receiving?;
        match receiving.next().await {
            Ok(inbound) => Some((Ok(inbound), Some(receiving))),
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}

/// What a sync brought.
struct Round {
    /// Where the next one begins.
    seen: Seen,
    updates: Vec<Update>,
    locked: Locked,
    /// When what is locked was looked at last.
    looked_at: Option<Instant>,
    /// Whether there may be invitations to answer, or rooms to follow.
    is_to_tend: bool,
}

struct Receiving {
    link: Arc<Link>,
    session: Option<Arc<Session>>,
    /// Where the next sync begins; `None`: now.
    seen: Option<Seen>,
    locked: Locked,
    looked_at: Option<Instant>,
    syncing: Option<BoxFuture<'static, Result<Round, ReceiveError>>>,
    /// Answers invitations and follows upgrades; says whether all is done.
    tending: Option<BoxFuture<'static, bool>>,
    tend_at: Option<Instant>,
    offered: Option<Offered>,
    committed_at: Option<Instant>,
}

/// What is offered, and its fate.
struct Offered {
    seen: Seen,
    updates: Vec<Update>,
    fate: BoxFuture<'static, bool>,
}

impl Receiving {
    async fn next(&mut self) -> Result<Inbound, ReceiveError> {
        if let Some(Offered { seen, updates, fate }) = self.offered.take() {
            if !fate.await {
                return Ok(self.offer(seen, updates));
            }
            self.seen = Some(seen);
            self.committed_at = Some(Instant::now());
        }
        let session = match &self.session {
            Some(session) => Arc::clone(session),
            None => self.begin().await?,
        };
        loop {
            let syncing = self.syncing.get_or_insert_with(|| {
                // The first answer is wanted at once: it shows that the link stands.
                let is_first = self.committed_at.is_none() && self.looked_at.is_none();
                let wait = if is_first { Duration::ZERO } else { POLL_MAX };
                let known = (self.seen.clone(), std::mem::take(&mut self.locked), self.looked_at);
                round::round(Arc::clone(&self.link), Arc::clone(&session), known, wait).boxed()
            });
            let is_due = self.tend_at.is_some_and(|at| at <= Instant::now());
            if is_due && self.tending.is_none() {
                self.tend_at = None;
                self.tending = Some(rooms::tend(Arc::clone(&self.link), Arc::clone(&session)).boxed());
            }
            let tend_at = self.tend_at.filter(|_| self.tending.is_none());
            tokio::select! {
                biased;
                round = syncing => {
                    self.syncing = None;
                    return Ok(self.synced(round?));
                }
                is_done = maybe(&mut self.tending) => {
                    self.tending = None;
                    if !is_done {
                        self.tend_at = Some(Instant::now() + TEND_AGAIN);
                    }
                }
                () = until(tend_at) => {}
                // The session stands; the first sync of a large account takes its time.
                () = tokio::time::sleep(ALIVE_EVERY), if self.seen.is_none() => return Ok(Inbound::Alive),
            }
        }
    }

    async fn begin(&mut self) -> Result<Arc<Session>, ReceiveError> {
        let since = self.seen.as_ref().map(|seen| seen.since.as_str());
        let session = self.link.session_at(since).await?;
        self.session = Some(Arc::clone(&session));
        // What an earlier process left undone.
        self.tend_at = Some(Instant::now());
        Ok(session)
    }

    fn synced(&mut self, round: Round) -> Inbound {
        let Round { seen, updates, locked, looked_at, is_to_tend } = round;
        (self.locked, self.looked_at) = (locked, looked_at);
        if is_to_tend {
            self.tend_at = Some(Instant::now());
        }
        let before = self.seen.as_ref();
        let waits_for_others = before.is_none_or(|before| before.waiting != seen.waiting);
        let is_old = self.committed_at.is_none_or(|at| at.elapsed() >= COMMIT_EVERY);
        let has_moved = before.is_none_or(|before| before.since != seen.since);
        if !updates.is_empty() || waits_for_others || (is_old && has_moved) {
            return self.offer(seen, updates);
        }
        self.seen = Some(seen);
        Inbound::Alive
    }

    fn offer(&mut self, seen: Seen, updates: Vec<Update>) -> Inbound {
        let (ack, confirmed) = Ack::pair();
        let batch = Batch { updates: updates.clone(), cursor: Some(seen.cursor()), ack };
        self.offered = Some(Offered { seen, updates, fate: async { confirmed.await.is_ok() }.boxed() });
        Inbound::Batch(batch)
    }
}
