//! What was acknowledged while the store was out, and is not in the store yet.
//!
//! Guarantee: what somebody may be owed an answer to is on the disk before the network is told, and stays there until the
//! store has it. What came first goes into the store first. A network that keeps what is not acknowledged is not told at all
//! while the store is out.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use lastword_core::{
    alert::AlertCode,
    faults::{self, Point},
    ids::{Cursor, Place},
    provider::{Ack, Batch},
    store::StoreError,
    update::{Update, UpdateKind},
};
use lastword_store::journal::inbound::{InboundJournal, LeftInbound, left_by_others, remove_retired};
use tokio::{
    task::{JoinError, JoinHandle},
    time::timeout,
};

use super::accept::{Accepting, OFFER_MAX, Patience, Taken};
use crate::process::{blocking::blocking, member::Member};

/// How long a network that gives up soon waits for the store. Slack wants its answer within 3 s.
const STORE_MAX: Duration = Duration::from_secs(2);
/// How long the journal's disk may take.
const DISK_MAX: Duration = Duration::from_secs(5);
/// How many updates are kept for an account; more are left to the network.
const KEPT_MAX: usize = 10_000;

/// What is kept for one account.
pub(super) struct Kept<'a> {
    accepting: Accepting<'a>,
    /// `None` where the state directory is not durable.
    journal: Option<Arc<InboundJournal>>,
    queue: Arc<Queue>,
    /// On its way into the store; goes on where it was left.
    draining: Option<BoxFuture<'a, Result<Taken, StoreError>>>,
    /// What hangs in the journal's disk.
    writing: Option<JoinHandle<io::Result<()>>>,
    /// Whether the operator was told that the journal can't be written, and not yet that it can.
    is_unwritable: bool,
}

#[derive(Default)]
struct Queue(Mutex<VecDeque<KeptBatch>>);

#[derive(Clone)]
struct KeptBatch {
    updates: Vec<Update>,
    cursor: Option<Cursor>,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, VecDeque<KeptBatch>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Kept<'a> {
    /// Nothing yet. `number` tells the bridge's accounts apart.
    pub(super) fn new(accepting: Accepting<'a>, number: usize) -> Self {
        let Accepting { member, account, .. } = accepting;
        let journal = InboundJournal::new(&member.state.journals(), &member.incarnation, number);
        let journal = is_durable(member).then(|| Arc::new(journal));
        member.alerts.resolve(AlertCode::JournalUnwritable, account.id.as_str());
        Self { accepting, journal, queue: Arc::default(), draining: None, writing: None, is_unwritable: false }
    }

    /// Whether the store has everything.
    pub(super) fn is_empty(&self) -> bool {
        self.draining.is_none() && self.queue.lock().is_empty()
    }

    /// Accepts a batch that `bot` heard, behind what is kept: into the store, or else into the journal. An `Err` refuses
    /// the batch.
    pub(super) async fn accept(&mut self, bot: &str, batch: Batch) -> Result<Taken, StoreError> {
        let may_keep = self.may_keep(&batch.updates);
        if !self.is_empty() && !may_keep {
            // What is kept goes first. What is refused, the network offers again.
            let drained = timeout(OFFER_MAX, self.drain()).await;
            let mut taken = drained.unwrap_or_else(|_| Err(StoreError::Unavailable("it is out".into())))?;
            taken.extend(self.accepting.accept(batch).await?);
            return Ok(taken);
        }
        if !may_keep {
            return self.accepting.accept(batch).await;
        }
        let Batch { updates, cursor, ack } = batch;
        let mut ack = Some(ack);
        // A store that is known to be out is not waited for.
        if self.is_empty() {
            let patience = Patience { max: STORE_MAX, waiting: &[] };
            match self.accepting.commit(updates.clone(), cursor.clone(), &mut ack, patience).await {
                Err(StoreError::Unavailable(_)) => {}
                Err(error) => return Err(error),
                Ok(taken) => {
                    self.is_writable();
                    return Ok(taken);
                }
            }
        }
        let Some(ack) = ack else { return Ok(Taken::new()) };
        match self.keep(bot, KeptBatch { updates, cursor }, ack).await {
            Ok(()) => Ok(Taken::new()),
            Err(refused) => {
                // What is refused is offered again at once.
                if !self.is_empty() {
                    timeout(STORE_MAX, self.drain()).await.unwrap_or_else(|_| Ok(Taken::new()))?;
                }
                Err(refused)
            }
        }
    }

