//! The world of the store's contract: one store, a clock that a hand moves, and a few people.

use std::{
    any::Any,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use crate::{
    agent::ProcessGroup,
    capability::{ReplyShape, TextLimit, TextUnit, Via},
    delivery::DeliveryKind,
    ids::{
        AccountId, AgentId, ConversationId, Cursor, IncarnationId, MessageId, Place, Timestamp, TurnId, UpdateId,
        UserId,
    },
    outcome::RetryScope,
    reason::Reason,
    store::{
        Asked, Claim, Clock, Counts, DeliveryClaim, Elected, End, Incarnation, IngestBatch, IngestItem, Ingested,
        Intake, NewTurn, OnLost, Oversight, Pause, PlaceCommand, Role, Settlement, Standing, Store, StoreError,
        Verdict,
    },
};

/// A clock that stands until somebody moves it.
#[derive(Debug)]
pub struct HandClock(AtomicI64);

impl HandClock {
    /// A clock that shows `ms` after the epoch.
    #[must_use]
    pub fn at(ms: i64) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(ms)))
    }

    /// Moves it forward; backward, as an operator who corrects it does, if `ms` is negative.
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// A store with its oversight.
pub trait Deployment: Store + Oversight {}

impl<T: Store + Oversight> Deployment for T {}

/// A store under test with two bridges, two workers, and the account `bot` in the hands of the first bridge.
pub struct World {
    /// The store under test.
    pub store: Box<dyn Deployment>,
    /// Its clock.
    pub clock: Arc<HandClock>,
    _guard: Box<dyn Any + Send + Sync>,
}

/// The account of every rule.
pub const ACCOUNT: &str = "bot";
/// The bridge that holds the account's lease.
pub const BRIDGE: &str = "bridge-1";
/// The worker of most rules.
pub const WORKER: &str = "worker-1";

impl World {
    /// Makes the store with the given factory and lets everybody in.
    pub async fn new<G: Any + Send + Sync>(factory: impl FnOnce(Arc<HandClock>) -> (Box<dyn Deployment>, G)) -> Self {
        let clock = HandClock::at(1_000_000);
        let (store, guard) = factory(clock.clone());
        let world = Self { store, clock, _guard: Box::new(guard) };
        for (id, role) in
            [(BRIDGE, Role::Bridge), ("bridge-2", Role::Bridge), (WORKER, Role::Worker), ("worker-2", Role::Worker)]
        {
            world.registers(id, role).await;
        }
        world.leases(BRIDGE).await;
        world
    }

    /// A process starts.
    pub async fn registers(&self, id: &str, role: Role) {
        let incarnation = Incarnation { id: IncarnationId::new(id), role, pid: 7, build: "b".into(), beats: 0 };
        self.store.register(&incarnation).await.expect("registers");
    }

    /// A bridge takes the account's lease.
    pub async fn leases(&self, bridge: &str) -> bool {
        let lease = self.store.lease(&AccountId::new(ACCOUNT), "@bot", &IncarnationId::new(bridge)).await;
        lease.expect("asks for the lease").is_some()
    }

    /// An update comes in.
    pub async fn takes(&self, update: &str, intake: Intake) -> Ingested {
        let mut taken = self.store.ingest(batch(update, intake)).await.expect("is accepted");
        taken.pop().expect("one update")
    }

    /// A person asks the agent something in a place; the update's name is the text.
    pub async fn asks(&self, place: &str, text: &str) -> TurnId {
        self.takes(text, Intake::Turn(turn(place, text))).await.turn.expect("a turn")
    }

    /// A person gives a command in a place.
    pub async fn commands(&self, place: &str, update: &str, command: PlaceCommand) -> TurnId {
        let intake = Intake::Command { asked: asked(place, update), command };
        self.takes(update, intake).await.turn.expect("a turn")
    }

    /// The first worker takes what it may.
    pub async fn claims(&self) -> Vec<Claim> {
        self.claims_as(WORKER, 100).await
    }

    /// A worker takes what it may.
    pub async fn claims_as(&self, worker: &str, limit: usize) -> Vec<Claim> {
        self.store.claim(&IncarnationId::new(worker), limit).await.expect("claims")
    }

    /// The agents of these claims start, each in a process group; how many they are.
    pub async fn starts(&self, claims: Vec<Claim>) -> usize {
        for claim in &claims {
            let group = ProcessGroup { pid: 4, started_ticks: claim.fence.turn.0.unsigned_abs() };
            let standing = self.store.record_group(claim.fence, group).await.expect("records");
            assert_eq!(standing, Standing::Current);
        }
        claims.len()
    }

    /// Somebody speaks for an attempt.
    pub async fn tries(&self, verdict: Verdict) -> Elected {
        self.store.elect(verdict).await.expect("an election")
    }

    /// Somebody speaks for an attempt, and is heard.
    pub async fn elects(&self, verdict: Verdict) {
        assert_eq!(self.tries(verdict).await, Elected::Won);
    }

    /// The agent answers.
    pub async fn answers(&self, claim: &Claim, text: &str) {
        self.elects(answer(claim, text)).await;
    }

    /// The first bridge takes what is due.
    pub async fn due(&self) -> Vec<DeliveryClaim> {
        self.due_for(BRIDGE).await
    }

    /// A bridge takes what is due.
    pub async fn due_for(&self, bridge: &str) -> Vec<DeliveryClaim> {
        self.store.claim_deliveries(&IncarnationId::new(bridge), 100).await.expect("claims deliveries")
    }

