//! The network, in the simulation's own thread: the ledger's book, with requests that take time, get lost, are refused,
//! and arrive after their sender is dead.
//!
//! What becomes of a request is drawn from the story's seed and the request itself, so that leaving something out of a
//! story changes nothing else.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use fastrand::Rng;
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream};
use lastword_core::{
    capability::{Capabilities, EditSupport, Idempotency, TextLimit, TextUnit},
    ids::{AccountId, ConversationId, Cursor, DeliveryKey, MessageId, Place, ThreadId, Timestamp, UpdateId, UserId},
    outcome::{Cause, Rejection, Retry, RetryScope, SendOutcome},
    provider::{Ack, Batch, Edits, Inbound, Provider, ReceiveError, Reconcile, SendRequest, UpdateStream},
    update::{Message, Sender, Update, UpdateKind},
};
use lastword_tests::ledger::{Book, PersonMessage, Post, Say};
use tokio::sync::{Notify, oneshot};

use super::story::{Kind, hash};

/// How long a request lives after its sender is gone, in milliseconds.
pub const LIFETIME_MS: i64 = 4_000;
/// The longest text of one message, in characters.
pub const TEXT_MAX: u32 = 60;
/// The account that every story talks to.
pub const ACCOUNT: &str = "net";
/// How long one poll waits for news.
const POLL: Duration = Duration::from_secs(5);
/// The most updates of one poll.
const UPDATES_MAX: usize = 8;

/// What everybody sees.
pub struct Network {
    kind: Kind,
    seed: u64,
    /// How many of a hundred requests go wrong.
    trouble: u64,
    state: Mutex<State>,
    said: Notify,
}

struct State {
    book: Book,
    now: i64,
    is_out: bool,
    on_way: Vec<OnWay>,
    polls: u64,
    /// Everybody who may send no more.
    dead: BTreeSet<u32>,
    unknown: u64,
}

/// A request that the network has and has not applied yet.
struct OnWay {
    at: i64,
    request: Request,
    reply: Option<oneshot::Sender<SendOutcome>>,
}

#[derive(Clone)]
enum Request {
    Post(Post),
    Edit(String, Post),
}

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Applied,
    /// Applied later, even if its sender is gone by then; then answered.
    AppliedAfter(i64),
    /// Applied at once, answered later.
    AnsweredAfter(i64),
    /// Lost on its way there.
    Lost,
    /// Applied, and the answer is lost on its way back.
    Unanswered,
    /// Not accepted for now.
    Limited(i64, RetryScope),
    /// Surely not accepted.
    NotSent,
}

impl Network {
    pub fn new(kind: Kind, seed: u64, trouble: u64) -> Arc<Self> {
        let mut book = Book::default();
        book.settings.is_native = kind == Kind::Native;
        let state =
            State { book, now: 0, is_out: false, on_way: Vec::new(), polls: 0, dead: BTreeSet::new(), unknown: 0 };
        Arc::new(Self { kind, seed, trouble, state: Mutex::new(state), said: Notify::new() })
    }

    /// A person says something.
    pub fn say(&self, place: &str, sender: &str, text: &str) -> String {
        let say = Say {
            conversation: place.to_owned(),
            thread: None,
            sender: sender.to_owned(),
            is_bot: false,
            is_addressed: true,
            text: text.to_owned(),
        };
        let mut state = self.state();
        let at_ms = state.now.unsigned_abs();
        let said = state.book.say(say, at_ms);
        drop(state);
        self.said.notify_waiters();
        said.id
    }

    /// Time passes: what is due arrives.
    pub fn advance(&self, now: i64) {
        let mut state = self.state();
        state.now = now;
        let (due, later) = std::mem::take(&mut state.on_way).into_iter().partition(|one| one.at <= now);
        state.on_way = later;
        let mut due: Vec<OnWay> = due;
        due.sort_by_key(|one| one.at);
        for OnWay { request, reply, .. } in due {
            let outcome = state.apply(&request);
            if let Some(reply) = reply {
                let _ = reply.send(outcome);
            }
        }
    }

