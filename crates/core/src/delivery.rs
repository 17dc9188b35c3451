//! The life of a delivery: one durable intent to post, one network message, one key.

use serde::{Deserialize, Serialize};

/// Where a delivery is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// Waiting for its turn in the lane, or for a pause to end.
    Pending,
    /// An attempt is in the hands of a bridge.
    Sending,
    /// An attempt may or may not have been accepted.
    Ambiguous,
    /// The network accepted it.
    Delivered,
    /// Not needed any more: a placeholder whose turn ended before it was posted.
    Superseded,
    /// Never to be delivered, visibly.
    Dead,
}

/// What can happen to a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryHappened {
    /// A bridge took it for one attempt.
    Claimed,
    /// The network accepted it, or it was found there.
    Accepted,
    /// The placeholder that this delivery will edit was accepted; the edit follows.
    TargetRecorded,
    /// This attempt was certainly not accepted, nor was any earlier one: it may be sent again later.
    Deferred,
    /// This attempt, or an earlier one, may have been accepted.
    Doubted,
    /// The bridge that held it is lost: a stolen claim starts ambiguous.
    HolderLost,
    /// Refused in this form; it goes on in another.
    Reshaped,
    /// Given up, for a reason that is kept.
    GivenUp,
    /// A placeholder that nobody needs, because the turn's progress is shown in another way.
    NotNeeded,
    /// Its turn ended first.
    Superseded,
    /// An admin wants it posted after all: nothing of it was accepted, by what the network or that admin says.
    Readmitted,
    /// The same where an earlier attempt may have been accepted.
    ReadmittedInDoubt,
    /// An admin gave it up while it waited, for a reason that is kept.
    Dropped,
}

impl DeliveryState {
    /// Every state, for tables and tests.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Sending, Self::Ambiguous, Self::Delivered, Self::Superseded, Self::Dead];

    /// The only place where a delivery changes state; `None` refuses.
    #[must_use]
    pub fn after(self, happened: DeliveryHappened) -> Option<Self> {
        use DeliveryHappened as H;
        match (self, happened) {
            (Self::Pending | Self::Ambiguous, H::Claimed) => Some(Self::Sending),
            (Self::Sending, H::Accepted) => Some(Self::Delivered),
            (Self::Sending, H::TargetRecorded | H::Deferred | H::Reshaped) => Some(Self::Pending),
            // A claim whose holder is lost proves nothing about the network.
            (Self::Sending, H::Doubted | H::HolderLost) => Some(Self::Ambiguous),
            (Self::Sending, H::GivenUp) => Some(Self::Dead),
            (Self::Sending, H::NotNeeded) => Some(Self::Superseded),
            // Only placeholders are superseded, and an orphan bubble is the worst that a doubtful one leaves.
            (Self::Pending | Self::Ambiguous, H::Superseded) => Some(Self::Superseded),
            // A person has looked where the network can't be asked.
            (Self::Dead | Self::Ambiguous, H::Readmitted) => Some(Self::Pending),
            (Self::Dead, H::ReadmittedInDoubt) => Some(Self::Ambiguous),
            (Self::Pending | Self::Ambiguous, H::Dropped) => Some(Self::Dead),
            (
                Self::Pending | Self::Ambiguous,
                H::Accepted
                | H::TargetRecorded
                | H::Deferred
                | H::Doubted
                | H::HolderLost
                | H::Reshaped
                | H::GivenUp
                | H::NotNeeded
                | H::ReadmittedInDoubt,
            )
            | (Self::Pending | Self::Sending | Self::Delivered | Self::Superseded, H::Readmitted)
            | (Self::Sending | Self::Delivered | Self::Superseded, H::ReadmittedInDoubt)
            | (Self::Sending | Self::Delivered | Self::Superseded | Self::Dead, H::Dropped)
            | (Self::Sending, H::Claimed | H::Superseded)
            | (
                Self::Delivered | Self::Superseded | Self::Dead,
                H::Claimed
                | H::Accepted
                | H::TargetRecorded
                | H::Deferred
                | H::Doubted
                | H::HolderLost
                | H::Reshaped
                | H::GivenUp
                | H::NotNeeded
                | H::Superseded,
            ) => None,
        }
    }

