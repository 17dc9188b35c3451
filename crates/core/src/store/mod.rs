//! The seam between the processes and what they remember.
//!
//! Every method is one transaction, durable when it returns `Ok`. A write that arrives too late (another attempt is
//! current, another process holds the delivery) changes nothing and says so. Every write is idempotent by its key, so
//! a commit whose answer was lost may simply be asked again. All times are on the store's clock.

mod delivery;
mod incarnation;
mod ingest;
mod oversight;
mod request;
mod turn;
mod view;

use async_trait::async_trait;

pub use self::{
    delivery::{DeliveryClaim, HELD_CAUSE, PAUSE_MS_MAX, Pause, Settlement, WantedFile},
    incarnation::{AccountLease, DecidedLost, Incarnation, Replays, Role},
    ingest::{Asked, HintRule, IngestBatch, IngestItem, Ingested, Intake, NewTurn, OnLost, PlaceCommand},
    oversight::{
        AccountMeasures, Audit, Forgotten, Histogram, IdleSession, LATENCY_BOUNDS_MS, Measures, Outbound, Oversight,
        Pruned, Retention, SessionOf, Trace, TraceEvent, TraceOf, Traced, Violation,
    },
    request::{Operation, Request, Restart},
    turn::{Claim, Elected, End, Owed, Standing, Verdict},
    view::{Counts, StreamEvent, StreamKind, StreamPosition, TurnView},
};
use crate::{
    agent::ProcessGroup,
    file::Fetched,
    ids::{AccountId, DeliveryId, Fence, IncarnationId, Place, Timestamp, TurnId, UpdateId},
    outcome::Cause,
};

