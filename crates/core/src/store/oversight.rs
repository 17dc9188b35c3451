//! What the operator asks of a store: alerts, one message's life, the conservation law, figures, and forgetting.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{Counts, Role, StoreError, TurnView};
use crate::{
    alert::{Alert, AlertCode, AlertView, Messaging},
    delivery::{DeliveryKind, DeliveryState},
    ids::{
        AccountId, AgentId, ConversationId, DeliveryId, Place, PlaceId, ThreadId, Timestamp, TurnId, UpdateId, UserId,
    },
    reason::Reason,
};

/// What operators and the janitor need beside the promise itself. Nothing here decides a turn.
#[async_trait]
pub trait Oversight: Send + Sync + 'static {
    // --- alerts -----------------------------------------------------------------------------------------------

    /// Opens an alert, or counts one more on the open one with the same code and subject.
    async fn raise(&self, alert: &Alert) -> Result<(), StoreError>;

    /// Closes the open alert with this code and subject; says whether there was one.
    async fn resolve(&self, code: AlertCode, subject: &str) -> Result<bool, StoreError>;

    /// Closes one open alert by its number; says whether there was one.
    async fn resolve_numbered(&self, id: i64) -> Result<bool, StoreError>;

    /// The newest `limit` alerts, the one raised last first; without `with_resolved`, only open ones.
    async fn alerts(&self, with_resolved: bool, limit: usize) -> Result<Vec<AlertView>, StoreError>;

    /// Tells `to`, conversations of admins, by one message each of the alerts that were opened since anybody was told, and
    /// of those that they were told of and are closed; nothing if somebody was told less than `every_ms` ago. How much
    /// they are told is what an admin said last ([`PlaceCommand::Messaging`](super::PlaceCommand)), otherwise
    /// `configured`. How many things they were told. Whoever delivers, a last gasp too, delivers these messages.
    async fn tell(&self, to: &[Place], every_ms: i64, configured: Messaging) -> Result<usize, StoreError>;

    /// The oldest `limit` alerts that are to be posted to the operator's webhook: opened and not posted yet, or posted
    /// as open and closed since. One that has been closed for an hour before it could be posted is not.
    async fn unposted(&self, limit: usize) -> Result<Vec<AlertView>, StoreError>;

    /// The webhook has these, as open or as closed as they are here.
    async fn posted(&self, alerts: &[AlertView]) -> Result<(), StoreError>;

    // --- look -------------------------------------------------------------------------------------------------

    /// The oldest `limit` deliveries of an account that are on their way, or were last words and given up lately.
    async fn outbox(&self, account: &AccountId, limit: usize) -> Result<Vec<Outbound>, StoreError>;

    /// One message's life; `None` if it was never here, or is forgotten.
    async fn trace(&self, of: &TraceOf) -> Result<Option<Trace>, StoreError>;

    /// Examines the whole store: the conservation law, and every rule between rows that it rests on. It may take long;
    /// while one runs, another is [`StoreError::Unavailable`].
    async fn audit(&self) -> Result<Audit, StoreError>;

    /// Figures for monitors.
    async fn measures(&self) -> Result<Measures, StoreError>;

    /// Counts one more start of a child after its death.
    async fn count_restart(&self, role: Role) -> Result<(), StoreError>;

    // --- forget -----------------------------------------------------------------------------------------------

    /// Removes what is older than `retention` says, at most `limit` turns per call; a turn and those merged into it go
    /// together, even beyond it. A pass ends with a call that has no more. Never touches a turn that is owed,
    /// or one with a delivery that is not ended, nor what stands for it (the turns merged into it, its update).
    async fn prune(&self, retention: &Retention, limit: usize) -> Result<Pruned, StoreError>;

    /// Erases what one person wrote and was answered, and their name, at most `limit` turns per call. What is still
    /// owed or on its way stays and is reported; the rows stay without their content, so that the counts hold. The
    /// store's files hold what was erased until [`Oversight::shorten_log`] said that they don't.
    async fn forget(&self, account: &AccountId, user: &UserId, limit: usize) -> Result<Forgotten, StoreError>;

    /// Sessions of an account in which one person or people who were forgotten, and nobody else, asked something, of
    /// places in which nothing is owed: their agents' files may be forgotten with them. The same again after
    /// [`Oversight::forget`], until the files are gone.
    async fn sessions_of(&self, account: &AccountId, user: &UserId) -> Result<Vec<SessionOf>, StoreError>;

    /// Rids the store's files of what was erased before; `false` while somebody reads as of an earlier time (a backup,
    /// an audit), so that it has to be asked for again. Nobody waits for readers.
    async fn shorten_log(&self) -> Result<bool, StoreError>;

    /// Sessions of places whose last turn ended before `before`, and in which nothing is owed: their agents' files may
    /// go. The current session of a place is among them, and says so.
    async fn idle_sessions(&self, before: Timestamp) -> Result<Vec<IdleSession>, StoreError>;
}

