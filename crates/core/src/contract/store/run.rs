//! Who runs what, and whose word counts.

use super::world::*;
use crate::{
    agent::ProcessGroup,
    ids::IncarnationId,
    reason::Reason,
    store::{Elected, End, Intake, PlaceCommand, Replays, Role, Standing, Verdict},
    turn::TurnState,
};

/// One running turn per place, however many workers ask.
pub async fn two_workers_never_run_two_turns_of_one_place(world: &World) {
    for text in ["a1", "a2", "a3"] {
        world.asks("a", text).await;
    }
    world.asks("b", "b1").await;
    let first = world.claims_as(WORKER, 1).await;
    let second = world.claims_as("worker-2", 10).await;
    assert_eq!(first.iter().map(|claim| &*claim.prompt).collect::<Vec<_>>(), ["a1"]);
    assert_eq!(second.iter().map(|claim| &*claim.prompt).collect::<Vec<_>>(), ["b1"]);
    assert!(world.claims_as("worker-2", 10).await.is_empty());
}

/// The next one starts when the one before has its last word.
pub async fn turns_of_a_place_run_in_order(world: &World) {
    for text in ["1", "2", "3"] {
        world.asks("a", text).await;
    }
    for expected in ["1", "2", "3"] {
        let claims = world.claims().await;
        assert_eq!(claims.iter().map(|claim| &*claim.prompt).collect::<Vec<_>>(), [expected]);
        world.answers(&claims[0], "ok").await;
    }
    assert!(world.claims().await.is_empty());
}

/// First writer wins; a later word, and one for another attempt, finds no marker.
pub async fn only_the_current_attempt_can_elect(world: &World) {
    world.takes("u1", Intake::Turn(patient_turn("a", "hello"))).await;
    let first = world.claims().await.remove(0);
    world.store.decide_lost(&IncarnationId::new(WORKER), Replays::Allow, 10).await.expect("is decided");
    assert_eq!(world.tries(answer(&first, "between attempts")).await, Elected::Lost);
    let second = world.claims_as("worker-2", 1).await.remove(0);
    assert_eq!(second.fence.attempt, first.fence.attempt.next());
    assert_eq!(world.tries(answer(&first, "late")).await, Elected::Lost);
    world.answers(&second, "now").await;
    assert_eq!(world.tries(answer(&second, "again")).await, Elected::Lost);
    assert_eq!(world.tries(error(&second, Reason::TooSlow { after_ms: 1 })).await, Elected::Lost);
    assert_eq!(world.last_word(second.fence.turn).await.as_deref(), Some("now"));
}

/// A sweep's word counts only if nothing moved since it looked.
pub async fn a_sweep_does_not_end_a_turn_that_moved(world: &World) {
    world.asks("a", "hello").await;
    let claim = world.claims().await.remove(0);
    let seen = world.store.owed().await.expect("reads").remove(0).progress;
    let sweep = Verdict { if_progress: Some(seen), ..error(&claim, Reason::Idle { after_ms: 1 }) };
    let standing = world.store.progress(claim.fence, None).await.expect("reports");
    assert_eq!(standing, Standing::Current);
    assert_eq!(world.tries(sweep.clone()).await, Elected::Lost);
    world.elects(Verdict { if_progress: Some(seen + 1), ..sweep }).await;
}

/// What was meant for a running attempt does not end the turn that waits for its next one.
pub async fn a_requeued_turn_hears_no_word_on_its_lost_attempt(world: &World) {
    world.takes("u1", Intake::Turn(patient_turn("a", "hello"))).await;
    let claim = world.claims().await.remove(0);
    let seen = world.store.owed().await.expect("reads").remove(0).progress;
    world.store.decide_lost(&IncarnationId::new(WORKER), Replays::Allow, 10).await.expect("is decided");
    assert_eq!(world.tries(error(&claim, Reason::AgentSilent)).await, Elected::Lost);
    let sweep = |seen| Verdict { if_progress: Some(seen), ..error(&claim, Reason::Idle { after_ms: 1 }) };
    assert_eq!(world.tries(sweep(seen)).await, Elected::Lost);
    assert_eq!(world.counts().await.queued, 1);
    let waits = world.store.owed().await.expect("reads").remove(0);
    assert_eq!((waits.fence, waits.state), (claim.fence, TurnState::Queued));
    world.elects(sweep(waits.progress)).await;
}

