//! A pause: everything is kept, nothing begins.

use futures_util::FutureExt as _;

use super::{
    oversight::{answered, forget},
    world::*,
};
use crate::{
    alert::AlertCode,
    delivery::DeliveryKind,
    ids::{IncarnationId, TurnId, UserId},
    store::{Asked, Intake, NewTurn, PlaceCommand, Replays, Role, Topic},
    turn::TurnState,
};

const WAITS: &str = "Paused by an admin; your message is kept and will be answered.";

async fn pauses(world: &World, update: &str) -> TurnId {
    world.commands("plain admins", update, PlaceCommand::Pause { why: Some("new disk".into()) }).await
}

async fn resumes(world: &World, update: &str) -> TurnId {
    world.commands("plain admins", update, PlaceCommand::Resume).await
}

/// What runs goes on, commands and deliveries too; what waits runs afterwards, in its order.
pub async fn a_pause_lets_nothing_begin(world: &World) {
    world.asks("plain", "1").await;
    let running = world.claims().await.remove(0);
    let waits = world.asks("plain", "2").await;
    let pause = pauses(world, "p1").await;
    assert!(world.last_word(pause).await.expect("is answered").starts_with("Paused: "));
    let again = pauses(world, "p2").await;
    assert!(world.last_word(again).await.expect("is answered").starts_with("This is paused already"));
    world.answers(&running, "one").await;
    let elsewhere = world.asks("plain elsewhere", "3").await;
    assert!(world.claims().await.is_empty());
    let left = world.delivers_all().await;
    assert!(left.iter().any(|text| text == "one"), "{left:?}");
    world.commands("plain", "stop", PlaceCommand::Stop).await;
    assert_eq!(world.counts().await.queued, 2);
    let mut turns = world.store.subscribe(Topic::Turns);
    let resume = resumes(world, "r1").await;
    assert!(world.last_word(resume).await.expect("is answered").starts_with("Resumed"));
    assert!(turns.woken().now_or_never().is_some(), "workers hear of it");
    let claimed: Vec<_> = world.claims().await.iter().map(|claim| claim.fence.turn).collect();
    assert_eq!(claimed, [waits, elsewhere]);
    let nothing = resumes(world, "r2").await;
    assert_eq!(world.last_word(nothing).await.as_deref(), Some("Nothing is paused."));
}

/// It is the store's: a worker that starts during it claims nothing, and one that starts as it ends claims everything,
/// however the commits of its start and of the `/resume` follow each other.
pub async fn a_pause_outlives_every_process(world: &World) {
    world.takes("1", Intake::Turn(patient_turn("plain", "1"))).await;
    world.claims().await;
    pauses(world, "pause").await;
    let lost = IncarnationId::new(WORKER);
    let decided = world.store.decide_lost(&lost, Replays::Allow, 10).await.expect("is decided");
    assert_eq!(decided.requeued, 1);
    world.registers("worker-3", Role::Worker).await;
    assert!(world.claims_as("worker-3", 10).await.is_empty());
    world.registers("worker-4", Role::Worker).await;
    resumes(world, "resume").await;
    assert_eq!(world.claims_as("worker-4", 10).await.len(), 1);
}

/// A sweep sees no queued turn while none could be claimed, so none is past its deadline when it may be again.
pub async fn a_pause_moves_no_deadline_of_the_queue(world: &World) {
    let running = world.asks("plain", "1").await;
    world.claims().await;
    let waits = world.asks("plain elsewhere", "2").await;
    pauses(world, "pause").await;
    let seen =
        || async { world.store.owed().await.expect("reads").iter().map(|owed| owed.fence.turn).collect::<Vec<_>>() };
    assert_eq!(seen().await, [running]);
    resumes(world, "resume").await;
    assert_eq!(seen().await, [running, waits]);
}

/// Once per person and pause, again after an hour, and never in the place of a last word.
pub async fn who_asks_during_a_pause_is_told_once(world: &World) {
    let bob = |text: &str| NewTurn {
        asked: Asked { sender: UserId::new("bob"), ..asked("plain", text) },
        ..turn("plain", text)
    };
    let told = || async {
        let mut hints = Vec::new();
        for claim in of_kind(world.due().await, DeliveryKind::Hint) {
            assert_eq!((&*claim.text, claim.turn), (WAITS, None));
            hints.push(claim.reply_to.clone().expect("names the message"));
            world.settles(&claim, delivered(&format!("m-{}", claim.key))).await;
        }
        hints
    };
    world.asks("plain", "before").await;
    pauses(world, "p1").await;
    assert!(told().await.is_empty());
    let asked_now = world.asks("plain", "1").await;
    assert_eq!(told().await, [asked("plain", "1").message], "in the very moment of the pause");
    world.clock.advance_ms(5);
    world.asks("plain", "2").await;
    assert!(told().await.is_empty());
    world.takes("3", Intake::Turn(bob("3"))).await;
    assert_eq!(told().await, [asked("plain", "3").message]);
    world.clock.advance_ms(3_600_000);
    world.asks("plain", "4").await;
    world.asks("plain", "5").await;
    assert_eq!(told().await, [asked("plain", "4").message]);
    resumes(world, "r1").await;
    world.asks("plain", "6").await;
    world.clock.advance_ms(5);
    pauses(world, "p2").await;
    world.asks("plain", "7").await;
    assert_eq!(told().await, [asked("plain", "7").message], "another pause");
    let view = world.store.turn(asked_now).await.expect("reads").expect("exists");
    assert_eq!((view.state, view.reply), (TurnState::Queued, None), "a hint is no last word");
}

/// The alert is open exactly as long as the pause; the status says how long that is, and why.
pub async fn a_pause_is_an_alert_and_in_the_status(world: &World) {
    let status = |update: &'static str| async move {
        let command = PlaceCommand::Status { about: "All is well.".into() };
        let turn = world.commands("plain", update, command).await;
        world.last_word(turn).await.expect("is answered")
    };
    let open = || async {
        let open = world.store.alerts(false, 10).await.expect("reads");
        open.iter().map(|view| (view.alert.code, view.count)).collect::<Vec<_>>()
    };
    pauses(world, "p1").await;
    pauses(world, "p2").await;
    world.clock.advance_ms(300_000);
    assert_eq!(open().await, [(AlertCode::Paused, 1)]);
    let alerts = world.store.alerts(false, 10).await.expect("reads");
    assert!(!alerts[0].alert.detail.contains("new disk"), "what people write is in no alert");
    let text = status("s1").await;
    assert!(text.starts_with("All is well.\nPaused by an admin for 5 minutes: new disk\nHere: "), "{text}");
    resumes(world, "r").await;
    assert!(open().await.is_empty());
    let text = status("s2").await;
    assert!(text.starts_with("All is well.\nHere: "), "{text}");
}

/// The reason is the admin's word, and goes with it; the pause stays.
pub async fn forgetting_erases_why_it_is_paused(world: &World) {
    answered(world, "plain", "1").await;
    pauses(world, "pause").await;
    world.delivers_all().await;
    forget(world, "alice").await;
    let status = world.commands("plain", "status", PlaceCommand::Status { about: String::new() }).await;
    let text = world.last_word(status).await.expect("is answered");
    assert!(text.starts_with("Paused by an admin for ") && !text.contains("new disk"), "{text}");
    world.asks("plain", "2").await;
    assert!(world.claims().await.is_empty());
}