/// Whose life is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceOf {
    /// A turn's.
    Turn(TurnId),
    /// An update's, which may have made no turn.
    Update(AccountId, UpdateId),
}

/// One message's life, without what people or agents wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The account that received it.
    pub account: AccountId,
    /// The network's id of the update, where the inbox still has it.
    pub update: Option<UpdateId>,
    /// The turn that it made; `None` where it was refused, and [`Trace::dropped`] says why.
    pub turn: Option<TurnView>,
    /// Who asked.
    pub sender: Option<UserId>,
    /// Who answers.
    pub agent: Option<AgentId>,
    /// Why it made no turn.
    pub dropped: Option<Reason>,
    /// What happened, oldest first.
    pub events: Vec<TraceEvent>,
}

/// One thing that happened to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceEvent {
    /// When, on the store's clock.
    pub at: Timestamp,
    /// What: a stable code, one of [`Traced`].
    pub what: String,
    /// Which, by whom, and why, for the operator.
    pub detail: String,
}

macro_rules! traced {
    ($($(#[$meta:meta])* $name:ident = $code:literal),+ $(,)?) => {
        /// What can happen to a message: the table of every code of [`TraceEvent::what`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Traced { $($(#[$meta])* $name),+ }

        impl Traced {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The stable spelling.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }
        }
    };
}

traced! {
    /// Its update, turn and marker are in the store.
    Accepted = "accepted",
    /// Its update made no turn.
    Refused = "refused",
    /// Another turn answers for it.
    Merged = "merged",
    /// An attempt began.
    Claimed = "claimed",
    /// The worker of an attempt is lost, and the turn waits for its next attempt.
    Requeued = "requeued",
    /// The worker of an attempt is lost, and the turn may not run again.
    Lost = "lost",
    /// Its last word is in the store.
    Elected = "elected",
    /// What was written is erased.
    Emptied = "emptied",
    /// A message is to be posted.
    DeliveryQueued = "delivery.queued",
    /// An attempt to post was certainly not accepted; again later.
    DeliveryDeferred = "delivery.deferred",
    /// An attempt to post may have been accepted.
    DeliveryDoubted = "delivery.doubted",
    /// Refused as it was; goes on in another way.
    DeliveryReshaped = "delivery.reshaped",
    /// After trouble, the message to edit is posted.
    DeliveryTarget = "delivery.target",
    /// The network has it.
    DeliveryDelivered = "delivery.delivered",
    /// It will never be posted.
    DeliveryGivenUp = "delivery.given_up",
    /// An admin had it sent after all.
    DeliveryReadmitted = "delivery.readmitted",
    /// Its turn ended before it was needed.
    DeliverySuperseded = "delivery.superseded",
}

/// A delivery as its account's admins see it, without what people or agents wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound {
    /// Its number.
    pub id: DeliveryId,
    /// Where it goes.
    pub conversation: ConversationId,
    /// The branch of it.
    pub thread: Option<ThreadId>,
    /// The turn it belongs to, if any.
    pub turn: Option<TurnId>,
    /// What it is for.
    pub kind: DeliveryKind,
    /// Where it is in its life.
    pub state: DeliveryState,
    /// How often it was attempted.
    pub attempts: u32,
    /// How long ago it was queued, in milliseconds.
    pub age_ms: i64,
    /// Of the last trouble, for the operator.
    pub cause: Option<String>,
}

