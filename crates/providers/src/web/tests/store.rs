//! A store that remembers the turns of the web account in memory; what no handler needs is refused.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use lastword_core::{
    agent::ProcessGroup,
    file::Fetched,
    ids::{AccountId, Attempt, DeliveryId, Fence, IncarnationId, Place, Timestamp, TurnId, UpdateId},
    store::*,
    turn::TurnState,
    update::{Update, UpdateKind},
};
use tokio::sync::watch;

/// One turn with its stream.
#[derive(Clone)]
struct Remembered {
    update: UpdateId,
    view: TurnView,
    events: Vec<StreamEvent>,
}

/// Turns in memory.
pub(super) struct FakeStore {
    turns: Mutex<Vec<Remembered>>,
    commits: watch::Sender<u64>,
    is_out: AtomicBool,
}

impl FakeStore {
    pub(super) fn new() -> Arc<Self> {
        let (commits, _) = watch::channel(0);
        Arc::new(Self { turns: Mutex::default(), commits, is_out: AtomicBool::new(false) })
    }

    pub(super) fn set_out(&self, is_out: bool) {
        self.is_out.store(is_out, Ordering::SeqCst);
        self.commits.send_modify(|n| *n += 1);
    }

    /// Commits an update as a queued turn; a known id changes nothing.
    pub(super) fn accept(&self, update: &Update) {
        let UpdateKind::Posted(message) = &update.kind else { return };
        let mut turns = self.turns.lock().unwrap();
        if turns.iter().any(|turn| turn.update == update.id) {
            return;
        }
        let id = TurnId(turns.len() as i64 + 1);
        let view = TurnView {
            id,
            place: update.place.clone(),
            state: TurnState::Queued,
            attempt: Attempt(1),
            text: message.text.clone(),
            reply: None,
            reason: None,
            merged_into: None,
            accepted_at: update.sent_at,
            ended_at: None,
        };
        turns.push(Remembered { update: update.id.clone(), view, events: Vec::new() });
    }

    /// Commits an event of a turn's stream; the terminal ends the turn.
    pub(super) fn happens(&self, turn: i64, kind: StreamKind) {
        {
            let mut turns = self.turns.lock().unwrap();
            let turn = &mut turns[turn as usize - 1];
            let n = turn.events.len() as u32 + 1;
            let mut position = StreamPosition { attempt: Attempt(1), n };
            if let StreamKind::Reply(text) | StreamKind::Error(text) = &kind {
                position = StreamPosition::END;
                turn.view.state =
                    if matches!(kind, StreamKind::Reply(_)) { TurnState::Done } else { TurnState::Failed };
                turn.view.reply = Some(text.clone());
                turn.view.ended_at = Some(Timestamp(2));
            }
            turn.events.push(StreamEvent { position, kind });
        }
        self.commits.send_modify(|n| *n += 1);
    }

    /// Moves a turn to another account, as if that one had heard it.
    pub(super) fn give_to(&self, turn: i64, account: &str) {
        self.turns.lock().unwrap()[turn as usize - 1].view.place.account = AccountId::new(account);
    }

    fn answer(&self) -> Result<Vec<Remembered>, StoreError> {
        if self.is_out.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("unplugged".into()));
        }
        Ok(self.turns.lock().unwrap().clone())
    }
}

struct Woken(watch::Receiver<u64>);

#[async_trait]
impl Subscription for Woken {
    async fn woken(&mut self) {
        let _ = self.0.changed().await;
    }
}

fn no<T>() -> Result<T, StoreError> {
    Err(StoreError::Refused("no handler of the web needs this".into()))
}

#[async_trait]
impl Store for FakeStore {
    fn deployment(&self) -> &str {
        "fake"
    }

    async fn requests(&self) -> Result<Vec<Request>, StoreError> {
        no()
    }

    async fn say_how_far(&self, _turn: TurnId, _text: String) -> Result<Option<DeliveryId>, StoreError> {
        no()
    }