/// What the processes share: inbox, turns, markers, deliveries and who is alive.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The random id of what is stored. A restore renews it, because numbers given out since the backup are given again.
    fn deployment(&self) -> &str;

    // --- who is alive -----------------------------------------------------------------------------------------

    /// Records a start of a process. Called once, before anything else is done in its name.
    async fn register(&self, incarnation: &Incarnation) -> Result<(), StoreError>;

    /// Counts one more beat of a living process. [`Standing::Superseded`]: it was decided as lost, or never registered;
    /// what it held is somebody else's.
    async fn beat(&self, incarnation: &IncarnationId) -> Result<Standing, StoreError>;

    /// Every incarnation that was registered and not yet decided as lost or retired.
    async fn living(&self) -> Result<Vec<Incarnation>, StoreError>;

    /// The process groups recorded for turns that this incarnation still runs.
    async fn groups(&self, incarnation: &IncarnationId) -> Result<Vec<(Fence, ProcessGroup)>, StoreError>;

    /// Decides what a dead (or cleanly ended) incarnation left behind, at most `limit` turns per call.
    ///
    /// Its running turns get their `Error:` elected, or go back to the queue where their agent may run again and
    /// attempts are left; with [`Replays::Hold`] the latter are not touched yet.
    ///
    /// An attempt for which no process group and no progress was recorded can't have acted: its turn goes back to the
    /// queue whatever [`OnLost`] says, and at once, because there is no group to wait for. The third such attempt is an
    /// error after all. An agent that runs inside its worker has no group; it must have no effects beside its answer.
    ///
    /// Deliveries in its hands become
    /// ambiguous, its leases are freed. When nothing is left, the incarnation is forgotten. Call it only with proof
    /// that the process is dead: its parent reaped it, or its lock file is free.
    async fn decide_lost(
        &self,
        incarnation: &IncarnationId,
        replays: Replays,
        limit: usize,
    ) -> Result<DecidedLost, StoreError>;

    // --- in ---------------------------------------------------------------------------------------------------

    /// Takes the lease of an account for `holder`, or says `None` while another living incarnation holds it.
    ///
    /// The cursor belongs to `identity`, the network's id of the bot: another bot does not inherit it.
    async fn lease(
        &self,
        account: &AccountId,
        identity: &str,
        holder: &IncarnationId,
    ) -> Result<Option<AccountLease>, StoreError>;

    /// Accepts a batch: inbox rows, turns with their markers, answers of commands and the cursor, all or nothing.
    ///
    /// An update that the inbox has already is skipped and reported with the turn that it made then.
    async fn ingest(&self, batch: IngestBatch) -> Result<Vec<Ingested>, StoreError>;

    // --- run --------------------------------------------------------------------------------------------------

    /// Claims up to `limit` turns for `owner`: in each place that has none running, the oldest queued one.
    ///
    /// Each gets its next attempt and, where its place wants one, a placeholder. Waiting turns that may be collected
    /// into the claimed one are merged in the same transaction, and its prompt carries theirs, for as long as they
    /// are of the same agent and session and the prompt does not grow beyond 64 KiB. None between
    /// [`PlaceCommand::Pause`] and [`PlaceCommand::Resume`], whichever processes were started in between.
    async fn claim(&self, owner: &IncarnationId, limit: usize) -> Result<Vec<Claim>, StoreError>;

    /// Records the process group that an attempt started.
    async fn record_group(&self, fence: Fence, group: ProcessGroup) -> Result<Standing, StoreError>;

    /// Records progress of an attempt, with the piece of text that people may see, if there is one.
    async fn progress(&self, fence: Fence, text: Option<String>) -> Result<Standing, StoreError>;

    /// The turns that `owner` runs and still owes; what it runs beside them was decided by somebody else.
    async fn running(&self, owner: &IncarnationId) -> Result<Vec<Fence>, StoreError>;

    /// The election: deletes the marker of exactly this attempt and inserts the terminal's deliveries, or loses.
    async fn elect(&self, verdict: Verdict) -> Result<Elected, StoreError>;

    /// What operators ask of the processes and is still owed, oldest first. Its last word is an election for
    /// [`Attempt::NONE`](crate::ids::Attempt::NONE).
    async fn requests(&self) -> Result<Vec<Request>, StoreError>;

    /// Tells who asked for it how far a request is: a message beside its last word. `None` once that is spoken.
    async fn say_how_far(&self, turn: TurnId, text: String) -> Result<Option<DeliveryId>, StoreError>;

    /// Whether the network is known to have a delivery.
    async fn is_delivered(&self, delivery: DeliveryId) -> Result<bool, StoreError>;

    /// Every turn that runs, and every queued one at the head of its place: what a sweep looks at. During a pause only
    /// those that run, because no queued one could.
    async fn owed(&self) -> Result<Vec<Owed>, StoreError>;

    // --- out --------------------------------------------------------------------------------------------------

    /// Claims up to `limit` deliveries that are due: of accounts leased by `holder`, not paused, heads of their lanes.
    ///
    /// A clock that is set back holds up nothing that was due at once, and no pause beyond [`PAUSE_MS_MAX`]. Each claim
    /// (key and attempt) is durable before it is returned, and so before the first byte leaves.
    async fn claim_deliveries(&self, holder: &IncarnationId, limit: usize) -> Result<Vec<DeliveryClaim>, StoreError>;

    /// Records what an attempt achieved. `false`: the claim is no longer this holder's, and nothing was changed.
    async fn settle(
        &self,
        holder: &IncarnationId,
        delivery: DeliveryId,
        attempt: u32,
        settlement: Settlement,
    ) -> Result<bool, StoreError>;

    // --- files ------------------------------------------------------------------------------------------------

    /// Up to `limit` files that queued turns of an account wait for, oldest first; none unless `holder` has its lease.
    async fn wanted_files(
        &self,
        account: &AccountId,
        holder: &IncarnationId,
        limit: usize,
    ) -> Result<Vec<WantedFile>, StoreError>;

    /// Records what became of a file. A turn may be claimed once nothing of it is wanted. What is no longer wanted stays
    /// as it was recorded first.
    async fn file_fetched(&self, turn: TurnId, n: u32, fetched: Fetched) -> Result<(), StoreError>;

    // --- look -------------------------------------------------------------------------------------------------

    /// The turn that an update made, if it made one.
    async fn turn_of(&self, account: &AccountId, update: &UpdateId) -> Result<Option<TurnId>, StoreError>;

    /// One turn as people may see it.
    async fn turn(&self, turn: TurnId) -> Result<Option<TurnView>, StoreError>;

    /// What happened to a turn after `after`, in order; a merged turn shows what happens to its lead.
    ///
    /// A new attempt begins with [`StreamKind::Reset`] for whoever saw something of an earlier one. The last event is
    /// the terminal.
    async fn stream(&self, turn: TurnId, after: Option<StreamPosition>) -> Result<Vec<StreamEvent>, StoreError>;

    /// The newest `limit` turns of a place before `before` (or of all), oldest first.
    async fn history(&self, place: &Place, before: Option<TurnId>, limit: usize) -> Result<Vec<TurnView>, StoreError>;

    /// What the conservation law is about, and what is on its way.
    async fn counts(&self) -> Result<Counts, StoreError>;

    /// Hears of commits that concern `topic`, of this process at once, of others as far as wake-ups reach.
    fn subscribe(&self, topic: Topic) -> Box<dyn Subscription>;
}

/// What a wake-up is about. Wake-ups are a hint: polling stays the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Turns may be claimed.
    Turns,
    /// Deliveries may be due.
    Deliveries,
    /// A turn made progress or ended.
    Streams,
    /// A running turn was decided by somebody else than its worker.
    Decided,
    /// Somebody asked something of the processes.
    Requests,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 5] = [Self::Turns, Self::Deliveries, Self::Streams, Self::Decided, Self::Requests];
}

/// One listener to one [`Topic`].
#[async_trait]
pub trait Subscription: Send {
    /// Returns when something was committed since the last return; at once if that is so already. Cancel-safe.
    async fn woken(&mut self);
}

/// Where a store's time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It can't be reached or can't write now; nothing was changed, or nobody knows: ask again.
    #[error("the store is unavailable: {0}")]
    Unavailable(Cause),
    /// A rule of the schema refused the write; nothing was changed, and asking again won't help.
    #[error("the store refused the write: {0}")]
    Refused(Cause),
    /// A row can't be read; it is kept as it is.
    #[error("the store holds a row that can't be read: {0}")]
    Damaged(String),
}
