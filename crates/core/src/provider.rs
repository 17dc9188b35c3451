//! The seam between the bridge and one account on one network.
//!
//! Contract, in one breath: a provider **normalises** updates, **hands over** the acknowledgement, makes **one**
//! attempt per call, and **classifies** what happened. It never retries, never sleeps for a rate limit, never touches
//! the store, and never leaves a task behind that outlives the stream it returned.

use async_trait::async_trait;
use futures_channel::oneshot;
use futures_util::stream::BoxStream;

use crate::{
    capability::Capabilities,
    delivery::Form,
    file::RemoteFile,
    ids::{AccountId, ConversationId, Cursor, DeliveryKey, MessageId, Place, TurnId},
    outcome::{Cause, Retry, SendOutcome},
    update::Update,
};

/// The longest that a receive stream may say nothing: at least so often it yields [`Inbound::Alive`]. In milliseconds.
pub const ALIVE_WITHIN_MS: u64 = 15_000;

/// How often a network is told that an answer is still being worked on, in milliseconds.
pub const PRESENCE_EVERY_MS: u64 = 4_000;

/// One account on one chat network.
///
/// The five required methods are the whole cost of a new network. Each `Option<&dyn _>` facet is a promise: `Some`
/// means the network can do it, and [`Provider::capabilities`] says how well, per conversation.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// The configured name of this account; stable across restarts.
    fn account(&self) -> &AccountId;

    /// The network's own id of the bot, asked from the network where it must be. A cursor belongs to it: a new token
    /// keeps the cursor, a different bot does not inherit it.
    async fn identity(&self) -> Result<String, ReceiveError>;

    /// Asks the network whether everything is right that receiving and sending need, and who the bot is. For an operator
    /// who sets it up; receives and sends nothing.
    async fn check(&self) -> Result<String, ReceiveError> {
        self.identity().await
    }

    /// What this conversation supports, and its limits. Cheap, no I/O.
    fn capabilities(&self, conversation: &ConversationId) -> Capabilities;

    /// Connects and yields updates until the link fails or the stream is dropped.
    ///
    /// Yields something as soon as the link is seen to stand: until then the account counts as not linked. Then yields
    /// something at least every [`ALIVE_WITHIN_MS`] while it stands; a longer silence is taken for a dead link. Yields at most one `Err`, then ends; reconnecting is the caller's job. `resume_from` is the last cursor that was
    /// committed, or `None` on first start.
    fn receive(&self, resume_from: Option<Cursor>) -> UpdateStream;

    /// Makes exactly one attempt to post one message.
    ///
    /// The caller drops this future only at its deadline, and then records [`SendOutcome::Unknown`] itself.
    async fn send(&self, request: &SendRequest) -> SendOutcome;

    /// Changing messages already posted.
    fn edits(&self) -> Option<&dyn Edits> {
        None
    }

    /// Showing that an answer is being worked on.
    fn presence(&self) -> Option<&dyn Presence> {
        None
    }

    /// Showing an answer as it grows, without a message.
    fn drafts(&self) -> Option<&dyn Drafts> {
        None
    }

    /// Placeholders that grow.
    fn streams(&self) -> Option<&dyn Streams> {
        None
    }

    /// Marking messages as taken.
    fn receipts(&self) -> Option<&dyn Receipts> {
        None
    }

    /// Files, both ways.
    fn files(&self) -> Option<&dyn Files> {
        None
    }

    /// Asking the network whether an ambiguous post arrived.
    fn reconcile(&self) -> Option<&dyn Reconcile> {
        None
    }

    /// Asking the network how much it keeps for us.
    fn backlog(&self) -> Option<&dyn Backlog> {
        None
    }
}

/// Asking the network how much it keeps for us: evidence that a link which looks alive brings nothing.
#[async_trait]
pub trait Backlog: Send + Sync {
    /// How many updates wait there that were not acknowledged.
    async fn pending(&self) -> Result<u64, Cause>;
}

/// Changing messages already posted.
#[async_trait]
pub trait Edits: Send + Sync {
    /// Makes exactly one attempt to replace the text of `target`. "Unchanged" counts as delivered.
    async fn edit(&self, target: &MessageId, request: &SendRequest) -> SendOutcome;
}

/// Showing that an answer is being worked on. It is no message, and nothing depends on it.
#[async_trait]
pub trait Presence: Send + Sync {
    /// Shows it for a few seconds; best effort, and it fades by itself. Asked again every [`PRESENCE_EVERY_MS`].
    async fn working(&self, place: &Place);

    /// Takes off what does not go by itself when the answer is there.
    async fn rests(&self, place: &Place) {
        let _ = place;
    }
}

/// Showing an answer as it grows, without a message: a preview that fades by itself, or when the answer comes.
#[async_trait]
pub trait Drafts: Send + Sync {
    /// Makes exactly one attempt to show `text` as the draft of a turn, in place of what was shown of it before.
    async fn draft(&self, place: &Place, turn: TurnId, text: &str) -> DraftOutcome;
}

/// Placeholders that grow: the network's own way to show an answer that is being written. The terminal is an edit, as of
/// every placeholder, which ends the growing.
#[async_trait]
pub trait Streams: Send + Sync {
    /// Makes one attempt to post a placeholder that grows; where there can't be one, [`Provider::send`] posts it.
    async fn open(&self, request: &SendRequest) -> SendOutcome;