    /// Whether the network answers at all.
    pub fn set_out(&self, is_out: bool) {
        self.state().is_out = is_out;
    }

    /// Nothing that the process says from now on arrives; what is on its way does.
    pub fn bury(&self, process: u32) {
        self.state().dead.insert(process);
    }

    /// Whether every request has arrived, or never will.
    pub fn is_quiet(&self) -> bool {
        self.state().on_way.is_empty()
    }

    /// How many requests left their sender in doubt.
    pub fn doubts(&self) -> u64 {
        self.state().unknown
    }

    /// The book as it is now.
    pub fn read<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&self.state().book)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no step of a simulation dies with the book in its hands")
    }

    fn fate(&self, request: &Request, attempt: u32) -> Fate {
        let (what, post) = match request {
            Request::Post(post) => ("post", post),
            Request::Edit(_, post) => ("edit", post),
        };
        let mut chance = Rng::with_seed(hash(self.seed, &[what, &post.key, &post.text, &attempt.to_string()]));
        if chance.u64(0..100) >= self.trouble {
            return if chance.u8(0..4) == 0 { Fate::AnsweredAfter(chance.i64(1..400)) } else { Fate::Applied };
        }
        // A little less than the lifetime: nothing lives longer than its network says.
        match chance.u8(0..8) {
            0 | 1 => Fate::AppliedAfter(chance.i64(1..LIFETIME_MS - 200)),
            2 => Fate::AnsweredAfter(chance.i64(1..LIFETIME_MS)),
            3 => Fate::Lost,
            4 | 5 => Fate::Unanswered,
            6 => {
                let scopes = [RetryScope::Message, RetryScope::Conversation, RetryScope::Account];
                Fate::Limited(chance.i64(1..3_000), scopes[chance.usize(0..3)])
            }
            _ => Fate::NotSent,
        }
    }

    /// One request on its way; what comes back comes when it comes.
    fn ask(&self, process: u32, attempt: u32, request: Request) -> BoxFuture<'static, SendOutcome> {
        let fate = self.fate(&request, attempt);
        let mut state = self.state();
        if state.dead.contains(&process) {
            return std::future::pending().boxed();
        }
        if state.is_out {
            return not_sent("the network is out").boxed();
        }
        state.book.arrived();
        let wait = |ms: i64| tokio::time::sleep(Duration::from_millis(ms.unsigned_abs()));
        match fate {
            Fate::Applied => std::future::ready(state.apply(&request)).boxed(),
            Fate::AppliedAfter(ms) => {
                let (reply, outcome) = oneshot::channel();
                let at = state.now + ms;
                state.on_way.push(OnWay { at, request, reply: Some(reply) });
                async { outcome.await.unwrap_or_else(|_| SendOutcome::Unknown("no answer came".into())) }.boxed()
            }
            Fate::AnsweredAfter(ms) => {
                let outcome = state.apply(&request);
                async move {
                    wait(ms).await;
                    outcome
                }
                .boxed()
            }
            Fate::Lost | Fate::Unanswered => {
                if fate == Fate::Unanswered {
                    let _ = state.apply(&request);
                }
                state.unknown += 1;
                async move {
                    wait(20).await;
                    SendOutcome::Unknown("the connection was cut".into())
                }
                .boxed()
            }
            Fate::Limited(after_ms, scope) => {
                let retry = Retry { after_ms: Some(after_ms), scope, cause: "too many requests".into() };
                std::future::ready(SendOutcome::Retry(retry)).boxed()
            }
            Fate::NotSent => not_sent("the connection was refused").boxed(),
        }
    }

    /// The next updates behind `after`; some that were confirmed come again, and places may change their order.
    fn updates(&self, after: Option<&Cursor>) -> Vec<PersonMessage> {
        let mut state = self.state();
        if state.is_out {
            return Vec::new();
        }
        state.polls += 1;
        let after = after.and_then(|cursor| cursor.as_str().parse().ok());
        let fresh = state.book.updates(after, UPDATES_MAX);
        if fresh.is_empty() {
            return fresh;
        }
        let mut chance = Rng::with_seed(hash(self.seed, &["poll", &state.polls.to_string()]));
        if self.trouble == 0 || chance.u8(0..4) > 0 {
            return fresh;
        }
        let mut updates = fresh.clone();
        let confirmed = usize::try_from(state.book.confirmed).unwrap_or(usize::MAX);
        updates.extend(state.book.people[..confirmed].iter().rev().take(3).filter(|_| chance.bool()).cloned());
        updates.extend(fresh.into_iter().filter(|_| chance.u8(0..4) == 0));
        // Within a place the order is the network's word; between places there is none.
        updates.sort_by_key(|said| (hash(self.seed, &[&said.conversation, &state.polls.to_string()]), said.n));
        updates
    }
}

