//! What is accepted, and by whom.

use super::world::*;
use crate::{
    delivery::DeliveryKind,
    ids::{AccountId, Cursor, IncarnationId, UpdateId},
    reason::Reason,
    store::{HintRule, IngestBatch, IngestItem, Intake, NewTurn, Replays},
    turn::TurnState,
};

/// The inbox drops a duplicate and names the turn that the first one made.
pub async fn a_redelivered_update_is_accepted_once(world: &World) {
    let first = world.takes("u1", Intake::Turn(turn("a", "hello"))).await;
    let again = world.takes("u1", Intake::Turn(turn("a", "hello"))).await;
    assert!(first.is_new && !again.is_new);
    assert_eq!(first.turn, again.turn);
    assert_eq!(world.counts().await.accepted, 1);
    let found = world.store.turn_of(&AccountId::new(ACCOUNT), &UpdateId::new("u1")).await.expect("reads");
    assert_eq!(found, first.turn);
}

/// One bad item takes the whole batch with it, and the cursor stays.
pub async fn a_batch_is_accepted_whole_or_not_at_all(world: &World) {
    let mut stray = turn("a", "stray");
    stray.asked.place.account = AccountId::new("another");
    let mut both = batch("good", Intake::Turn(turn("a", "good")));
    both.items.push(IngestItem { update: UpdateId::new("bad"), intake: Intake::Turn(stray) });
    assert_refused(world.store.ingest(both).await);
    assert_eq!(world.counts().await.accepted, 0);
    assert!(world.claims().await.is_empty());
    assert!(world.takes("good", Intake::Turn(turn("a", "good"))).await.is_new);
}

/// Whoever takes the lease resumes behind the last committed batch.
pub async fn the_cursor_is_stored_with_its_batch(world: &World) {
    world.asks("a", "u1").await;
    let unmoved = IngestBatch { cursor: None, ..batch("u2", Intake::Turn(turn("a", "u2"))) };
    world.store.ingest(unmoved).await.expect("is accepted");
    let lease = world.store.lease(&AccountId::new(ACCOUNT), "@bot", &IncarnationId::new(BRIDGE)).await;
    assert_eq!(lease.expect("asks").expect("holds it").cursor, Some(Cursor::new("after u1")));
}

/// A bridge that lost its lease can't accept any more.
pub async fn only_the_holder_of_the_lease_accepts(world: &World) {
    let stranger =
        IngestBatch { holder: IncarnationId::new("bridge-2"), ..batch("u1", Intake::Turn(turn("a", "hello"))) };
    assert_refused(world.store.ingest(stranger).await);
    assert_eq!(world.counts().await.accepted, 0);
}

/// A lease changes hands only when its holder is proven gone, and then its fence grows.
pub async fn a_second_bridge_waits_for_the_lease(world: &World) {
    let (account, first, second) =
        (AccountId::new(ACCOUNT), IncarnationId::new(BRIDGE), IncarnationId::new("bridge-2"));
    assert!(!world.leases("bridge-2").await);
    let before = world.store.lease(&account, "@bot", &first).await.expect("asks").expect("still its own");
    world.store.decide_lost(&first, Replays::Allow, 10).await.expect("is decided");
    let after = world.store.lease(&account, "@bot", &second).await.expect("asks").expect("is free");
    assert!(after.fence > before.fence);
    assert_refused(world.store.lease(&account, "@bot", &first).await);
}

/// The cursor belongs to the bot, not to the account's name.
pub async fn another_bot_does_not_inherit_the_cursor(world: &World) {
    world.asks("a", "u1").await;
    let (account, bridge) = (AccountId::new(ACCOUNT), IncarnationId::new(BRIDGE));
    let other = world.store.lease(&account, "@other", &bridge).await.expect("asks").expect("holds it");
    assert_eq!(other.cursor, None);
}

/// One message too many is accepted and answered at once.
pub async fn busy_is_an_answer(world: &World) {
    world.asks("a", "running").await;
    world.claims().await;
    world.takes("waits", Intake::Turn(NewTurn { queue_max: 1, ..turn("a", "waits") })).await;
    let busy = world.takes("too many", Intake::Turn(NewTurn { queue_max: 1, ..turn("a", "too many") })).await;
    let view = world.store.turn(busy.turn.expect("a turn")).await.expect("reads").expect("exists");
    assert_eq!(view.state, TurnState::Failed);
    assert_eq!(view.reason, Some(Reason::Busy { max: 1 }));
    assert!(view.reply.expect("has a last word").starts_with("Error: "));
    assert_eq!(world.counts().await.errored, 1);
}

/// A refused person is told why now and then, and each refusal keeps its reason.
pub async fn hints_are_at_most_hourly(world: &World) {
    const HOUR_MS: i64 = 3_600_000;
    let refuse = |text: &str| Intake::Refuse {
        asked: asked("a", text),
        reason: Reason::NotAllowed,
        hint: HintRule { text: "You are alice.".into(), every_ms: HOUR_MS },
    };
    for update in ["first", "second"] {
        assert_eq!(world.takes(update, refuse(update)).await.turn, None);
    }
    let due = world.due().await;
    assert_eq!(texts(&due), ["You are alice."]);
    assert_eq!(due[0].kind, DeliveryKind::Hint);
    world.clock.advance_ms(HOUR_MS);
    world.takes("third", refuse("third")).await;
    assert_eq!(world.due().await.len(), 1);
    assert_eq!(world.counts().await.dropped.get("not_allowed"), Some(&3));
}

/// Nothing is dropped in silence.
pub async fn a_dropped_update_keeps_its_reason(world: &World) {
    let dropped = world.takes("u1", Intake::Drop(Reason::FromBot)).await;
    assert!(dropped.is_new && dropped.turn.is_none());
    assert!(!world.takes("u1", Intake::Drop(Reason::FromBot)).await.is_new);
    let counts = world.counts().await;
    assert_eq!((counts.accepted, counts.dropped.get("from_bot")), (0, Some(&1)));
}

/// What is answered at once is a turn like any other, with a last word.
pub async fn an_answer_needs_no_worker(world: &World) {
    let help = Intake::Answer { asked: asked("a", "/help"), text: "Help.".into(), reason: None };
    let lost = Intake::Answer {
        asked: asked("a", "hm"),
        text: Reason::Unroutable.last_word(),
        reason: Some(Reason::Unroutable),
    };
    let help = world.takes("u1", help).await.turn.expect("a turn");
    world.takes("u2", lost).await;
    assert!(world.claims().await.is_empty());
    assert_eq!(world.last_word(help).await.as_deref(), Some("Help."));
    assert_eq!(world.due().await.len(), 2);
    let counts = world.counts().await;
    assert_eq!((counts.replied, counts.errored), (1, 1));
}