    fn may_keep(&self, updates: &[Update]) -> bool {
        let Accepting { member, account, .. } = self.accepting;
        let kept: usize = self.queue.lock().iter().map(|batch| batch.updates.len()).sum();
        let is_impatient = |update: &Update| account.provider.capabilities(&update.place.conversation).journals_unacked;
        // A full disk is left to answers.
        self.journal.is_some()
            && updates.iter().any(is_impatient)
            && kept + updates.len() <= KEPT_MAX
            && !member.is_disk_full()
    }

    async fn keep(&mut self, bot: &str, batch: KeptBatch, ack: Ack) -> Result<(), StoreError> {
        let Accepting { member, account, policy, .. } = self.accepting;
        let matters = |update: &&Update| match update.kind {
            UpdateKind::Posted(_) | UpdateKind::Edited(_) => !update.sender.is_bot && policy.allows(update),
            UpdateKind::Deleted(_) | UpdateKind::Barred { .. } | UpdateKind::Admitted { .. } => true,
            UpdateKind::Other { .. } => false,
        };
        let owed: Vec<Update> = batch.updates.iter().filter(matters).cloned().collect();
        faults::point(Point::InboundBeforeKeep);
        if let Err(error) = self.write(bot, owed).await {
            if !std::mem::replace(&mut self.is_unwritable, true) {
                member.alerts.raise(AlertCode::JournalUnwritable, account.id.as_str(), error.to_string());
            }
            self.accepting.notices.maybe_tell(account, &self.accepting.waiting(&batch.updates)).await;
            return Err(StoreError::Unavailable(format!("nor can the journal keep it: {error}").into()));
        }
        self.is_writable();
        faults::point(Point::InboundAfterKeep);
        ack.confirm();
        tracing::warn!(account = %account.id, updates = batch.updates.len(), "the store is out: kept in the journal");
        self.queue.lock().push_back(batch);
        Ok(())
    }

    /// One write at a time: a disk that hangs is not asked again before it answers.
    async fn write(&mut self, bot: &str, updates: Vec<Update>) -> io::Result<()> {
        let Some(journal) = &self.journal else { return Err(io::ErrorKind::Unsupported.into()) };
        if let Some(writing) = &mut self.writing {
            // Nobody was told of that one.
            let _ = timeout(DISK_MAX, writing).await.map_err(|_| io::ErrorKind::TimedOut)?;
            self.writing = None;
        }
        if updates.is_empty() {
            return Ok(());
        }
        let (journal, bot) = (Arc::clone(journal), bot.to_owned());
        let mut writing = blocking(move || journal.keep(&bot, &updates));
        match timeout(DISK_MAX, &mut writing).await {
            Ok(written) => written.map_err(io::Error::other)?,
            Err(_) => {
                self.writing = Some(writing);
                Err(io::ErrorKind::TimedOut.into())
            }
        }
    }

    fn is_writable(&mut self) {
        if std::mem::take(&mut self.is_unwritable) {
            let Accepting { member, account, .. } = self.accepting;
            member.alerts.resolve(AlertCode::JournalUnwritable, account.id.as_str());
        }
    }

    /// Brings what is kept into the store, however long that takes; people are told of the outage meanwhile. Dropped, it
    /// goes on with the next call.
    pub(super) async fn drain(&mut self) -> Result<Taken, StoreError> {
        if self.is_empty() {
            return Ok(Taken::new());
        }
        let Some(journal) = &self.journal else { return Ok(Taken::new()) };
        let begin = || drain(self.accepting, Arc::clone(journal), Arc::clone(&self.queue)).boxed();
        let drained = self.draining.get_or_insert_with(begin).await;
        self.draining = None;
        drained
    }
}

/// Whether the state directory lasts as long as the store, or is said to.
fn is_durable(member: &Member) -> bool {
    let is_inside = || {
        let store = member.config.store_path.canonicalize();
        store.is_ok_and(|store| store.starts_with(member.state.root()))
    };
    member.config.journal_updates.unwrap_or_else(is_inside)
}

