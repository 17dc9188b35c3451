//! What a bridge does with a claimed delivery: core's `step` and `settle`, and the planted bugs around them.
//!
//! Those of `lastword_core::faults` are built into core itself.

use lastword_core::{
    decide::deliver::{Circumstances, Step, settle, settle_find, settle_wait, step},
    delivery::DeliveryKind,
    outcome::{Rejection, Retry, RetryScope, SendOutcome},
    store::{DeliveryClaim, Settlement},
};

use super::{
    spell::message,
    state::{Answer, Hand, Phase},
    variant::{Bug, LIFETIME_MS, Variant},
};

/// The next step of an attempt.
pub fn next_step(variant: &Variant, claim: &DeliveryClaim) -> Step {
    variant.plant();
    let decided = step(claim, &variant.capabilities(), variant.unknown);
    match (variant.bug, decided) {
        (Some(Bug::ReadBackTooEarly), Step::Wait { .. }) => Step::Find,
        (Some(Bug::FreshTerminal), Step::PostPlaceholder) if claim.kind == DeliveryKind::Terminal => Step::Post,
        (_, decided) => decided,
    }
}

/// Whether a progress edit may still overwrite what this attempt leaves, which decides about an assertion.
pub fn may_be_overwritten(variant: &Variant, hand: &Hand, left_unresolved: bool) -> bool {
    variant.shows_progress
        && !matches!(variant.bug, Some(Bug::UnguardedProgress | Bug::NoAssertion))
        && hand.seen.kind == DeliveryKind::Terminal
        && (left_unresolved || hand.is_taken_over)
}

/// What is recorded of an attempt; `None` while it has come to nothing yet.
pub fn settlement(variant: &Variant, hand: &Hand, claim: &DeliveryClaim) -> Option<Settlement> {
    let at = Circumstances {
        now: claim.now,
        chance: 0.0,
        may_be_overwritten: hand.may_be_overwritten,
        request_lifetime_ms: LIFETIME_MS,
        notify_after_ms: None,
    };
    let step = next_step(variant, claim);
    let outcome = match (hand.phase, &step) {
        (Phase::Ready, Step::Wait { until }) => return Some(settle_wait(*until)),
        (Phase::Ready, Step::Hold { until }) => return Some(Settlement::Held { until: *until }),
        (Phase::Ready, Step::Draft) => return Some(Settlement::NotNeeded),
        (Phase::Ready, Step::GiveUp(cause)) => return Some(Settlement::GivenUp { cause: (*cause).to_owned() }),
        (Phase::Ready | Phase::Waiting, _) => return None,
        (Phase::Answered(Answer::Found(found)), _) => {
            return Some(settle_find(claim, Ok(found.map(message)), at));
        }
        (Phase::Answered(Answer::Accepted(bubble)), _) => SendOutcome::Delivered(message(bubble)),
        (Phase::Answered(Answer::TargetLost), _) => SendOutcome::Rejected(Rejection::TargetLost),
        (Phase::Answered(Answer::Invalid), _) => {
            SendOutcome::Rejected(Rejection::Invalid { detail: "markup".to_owned() })
        }
        (Phase::Answered(Answer::TryLater), _) => {
            SendOutcome::Retry(Retry { after_ms: None, scope: RetryScope::Message, cause: "not now".into() })
        }
        (Phase::Answered(Answer::Nothing), _) => SendOutcome::Unknown("no answer in time".into()),
    };
    Some(settle(claim, &step, outcome, at))
}
