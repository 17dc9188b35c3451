//! The lease of an account: a right to receive from and send as it, with a fence that grows each time it changes hands.
//!
//! On one host a lease lasts as long as its holder is not proven lost; nothing expires by a clock.

use crate::ids::{IncarnationId, LeaseFence};

/// Who may act for an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lease {
    /// Nobody does.
    Free {
        /// The fence of the last holder.
        fence: LeaseFence,
    },
    /// One incarnation does.
    Held {
        /// The holder.
        holder: IncarnationId,
        /// What its writes carry.
        fence: LeaseFence,
    },
}

/// What can happen to a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseHappened {
    /// An incarnation asks to act.
    Asked {
        /// Who asks.
        by: IncarnationId,
    },
    /// The holder gave it up, or was proven lost.
    Ended {
        /// Whose hold ended.
        of: IncarnationId,
    },
}

impl Lease {
    /// The only place where a lease changes hands; `None` refuses.
    #[must_use]
    pub fn after(self, happened: LeaseHappened) -> Option<Self> {
        use LeaseHappened as H;
        match (self, happened) {
            (Self::Free { fence }, H::Asked { by }) => {
                Some(Self::Held { holder: by, fence: LeaseFence(fence.0.saturating_add(1)) })
            }
            // Asking again is not a change of hands: a commit whose answer was lost asks twice.
            (Self::Held { holder, fence }, H::Asked { by }) => (holder == by).then_some(Self::Held { holder, fence }),
            (Self::Held { holder, fence }, H::Ended { of }) => (holder == of).then_some(Self::Free { fence }),
            (Self::Free { .. }, H::Ended { .. }) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_asker_waits_and_the_fence_grows_when_the_lease_changes_hands() {
        let (first, second) = (IncarnationId::new("a"), IncarnationId::new("b"));
        let held = Lease::Free { fence: LeaseFence(4) }.after(LeaseHappened::Asked { by: first.clone() }).unwrap();
        assert_eq!(held, Lease::Held { holder: first.clone(), fence: LeaseFence(5) });
        assert_eq!(held.clone().after(LeaseHappened::Asked { by: second.clone() }), None);
        assert_eq!(held.clone().after(LeaseHappened::Asked { by: first.clone() }), Some(held.clone()));
        let free = held.after(LeaseHappened::Ended { of: first }).unwrap();
        assert_eq!(
            free.after(LeaseHappened::Asked { by: second.clone() }),
            Some(Lease::Held { holder: second, fence: LeaseFence(6) })
        );
    }
}
