//! What becomes of a delivery.

use super::world::*;
use crate::{
    capability::Via,
    delivery::{DeliveryKind, Form},
    ids::{IncarnationId, MessageId, Timestamp},
    outcome::RetryScope,
    store::{Claim, Clock, DeliveryClaim, PAUSE_MS_MAX, Pause, PlaceCommand, Replays, Settlement, Verdict},
};

const NOTICE: Option<&str> = Some("Done.");

/// The network has it, and whoever asked is to be told.
fn unheard(message: &str) -> Settlement {
    Settlement::Delivered { message: MessageId::new(message), assert_at: None, notice: NOTICE }
}

/// Alice asks in a place, reads the placeholder, and the agent is about to answer.
async fn reads_the_placeholder(world: &World, place: &str, text: &str) -> Claim {
    world.asks(place, text).await;
    let claim = world.claims().await.remove(0);
    let placeholder = world.due().await.remove(0);
    assert_eq!(placeholder.kind, DeliveryKind::Placeholder);
    world.settles(&placeholder, delivered("p")).await;
    claim
}

/// The edit of a placeholder notifies nobody: a notice does, once, and is no part of the last word.
pub async fn a_notice_follows_a_last_word_once(world: &World) {
    let claim = reads_the_placeholder(world, "a", "1").await;
    let begun = world.clock.now();
    world.clock.advance_ms(60_000);
    world.answers(&claim, "answer").await;
    let terminal = world.due().await.remove(0);
    assert_eq!((&terminal.target, terminal.unheard_since), (&Some(MessageId::new("p")), Some(begun)));
    assert!(world.settles(&terminal, unheard("p")).await);
    assert!(!world.settles(&terminal, unheard("p")).await);
    let mut due = world.due().await;
    let notice = due.pop().expect("a notice");
    assert!(due.is_empty());
    assert_eq!((notice.kind, notice.via, &*notice.text), (DeliveryKind::Hint, Via::Post, "Done."));
    assert_eq!((notice.turn, notice.unheard_since), (Some(claim.fence.turn), None));
    assert_eq!(notice.reply_to, terminal.reply_to);
    assert_ne!(notice.key, terminal.key);
    world.settles(&notice, unheard("n")).await;
    assert!(world.due().await.is_empty(), "a notice has none of its own");
    assert_eq!(world.last_word(claim.fence.turn).await.as_deref(), Some("answer"));
}

/// Whoever hears of a last word by its posts, or ended the work themselves, is told nothing more.
pub async fn no_notice_follows_what_notifies_by_itself(world: &World) {
    let claim = reads_the_placeholder(world, "a", "1").await;
    world.elects(Verdict { parts: vec!["one".into(), "two".into()], ..answer(&claim, "") }).await;
    let first = world.due().await.remove(0);
    world.settles(&first, unheard("p")).await;
    assert_eq!(texts(&world.due().await), ["two"], "its own placeholder notifies");
    reads_the_placeholder(world, "b", "2").await;
    world.commands("b", "stop", PlaceCommand::Stop).await;
    assert!(of_kind(world.due().await, DeliveryKind::Terminal).iter().all(|stopped| stopped.unheard_since.is_none()));
    world.asks("c", "3").await;
    let claim = world.claims().await.remove(0);
    world.answers(&claim, "before the placeholder").await;
    let own = world.due().await.remove(0);
    assert_eq!((&own.target, own.unheard_since), (&None, None));
    world.settles(&own, Settlement::TargetRecorded { target: MessageId::new("own") }).await;
    assert_eq!(world.due().await.remove(0).unheard_since, None);
}

async fn answered(world: &World, place: &str, text: &str) {
    world.asks(place, text).await;
    let claim = world.claims().await.remove(0);
    world.answers(&claim, &format!("answer to {text}")).await;
}

/// A claim whose holder is lost proves nothing about the network.
pub async fn a_stolen_delivery_is_ambiguous(world: &World) {
    answered(world, "plain", "1").await;
    let first = world.due().await.remove(0);
    assert_eq!(first.doubted_at, None);
    world.clock.advance_ms(5);
    let decided = world.store.decide_lost(&IncarnationId::new(BRIDGE), Replays::Allow, 10).await.expect("is decided");
    assert_eq!(decided.doubted, 1);
    assert!(world.leases("bridge-2").await);
    let stolen = world.due_for("bridge-2").await.remove(0);
    assert_eq!((&stolen.key, stolen.attempt), (&first.key, first.attempt + 1));
    assert_eq!(stolen.doubted_at, Some(first.now.plus_ms(5)));
}

