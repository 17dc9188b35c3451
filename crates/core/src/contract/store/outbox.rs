//! What admins see and do of deliveries.

use super::{
    oversight::{answered, forget, from},
    world::*,
};
use crate::{
    alert::AlertCode,
    decide::deliver::HELD_TOO_LONG,
    delivery::{DeliveryKind, DeliveryState},
    ids::{AccountId, ConversationId, Cursor, DeliveryId, IncarnationId, MessageId, UpdateId},
    outcome::RetryScope,
    store::{Asked, IngestBatch, IngestItem, Intake, Outbound, Pause, PlaceCommand, Settlement, TraceOf},
};

/// What is on its way, without the answers to the commands of this rule.
async fn outbox(world: &World) -> Vec<Outbound> {
    let listed = world.store.outbox(&AccountId::new(ACCOUNT), 10).await.expect("reads");
    listed.into_iter().filter(|one| one.conversation != ConversationId::new("plain admins")).collect()
}

async fn says(world: &World, update: &str, command: PlaceCommand) -> String {
    let turn = world.commands("plain admins", update, command).await;
    world.last_word(turn).await.expect("is answered")
}

async fn sends_again(world: &World, update: &str, delivery: DeliveryId) -> String {
    says(world, update, PlaceCommand::SendAgain { delivery }).await
}

async fn drops(world: &World, update: &str, delivery: DeliveryId) -> String {
    says(world, update, PlaceCommand::Drop { delivery, reason: "it is there".into() }).await
}

/// What is due, without the answers to the commands of this rule.
async fn due(world: &World) -> Vec<crate::store::DeliveryClaim> {
    world.due().await.into_iter().filter(|claim| claim.place != place("plain admins")).collect()
}

fn given_up(cause: &str) -> Settlement {
    Settlement::GivenUp { cause: cause.into() }
}

/// The same key, the next attempt, and beside the lane: what followed it waits for it no more, nor does it for that.
pub async fn what_was_given_up_is_sent_again_under_its_key(world: &World) {
    let turn = answered(world, "plain", "1").await;
    answered(world, "plain", "2").await;
    let first = due(world).await.remove(0);
    assert_eq!(
        sends_again(world, "early", first.id).await,
        "Delivery 1 is being sent at this moment; look again with /outbox."
    );
    world.settles(&first, given_up("kicked")).await;
    let next = due(world).await.remove(0);
    world.settles(&next, deferred(&next, 60_000, RetryScope::Message)).await;
    world.clock.advance_ms(5);
    let listed = outbox(world).await;
    let told: Vec<_> = listed.iter().map(|one| (one.id, one.state, one.attempts, one.cause.as_deref())).collect();
    assert_eq!(
        told,
        [(next.id, DeliveryState::Pending, 1, Some("busy")), (first.id, DeliveryState::Dead, 1, Some("kicked"))]
    );
    assert_eq!((listed[1].turn, listed[1].kind, listed[1].age_ms), (Some(turn), DeliveryKind::Terminal, 5));
    let open = async || -> Vec<_> {
        let open = world.store.alerts(false, 10).await.expect("reads");
        open.into_iter().map(|open| open.alert.code).collect()
    };
    assert_eq!(open().await, [AlertCode::DeliveryGivenUp]);
    assert_eq!(sends_again(world, "again", first.id).await, "Delivery 1 is sent again.");
    assert_eq!(open().await, [], "it is given up no more");
    let again = due(world).await.remove(0);
    assert_eq!((again.id, &again.key, again.attempt), (first.id, &first.key, 2));
    assert_eq!((again.doubted_at, again.failed_at), (None, None));
    world.is_sound().await;
    world.clock.advance_ms(60_000);
    let other = due(world).await.remove(0);
    assert_eq!(other.id, next.id, "nothing waits for what came back");
    world.settles(&other, delivered("m2")).await;
    world.settles(&again, delivered("m1")).await;
    assert_eq!(sends_again(world, "too late", first.id).await, "Delivery 1 is over; nothing was changed.");
    assert!(outbox(world).await.is_empty());
    let told = world.store.trace(&TraceOf::Turn(turn)).await.expect("reads").expect("is there");
    let readmitted = told.events.iter().find(|event| event.what == "delivery.readmitted").expect("is told");
    assert_eq!(readmitted.detail, "delivery 1, terminal: by an admin; it was given up: kicked");
    assert_eq!(world.counts().await.deliveries_dead, 1, "it was given up, once");
}