/// What an examination of the store found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// The terms of the conservation law.
    pub counts: Counts,
    /// How many turns were examined.
    pub examined: u64,
    /// What must not be; empty is well.
    pub violations: Vec<Violation>,
}

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule that it breaks, as a sentence.
    pub rule: &'static str,
    /// Where: `turn 12`, `delivery 7`, `counts`.
    pub subject: String,
}

/// Upper bounds of the buckets of a [`Histogram`], in milliseconds; one more bucket has everything above.
pub const LATENCY_BOUNDS_MS: [i64; 16] =
    [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000];

/// How long something took, counted in buckets since the store was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// One count per bound of [`LATENCY_BOUNDS_MS`], not cumulated, and one for what was above.
    pub buckets: [u64; LATENCY_BOUNDS_MS.len() + 1],
    /// The sum of everything, in milliseconds.
    pub sum_ms: u64,
}

/// What is on its way through one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountMeasures {
    /// Deliveries that are not ended.
    pub deliveries_open: u64,
    /// The longest lane.
    pub lane_depth_max: u64,
    /// The age of the oldest of them, in milliseconds.
    pub oldest_delivery_ms: Option<i64>,
}

/// Figures for monitors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measures {
    /// The conservation law's terms.
    pub counts: Counts,
    /// Last words that were errors, by reason code, since the store was made.
    pub errors: BTreeMap<String, u64>,
    /// Messages of a reply in whose place an error was posted, because the network refused them, since the store was
    /// made.
    pub replies_not_posted: u64,
    /// By account.
    pub accounts: BTreeMap<AccountId, AccountMeasures>,
    /// The longest queue of a place.
    pub queue_depth_max: u64,
    /// How long the oldest queued turn waits, in milliseconds.
    pub oldest_queued_ms: Option<i64>,
    /// How long the longest running turn runs, in milliseconds.
    pub oldest_running_ms: Option<i64>,
    /// From accepted to claimed.
    pub waited: Histogram,
    /// From claimed to elected.
    pub ran: Histogram,
    /// From elected to the network's confirmation of the terminal.
    pub delivered: Histogram,
    /// Open alerts, by code.
    pub alerts_open: BTreeMap<String, u64>,
    /// Alerts ever raised, by code.
    pub alerts_raised: BTreeMap<String, u64>,
    /// Starts of children after a death, by role.
    pub restarts: BTreeMap<String, u64>,
}

/// How long things are kept, in milliseconds after they ended; `None` is for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// What people and agents wrote.
    pub messages_ms: Option<i64>,
    /// That there was a turn at all, and its update: a network that offers an update again after so long is answered
    /// again.
    pub turns_ms: Option<i64>,
    /// Resolved alerts.
    pub alerts_ms: Option<i64>,
}

/// What one call of [`Oversight::prune`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Turns whose content was erased.
    pub emptied: u64,
    /// Turns removed.
    pub removed: u64,
    /// Alerts removed.
    pub alerts: u64,
    /// Whether another call would do more.
    pub has_more: bool,
}

/// What one call of [`Oversight::forget`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Turns whose content was erased.
    pub emptied: u64,
    /// Turns that are still owed or on their way.
    pub left: Vec<TurnId>,
    /// Hints that were for them, erased, together with the note that they got one.
    pub hints: u64,
    /// Whether somebody was forgotten on this account before; asked only where there is nobody of that name.
    pub was_forgotten: bool,
    /// Whether another call would do more.
    pub has_more: bool,
}

/// A session in which one person asked everything that is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionOf {
    /// The place.
    pub place: PlaceId,
    /// The session.
    pub session: u32,
    /// Whether all of it is known. Turns that were removed by age may have been anybody's.
    pub is_whole: bool,
}

/// A session of a place that nobody used for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleSession {
    /// The place.
    pub place: PlaceId,
    /// The session.
    pub session: u32,
    /// Whether the next message there continues it.
    pub is_current: bool,
}
