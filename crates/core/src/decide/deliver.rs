//! The next step of a delivery, and what follows its outcome.
//!
//! An edit of a recorded message and a post under a key that the network remembers may be repeated freely. Any other
//! post that may have been accepted is never blindly repeated and never silently dropped: it is looked up where the
//! network can, otherwise the operator's policy decides.

use crate::{
    capability::{Capabilities, Idempotency, Via},
    decide::backoff,
    delivery::{DeliveryKind, Form},
    faults::{self, Bug},
    ids::{MessageId, Timestamp},
    outcome::{Cause, Rejection, Retry, RetryScope, SendOutcome},
    store::{DeliveryClaim, Pause, Settlement},
};

/// The text of a placeholder: "your message is being worked on".
pub const PLACEHOLDER_TEXT: &str = "…";
/// The notice that an answer has taken the place of its placeholder.
pub const NOTICE_TEXT: &str = "Done: the answer is above.";
/// The same of an error.
pub const NOTICE_OF_ERROR_TEXT: &str = "This did not work out; what went wrong is said above.";
/// After so many refused attempts, while others of the account succeed, a delivery falls back to a lesser form.
pub const ATTEMPTS_BEFORE_FALLBACK: u32 = 8;
/// After so many attempts, most of them to find it, a doubtful placeholder is given up: a reply waits behind it.
pub const PLACEHOLDER_ATTEMPTS_MAX: u32 = 5;
/// The pause of an account whose credentials are refused, in milliseconds: only an operator can help.
pub const UNAUTHORIZED_PAUSE_MS: i64 = 60_000;

/// What follows a post that may have been accepted, where the network can't tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownPolicy {
    /// Post it again: perhaps twice, never not at all.
    Resend,
    /// Hold it, and its lane, for so long; then give it up visibly.
    Hold {
        /// How long, in milliseconds.
        limit_ms: i64,
    },
}

/// What to do with a claimed delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Post it under its key.
    Post,
    /// Post a placeholder for it, to be edited when its id is recorded.
    PostPlaceholder,
    /// Edit this message.
    Edit(MessageId),
    /// Post no placeholder: progress is shown as a draft.
    Draft,
    /// Ask the network whether it arrived.
    Find,
    /// Do nothing yet.
    Wait {
        /// Until then.
        until: Timestamp,
    },
    /// Do nothing, because the policy is to hold what may have arrived.
    Hold {
        /// Until then.
        until: Timestamp,
    },
    /// Give it up, for this reason.
    GiveUp(&'static str),
}

/// Why a placeholder is given up: a reply without one posts its own.
const PLACEHOLDER_PERHAPS_THERE: &str = "the placeholder may or may not stand; the reply will post its own";

/// The cause of what was held for as long as the policy says, by which a store knows it again.
pub const HELD_TOO_LONG: &str = "held for as long as the account's policy says";

/// Why a notice is given up: it is best effort, and worth no second one.
const NOTICE_PERHAPS_THERE: &str = "the notice may or may not stand; the answer does";

/// What [`Bug::NeverRetry`] believes of a doubtful post.
const BELIEVED_SENT: &str = "it was sent";

/// Decides the next step from what the store knows; the same row always gives the same step.
#[must_use]
pub fn step(claim: &DeliveryClaim, capabilities: &Capabilities, unknown: UnknownPolicy) -> Step {
    if faults::has(Bug::NeverRetry) && claim.doubted_at.is_some() {
        return Step::GiveUp(BELIEVED_SENT);
    }
    match (claim.via, &claim.target, claim.doubted_at) {
        (Via::Edit, Some(target), _) => Step::Edit(target.clone()),
        (Via::Edit, None, _) => Step::PostPlaceholder,
        (Via::Post, _, None) if claim.kind == DeliveryKind::Placeholder && capabilities.drafts => Step::Draft,
        (Via::Post, _, None) => Step::Post,
        (Via::Post, _, Some(_)) if claim.kind == DeliveryKind::Placeholder => match capabilities.idempotency {
            // At once: whether it is proven absent matters to nobody.
            Idempotency::Findable if claim.attempt <= PLACEHOLDER_ATTEMPTS_MAX => Step::Find,
            _ => Step::GiveUp(PLACEHOLDER_PERHAPS_THERE),
        },
        (Via::Post, _, Some(_)) if is_notice_of_a_turn(claim) => Step::GiveUp(NOTICE_PERHAPS_THERE),
        (Via::Post, _, Some(doubted_at)) => {
            let can_be_found = claim.files.is_empty() || claim.form == Form::Apology;
            step_in_doubt(claim.now, doubted_at, capabilities, can_be_found, unknown)
        }
    }
}