fn not_sent(why: &'static str) -> impl Future<Output = SendOutcome> + Send {
    let retry = Retry { after_ms: None, scope: RetryScope::Account, cause: why.into() };
    std::future::ready(SendOutcome::Retry(retry))
}

impl State {
    fn apply(&mut self, request: &Request) -> SendOutcome {
        let at_ms = self.now.unsigned_abs();
        let (applied, target) = match request {
            Request::Post(post) => (self.book.post(post, at_ms), None),
            Request::Edit(id, post) => (self.book.edit(id, post, at_ms), Some(id)),
        };
        match (applied, target) {
            (Ok(id), _) => SendOutcome::Delivered(MessageId::new(id)),
            (Err("not_modified"), Some(id)) => SendOutcome::Delivered(MessageId::new(id.clone())),
            (Err("target_lost"), _) => SendOutcome::Rejected(Rejection::TargetLost),
            (Err(why), _) => SendOutcome::Rejected(Rejection::Invalid { detail: why.to_owned() }),
        }
    }
}

/// One process's way to the network.
pub struct SimulatedProvider {
    account: AccountId,
    process: u32,
    network: Arc<Network>,
}

impl SimulatedProvider {
    pub fn new(network: &Arc<Network>, process: u32) -> Self {
        Self { account: AccountId::new(ACCOUNT), process, network: Arc::clone(network) }
    }

    fn ask(&self, attempt: u32, request: Request) -> BoxFuture<'static, SendOutcome> {
        self.network.ask(self.process, attempt, request)
    }
}

#[async_trait]
impl Provider for SimulatedProvider {
    fn account(&self) -> &AccountId {
        &self.account
    }

    async fn identity(&self) -> Result<String, ReceiveError> {
        if self.network.state().is_out {
            return Err(ReceiveError::Lost { retry_after_ms: None, cause: "the network is out".into() });
        }
        Ok("@bot".to_owned())
    }

    fn capabilities(&self, _conversation: &ConversationId) -> Capabilities {
        Capabilities {
            text_max: TextLimit { max: TEXT_MAX, unit: TextUnit::Chars },
            edits: self
                .network
                .kind
                .can_edit()
                .then_some(EditSupport { interval_min_ms: 100, account_interval_min_ms: 0 }),
            idempotency: match self.network.kind {
                Kind::Native => Idempotency::Native { remembered_for_ms: 86_400_000 },
                Kind::EditOnly => Idempotency::EditOnly,
                Kind::Findable | Kind::FindablePosts => Idempotency::Findable,
                Kind::Careless => Idempotency::None,
            },
            request_lifetime_ms: LIFETIME_MS,
            is_streamed: false,
            keeps_unacked: true,
            journals_unacked: matches!(self.network.kind, Kind::Native | Kind::Findable),
            drafts: false,
            streams: None,
            files: None,
        }
    }