/// Who no longer holds a claim records nothing.
pub async fn a_late_settlement_changes_nothing(world: &World) {
    answered(world, "plain", "1").await;
    let first = world.due().await.remove(0);
    assert!(world.settles(&first, deferred(&first, 0, RetryScope::Message)).await);
    let second = world.due().await.remove(0);
    assert!(!world.settles(&first, Settlement::GivenUp { cause: "late".into() }).await);
    let other = IncarnationId::new("bridge-2");
    let stranger = world.store.settle(&other, second.id, second.attempt, delivered("m")).await.expect("asks");
    assert!(!stranger);
    assert!(world.settles(&second, delivered("m")).await);
    assert!(!world.settles(&second, delivered("m")).await);
    assert_eq!(world.counts().await.deliveries_open, 0);
}

/// A retry keeps its place in the lane, its key, and the time of its first failure.
pub async fn a_deferred_delivery_waits_and_holds_its_lane(world: &World) {
    answered(world, "plain", "1").await;
    answered(world, "plain", "2").await;
    let first = world.due().await.remove(0);
    world.settles(&first, deferred(&first, 100, RetryScope::Message)).await;
    assert!(world.due().await.is_empty());
    world.clock.advance_ms(99);
    assert!(world.due().await.is_empty());
    world.clock.advance_ms(1);
    let again = world.due().await.remove(0);
    assert_eq!((&again.key, again.attempt, again.failed_at), (&first.key, 2, Some(first.now)));
    assert!(!again.others_succeed);
    answered(world, "plain elsewhere", "3").await;
    let other = world.due().await.remove(0);
    world.settles(&other, delivered("m")).await;
    world.settles(&again, deferred(&again, 0, RetryScope::Message)).await;
    assert!(world.due().await.remove(0).others_succeed);
}

/// A pause from before the clock was set back is over, whatever it held back; the next one counts.
pub async fn a_clock_set_back_ends_every_pause(world: &World) {
    const HOUR_MS: i64 = 3_600_000;
    answered(world, "plain", "1").await;
    for scope in [RetryScope::Message, RetryScope::Conversation, RetryScope::Account] {
        let first = world.due().await.remove(0);
        world.settles(&first, deferred(&first, 100, scope)).await;
        assert!(world.due().await.is_empty(), "{scope:?}");
        world.clock.advance_ms(-HOUR_MS);
        let second = world.due().await.remove(0);
        world.settles(&second, deferred(&second, 100, scope)).await;
        world.clock.advance_ms(99);
        assert!(world.due().await.is_empty(), "{scope:?}");
        world.clock.advance_ms(1);
        // The clock is set back while an attempt is on its way.
        let third = world.due().await.remove(0);
        world.clock.advance_ms(-HOUR_MS);
        world.settles(&third, deferred(&third, 100, scope)).await;
    }
    assert_eq!(world.due().await.len(), 1);
}

/// What was claimed was due. Whoever takes it from a lost holder waits for no pause from before the clock was set back.
pub async fn a_stolen_delivery_waits_for_no_pause(world: &World) {
    answered(world, "plain", "1").await;
    let first = world.due().await.remove(0);
    world.settles(&first, deferred(&first, 100, RetryScope::Message)).await;
    world.clock.advance_ms(-3_600_000);
    assert_eq!(world.due().await.remove(0).id, first.id);
    world.store.decide_lost(&IncarnationId::new(BRIDGE), Replays::Allow, 10).await.expect("is decided");
    assert!(world.leases("bridge-2").await);
    assert_eq!(world.due_for("bridge-2").await.remove(0).id, first.id);
}

/// How old a doubt is that began later than now, nobody knows: it begins again, once.
pub async fn a_doubt_begins_again_when_the_clock_was_set_back(world: &World) {
    answered(world, "plain", "1").await;
    let doubted = |claim: &DeliveryClaim| Settlement::Doubted {
        pause: Pause { until: claim.now.plus_ms(10), scope: RetryScope::Message },
        cause: "timeout".into(),
    };
    let first = world.due().await.remove(0);
    world.settles(&first, doubted(&first)).await;
    world.clock.advance_ms(-3_600_000);
    let second = world.due().await.remove(0);
    world.settles(&second, doubted(&second)).await;
    world.clock.advance_ms(10);
    assert_eq!(world.due().await.remove(0).doubted_at, Some(second.now));
}