/// That it was given up says nothing on whether it arrived before.
pub async fn what_was_in_doubt_when_it_was_given_up_stays_in_doubt(world: &World) {
    answered(world, "plain", "1").await;
    let first = due(world).await.remove(0);
    let pause = Pause { until: first.now, scope: RetryScope::Message };
    world.settles(&first, Settlement::Doubted { pause, cause: "timeout".into() }).await;
    let second = due(world).await.remove(0);
    world.settles(&second, given_up("kicked")).await;
    world.clock.advance_ms(500);
    sends_again(world, "again", first.id).await;
    let third = due(world).await.remove(0);
    assert_eq!((third.attempt, third.doubted_at), (3, Some(first.now)), "the doubt is as old as it is");
}

/// A look that found nothing may have been one where we might not look any more.
pub async fn a_doubt_that_was_over_is_one_again_when_an_admin_retries(world: &World) {
    answered(world, "plain", "1").await;
    let first = due(world).await.remove(0);
    let pause = Pause { until: first.now, scope: RetryScope::Message };
    world.settles(&first, Settlement::Doubted { pause, cause: "timeout".into() }).await;
    let second = due(world).await.remove(0);
    world.settles(&second, deferred(&second, 0, RetryScope::Message)).await;
    let third = due(world).await.remove(0);
    assert_eq!(third.doubted_at, None);
    world.settles(&third, given_up("kicked")).await;
    world.clock.advance_ms(500);
    sends_again(world, "again", first.id).await;
    assert_eq!(due(world).await.remove(0).doubted_at, Some(first.now));
}

/// Whether what is or was held arrived, only a person can tell: one who has it sent again has looked.
pub async fn what_is_held_is_sent_again_when_an_admin_says_so(world: &World) {
    answered(world, "plain", "1").await;
    answered(world, "plain", "2").await;
    let first = due(world).await.remove(0);
    world.settles(&first, Settlement::Held { until: first.now.plus_ms(3_600_000) }).await;
    let held = async || {
        world.store.alerts(false, 9).await.expect("reads").iter().any(|one| one.alert.code == AlertCode::DeliveryHeld)
    };
    assert!(held().await && due(world).await.is_empty());
    sends_again(world, "r1", first.id).await;
    assert!(!held().await);
    let again = due(world).await.remove(0);
    assert_eq!((again.id, again.doubted_at), (first.id, None));
    world.settles(&again, Settlement::Held { until: again.now }).await;
    let again = due(world).await.remove(0);
    world.settles(&again, given_up(HELD_TOO_LONG)).await;
    sends_again(world, "r2", first.id).await;
    let again = due(world).await.into_iter().find(|claim| claim.id == first.id).expect("is due");
    assert_eq!((again.doubted_at, again.attempt), (None, 4));
}

/// Its own pause is over, its account's is not.
pub async fn what_waits_is_due_when_an_admin_says_so(world: &World) {
    answered(world, "plain", "1").await;
    let first = due(world).await.remove(0);
    world.settles(&first, deferred(&first, 60_000, RetryScope::Message)).await;
    assert!(due(world).await.is_empty());
    assert!(sends_again(world, "r1", first.id).await.starts_with("Delivery 1 is due now"));
    let again = due(world).await.remove(0);
    assert_eq!((again.id, again.attempt), (first.id, 2));
    world.settles(&again, deferred(&again, 60_000, RetryScope::Account)).await;
    sends_again(world, "r2", first.id).await;
    assert!(due(world).await.is_empty());
    world.clock.advance_ms(60_000);
    let again = due(world).await.remove(0);
    let assert_at = Some(again.now.plus_ms(60_000));
    world.settles(&again, Settlement::Delivered { message: MessageId::new("m"), assert_at, notice: None }).await;
    let assertion = outbox(world).await.remove(0);
    assert_eq!(assertion.kind, DeliveryKind::Assertion);
    assert!(
        sends_again(world, "r3", assertion.id).await.ends_with("after whatever may come late; nothing was changed.")
    );
    assert!(due(world).await.is_empty());
}