/// Messages carry their key; files do not, and are not found by it.
fn step_in_doubt(
    now: Timestamp,
    doubted_at: Timestamp,
    capabilities: &Capabilities,
    can_be_found: bool,
    unknown: UnknownPolicy,
) -> Step {
    if faults::has(Bug::BlindRetry) {
        return Step::Post;
    }
    // One that began later than now is from before the clock was set back; the store lets it begin again.
    let doubted_at = doubted_at.min(now);
    let in_doubt_ms = now.since_ms(doubted_at);
    match capabilities.idempotency {
        Idempotency::Native { remembered_for_ms } if in_doubt_ms < remembered_for_ms => Step::Post,
        // Absence is proven only when no request can be on its way any more.
        Idempotency::Findable if can_be_found && in_doubt_ms < capabilities.request_lifetime_ms => {
            Step::Wait { until: doubted_at.plus_ms(capabilities.request_lifetime_ms) }
        }
        Idempotency::Findable if can_be_found => Step::Find,
        Idempotency::Native { .. } | Idempotency::EditOnly | Idempotency::Findable | Idempotency::None => match unknown
        {
            UnknownPolicy::Resend => Step::Post,
            UnknownPolicy::Hold { limit_ms } if in_doubt_ms < limit_ms => {
                Step::Hold { until: doubted_at.plus_ms(limit_ms) }
            }
            UnknownPolicy::Hold { .. } => Step::GiveUp(HELD_TOO_LONG),
        },
    }
}

/// Whether this attempt may have made a message show twice: a post that the network may have had already, and may have
/// taken again.
#[must_use]
pub fn may_show_twice(claim: &DeliveryClaim, capabilities: &Capabilities, step: &Step, outcome: &SendOutcome) -> bool {
    let Some(doubted_at) = claim.doubted_at.filter(|_| *step == Step::Post) else { return false };
    let is_recognised = match capabilities.idempotency {
        Idempotency::Native { remembered_for_ms } => claim.now.since_ms(doubted_at) < remembered_for_ms,
        Idempotency::EditOnly | Idempotency::Findable | Idempotency::None => false,
    };
    !is_recognised && matches!(outcome, SendOutcome::Delivered(_) | SendOutcome::Unknown(_))
}

/// What else decides about an outcome.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// The time now.
    pub now: Timestamp,
    /// Jitter in `0.0..1.0`.
    pub chance: f64,
    /// Whether a progress edit may still overwrite the text: one of this process's is unresolved, or the turn was
    /// taken over from another.
    pub may_be_overwritten: bool,
    /// How long a request lives in the network, in milliseconds.
    pub request_lifetime_ms: i64,
    /// After so long an edited last word is followed by a notice, in milliseconds; `None`: never.
    pub notify_after_ms: Option<i64>,
}

/// What is recorded after `step` (a post or an edit) came to `outcome`.
#[must_use]
pub fn settle(claim: &DeliveryClaim, step: &Step, outcome: SendOutcome, at: Circumstances) -> Settlement {
    match outcome {
        SendOutcome::Delivered(message) if *step == Step::PostPlaceholder => {
            Settlement::TargetRecorded { target: message }
        }
        SendOutcome::Delivered(message) => {
            let assert_at = (at.may_be_overwritten && claim.kind == DeliveryKind::Terminal && claim.via == Via::Edit)
                .then(|| at.now.plus_ms(at.request_lifetime_ms));
            Settlement::Delivered { message, assert_at, notice: notice(claim, step, at) }
        }
        SendOutcome::Retry(retry) => after_retry(claim, retry, at),
        SendOutcome::Rejected(rejection) => after_rejection(claim, rejection, at),
        SendOutcome::Unknown(cause) => after_unknown(claim, step, &cause, at),
    }
}

/// What to tell whoever waited long for a last word that came without notifying them.
fn notice(claim: &DeliveryClaim, step: &Step, at: Circumstances) -> Option<&'static str> {
    let is_silent = claim.kind == DeliveryKind::Terminal && matches!(step, Step::Edit(_));
    let since = claim.unheard_since.filter(|_| is_silent)?;
    let is_error = claim.text.starts_with("Error:");
    (at.now.since_ms(since) >= at.notify_after_ms?).then_some(if is_error { NOTICE_OF_ERROR_TEXT } else { NOTICE_TEXT })
}

/// Rather than a hint to somebody who was refused.
fn is_notice_of_a_turn(claim: &DeliveryClaim) -> bool {
    claim.kind == DeliveryKind::Hint && claim.turn.is_some()
}

/// What is recorded after a look-up.
#[must_use]
pub fn settle_find(claim: &DeliveryClaim, found: Result<Option<MessageId>, Cause>, at: Circumstances) -> Settlement {
    match found {
        Ok(Some(message)) => Settlement::Delivered { message, assert_at: None, notice: None },
        Ok(None) if claim.kind == DeliveryKind::Placeholder => {
            Settlement::GivenUp { cause: PLACEHOLDER_PERHAPS_THERE.to_owned() }
        }
        Ok(None) => Settlement::Deferred {
            pause: Pause { until: at.now, scope: RetryScope::Message },
            cause: "looked up: it certainly did not arrive".into(),
        },
        Err(cause) => Settlement::Doubted { pause: own_pause(claim, at), cause: format!("look-up failed: {cause}") },
    }
}