async fn drain(accepting: Accepting<'_>, journal: Arc<InboundJournal>, queue: Arc<Queue>) -> Result<Taken, StoreError> {
    let mut taken = Taken::new();
    loop {
        let (front, waiting) = {
            let queue = queue.lock();
            let waiting: Vec<Place> = queue.iter().flat_map(|batch| accepting.waiting(&batch.updates)).collect();
            (queue.front().cloned(), waiting)
        };
        // Nothing is kept between finding nothing and retiring the files: both are on one task, and nothing awaits.
        let Some(KeptBatch { updates, cursor }) = front else { break };
        let patience = Patience { max: OFFER_MAX, waiting: &waiting };
        match accepting.commit(updates, cursor, &mut None, patience).await {
            Ok(more) => taken.extend(more),
            Err(StoreError::Unavailable(_)) => continue,
            Err(error) => return Err(error),
        }
        queue.lock().pop_front();
    }
    let retired = journal.retire();
    tracing::info!(account = %accepting.account.id, "the store has what the journal kept");
    faults::point(Point::InboundBeforeForget);
    forgotten(blocking(move || remove_retired(&retired)).await);
    Ok(taken)
}

/// Brings what earlier bridges kept for this account into the store. Call it with the account's lease, which names `bot`.
pub(super) async fn replay(accepting: Accepting<'_>, bot: &str) -> Result<Taken, StoreError> {
    let Accepting { member, account, .. } = accepting;
    let mut taken = Taken::new();
    for mut left in left(accepting).await {
        let Some((_, first)) = left.updates.first() else {
            // Whose it is can't be read: whoever comes first says so.
            damaged(member, &left);
            forgotten(blocking(move || left.forget()).await);
            continue;
        };
        // A file is one account's.
        if first.place.account != account.id {
            if accepting.accounts.get(&first.place.account).is_none() {
                tracing::warn!(account = %first.place.account, file = %left.path().display(), "messages of an account that is not configured wait in the journal");
            }
            continue;
        }
        damaged(member, &left);
        if left.updates.iter().any(|(heard_by, _)| heard_by != bot) {
            let detail = format!("messages to another bot than {bot}; they are set aside and not answered");
            member.alerts.raise(AlertCode::JournalDamaged, left.path().display().to_string(), detail);
            forgotten(blocking(move || left.set_aside()).await);
            continue;
        }
        let updates: Vec<Update> = std::mem::take(&mut left.updates).into_iter().map(|(_, update)| update).collect();
        tracing::warn!(account = %account.id, updates = updates.len(), incarnation = %left.owner, "replaying what a journal kept");
        // Where to resume is not in it: what is found twice is dropped.
        taken.extend(accepting.commit(updates, None, &mut None, Patience { max: OFFER_MAX, waiting: &[] }).await?);
        faults::point(Point::InboundBeforeForget);
        forgotten(blocking(move || left.forget()).await);
    }
    Ok(taken)
}

/// A disk that does not answer keeps nobody from receiving: it is read with the next link.
async fn left(accepting: Accepting<'_>) -> Vec<LeftInbound> {
    let Accepting { member, account, .. } = accepting;
    let (directory, me, locks) = (member.state.journals(), member.incarnation.clone(), member.state.locks().clone());
    let reading = blocking(move || {
        let is_gone = |owner: &_| locks.is_free(owner, Some(&me)).unwrap_or(false);
        left_by_others(&directory, &me, is_gone)
    });
    let why = match timeout(DISK_MAX, reading).await {
        Ok(Ok(Ok(left))) => return left,
        Ok(Ok(Err(error))) => error.to_string(),
        Ok(Err(panic)) => panic.to_string(),
        Err(_) => "its disk does not answer".to_owned(),
    };
    tracing::error!(account = %account.id, "what earlier bridges kept can't be read now, and is read with the next link: {why}");
    Vec::new()
}

fn damaged(member: &Member, left: &LeftInbound) {
    if let Some(damage) = &left.damage {
        member.alerts.raise(AlertCode::JournalDamaged, left.path().display().to_string(), damage.clone());
    }
}

fn forgotten(forgotten: Result<io::Result<()>, JoinError>) {
    let trouble = match forgotten {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(panic) => panic.to_string(),
    };
    tracing::warn!("a journal that is replayed stays behind: {trouble}");
}
