//! Core's store, call by call: each is one job of a commit, or one read.

use async_trait::async_trait;
use lastword_core::{
    agent::ProcessGroup,
    faults::{self, Bug, Point},
    file::Fetched,
    ids::{AccountId, DeliveryId, Fence, IncarnationId, Place, TurnId, UpdateId},
    store::{
        AccountLease, Claim, Counts, DecidedLost, DeliveryClaim, Elected, Incarnation, IngestBatch, Ingested, Owed,
        Replays, Request, Settlement, Standing, Store, StoreError, StreamEvent, StreamPosition, Subscription, Topic,
        TurnView, Verdict, WantedFile,
    },
};

use super::{
    SqliteStore,
    query::{
        account, claim, claim_deliveries, counts, decide_lost, delivery,
        elect::{self, Word},
        file, incarnation, ingest, owed, progress, request, settle, stream, view,
    },
};

#[async_trait]
impl Store for SqliteStore {
    fn deployment(&self) -> &str {
        Self::deployment(self)
    }

    async fn register(&self, incarnation: &Incarnation) -> Result<(), StoreError> {
        let incarnation = incarnation.clone();
        self.engine.write(move |tx| incarnation::register(tx, &incarnation)).await
    }

    async fn beat(&self, incarnation: &IncarnationId) -> Result<Standing, StoreError> {
        let id = incarnation.clone();
        self.engine.write(move |tx| incarnation::beat(tx, &id)).await
    }

    async fn living(&self) -> Result<Vec<Incarnation>, StoreError> {
        self.engine.read(incarnation::living).await
    }

    async fn groups(&self, incarnation: &IncarnationId) -> Result<Vec<(Fence, ProcessGroup)>, StoreError> {
        let id = incarnation.clone();
        self.engine.read(move |conn| incarnation::groups(conn, &id)).await
    }

    async fn decide_lost(
        &self,
        incarnation: &IncarnationId,
        replays: Replays,
        limit: usize,
    ) -> Result<DecidedLost, StoreError> {
        let dead = incarnation.clone();
        self.engine.write(move |tx| decide_lost::decide(tx, &dead, replays, limit)).await
    }

    async fn lease(
        &self,
        account: &AccountId,
        identity: &str,
        holder: &IncarnationId,
    ) -> Result<Option<AccountLease>, StoreError> {
        let (account, identity, holder) = (account.clone(), identity.to_owned(), holder.clone());
        self.engine.write(move |tx| account::lease(tx, &account, &identity, &holder)).await
    }

    async fn ingest(&self, batch: IngestBatch) -> Result<Vec<Ingested>, StoreError> {
        self.engine.write_new(move |tx| ingest::ingest(tx, &batch)).await
    }

    async fn claim(&self, owner: &IncarnationId, limit: usize) -> Result<Vec<Claim>, StoreError> {
        let owner = owner.clone();
        self.engine.write_new(move |tx| claim::claim(tx, &owner, limit)).await
    }

    async fn record_group(&self, fence: Fence, group: ProcessGroup) -> Result<Standing, StoreError> {
        self.engine.write(move |tx| progress::record_group(tx, fence, group)).await
    }

    async fn progress(&self, fence: Fence, text: Option<String>) -> Result<Standing, StoreError> {
        let Some(text) = text else { return self.engine.write(move |tx| progress::record(tx, fence, None)).await };
        let recorded = self.engine.write_new(move |tx| progress::record(tx, fence, Some(&text))).await;
        if matches!(recorded, Err(StoreError::Unavailable(_))) && *self.disk_full.borrow() {
            // The text has to wait for room; that the agent works must be seen all the same, or it is ended as idle.
            let seen = self.engine.write(move |tx| progress::record(tx, fence, None)).await?;
            if seen == Standing::Superseded {
                return Ok(seen);
            }
        }
        recorded
    }