/// What an assertion waits for may be on its way yet when the clock is set back: it waits its own time again, and no longer.
pub async fn an_assertion_waits_anew_when_the_clock_was_set_back(world: &World) {
    answered(world, "a", "1").await;
    let terminal = world.due().await.remove(0);
    let assert_at = Some(terminal.now.plus_ms(50));
    world.settles(&terminal, Settlement::Delivered { message: MessageId::new("m"), assert_at, notice: None }).await;
    world.clock.advance_ms(40);
    assert!(world.due().await.is_empty());
    world.clock.advance_ms(-3_600_000);
    assert!(world.due().await.is_empty());
    world.clock.advance_ms(49);
    assert!(world.due().await.is_empty());
    world.clock.advance_ms(1);
    assert_eq!(world.due().await.remove(0).kind, DeliveryKind::Assertion);
}

/// A clock that is set back holds up nothing that was due, and no pause for longer than any may take.
pub async fn a_clock_set_back_holds_up_no_delivery(world: &World) {
    answered(world, "plain a", "1").await;
    world.asks("b", "2").await;
    let claim = world.claims().await.remove(0);
    world.answers(&claim, "answer to 2").await;
    world.clock.advance_ms(-500_000);
    let mut due = world.due().await;
    assert_eq!(texts(&due), ["answer to 1", "answer to 2"]);
    let edit = due.pop().expect("two");
    world.settles(&edit, Settlement::TargetRecorded { target: MessageId::new("p") }).await;
    world.clock.advance_ms(-1_000);
    let edit = world.due().await.remove(0);
    let plain = Settlement::Reshaped { form: Form::Plain, via: Via::Edit, text: None, cause: "refused".into() };
    world.settles(&edit, plain).await;
    world.clock.advance_ms(-1_000);
    assert_eq!(world.due().await.remove(0).id, edit.id);
    let paused = due.remove(0);
    world.clock.advance_ms(PAUSE_MS_MAX);
    world.settles(&paused, deferred(&paused, PAUSE_MS_MAX, RetryScope::Account)).await;
    assert!(world.due().await.is_empty());
    world.clock.advance_ms(-PAUSE_MS_MAX);
    assert_eq!(world.due().await.remove(0).id, paused.id);
}

/// Nobody waits longer than a day, and not shorter for having been told to wait longer.
pub async fn a_pause_is_cut_to_the_longest(world: &World) {
    answered(world, "plain", "1").await;
    let first = world.due().await.remove(0);
    world.settles(&first, deferred(&first, 2 * PAUSE_MS_MAX, RetryScope::Conversation)).await;
    assert!(world.due().await.is_empty());
    world.clock.advance_ms(PAUSE_MS_MAX - 1);
    assert!(world.due().await.is_empty());
    world.clock.advance_ms(1);
    assert_eq!(world.due().await.remove(0).id, first.id);
}

/// A conversation's pause leaves the others alone.
pub async fn a_paused_conversation_holds_only_its_own_lanes(world: &World) {
    answered(world, "plain a", "1").await;
    let first = world.due().await.remove(0);
    world.settles(&first, deferred(&first, 100, RetryScope::Conversation)).await;
    let help = crate::store::Intake::Answer { asked: asked("plain a", "/help"), text: "Help.".into(), reason: None };
    world.takes("help", help).await;
    answered(world, "plain b", "2").await;
    assert_eq!(texts(&world.due().await), ["answer to 2"]);
    world.clock.advance_ms(100);
    assert_eq!(texts(&world.due().await), ["answer to 1", "Help."]);
}

/// An account's pause holds everything it would send.
pub async fn a_paused_account_holds_everything_of_it(world: &World) {
    answered(world, "plain a", "1").await;
    let first = world.due().await.remove(0);
    world.settles(&first, deferred(&first, 100, RetryScope::Account)).await;
    answered(world, "plain b", "2").await;
    assert!(world.due().await.is_empty());
    world.clock.advance_ms(99);
    assert!(world.due().await.is_empty());
    world.clock.advance_ms(1);
    assert_eq!(world.due().await.len(), 2);
}