    async fn is_delivered(&self, _delivery: DeliveryId) -> Result<bool, StoreError> {
        no()
    }

    async fn turn_of(&self, _account: &AccountId, update: &UpdateId) -> Result<Option<TurnId>, StoreError> {
        Ok(self.answer()?.into_iter().find(|turn| turn.update == *update).map(|turn| turn.view.id))
    }

    async fn turn(&self, turn: TurnId) -> Result<Option<TurnView>, StoreError> {
        Ok(self.answer()?.into_iter().map(|turn| turn.view).find(|view| view.id == turn))
    }

    async fn stream(&self, turn: TurnId, after: Option<StreamPosition>) -> Result<Vec<StreamEvent>, StoreError> {
        let turn = self.answer()?.into_iter().find(|remembered| remembered.view.id == turn);
        let events = turn.map(|turn| turn.events).unwrap_or_default();
        Ok(events.into_iter().filter(|event| Some(event.position) > after).collect())
    }

    async fn history(&self, place: &Place, before: Option<TurnId>, limit: usize) -> Result<Vec<TurnView>, StoreError> {
        let turns = self.answer()?.into_iter().map(|turn| turn.view).filter(|view| view.place == *place);
        let mut turns: Vec<_> = turns.filter(|view| before.is_none_or(|before| view.id < before)).collect();
        Ok(turns.split_off(turns.len().saturating_sub(limit)))
    }

    fn subscribe(&self, _topic: Topic) -> Box<dyn Subscription> {
        Box::new(Woken(self.commits.subscribe()))
    }

    async fn register(&self, _: &Incarnation) -> Result<(), StoreError> {
        no()
    }
    async fn beat(&self, _: &IncarnationId) -> Result<Standing, StoreError> {
        no()
    }
    async fn living(&self) -> Result<Vec<Incarnation>, StoreError> {
        no()
    }
    async fn groups(&self, _: &IncarnationId) -> Result<Vec<(Fence, ProcessGroup)>, StoreError> {
        no()
    }
    async fn decide_lost(&self, _: &IncarnationId, _: Replays, _: usize) -> Result<DecidedLost, StoreError> {
        no()
    }
    async fn lease(&self, _: &AccountId, _: &str, _: &IncarnationId) -> Result<Option<AccountLease>, StoreError> {
        no()
    }
    async fn ingest(&self, _: IngestBatch) -> Result<Vec<Ingested>, StoreError> {
        no()
    }
    async fn claim(&self, _: &IncarnationId, _: usize) -> Result<Vec<Claim>, StoreError> {
        no()
    }
    async fn record_group(&self, _: Fence, _: ProcessGroup) -> Result<Standing, StoreError> {
        no()
    }
    async fn progress(&self, _: Fence, _: Option<String>) -> Result<Standing, StoreError> {
        no()
    }
    async fn running(&self, _: &IncarnationId) -> Result<Vec<Fence>, StoreError> {
        no()
    }
    async fn elect(&self, _: Verdict) -> Result<Elected, StoreError> {
        no()
    }
    async fn owed(&self) -> Result<Vec<Owed>, StoreError> {
        no()
    }
    async fn claim_deliveries(&self, _: &IncarnationId, _: usize) -> Result<Vec<DeliveryClaim>, StoreError> {
        no()
    }
    async fn settle(&self, _: &IncarnationId, _: DeliveryId, _: u32, _: Settlement) -> Result<bool, StoreError> {
        no()
    }
    async fn wanted_files(&self, _: &AccountId, _: &IncarnationId, _: usize) -> Result<Vec<WantedFile>, StoreError> {
        no()
    }
    async fn file_fetched(&self, _: TurnId, _: u32, _: Fetched) -> Result<(), StoreError> {
        no()
    }
    async fn counts(&self) -> Result<Counts, StoreError> {
        no()
    }
}