/// A queue deadline ends a turn that never ran; nothing else can, and the next one moves up.
pub async fn a_queued_turn_may_only_fail(world: &World) {
    let first = world.asks("a", "1").await;
    world.asks("a", "2").await;
    let head = world.store.owed().await.expect("reads").remove(0);
    assert_eq!(head.fence.turn, first);
    let say =
        |end: End| Verdict { fence: head.fence, end, parts: vec!["word".into()], files: Vec::new(), if_progress: None };
    assert_eq!(world.tries(say(End::Answered)).await, Elected::Lost);
    world.elects(say(End::Errored(Reason::QueuedTooLong { after_ms: 1 }))).await;
    assert_eq!(world.claims().await[0].prompt, "2");
    assert_eq!(world.counts().await.errored, 1);
}

/// Everything a worker writes is refused once its attempt is not current.
pub async fn a_late_attempt_is_told_to_stop(world: &World) {
    world.asks("a", "hello").await;
    let claim = world.claims().await.remove(0);
    let group = ProcessGroup { pid: 4, started_ticks: u64::MAX };
    let worker = IncarnationId::new(WORKER);
    assert_eq!(world.store.record_group(claim.fence, group).await.expect("records"), Standing::Current);
    assert_eq!(world.store.groups(&worker).await.expect("reads"), [(claim.fence, group)]);
    assert_eq!(world.store.running(&worker).await.expect("reads"), [claim.fence]);
    world.answers(&claim, "done").await;
    assert_eq!(world.store.record_group(claim.fence, group).await.expect("asks"), Standing::Superseded);
    assert_eq!(world.store.progress(claim.fence, None).await.expect("asks"), Standing::Superseded);
    assert!(world.store.groups(&worker).await.expect("reads").is_empty());
    assert!(world.store.running(&worker).await.expect("reads").is_empty());
}

/// By default an error at once; again where the agent may run twice and attempts are left.
pub async fn a_lost_worker_errs_or_replays_as_its_turn_says(world: &World) {
    let once = world.asks("a", "once").await;
    let twice = world.takes("twice", Intake::Turn(patient_turn("b", "twice"))).await.turn.expect("a turn");
    assert_eq!(world.starts(world.claims().await).await, 2);
    let decided = world.store.decide_lost(&IncarnationId::new(WORKER), Replays::Allow, 10).await.expect("is decided");
    assert_eq!((decided.errored, decided.requeued, decided.has_more), (1, 1, false));
    assert_eq!(world.last_word(once).await, Some(Reason::WorkerLost.last_word()));
    let again = world.claims_as("worker-2", 10).await;
    assert_eq!(again.iter().map(|claim| claim.fence.turn).collect::<Vec<_>>(), [twice]);
    world.starts(again).await;
    let decided =
        world.store.decide_lost(&IncarnationId::new("worker-2"), Replays::Allow, 10).await.expect("is decided");
    assert_eq!((decided.errored, decided.requeued), (1, 0), "no attempts are left");
    let living = world.store.living().await.expect("reads");
    assert!(living.iter().all(|one| one.id.as_str().starts_with("bridge")), "{living:?}");
    world.counts().await;
}

/// Nothing can have acted where no agent started: such a turn runs again, at once, but not for ever.
pub async fn a_claim_that_never_started_its_agent_runs_again(world: &World) {
    let turn = world.asks("a", "once").await;
    world.takes("twice", Intake::Turn(patient_turn("b", "twice"))).await;
    for attempt in 1..=3 {
        let worker = format!("short-lived-{attempt}");
        world.registers(&worker, Role::Worker).await;
        let claims = world.claims_as(&worker, 10).await;
        assert_eq!(claims.iter().map(|claim| claim.fence.attempt.0).collect::<Vec<_>>(), [attempt; 2]);
        let worker = IncarnationId::new(worker);
        let decided = world.store.decide_lost(&worker, Replays::Hold, 10).await.expect("is decided");
        assert_eq!((decided.errored, decided.requeued), if attempt < 3 { (0, 2) } else { (2, 0) });
    }
    assert_eq!(world.last_word(turn).await, Some(Reason::WorkerLost.last_word()));
}