/// It is given up with the reason; what followed it goes on; what is being sent is left alone.
pub async fn what_waits_is_dropped_and_its_lane_goes_on(world: &World) {
    let turn = answered(world, "plain", "1").await;
    answered(world, "plain", "2").await;
    let first = due(world).await.remove(0);
    assert!(drops(world, "d1", first.id).await.contains("is being sent at this moment"));
    world.settles(&first, Settlement::Held { until: first.now.plus_ms(3_600_000) }).await;
    assert_eq!(drops(world, "d2", first.id).await, "Delivery 1 is given up.");
    assert_eq!(drops(world, "d3", first.id).await, "Delivery 1 is over; nothing was changed.");
    assert!(world.store.alerts(false, 9).await.expect("reads").is_empty(), "nothing is held");
    assert_eq!(texts(&due(world).await), ["answer to 2"]);
    assert_eq!(world.counts().await.deliveries_dead, 1);
    let told = world.store.trace(&TraceOf::Turn(turn)).await.expect("reads").expect("is there");
    let given_up = told.events.iter().find(|event| event.what == "delivery.given_up").expect("is told");
    assert!(given_up.detail.contains("dropped by an admin, with turn "), "{}", given_up.detail);
    assert!(given_up.detail.ends_with(": it is there"), "{}", given_up.detail);
    assert_eq!(sends_again(world, "r1", first.id).await, "Delivery 1 is sent again.");
    let told = world.store.trace(&TraceOf::Turn(turn)).await.expect("reads").expect("is there");
    assert!(told.events.iter().all(|event| !event.detail.contains("it is there")), "{told:?}");
}

/// An admin of one account sees and touches only that account.
pub async fn nobody_touches_another_accounts_deliveries(world: &World) {
    answered(world, "plain", "1").await;
    let waits = due(world).await.remove(0);
    world.settles(&waits, deferred(&waits, 60_000, RetryScope::Message)).await;
    let (account, bridge) = (AccountId::new("other"), IncarnationId::new("bridge-2"));
    assert!(world.store.lease(&account, "@other", &bridge).await.expect("asks").is_some());
    assert!(world.store.outbox(&account, 10).await.expect("reads").is_empty());
    let mut elsewhere = place("plain");
    elsewhere.account = account.clone();
    let drop = PlaceCommand::Drop { delivery: waits.id, reason: "mine".into() };
    for (update, command) in [("r", PlaceCommand::SendAgain { delivery: waits.id }), ("d", drop)] {
        let intake = Intake::Command { asked: Asked { place: elsewhere.clone(), ..asked("plain", update) }, command };
        let batch = IngestBatch {
            account: account.clone(),
            holder: bridge.clone(),
            items: vec![IngestItem { update: UpdateId::new(update), intake }],
            cursor: Some(Cursor::new(update)),
        };
        let turn = world.store.ingest(batch).await.expect("is accepted").remove(0).turn.expect("a turn");
        assert_eq!(world.last_word(turn).await.as_deref(), Some("There is no delivery 1 here; /outbox lists them."));
    }
    assert_eq!(outbox(world).await[0].state, DeliveryState::Pending);
    assert!(due(world).await.is_empty());
}

/// What was erased can't be sent, whoever asks for it.
pub async fn what_was_erased_is_never_sent_again(world: &World) {
    answered(world, "plain", "1").await;
    let first = due(world).await.remove(0);
    world.settles(&first, given_up("kicked")).await;
    forget(world, "alice").await;
    assert_eq!(
        sends_again(world, "again", first.id).await,
        "What delivery 1 said is erased; it can't be sent any more."
    );
    assert!(due(world).await.is_empty());
}

/// Why an admin dropped it is theirs: it goes with them, and that they dropped it stays.
pub async fn forgetting_erases_why_it_was_dropped(world: &World) {
    world.takes("1", from("bob", turn("plain", "1"))).await;
    world.answers(&world.claims().await[0], "for bob").await;
    let first = due(world).await.remove(0);
    world.settles(&first, deferred(&first, 60_000, RetryScope::Message)).await;
    drops(world, "d1", first.id).await;
    world.delivers_all().await;
    let cause = async || outbox(world).await.remove(0).cause.expect("is told");
    assert!(cause().await.ends_with(": it is there"), "{}", cause().await);
    forget(world, "alice").await;
    let told = cause().await;
    assert!(told.starts_with("dropped by an admin, with turn ") && !told.contains(':'), "{told}");
}
