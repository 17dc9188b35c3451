//! Planted bugs: a layer of tests that does not find each of them does not count.
//!
//! Without the feature `testing` none is ever built in. With it, `LASTWORD_PLANTED=<bug>` builds one in, and [`plant`]
//! chooses for one thread.

named! {
    /// What can be built wrongly on purpose.
    pub enum Bug {
        /// The network is told to forget a message before it is committed.
        AckBeforeCommit = "ack_before_commit",
        /// A worker's election deletes the marker in one commit and inserts the last word in another.
        ElectionInTwoTransactions = "election_in_two_transactions",
        /// What any attempt writes counts, also of one that is not current any more.
        NoAttemptFence = "no_attempt_fence",
        /// A doubtful post is posted again at once.
        BlindRetry = "blind_retry",
        /// What the network did not answer counts as sent.
        NeverRetry = "never_retry",
        /// A delivery in a lost bridge's hands is sent as if nobody had tried before.
        StolenClaimIsFresh = "stolen_claim_is_fresh",
    }
}

/// Whether this bug is built in; never without the feature `testing`.
#[inline]
#[must_use]
pub fn has(bug: Bug) -> bool {
    #[cfg(feature = "testing")]
    return planted::is(bug);
    #[cfg(not(feature = "testing"))]
    {
        let _ = bug;
        false
    }
}

/// Builds a bug in, or none, for whatever this thread does from now on, whatever the environment says.
#[cfg(feature = "testing")]
pub fn plant(bug: Option<Bug>) {
    planted::choose(bug);
}

#[cfg(feature = "testing")]
mod planted {
    use std::{cell::Cell, sync::OnceLock};

    use super::Bug;

    static BY_ENVIRONMENT: OnceLock<Option<Bug>> = OnceLock::new();

    thread_local! {
        /// What this thread chose, if it did.
        static HERE: Cell<Option<Option<Bug>>> = const { Cell::new(None) };
    }

    pub(super) fn choose(bug: Option<Bug>) {
        HERE.set(Some(bug));
    }

    pub(super) fn is(bug: Bug) -> bool {
        HERE.get().unwrap_or_else(|| *BY_ENVIRONMENT.get_or_init(read)) == Some(bug)
    }

    fn read() -> Option<Bug> {
        let name = std::env::var("LASTWORD_PLANTED").ok()?;
        let found = Bug::ALL.iter().copied().find(|bug| bug.as_str() == name);
        let all = Bug::ALL.iter().map(|bug| bug.as_str()).collect::<Vec<_>>().join(", ");
        Some(found.unwrap_or_else(|| panic!("LASTWORD_PLANTED={name} is none of {all}")))
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_has_the_bug_that_it_chose_and_no_other() {
        for planted in Bug::ALL {
            plant(Some(*planted));
            let found: Vec<_> = Bug::ALL.iter().filter(|bug| has(**bug)).collect();
            assert_eq!(found, [planted]);
        }
        plant(None);
        assert!(!Bug::ALL.iter().any(|bug| has(*bug)));
    }
}
