//! The protocol as it is built holds.

use lastword_core::{capability::Idempotency, decide::deliver::UnknownPolicy, store::OnLost};

use super::{
    check::holds,
    variant::{Faults, LIFETIME_MS, Variant},
};

const NONE: Faults = Variant::edits("").faults;

pub fn edits() -> Variant {
    let faults = Faults { crashes: 1, freezes: 1, losses: 1, ..NONE };
    Variant { faults, ..Variant::edits("placeholder and terminal edit, no progress") }
}

pub fn native() -> Variant {
    let faults = Faults { crashes: 1, freezes: 1, losses: 1, unheard: 1, ..NONE };
    Variant { faults, ..Variant::posts("posts under a key that the network remembers", Variant::NATIVE) }
}

/// Who speaks for a turn: its agent, a sweep, whoever decides a lost worker, or a worker that never heard of its claim.
pub fn speakers() -> Variant {
    let faults = Faults {
        crashes: 1,
        freezes: 1,
        unheard: 1,
        unheard_claims: 1,
        deadlines: 1,
        failures: 1,
        progress: 1,
        ..NONE
    };
    Variant { faults, ..Variant::posts("everybody who may speak for a turn", Variant::NATIVE) }
}

pub fn replay() -> Variant {
    let faults = Faults { crashes: 1, freezes: 1, deadlines: 1, progress: 1, ..NONE };
    let on_lost = OnLost::Replay { max_attempts: 3 };
    Variant { faults, on_lost, ..Variant::posts("turns that run again when their worker is lost", Variant::NATIVE) }
}

pub fn findable() -> Variant {
    let faults = Faults { crashes: 2, losses: 2, unheard: 1, ..NONE };
    Variant { faults, ..Variant::posts("posts that are looked up", Idempotency::Findable) }
}

pub fn progress() -> Variant {
    let faults = Faults { crashes: 2, losses: 1, progress: 2, ..NONE };
    Variant { faults, shows_progress: true, ..Variant::edits("progress edits, asserted again") }
}

pub fn short_freezes() -> Variant {
    let faults = Faults { freezes: 1, losses: 1, progress: 2, ..NONE };
    Variant {
        faults,
        shows_progress: true,
        freezes_outlast_requests: false,
        ..Variant::edits("progress edits, and freezes shorter than a request's lifetime")
    }
}

pub fn order() -> Variant {
    let faults = Faults { crashes: 1, losses: 1, unheard: 1, ..NONE };
    Variant {
        faults,
        answers: &[2, 1],
        ..Variant::posts("two messages, the first answer in two parts", Variant::NATIVE)
    }
}

pub fn order_of_edits() -> Variant {
    let faults = Faults { crashes: 1, losses: 1, ..NONE };
    Variant { faults, answers: &[1, 1], ..Variant::edits("two messages with placeholders") }
}

pub fn refusals() -> Variant {
    let faults = Faults { refusals: 1, invalids: 2, deletions: 1, ..NONE };
    Variant { faults, ..Variant::edits("refused, and deleted before it was edited") }
}

pub fn hold() -> Variant {
    let faults = Faults { crashes: 1, freezes: 1, losses: 1, ..NONE };
    let unknown = UnknownPolicy::Hold { limit_ms: LIFETIME_MS };
    Variant {
        faults,
        unknown,
        ..Variant::posts("a network that helps with nothing, and the policy `hold`", Idempotency::None)
    }
}

/// Everything that must hold.
pub fn variants() -> Vec<Variant> {
    vec![
        edits(),
        native(),
        speakers(),
        replay(),
        findable(),
        progress(),
        short_freezes(),
        order(),
        order_of_edits(),
        refusals(),
        hold(),
    ]
}

#[test]
fn a_terminal_edit_of_a_placeholder_holds() {
    holds(&edits());
}

#[test]
fn posts_under_a_remembered_key_hold() {
    holds(&native());
}

#[test]
fn whoever_speaks_for_a_turn_speaks_once() {
    holds(&speakers());
}

#[test]
fn turns_that_run_again_hold() {
    holds(&replay());
}

#[test]
fn posts_that_are_looked_up_hold() {
    holds(&findable());
}

#[test]
fn progress_edits_that_are_asserted_again_hold() {
    holds(&progress());
}

#[test]
fn progress_edits_hold_while_freezes_are_short() {
    holds(&short_freezes());
}

#[test]
fn replies_and_their_parts_are_in_order() {
    holds(&order());
}

#[test]
fn edited_replies_are_in_order() {
    holds(&order_of_edits());
}

#[test]
fn refused_and_deleted_messages_hold() {
    holds(&refusals());
}

#[test]
fn a_reply_that_is_held_is_never_doubled() {
    holds(&hold());
}