    /// Whether it still holds its lane.
    #[must_use]
    pub fn is_open(self) -> bool {
        match self {
            Self::Pending | Self::Sending | Self::Ambiguous => true,
            Self::Delivered | Self::Superseded | Self::Dead => false,
        }
    }

    /// The stored spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Ambiguous => "ambiguous",
            Self::Delivered => "delivered",
            Self::Superseded => "superseded",
            Self::Dead => "dead",
        }
    }

    /// Reads the stored spelling.
    #[must_use]
    pub fn from_stored(raw: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == raw)
    }
}

/// What a delivery is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryKind {
    /// The message posted when a turn starts, which the terminal replaces by edit.
    Placeholder,
    /// The last word, or its first part. At most one per turn.
    Terminal,
    /// A further part of a long last word.
    Part,
    /// The terminal's text asserted once more, because a late progress edit may have overwritten it.
    Assertion,
    /// A notice, which is no last word: a hint to somebody who was refused; of a turn, that its last word is there.
    Hint,
}

impl DeliveryKind {
    /// Every kind, for tables and tests.
    pub const ALL: [Self; 5] = [Self::Placeholder, Self::Terminal, Self::Part, Self::Assertion, Self::Hint];

    /// The stored spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Placeholder => "placeholder",
            Self::Terminal => "terminal",
            Self::Part => "part",
            Self::Assertion => "assertion",
            Self::Hint => "hint",
        }
    }

    /// Reads the stored spelling.
    #[must_use]
    pub fn from_stored(raw: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == raw)
    }
}

/// The form in which a delivery is posted; each refusal of the content goes one step down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Markdown, rendered by the provider.
    Formatted,
    /// The same text without any formatting.
    Plain,
    /// `Error: the reply could not be posted: <reason>`.
    Apology,
}

impl Form {
    /// Every form, best first.
    pub const ALL: [Self; 3] = [Self::Formatted, Self::Plain, Self::Apology];

    /// The next lesser form, if there is one.
    #[must_use]
    pub fn lesser(self) -> Option<Self> {
        match self {
            Self::Formatted => Some(Self::Plain),
            Self::Plain => Some(Self::Apology),
            Self::Apology => None,
        }
    }

    /// The stored spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Formatted => "formatted",
            Self::Plain => "plain",
            Self::Apology => "apology",
        }
    }

    /// Reads the stored spelling.
    #[must_use]
    pub fn from_stored(raw: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.as_str() == raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_settled_delivery_never_moves_again() {
        for state in DeliveryState::ALL.into_iter().filter(|state| !state.is_open()) {
            assert_eq!(state.after(DeliveryHappened::Claimed), None);
            assert_eq!(state.after(DeliveryHappened::HolderLost), None);
        }
    }

    #[test]
    fn only_what_was_given_up_or_is_doubtful_is_readmitted_and_only_what_waits_is_dropped() {
        let after = |happened| DeliveryState::ALL.into_iter().filter(move |state| state.after(happened).is_some());
        use DeliveryState as S;
        assert!(after(DeliveryHappened::Readmitted).eq([S::Ambiguous, S::Dead]));
        assert!(after(DeliveryHappened::ReadmittedInDoubt).eq([S::Dead]));
        assert!(after(DeliveryHappened::Dropped).eq([S::Pending, S::Ambiguous]));
    }

    #[test]
    fn a_stolen_claim_starts_ambiguous() {
        let stolen = DeliveryState::Sending.after(DeliveryHappened::HolderLost);
        assert_eq!(stolen, Some(DeliveryState::Ambiguous));
    }

    #[test]
    fn stored_spellings_read_back() {
        for state in DeliveryState::ALL {
            assert_eq!(DeliveryState::from_stored(state.as_str()), Some(state));
        }
        for kind in DeliveryKind::ALL {
            assert_eq!(DeliveryKind::from_stored(kind.as_str()), Some(kind));
        }
        for form in Form::ALL {
            assert_eq!(Form::from_stored(form.as_str()), Some(form));
        }
    }
}
