//! What people and operators see.

use futures_util::FutureExt;

use super::world::*;
use crate::{
    ids::{Attempt, IncarnationId, TurnId},
    reason::Reason,
    store::{Intake, PlaceCommand, Replays, Standing, StreamEvent, StreamKind, StreamPosition, Topic},
    turn::TurnState,
};

async fn says(world: &World, claim: &crate::store::Claim, text: &str) {
    let standing = world.store.progress(claim.fence, Some(text.into())).await.expect("reports");
    assert_eq!(standing, Standing::Current);
}

async fn stream(world: &World, turn: TurnId, after: Option<StreamPosition>) -> Vec<StreamEvent> {
    world.store.stream(turn, after).await.expect("reads")
}

fn at(attempt: u32, n: u32) -> StreamPosition {
    StreamPosition { attempt: Attempt(attempt), n }
}

/// Progress in order, then the last word, then nothing.
pub async fn a_stream_ends_with_the_last_word(world: &World) {
    let turn = world.asks("a", "hello").await;
    assert!(stream(world, turn, None).await.is_empty());
    let claim = world.claims().await.remove(0);
    says(world, &claim, "one").await;
    says(world, &claim, "two").await;
    let two = StreamEvent { position: at(1, 2), kind: StreamKind::Progress("two".into()) };
    assert_eq!(stream(world, turn, None).await.len(), 2);
    assert_eq!(stream(world, turn, Some(at(1, 1))).await, [two]);
    world.answers(&claim, "done").await;
    let end = StreamEvent { position: StreamPosition::END, kind: StreamKind::Reply("done".into()) };
    assert_eq!(stream(world, turn, Some(at(1, 2))).await, [end]);
    assert!(stream(world, turn, Some(StreamPosition::END)).await.is_empty());
    let failed = world.asks("a", "again").await;
    let claim = world.claims().await.remove(0);
    world.elects(error(&claim, Reason::AgentSilent)).await;
    let last = stream(world, failed, None).await.pop().expect("ends");
    assert_eq!(last.kind, StreamKind::Error(Reason::AgentSilent.last_word()));
}

/// Whoever saw something of an earlier attempt is told to forget it; a newcomer is not.
pub async fn a_reset_follows_a_new_attempt(world: &World) {
    let turn = world.takes("u1", Intake::Turn(patient_turn("a", "hello"))).await.turn.expect("a turn");
    let first = world.claims().await.remove(0);
    says(world, &first, "half").await;
    world.store.decide_lost(&IncarnationId::new(WORKER), Replays::Allow, 10).await.expect("is decided");
    let second = world.claims_as("worker-2", 1).await.remove(0);
    says(world, &second, "anew").await;
    let anew = StreamEvent { position: at(2, 1), kind: StreamKind::Progress("anew".into()) };
    let reset = StreamEvent { position: at(2, 0), kind: StreamKind::Reset };
    assert_eq!(stream(world, turn, Some(at(1, 1))).await, [reset, anew.clone()]);
    assert_eq!(stream(world, turn, Some(at(2, 0))).await, stream(world, turn, None).await);
    assert_eq!(stream(world, turn, None).await, [anew]);
}

/// The newest turns of one place, in the order in which they were asked.
pub async fn history_is_newest_last(world: &World) {
    let mut turns = Vec::new();
    for text in ["1", "2", "3", "4"] {
        turns.push(world.asks("a", text).await);
        world.asks("elsewhere", &format!("{text}'")).await;
    }
    let ids = async |before, limit| {
        let views = world.store.history(&place("a"), before, limit).await.expect("reads");
        views.into_iter().map(|view| view.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(None, 2).await, turns[2..]);
    assert_eq!(ids(Some(turns[2]), 10).await, turns[..2]);
    assert!(world.store.history(&place("nowhere"), None, 5).await.expect("reads").is_empty());
}

/// A sweep sees every running turn and those that could run, but not those whose place is at work.
pub async fn what_is_owed_is_running_or_next(world: &World) {
    let running = world.asks("a", "1").await;
    world.claims().await;
    world.asks("a", "behind it").await;
    let next = world.asks("b", "2").await;
    let mut owed = world.store.owed().await.expect("reads");
    owed.sort_by_key(|owed| owed.fence.turn);
    let states: Vec<_> = owed.iter().map(|owed| (owed.fence.turn, owed.state, owed.owner.is_some())).collect();
    assert_eq!(states, [(running, TurnState::Running, true), (next, TurnState::Queued, false)]);
}

/// Nobody who subscribed before a commit misses it.
pub async fn commits_wake_their_topics(world: &World) {
    let mut turns = world.store.subscribe(Topic::Turns);
    let mut decided = world.store.subscribe(Topic::Decided);
    let mut deliveries = world.store.subscribe(Topic::Deliveries);
    assert!(turns.woken().now_or_never().is_none());
    world.asks("plain", "hello").await;
    assert!(turns.woken().now_or_never().is_some());
    assert!(turns.woken().now_or_never().is_none(), "one commit, one wake-up");
    world.claims().await;
    assert!(deliveries.woken().now_or_never().is_none());
    assert!(decided.woken().now_or_never().is_none());
    world.commands("plain", "stop", PlaceCommand::Stop).await;
    assert!(deliveries.woken().now_or_never().is_some());
    assert!(decided.woken().now_or_never().is_some());
    assert!(turns.woken().now_or_never().is_some(), "the place is free");
}

/// accepted = replied + errored + stopped + merged + queued + running, after every step.
pub async fn counts_conserve(world: &World) {
    for text in ["1", "2", "3", "4", "5"] {
        world.takes(text, Intake::Turn(patient_turn("a", text))).await;
        world.asks("b", &format!("{text}'")).await;
        world.counts().await;
    }
    let claims = world.claims().await;
    world.counts().await;
    for claim in &claims {
        world.answers(claim, "ok").await;
        world.counts().await;
    }
    let claim = world.claims().await.remove(0);
    world.elects(error(&claim, Reason::AgentSilent)).await;
    world.claims().await;
    world.commands("b", "stop", PlaceCommand::Stop).await;
    let counts = world.counts().await;
    assert_eq!((counts.accepted, counts.replied, counts.errored), (11, 3, 1));
    assert_eq!((counts.stopped, counts.merged, counts.queued, counts.running), (1, 4, 2, 0));
}
