//! Deliveries in hand, and files that are fetched.

use crate::{
    capability::Via,
    delivery::{DeliveryKind, Form},
    file::{OutFile, RemoteFile},
    ids::{DeliveryId, DeliveryKey, MessageId, Place, PlaceId, Timestamp, TurnId},
    outcome::RetryScope,
};

/// A delivery in the hands of a bridge, for one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryClaim {
    /// The delivery.
    pub id: DeliveryId,
    /// Its key, the same on every attempt.
    pub key: DeliveryKey,
    /// This attempt, counted from 1.
    pub attempt: u32,
    /// Where it goes.
    pub place: Place,
    /// What it is for.
    pub kind: DeliveryKind,
    /// The turn it belongs to, if any.
    pub turn: Option<TurnId>,
    /// How it reaches the network.
    pub via: Via,
    /// The form to post it in.
    pub form: Form,
    /// What to post.
    pub text: String,
    /// What to post as files; then the text only names them, until an apology takes their place.
    pub files: Vec<OutFile>,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// The recorded message to edit: its own, or its turn's placeholder for a terminal.
    pub target: Option<MessageId>,
    /// When an attempt first may or may not have been accepted; `None` while there is no doubt.
    pub doubted_at: Option<Timestamp>,
    /// When an attempt first failed.
    pub failed_at: Option<Timestamp>,
    /// Whether its account delivered anything since then.
    pub others_succeed: bool,
    /// Whether somebody else posted the placeholder, and so may have left a progress edit on its way.
    pub is_taken_over: bool,
    /// For a last word that replaces its turn's placeholder, which notifies nobody: when the turn started. `None` where
    /// a post notifies them, where nothing ran, and where somebody stopped it.
    pub unheard_since: Option<Timestamp>,
    /// The time of the claim.
    pub now: Timestamp,
}

/// A file that a queued turn waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedFile {
    /// The turn.
    pub turn: TurnId,
    /// Which of its files, counted from 1.
    pub n: u32,
    /// Where the message was.
    pub place: Place,
    /// The same as the store numbers it, for paths.
    pub place_id: PlaceId,
    /// The session whose working directory it belongs to.
    pub session: u32,
    /// What to fetch.
    pub file: RemoteFile,
}

/// What is recorded of an attempt. The transition is [`crate::delivery::DeliveryState::after`]'s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The network has it.
    Delivered {
        /// As the network calls it.
        message: MessageId,
        /// When to assert the text once more, if a late progress edit may still overwrite it.
        assert_at: Option<Timestamp>,
        /// What to tell whoever asked, because the edit of a last word notified nobody. A post of its own, once; nothing
        /// where further parts of the same last word follow.
        notice: Option<&'static str>,
    },
    /// The placeholder to edit is posted; the edit follows at once.
    TargetRecorded {
        /// As the network calls it.
        target: MessageId,
    },
    /// Certainly not accepted; again later.
    Deferred {
        /// When, and how much waits with it.
        pause: Pause,
        /// For the operator.
        cause: String,
    },
    /// May or may not have been accepted, now or earlier.
    Doubted {
        /// When to look again, and how much waits with it.
        pause: Pause,
        /// For the operator.
        cause: String,
    },
    /// May have been accepted, and is held back, together with its lane, because the account's policy says so.
    Held {
        /// Until then.
        until: Timestamp,
    },
    /// Certainly refused like this; goes on in another way, at once.
    Reshaped {
        /// The form from now on.
        form: Form,
        /// The way from now on; [`Via::Post`] forgets the target.
        via: Via,
        /// The text from now on, if it changes.
        text: Option<String>,
        /// For the operator.
        cause: String,
    },
    /// A placeholder that was not posted: the turn's progress is shown in another way, and its reply posts its own.
    NotNeeded,
    /// Dead-lettered: the lane goes on without it.
    GivenUp {
        /// For the operator.
        cause: String,
    },
}

/// The cause of a delivery that is held ([`Settlement::Held`]), by which a store knows it again.
pub const HELD_CAUSE: &str = "it may have arrived; held, as the account's policy says";

/// The longest that a delivery waits, in milliseconds: longer pauses are cut to it. One that ends later than this from
/// now, or whose attempt was claimed later than now, is from before the clock was set back, and is over.
pub const PAUSE_MS_MAX: i64 = 24 * 3_600_000;

/// A pause, and how much it holds back. Longer ones are cut to [`PAUSE_MS_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// When it ends.
    pub until: Timestamp,
    /// What waits.
    pub scope: RetryScope,
}