    /// Whether a placeholder still grows; otherwise it is edited, and no faster than edits are.
    fn grows(&self, target: &MessageId) -> bool;

    /// Makes exactly one attempt to let a placeholder show the request's text, all of it, instead of what it shows: by an
    /// append where it goes on from there, otherwise by an edit.
    async fn append(&self, target: &MessageId, request: &SendRequest) -> SendOutcome;
}

/// What became of a draft. Nothing depends on it.
#[derive(Debug)]
pub enum DraftOutcome {
    /// It may be shown.
    Shown,
    /// Too much at once, or network trouble: later.
    Later(Retry),
    /// It will be refused again.
    Refused(Cause),
}

/// Marking messages as taken, for example by a reaction. It is no message, and nothing depends on it.
#[async_trait]
pub trait Receipts: Send + Sync {
    /// Marks one; best effort. Called once the message is committed and waits for an agent.
    async fn taken(&self, place: &Place, message: &MessageId);
}

/// Files, both ways.
#[async_trait]
pub trait Files: Send + Sync {
    /// Makes exactly one attempt to post these files as one message; the request's text only names them.
    ///
    /// [`Form::Formatted`]: each as what its name says it is, a picture to be looked at. Otherwise as they are.
    async fn send_files(&self, request: &SendRequest, files: Vec<OpenFile>) -> SendOutcome;

    /// Makes one attempt to fetch a file: from the network's own hosts only, and credentials go nowhere else.
    fn fetch(&self, file: &RemoteFile) -> FileStream;
}

/// What [`Files::fetch`] returns: the file, piece by piece. After an `Err` it ends.
pub type FileStream = BoxStream<'static, Result<Vec<u8>, FetchError>>;

/// A file to be sent.
#[derive(Debug)]
pub struct OpenFile {
    /// As people call it.
    pub name: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Its content, to be read from the beginning.
    pub content: std::fs::File,
}

/// Why a file was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Worth another attempt.
    #[error("{cause}")]
    Again {
        /// The network's own hint, if it gave one.
        after_ms: Option<i64>,
        /// For the log.
        cause: Cause,
    },
    /// It can't be had.
    #[error("{why}")]
    Never {
        /// For people: why.
        why: String,
    },
}

/// Asking the network whether an ambiguous post arrived.
#[async_trait]
pub trait Reconcile: Send + Sync {
    /// Looks for the message posted under `key`.
    ///
    /// `Ok(None)` only when absence is proven; doubt is an `Err`.
    async fn find(&self, place: &Place, key: &DeliveryKey) -> Result<Option<MessageId>, Cause>;
}

/// What [`Provider::receive`] returns.
pub type UpdateStream = BoxStream<'static, Result<Inbound, ReceiveError>>;

/// One item of the receive stream.
#[derive(Debug)]
pub enum Inbound {
    /// The link answered with nothing new: evidence for the readiness page.
    Alive,
    /// Updates in the network's order, awaiting their commit.
    Batch(Batch),
}

/// Updates that the network still considers ours to lose.
///
/// They and the cursor are committed in one transaction, or kept in the journal, and only then is [`Ack::confirm`] called. A crash in between
/// redelivers; the inbox drops duplicates. After a refusal the provider offers the same updates again.
#[derive(Debug)]
#[must_use = "an unconfirmed batch is redelivered"]
pub struct Batch {
    /// Normalised updates, oldest first. May be empty if all were irrelevant.
    pub updates: Vec<Update>,
    /// Where to resume after this batch; `None` if the network keeps the place.
    pub cursor: Option<Cursor>,
    /// Tells the network, once.
    pub ack: Ack,
}

/// The right to acknowledge one [`Batch`]. Dropping it is a refusal.
#[derive(Debug)]
#[must_use = "dropping an Ack refuses the batch"]
pub struct Ack(oneshot::Sender<()>);

impl Ack {
    /// An ack and the half that the provider waits on; `Err` there means refused.
    pub fn pair() -> (Self, oneshot::Receiver<()>) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), receiver)
    }

    /// Call after the transaction that holds the batch has committed, or the journal that keeps it is synced.
    pub fn confirm(self) {
        // A closed receiver means that the link died first; redelivery is harmless.
        let _ = self.0.send(());
    }
}

/// Why receiving stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// Worth reconnecting: network trouble, server restart, rate limit.
    #[error("link lost: {cause}")]
    Lost {
        /// The network's own hint, if it gave one.
        retry_after_ms: Option<i64>,
        /// For the log.
        cause: Cause,
    },
    /// Another process is receiving with the same credentials.
    #[error("another receiver holds this account")]
    Contended,
    /// Credentials refused; reconnecting can't help until an operator acts.
    #[error("credentials refused: {cause}")]
    Unauthorized {
        /// For the log.
        cause: Cause,
    },
}

/// One delivery, ready for one attempt.
#[derive(Clone, Debug)]
pub struct SendRequest {
    /// The same on every attempt; the network's transaction id where it has one.
    pub key: DeliveryKey,
    /// 1 on the first attempt.
    pub attempt: u32,
    /// Where to.
    pub place: Place,
    /// The message this one answers, if any.
    pub reply_to: Option<MessageId>,
    /// Markdown, already within [`Capabilities::text_max`].
    pub text: String,
    /// [`Form::Formatted`] is rendered; the others go out as they are, without markup.
    pub form: Form,
}
