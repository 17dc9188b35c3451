//! Commands about a place.

use super::world::*;
use crate::{
    ids::{AgentId, UserId},
    reason::Reason,
    store::{Asked, Elected, Intake, NewTurn, PlaceCommand},
    turn::TurnState,
};

const RETRY: PlaceCommand = PlaceCommand::Retry { queue_max: 100 };

/// `/stop` is a last word for the running turn and has one of its own.
pub async fn stop_speaks_for_the_running_turn_once(world: &World) {
    let running = world.asks("a", "long work").await;
    let claim = world.claims().await.remove(0);
    let stop = world.commands("a", "stop", PlaceCommand::Stop).await;
    let again = world.commands("a", "stop again", PlaceCommand::Stop).await;
    assert_eq!(world.last_word(running).await.as_deref(), Some("Error: stopped"));
    assert_eq!(world.last_word(stop).await.as_deref(), Some("Stopped."));
    assert_eq!(world.last_word(again).await.as_deref(), Some("Nothing is running here."));
    assert_eq!(world.tries(answer(&claim, "too late")).await, Elected::Lost);
    let view = world.store.turn(running).await.expect("reads").expect("exists");
    assert_eq!((view.state, view.reason), (TurnState::Cancelled, Some(Reason::Stopped)));
    let counts = world.counts().await;
    assert_eq!((counts.stopped, counts.replied), (1, 2));
}

/// Turns asked before `/new` keep their session, also when they run after it.
pub async fn a_new_session_begins_with_the_next_message(world: &World) {
    world.asks("a", "1").await;
    let first = world.claims().await.remove(0);
    world.asks("a", "2").await;
    let new = world.commands("a", "/new", PlaceCommand::New).await;
    world.asks("a", "3").await;
    let word = world.last_word(new).await.expect("is answered");
    assert!(word.starts_with("Started afresh") && word.contains("old one"), "{word}");
    world.answers(&first, "ok").await;
    let second = world.claims().await.remove(0);
    world.answers(&second, "ok").await;
    let third = world.claims().await.remove(0);
    assert_eq!(first.session, second.session);
    assert_eq!(third.session, first.session + 1);
}

/// `/retry` asks again what was asked last, and only when it is not owed any more.
pub async fn retry_asks_the_last_prompt_again(world: &World) {
    let nothing = world.commands("a", "r1", RETRY).await;
    assert_eq!(world.last_word(nothing).await.as_deref(), Some("There is nothing to retry here yet."));
    world.takes("u1", Intake::Turn(patient_turn("a", "hello"))).await;
    let claim = world.claims().await.remove(0);
    let early = world.commands("a", "r2", RETRY).await;
    assert_eq!(world.last_word(early).await.as_deref(), Some("This is still being worked on; /stop ends it."));
    world.elects(error(&claim, Reason::AgentSilent)).await;
    let retry = world.commands("a", "r3", RETRY).await;
    let again = world.claims().await.remove(0);
    assert_eq!((again.fence.turn, &*again.prompt), (retry, "hello"));
    assert_eq!(again.agent, AgentId::new("echo"));
}

/// What others asked in the same place is theirs, also where one answer was for all.
pub async fn retry_repeats_only_what_the_same_person_asked(world: &World) {
    let by_bob = |text: &str| Asked { sender: UserId::new("bob"), ..asked("a", text) };
    let bob_retries = |update: &str| Intake::Command { asked: by_bob(update), command: RETRY };
    world.asks("a", "hers alone").await;
    let first = world.claims().await.remove(0);
    world.answers(&first, "ok").await;
    let nothing = world.takes("r1", bob_retries("r1")).await.turn.expect("a turn");
    assert_eq!(world.last_word(nothing).await.as_deref(), Some("There is nothing to retry here yet."));
    world.takes("hers", Intake::Turn(patient_turn("a", "hers"))).await;
    world.takes("his", Intake::Turn(NewTurn { asked: by_bob("his"), ..patient_turn("a", "his") })).await;
    world.takes("hers too", Intake::Turn(patient_turn("a", "hers too"))).await;
    let all = world.claims().await.remove(0);
    assert_eq!(all.prompt, "hers\n\nhis\n\nhers too");
    world.answers(&all, "ok").await;
    world.takes("r2", bob_retries("r2")).await;
    let his = world.claims().await.remove(0);
    assert_eq!(his.prompt, "his");
    world.answers(&his, "ok").await;
    world.commands("a", "r3", RETRY).await;
    assert_eq!(world.claims().await[0].prompt, "hers\n\nhers too");
}

/// A queue that is full is full for `/retry` too.
pub async fn retry_waits_in_the_same_queue(world: &World) {
    world.asks("a", "running").await;
    world.claims().await;
    let by_bob = |text: &str| Asked { sender: UserId::new("bob"), ..asked("a", text) };
    let narrow = |text: &str| NewTurn { asked: by_bob(text), queue_max: 1, ..turn("a", text) };
    world.asks("a", "waits").await;
    let busy = |id| async move { world.store.turn(id).await.expect("reads").expect("exists").reason };
    let refused = world.takes("too many", Intake::Turn(narrow("too many"))).await.turn.expect("a turn");
    assert_eq!(busy(refused).await, Some(Reason::Busy { max: 1 }));
    let command = PlaceCommand::Retry { queue_max: 1 };
    let again = world.takes("retry", Intake::Command { asked: by_bob("retry"), command }).await.turn.expect("a turn");
    assert_eq!(busy(again).await, Some(Reason::Busy { max: 1 }));
    assert_eq!(world.counts().await.queued, 1);
}

/// `/status` counts what runs and waits in its own place.
pub async fn a_status_tells_what_runs_and_waits(world: &World) {
    world.asks("a", "1").await;
    world.claims().await;
    world.asks("a", "2").await;
    world.asks("elsewhere", "3").await;
    world.clock.advance_ms(5_000);
    let status = world.commands("a", "status", PlaceCommand::Status { about: "All is well.".into() }).await;
    let word = world.last_word(status).await.expect("is answered");
    assert_eq!(word, "All is well.\nHere: working for 5 seconds; 1 message waits. Session 1.");
}