/// A sign of progress is as good as a process group: the agent ran, and runs once.
pub async fn progress_without_a_group_is_a_start(world: &World) {
    world.asks("a", "once").await;
    let claim = world.claims().await.remove(0);
    let standing = world.store.progress(claim.fence, None).await.expect("reports");
    assert_eq!(standing, Standing::Current);
    let decided = world.store.decide_lost(&IncarnationId::new(WORKER), Replays::Hold, 10).await.expect("is decided");
    assert_eq!((decided.errored, decided.requeued), (1, 0));
}

/// Nothing runs again before the lost worker's process groups are confirmed gone.
pub async fn held_replays_wait_for_their_groups(world: &World) {
    let worker = IncarnationId::new(WORKER);
    world.takes("u1", Intake::Turn(patient_turn("a", "twice"))).await;
    world.asks("b", "once").await;
    world.starts(world.claims().await).await;
    let held = world.store.decide_lost(&worker, Replays::Hold, 10).await.expect("is decided");
    assert_eq!((held.errored, held.requeued, held.has_more), (1, 0, false), "asking the same again would do nothing");
    assert!(world.claims_as("worker-2", 10).await.is_empty());
    assert!(world.store.living().await.expect("reads").iter().any(|one| one.id == worker), "it is not forgotten yet");
    let allowed = world.store.decide_lost(&worker, Replays::Allow, 10).await.expect("is decided");
    assert_eq!((allowed.errored, allowed.requeued), (0, 1));
    assert_eq!(world.claims_as("worker-2", 10).await.len(), 1);
}

/// A great many are decided a few at a time, and the incarnation is forgotten with the last.
pub async fn a_lost_worker_is_decided_in_pieces(world: &World) {
    let worker = IncarnationId::new(WORKER);
    for n in 0..5 {
        world.asks(&format!("place {n}"), &format!("text {n}")).await;
    }
    assert_eq!(world.starts(world.claims().await).await, 5);
    let mut errored = Vec::new();
    loop {
        let decided = world.store.decide_lost(&worker, Replays::Allow, 2).await.expect("is decided");
        errored.push(decided.errored);
        if !decided.has_more {
            break;
        }
        assert!(world.store.living().await.expect("reads").iter().any(|one| one.id == worker));
    }
    assert_eq!(errored, [2, 2, 1]);
    assert!(world.store.living().await.expect("reads").iter().all(|one| one.id != worker));
}

/// A process that was taken for dead must not go on as if it were not.
pub async fn who_was_decided_as_lost_learns_it_from_its_next_beat(world: &World) {
    let worker = IncarnationId::new(WORKER);
    assert_eq!(world.store.beat(&worker).await.expect("beats"), Standing::Current);
    let living = world.store.living().await.expect("reads");
    assert_eq!(living.iter().find(|one| one.id == worker).map(|one| one.beats), Some(1));
    world.store.decide_lost(&worker, Replays::Allow, 10).await.expect("is decided");
    assert_eq!(world.store.beat(&worker).await.expect("beats"), Standing::Superseded);
    let living = world.store.living().await.expect("reads");
    assert!(living.iter().all(|one| one.id != worker), "a beat brings nobody back");
}

/// Nobody would ever decide what it left behind.
pub async fn an_unregistered_worker_claims_nothing(world: &World) {
    world.asks("a", "hello").await;
    assert_refused(world.store.claim(&IncarnationId::new("nobody"), 1).await);
    let owed = world.store.owed().await.expect("reads");
    assert_eq!(owed.iter().map(|owed| owed.state).collect::<Vec<_>>(), [TurnState::Queued]);
}