/// What is recorded when this attempt itself broke, and nobody knows how far it came. What broke so
/// often in a row (`broken`, this time included) is given up: it must not block its lane for ever.
#[must_use]
pub fn settle_broken(broken: u32, now: Timestamp, chance: f64) -> Settlement {
    let cause = "the attempt broke inside the bridge; the log says how".to_owned();
    if broken >= ATTEMPTS_BEFORE_FALLBACK {
        return Settlement::GivenUp { cause };
    }
    let until = now.plus_ms(backoff::DELIVERY.pause_ms(broken, chance));
    Settlement::Doubted { pause: Pause { until, scope: RetryScope::Message }, cause }
}

/// What is recorded when nothing is done now.
#[must_use]
pub fn settle_wait(until: Timestamp) -> Settlement {
    Settlement::Doubted {
        pause: Pause { until, scope: RetryScope::Message },
        cause: "it may have arrived; waiting before anything else".into(),
    }
}

fn after_retry(claim: &DeliveryClaim, retry: Retry, at: Circumstances) -> Settlement {
    let cause = retry.cause.to_string();
    if retry.scope == RetryScope::Message
        && retry.after_ms.is_none()
        && claim.others_succeed
        && claim.attempt >= ATTEMPTS_BEFORE_FALLBACK
    {
        return lesser_form(claim, cause);
    }
    let pause_ms = retry.after_ms.unwrap_or_else(|| backoff::DELIVERY.pause_ms(claim.attempt, at.chance));
    deferred(claim, Pause { until: at.now.plus_ms(pause_ms), scope: retry.scope }, cause)
}

fn after_rejection(claim: &DeliveryClaim, rejection: Rejection, at: Circumstances) -> Settlement {
    let cause = rejection.to_string();
    match rejection {
        Rejection::Unauthorized => {
            let pause = Pause { until: at.now.plus_ms(UNAUTHORIZED_PAUSE_MS), scope: RetryScope::Account };
            deferred(claim, pause, cause)
        }
        Rejection::Forbidden | Rejection::Gone => Settlement::GivenUp { cause },
        Rejection::TargetLost | Rejection::Invalid { .. }
            if matches!(claim.kind, DeliveryKind::Placeholder | DeliveryKind::Assertion) =>
        {
            Settlement::GivenUp { cause }
        }
        // With no unknown edit before it, this certainly shows nowhere: one fresh post. After an unknown one the doubt
        // stays with the row, and the post is decided like any doubtful post.
        Rejection::TargetLost if claim.via == Via::Edit => {
            Settlement::Reshaped { form: claim.form, via: Via::Post, text: None, cause }
        }
        Rejection::TargetLost | Rejection::Invalid { .. } => lesser_form(claim, cause),
    }
}

fn after_unknown(claim: &DeliveryClaim, step: &Step, cause: &Cause, at: Circumstances) -> Settlement {
    if faults::has(Bug::NeverRetry) {
        return Settlement::GivenUp { cause: BELIEVED_SENT.to_owned() };
    }
    let cause = cause.to_string();
    if claim.kind == DeliveryKind::Placeholder {
        // It is found or given up.
        return Settlement::Doubted { pause: Pause { until: at.now, scope: RetryScope::Message }, cause };
    }
    if is_notice_of_a_turn(claim) {
        return Settlement::GivenUp { cause: format!("{cause}; {NOTICE_PERHAPS_THERE}") };
    }
    if *step == Step::PostPlaceholder {
        // Nothing of the reply is in it: the worst case is an orphan bubble, so another may be posted.
        return deferred(claim, own_pause(claim, at), cause);
    }
    Settlement::Doubted { pause: own_pause(claim, at), cause }
}

/// Certainly not accepted this time; whether there is doubt left is up to the earlier attempts.
fn deferred(claim: &DeliveryClaim, pause: Pause, cause: String) -> Settlement {
    if claim.doubted_at.is_some() {
        Settlement::Doubted { pause, cause }
    } else {
        Settlement::Deferred { pause, cause }
    }
}

fn own_pause(claim: &DeliveryClaim, at: Circumstances) -> Pause {
    let pause_ms = backoff::DELIVERY.pause_ms(claim.attempt, at.chance);
    Pause { until: at.now.plus_ms(pause_ms), scope: RetryScope::Message }
}

fn lesser_form(claim: &DeliveryClaim, cause: String) -> Settlement {
    let is_optional = matches!(claim.kind, DeliveryKind::Placeholder | DeliveryKind::Assertion | DeliveryKind::Hint);
    match claim.form.lesser() {
        Some(form) if !is_optional => {
            let text = (form == Form::Apology).then(|| match claim.files.is_empty() {
                true => format!("Error: the reply could not be posted: {cause}"),
                // The answer itself stands before it.
                false => format!("{} could not be sent: {cause}", claim.text),
            });
            Settlement::Reshaped { form, via: claim.via, text, cause }
        }
        Some(_) | None => Settlement::GivenUp { cause },
    }
}

#[cfg(test)]
mod tests;