    async fn running(&self, owner: &IncarnationId) -> Result<Vec<Fence>, StoreError> {
        let owner = owner.clone();
        self.engine.read(move |conn| progress::running(conn, &owner)).await
    }

    async fn elect(&self, verdict: Verdict) -> Result<Elected, StoreError> {
        if faults::has(Bug::ElectionInTwoTransactions) {
            return self.elect_in_two_transactions(verdict).await;
        }
        self.engine.write(move |tx| elect::elect(tx, &Word::of(&verdict))).await
    }

    async fn requests(&self) -> Result<Vec<Request>, StoreError> {
        self.engine.read(request::all).await
    }

    async fn say_how_far(&self, turn: TurnId, text: String) -> Result<Option<DeliveryId>, StoreError> {
        self.engine.write(move |tx| request::say_how_far(tx, turn, &text)).await
    }

    async fn is_delivered(&self, id: DeliveryId) -> Result<bool, StoreError> {
        self.engine.read(move |conn| delivery::is_delivered(conn, id)).await
    }

    async fn owed(&self) -> Result<Vec<Owed>, StoreError> {
        self.engine.read(owed::owed).await
    }

    async fn claim_deliveries(&self, holder: &IncarnationId, limit: usize) -> Result<Vec<DeliveryClaim>, StoreError> {
        let holder = holder.clone();
        self.engine.write(move |tx| claim_deliveries::claim(tx, &holder, limit)).await
    }

    async fn settle(
        &self,
        holder: &IncarnationId,
        delivery: DeliveryId,
        attempt: u32,
        settlement: Settlement,
    ) -> Result<bool, StoreError> {
        let holder = holder.clone();
        self.engine.write(move |tx| settle::settle(tx, &holder, delivery, attempt, &settlement)).await
    }

    async fn wanted_files(
        &self,
        account: &AccountId,
        holder: &IncarnationId,
        limit: usize,
    ) -> Result<Vec<WantedFile>, StoreError> {
        let (account, holder) = (account.clone(), holder.clone());
        self.engine.read(move |conn| file::wanted(conn, &account, &holder, limit)).await
    }

    async fn file_fetched(&self, turn: TurnId, n: u32, fetched: Fetched) -> Result<(), StoreError> {
        self.engine.write(move |tx| file::fetched(tx, turn, n, &fetched)).await
    }

    async fn turn_of(&self, account: &AccountId, update: &UpdateId) -> Result<Option<TurnId>, StoreError> {
        let (account, update) = (account.clone(), update.clone());
        self.engine.read(move |conn| Ok(ingest::find(conn, &account, &update)?.flatten())).await
    }

    async fn turn(&self, turn: TurnId) -> Result<Option<TurnView>, StoreError> {
        self.engine.read(move |conn| view::turn(conn, turn)).await
    }

    async fn stream(&self, turn: TurnId, after: Option<StreamPosition>) -> Result<Vec<StreamEvent>, StoreError> {
        self.engine.read(move |conn| stream::stream(conn, turn, after)).await
    }

    async fn history(&self, place: &Place, before: Option<TurnId>, limit: usize) -> Result<Vec<TurnView>, StoreError> {
        let place = place.clone();
        self.engine.read(move |conn| view::history(conn, &place, before, limit)).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.engine.read(counts::counts).await
    }

    fn subscribe(&self, topic: Topic) -> Box<dyn Subscription> {
        self.hub.subscribe(topic)
    }
}

impl SqliteStore {
    /// What [`Bug::ElectionInTwoTransactions`] does.
    async fn elect_in_two_transactions(&self, verdict: Verdict) -> Result<Elected, StoreError> {
        let first = verdict.clone();
        let Some(owed) = self.engine.write(move |tx| elect::decide(tx, &Word::of(&first))).await? else {
            return Ok(Elected::Lost);
        };
        faults::point(Point::ElectAfter);
        self.engine.write(move |tx| elect::insert_last_word(tx, &Word::of(&verdict), &owed)).await?;
        Ok(Elected::Won)
    }
}
