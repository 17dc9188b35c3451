//! What is built wrongly is found, and so is every limit that the documents admit: which property breaks, and how.
//!
//! A layer that can't find a planted bug does not count. Each test names the property that must break; the checker's
//! first story is printed (`--no-capture` shows it) and is a shortest one.

use lastword_core::{capability::Idempotency, faults::Bug as Planted, store::OnLost};

use super::{
    check::breaks,
    properties::{AT_MOST_ONE, IN_ORDER, NO_STALE_WORD, QUIET_IS_ANSWERED},
    variant::{Bug, Faults, Variant},
};

const NONE: Faults = Variant::edits("").faults;
const LOOKED_UP: Variant = Variant::posts("", Idempotency::Findable);
const REMEMBERED: Variant = Variant::posts("", Variant::NATIVE);

/// The bugs that every layer has to find: each breaks here, in its own way.
fn meets(planted: Planted) -> (Variant, &'static str) {
    let crash = Faults { crashes: 1, ..NONE };
    let loss = Faults { losses: 1, ..NONE };
    let freeze = Faults { freezes: 1, ..NONE };
    let on_lost = OnLost::Replay { max_attempts: 2 };
    let (variant, property) = match planted {
        Planted::AckBeforeCommit => {
            (Variant { name: "ack before the commit", faults: crash, ..REMEMBERED }, QUIET_IS_ANSWERED)
        }
        Planted::ElectionInTwoTransactions => {
            (Variant { name: "election in two transactions", faults: crash, ..REMEMBERED }, QUIET_IS_ANSWERED)
        }
        Planted::NoAttemptFence => {
            (Variant { name: "no attempt fence", faults: freeze, on_lost, ..REMEMBERED }, NO_STALE_WORD)
        }
        Planted::BlindRetry => (Variant { name: "blind retry", faults: loss, ..LOOKED_UP }, AT_MOST_ONE),
        Planted::NeverRetry => {
            (Variant { name: "never retry a doubtful post", faults: loss, ..LOOKED_UP }, QUIET_IS_ANSWERED)
        }
        Planted::StolenClaimIsFresh => {
            (Variant { name: "a stolen claim is sent as fresh", faults: crash, ..LOOKED_UP }, AT_MOST_ONE)
        }
    };
    (Variant { bug: Some(Bug::Planted(planted)), ..variant }, property)
}

#[test]
fn every_bug_that_can_be_planted_in_the_shipping_code_breaks_the_model() {
    for planted in Planted::ALL {
        let (variant, property) = meets(*planted);
        breaks(&variant, property);
    }
}

#[test]
fn without_an_inbox_a_message_is_answered_twice() {
    let faults = Faults { unheard: 1, ..NONE };
    let bug = Some(Bug::NoInbox);
    breaks(&Variant { name: "no inbox", faults, bug, ..REMEMBERED }, AT_MOST_ONE);
}

#[test]
fn without_lanes_replies_overtake_each_other() {
    let faults = Faults { refusals: 1, ..NONE };
    let bug = Some(Bug::NoLanes);
    breaks(&Variant { name: "no lanes", faults, bug, answers: &[2, 1], ..REMEMBERED }, IN_ORDER);
}

#[test]
fn a_look_up_that_comes_too_early_posts_twice() {
    let faults = Faults { losses: 1, ..NONE };
    let bug = Some(Bug::ReadBackTooEarly);
    breaks(&Variant { name: "read back too early", faults, bug, ..LOOKED_UP }, AT_MOST_ONE);
}

#[test]
fn a_fresh_terminal_without_a_recorded_placeholder_posts_twice() {
    let faults = Faults { crashes: 1, ..NONE };
    let bug = Some(Bug::FreshTerminal);
    breaks(&Variant { name: "B a fresh terminal", faults, bug, ..Variant::edits("") }, AT_MOST_ONE);
}

#[test]
fn an_unguarded_progress_edit_overwrites_the_last_word() {
    let faults = Faults { progress: 1, ..NONE };
    let (bug, shows_progress) = (Some(Bug::UnguardedProgress), true);
    let variant = Variant { name: "C unguarded progress", faults, bug, shows_progress, ..Variant::edits("") };
    breaks(&variant, QUIET_IS_ANSWERED);
}

#[test]
fn without_an_assertion_a_dead_senders_progress_edit_overwrites_the_last_word() {
    let faults = Faults { progress: 1, crashes: 1, ..NONE };
    let (bug, shows_progress) = (Some(Bug::NoAssertion), true);
    let variant = Variant { name: "D no assertion", faults, bug, shows_progress, ..Variant::edits("") };
    breaks(&variant, QUIET_IS_ANSWERED);
}

// --- limits that the documents admit ----------------------------------------------------------------------------

#[test]
fn a_look_up_proves_nothing_about_a_sender_that_is_frozen_for_longer_than_a_request_lives() {
    let faults = Faults { freezes: 1, ..NONE };
    breaks(&Variant { name: "limit: looked up while the sender is frozen", faults, ..LOOKED_UP }, AT_MOST_ONE);
}

#[test]
fn a_progress_edit_frozen_for_longer_than_a_request_lives_overwrites_the_last_word() {
    let faults = Faults { freezes: 1, progress: 1, ..NONE };
    let name = "limit: a frozen progress edit";
    breaks(&Variant { name, faults, shows_progress: true, ..Variant::edits("") }, QUIET_IS_ANSWERED);
}

#[test]
fn where_a_network_helps_with_nothing_resending_posts_twice() {
    let faults = Faults { losses: 1, ..NONE };
    let name = "limit: no idempotency, and the policy `resend`";
    breaks(&Variant { name, faults, ..Variant::posts("", Idempotency::None) }, AT_MOST_ONE);
}

#[test]
fn a_deleted_placeholder_makes_the_last_word_a_post_that_is_not_exact() {
    let faults = Faults { deletions: 1, losses: 1, ..NONE };
    let name = "limit: the placeholder was deleted, and the post after it is in doubt";
    breaks(&Variant { name, faults, ..Variant::edits("") }, AT_MOST_ONE);
}

/// The store's contract says that a commit whose answer was lost may be asked again. Not so the claim of a delivery:
/// asked again, it returns the others. A worker ends what it owns but does not run; a bridge has nothing like it.
#[test]
fn a_delivery_whose_claim_is_never_heard_of_stays_in_the_hands_of_a_living_bridge() {
    let faults = Faults { unheard_takes: 1, ..NONE };
    let name = "limit: the claim of a delivery is never heard of";
    breaks(&Variant { name, faults, ..REMEMBERED }, QUIET_IS_ANSWERED);
}