/// A refusal of the content changes what is posted, not what was elected.
pub async fn a_reshaped_delivery_goes_on_in_another_way(world: &World) {
    let turn = world.asks("a", "1").await;
    let claim = world.claims().await.remove(0);
    world.answers(&claim, "answer").await;
    let first = world.due().await.remove(0);
    world.settles(&first, Settlement::TargetRecorded { target: MessageId::new("p") }).await;
    let edit = world.due().await.remove(0);
    assert_eq!((edit.attempt, &edit.target), (2, &Some(MessageId::new("p"))));
    let cause = || "refused".to_owned();
    let plain = Settlement::Reshaped { form: Form::Plain, via: Via::Edit, text: None, cause: cause() };
    world.settles(&edit, plain).await;
    let plain = world.due().await.remove(0);
    assert_eq!((plain.form, &plain.target, &*plain.text), (Form::Plain, &Some(MessageId::new("p")), "answer"));
    let sorry =
        Settlement::Reshaped { form: Form::Apology, via: Via::Post, text: Some("Error: sorry".into()), cause: cause() };
    world.settles(&plain, sorry).await;
    let sorry = world.due().await.remove(0);
    assert_eq!((sorry.via, &sorry.target, &*sorry.text), (Via::Post, &None, "Error: sorry"));
    assert_eq!(world.last_word(turn).await.as_deref(), Some("answer"));
}

/// What can never be delivered is counted, and its lane goes on.
pub async fn a_dead_delivery_frees_its_lane(world: &World) {
    answered(world, "plain", "1").await;
    answered(world, "plain", "2").await;
    let first = world.due().await.remove(0);
    world.settles(&first, Settlement::GivenUp { cause: "kicked".into() }).await;
    assert_eq!(texts(&world.due().await), ["answer to 2"]);
    let counts = world.counts().await;
    assert_eq!((counts.deliveries_dead, counts.deliveries_open), (1, 1));
}

/// A late progress edit can't have the last word: the text is asserted once, outside the lane, at its time.
pub async fn a_taken_over_terminal_is_asserted_once_more(world: &World) {
    answered(world, "a", "1").await;
    let terminal = world.due().await.remove(0);
    let at = |claim: &DeliveryClaim, ms| Some(claim.now.plus_ms(ms));
    let message = MessageId::new("m");
    let asserted = |assert_at| Settlement::Delivered { message: message.clone(), assert_at, notice: None };
    world.settles(&terminal, asserted(at(&terminal, 50))).await;
    assert!(world.due().await.is_empty());
    world.clock.advance_ms(50);
    let assertion = world.due().await.remove(0);
    assert_eq!((assertion.kind, assertion.via), (DeliveryKind::Assertion, Via::Edit));
    assert_eq!((&assertion.target, &*assertion.text), (&Some(message.clone()), "answer to 1"));
    assert_ne!(assertion.key, terminal.key);
    let pause = Pause { until: Timestamp(0), scope: RetryScope::Message };
    world.settles(&assertion, Settlement::Doubted { pause, cause: "timeout".into() }).await;
    let again = world.due().await.remove(0);
    assert_eq!(again.doubted_at, Some(again.now));
    world.settles(&again, asserted(at(&again, 0))).await;
    assert!(world.due().await.is_empty());
}

/// A placeholder that nobody needs frees its lane, and the reply posts its own.
pub async fn a_placeholder_that_is_not_needed_frees_its_lane(world: &World) {
    let turn = world.asks("a", "1").await;
    let claim = world.claims().await.remove(0);
    let placeholder = world.due().await.remove(0);
    assert_eq!(placeholder.kind, DeliveryKind::Placeholder);
    assert!(world.settles(&placeholder, Settlement::NotNeeded).await);
    assert!(!world.settles(&placeholder, delivered("m")).await);
    world.answers(&claim, "one").await;
    let reply = world.due().await.remove(0);
    assert_eq!((reply.kind, reply.via, reply.target.clone()), (DeliveryKind::Terminal, Via::Edit, None));
    assert_refused(
        world.store.settle(&IncarnationId::new(BRIDGE), reply.id, reply.attempt, Settlement::NotNeeded).await,
    );
    assert!(world.settles(&reply, delivered("m")).await);
    assert_eq!(world.last_word(turn).await.as_deref(), Some("one"));
    assert_eq!(world.counts().await.deliveries_open, 0);
}

/// Only the holder of the account's lease takes what is due.
pub async fn only_the_holder_of_the_lease_sends(world: &World) {
    answered(world, "plain", "1").await;
    assert!(world.due_for("bridge-2").await.is_empty());
    assert_eq!(world.due().await.len(), 1);
}