    fn receive(&self, resume_from: Option<Cursor>) -> UpdateStream {
        let polling = Polling {
            account: self.account.clone(),
            network: Arc::clone(&self.network),
            after: resume_from,
            offered: None,
        };
        stream::unfold(Some(polling), |polling| async {
            let mut polling = polling?;
            match polling.next().await {
                Ok(inbound) => Some((Ok(inbound), Some(polling))),
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed()
    }

    async fn send(&self, request: &SendRequest) -> SendOutcome {
        self.ask(request.attempt, Request::Post(spelled(request))).await
    }

    fn edits(&self) -> Option<&dyn Edits> {
        self.network.kind.can_edit().then_some(self as &dyn Edits)
    }

    fn reconcile(&self) -> Option<&dyn Reconcile> {
        self.network.kind.can_find().then_some(self as &dyn Reconcile)
    }
}

#[async_trait]
impl Edits for SimulatedProvider {
    async fn edit(&self, target: &MessageId, request: &SendRequest) -> SendOutcome {
        self.ask(request.attempt, Request::Edit(target.to_string(), spelled(request))).await
    }
}

#[async_trait]
impl Reconcile for SimulatedProvider {
    async fn find(&self, place: &Place, key: &DeliveryKey) -> Result<Option<MessageId>, Cause> {
        let state = self.network.state();
        if state.is_out {
            return Err("the network is out".into());
        }
        Ok(state.book.find(place.conversation.as_str(), key.as_str()).map(MessageId::new))
    }
}

fn spelled(request: &SendRequest) -> Post {
    Post {
        key: request.key.to_string(),
        conversation: request.place.conversation.to_string(),
        thread: None,
        reply_to: request.reply_to.as_ref().map(ToString::to_string),
        text: request.text.clone(),
        form: request.form.as_str().to_owned(),
    }
}

/// Long polls with a cursor of our own, as in the provider of the scripted network.
struct Polling {
    account: AccountId,
    network: Arc<Network>,
    after: Option<Cursor>,
    /// What is offered: the cursor behind it, and its fate.
    offered: Option<(Cursor, BoxFuture<'static, bool>)>,
}

impl Polling {
    async fn next(&mut self) -> Result<Inbound, ReceiveError> {
        if let Some((behind, fate)) = &mut self.offered {
            if fate.await {
                self.after = Some(behind.clone());
            }
            self.offered = None;
        }
        let mut updates = self.network.updates(self.after.as_ref());
        if updates.is_empty() {
            let _ = tokio::time::timeout(POLL, self.network.said.notified()).await;
            if self.network.state().is_out {
                return Err(ReceiveError::Lost { retry_after_ms: None, cause: "the network is out".into() });
            }
            updates = self.network.updates(self.after.as_ref());
        }
        let Some(last) = updates.iter().map(|said| said.n).max() else { return Ok(Inbound::Alive) };
        let cursor = Cursor::new(last.to_string());
        let (ack, confirmed) = Ack::pair();
        self.offered = Some((cursor.clone(), async { confirmed.await.is_ok() }.boxed()));
        let updates = updates.into_iter().map(|said| update(&self.account, said)).collect();
        Ok(Inbound::Batch(Batch { updates, cursor: Some(cursor), ack }))
    }
}

fn update(account: &AccountId, said: PersonMessage) -> Update {
    Update {
        id: UpdateId::new(said.n.to_string()),
        place: Place {
            account: account.clone(),
            conversation: ConversationId::new(said.conversation),
            thread: said.thread.map(ThreadId::new),
        },
        sender: Sender { name: None, id: UserId::new(said.sender), is_bot: said.is_bot },
        sent_at: Timestamp(i64::try_from(said.at_ms).unwrap_or(i64::MAX)),
        kind: UpdateKind::Posted(Message {
            id: MessageId::new(said.id),
            text: said.text,
            is_addressed: said.is_addressed,
            goes_on: false,
            files: Vec::new(),
        }),
    }
}