/// Waiting turns are merged into the claimed one, and its reply is theirs.
pub async fn collected_turns_are_answered_by_their_lead(world: &World) {
    let mut turns = Vec::new();
    for text in ["1", "2", "3"] {
        turns.extend(world.takes(text, Intake::Turn(patient_turn("a", text))).await.turn);
    }
    let alone = world.asks("a", "not collectable").await;
    let lead = world.claims().await.remove(0);
    assert_eq!(lead.prompt, "1\n\n2\n\n3");
    assert_eq!(lead.fence.turn, turns[0]);
    world.answers(&lead, "all three").await;
    for turn in turns {
        assert_eq!(world.last_word(turn).await.as_deref(), Some("all three"));
    }
    let counts = world.counts().await;
    assert_eq!((counts.replied, counts.merged, counts.queued), (1, 2, 1));
    assert_eq!(world.claims().await[0].fence.turn, alone);
}

/// What was asked after `/new` is no part of an answer in the old session.
pub async fn collecting_ends_with_the_session(world: &World) {
    for text in ["1", "2"] {
        world.takes(text, Intake::Turn(patient_turn("a", text))).await;
    }
    world.commands("a", "/new", PlaceCommand::New).await;
    for text in ["3", "4"] {
        world.takes(text, Intake::Turn(patient_turn("a", text))).await;
    }
    let old = world.claims().await.remove(0);
    assert_eq!(old.prompt, "1\n\n2");
    world.answers(&old, "ok").await;
    let new = world.claims().await.remove(0);
    assert_eq!((&*new.prompt, new.session), ("3\n\n4", old.session + 1));
}

/// What many people wait for does not grow into a prompt that no agent can read.
pub async fn collecting_ends_before_a_prompt_is_too_long(world: &World) {
    let half = |name: &str| name.repeat(30_000);
    for name in ["1", "2", "3"] {
        world.takes(name, Intake::Turn(patient_turn("a", &half(name)))).await;
    }
    let first = world.claims().await.remove(0);
    assert_eq!(first.prompt, format!("{}\n\n{}", half("1"), half("2")));
    world.answers(&first, "ok").await;
    assert_eq!(world.claims().await[0].prompt, half("3"));
    world.counts().await;
}

/// What a lead collected belongs to it for good.
pub async fn a_replayed_lead_keeps_its_prompts(world: &World) {
    for text in ["1", "2"] {
        world.takes(text, Intake::Turn(patient_turn("a", text))).await;
    }
    world.claims().await;
    world.store.decide_lost(&IncarnationId::new(WORKER), Replays::Allow, 10).await.expect("is decided");
    assert_eq!(world.claims_as("worker-2", 1).await[0].prompt, "1\n\n2");
}

/// Between two attempts and during the next one, nothing that an earlier one reports counts.
pub async fn a_late_attempt_reports_nothing_of_the_next(world: &World) {
    let turn = world.takes("u1", Intake::Turn(patient_turn("a", "hello"))).await.turn.expect("a turn");
    let first = world.claims().await.remove(0);
    world.store.decide_lost(&IncarnationId::new(WORKER), Replays::Allow, 10).await.expect("is decided");
    let reports_late = async || {
        let seen = world.store.owed().await.expect("reads").remove(0).progress;
        let group = ProcessGroup { pid: 4, started_ticks: u64::MAX };
        assert_eq!(world.store.record_group(first.fence, group).await.expect("asks"), Standing::Superseded);
        for text in [None, Some("late".to_owned())] {
            assert_eq!(world.store.progress(first.fence, text).await.expect("asks"), Standing::Superseded);
        }
        assert_eq!(world.store.owed().await.expect("reads").remove(0).progress, seen, "it moves no deadline");
        assert!(world.store.stream(turn, None).await.expect("reads").is_empty(), "nobody sees it");
    };
    reports_late().await;
    let second = world.claims_as("worker-2", 1).await.remove(0);
    assert_eq!(second.fence.attempt, first.fence.attempt.next());
    reports_late().await;
    assert!(world.store.groups(&IncarnationId::new("worker-2")).await.expect("reads").is_empty());
}