    /// The first bridge records what an attempt achieved.
    pub async fn settles(&self, claim: &DeliveryClaim, settlement: Settlement) -> bool {
        let bridge = IncarnationId::new(BRIDGE);
        self.store.settle(&bridge, claim.id, claim.attempt, settlement).await.expect("settles")
    }

    /// The network takes everything that is due, until nothing is; the texts in the order in which they left.
    pub async fn delivers_all(&self) -> Vec<String> {
        let mut left = Vec::new();
        loop {
            let due = self.due().await;
            if due.is_empty() {
                return left;
            }
            for claim in due {
                assert!(self.settles(&claim, delivered(&format!("m-{}", claim.key))).await, "the claim is ours");
                left.push(claim.text);
            }
        }
    }

    /// The last word of a turn, if it is elected.
    pub async fn last_word(&self, turn: TurnId) -> Option<String> {
        self.store.turn(turn).await.expect("reads").expect("the turn exists").reply
    }

    /// An examination of the whole store finds nothing that must not be.
    pub async fn is_sound(&self) {
        let audit = self.store.audit().await.expect("examines");
        assert!(audit.violations.is_empty(), "{:#?}", audit.violations);
    }

    /// The counts, after checking the conservation law.
    pub async fn counts(&self) -> Counts {
        let counts = self.store.counts().await.expect("counts");
        let Counts { accepted, replied, errored, stopped, merged, queued, running, .. } = counts;
        assert_eq!(accepted, replied + errored + stopped + merged + queued + running, "{counts:?}");
        counts
    }
}

/// A place of the account, with placeholders.
#[must_use]
pub fn place(name: &str) -> Place {
    Place { account: AccountId::new(ACCOUNT), conversation: ConversationId::new(name), thread: None }
}

/// Replies as edits of a placeholder, except in places whose name begins with `plain`.
#[must_use]
pub fn shape(name: &str) -> ReplyShape {
    let via = if name.starts_with("plain") { Via::Post } else { Via::Edit };
    let text_max = TextLimit { max: 4_096, unit: TextUnit::Utf16 };
    ReplyShape { via, text_max, has_placeholder: via == Via::Edit, files: None }
}

/// Alice asks something.
#[must_use]
pub fn asked(name: &str, text: &str) -> Asked {
    Asked {
        place: place(name),
        shape: shape(name),
        sender: UserId::new("alice"),
        sender_name: Some("Alice".into()),
        message: MessageId::new(format!("message of {text}")),
        text: text.into(),
    }
}

/// A turn for the agent `echo`, which may not run twice.
#[must_use]
pub fn turn(name: &str, text: &str) -> NewTurn {
    NewTurn {
        asked: asked(name, text),
        agent: AgentId::new("echo"),
        prompt: text.into(),
        files: Vec::new(),
        on_lost: OnLost::Error,
        may_collect: false,
        queue_max: 100,
    }
}

/// The same, which may run again and be collected.
#[must_use]
pub fn patient_turn(name: &str, text: &str) -> NewTurn {
    NewTurn { on_lost: OnLost::Replay { max_attempts: 2 }, may_collect: true, ..turn(name, text) }
}

/// A batch of one update, with a cursor named after it.
#[must_use]
pub fn batch(update: &str, intake: Intake) -> IngestBatch {
    IngestBatch {
        account: AccountId::new(ACCOUNT),
        holder: IncarnationId::new(BRIDGE),
        items: vec![IngestItem { update: UpdateId::new(update), intake }],
        cursor: Some(Cursor::new(format!("after {update}"))),
    }
}

/// The agent's answer in one part.
#[must_use]
pub fn answer(claim: &Claim, text: &str) -> Verdict {
    Verdict { fence: claim.fence, end: End::Answered, parts: vec![text.into()], files: Vec::new(), if_progress: None }
}

/// An error for an attempt.
#[must_use]
pub fn error(claim: &Claim, reason: Reason) -> Verdict {
    let parts = vec![reason.last_word()];
    Verdict { fence: claim.fence, end: End::Errored(reason), parts, files: Vec::new(), if_progress: None }
}

/// The network has it.
#[must_use]
pub fn delivered(message: &str) -> Settlement {
    Settlement::Delivered { message: MessageId::new(message), assert_at: None, notice: None }
}

/// Certainly not accepted; again after `ms`.
#[must_use]
pub fn deferred(claim: &DeliveryClaim, ms: i64, scope: RetryScope) -> Settlement {
    Settlement::Deferred { pause: Pause { until: claim.now.plus_ms(ms), scope }, cause: "busy".into() }
}

/// The texts of deliveries in hand.
#[must_use]
pub fn texts(due: &[DeliveryClaim]) -> Vec<&str> {
    due.iter().map(|claim| claim.text.as_str()).collect()
}

/// The deliveries of one kind.
#[must_use]
pub fn of_kind(due: Vec<DeliveryClaim>, kind: DeliveryKind) -> Vec<DeliveryClaim> {
    due.into_iter().filter(|claim| claim.kind == kind).collect()
}

/// The store refused it, and not for being out.
pub fn assert_refused<T: std::fmt::Debug>(outcome: Result<T, StoreError>) {
    assert!(matches!(outcome, Err(StoreError::Refused(_))), "{outcome:?}");
}
