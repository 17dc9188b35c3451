//! What operators ask of the processes: owed, but not in the queue.

use super::world::*;
use crate::{
    delivery::DeliveryKind,
    ids::{Attempt, Fence, IncarnationId, TurnId},
    reason::Reason,
    store::{Elected, End, Operation, PlaceCommand, Request, Restart, Role, Verdict},
    turn::TurnState,
};

fn says(turn: TurnId, end: End) -> Verdict {
    let fence = Fence { turn, attempt: Attempt::NONE };
    Verdict { fence, end, parts: vec!["Restarted.".into()], files: Vec::new(), if_progress: None }
}

async fn requests(world: &World) -> Vec<Request> {
    world.store.requests().await.expect("reads")
}

/// Who lives when a restart is accepted is named by it; who begins later is not, and a redelivery changes nothing.
pub async fn a_restart_names_who_lives(world: &World) {
    let all = world.commands("a", "all", PlaceCommand::Operate(Operation::Restart(Restart::All))).await;
    world.registers("bridge-3", Role::Bridge).await;
    let again = world.commands("a", "all", PlaceCommand::Operate(Operation::Restart(Restart::All))).await;
    assert_eq!(again, all, "a redelivered message asks nothing again");
    let bridge = world.commands("b", "bridge", PlaceCommand::Operate(Operation::Restart(Restart::Bridge))).await;
    let worker = world.commands("b", "worker", PlaceCommand::Operate(Operation::Restart(Restart::Worker))).await;
    let named: Vec<(TurnId, Vec<IncarnationId>)> =
        requests(world).await.into_iter().map(|request| (request.turn, request.replaces)).collect();
    let ids = |ids: &[&str]| ids.iter().map(|id| IncarnationId::new(*id)).collect::<Vec<_>>();
    assert_eq!(
        named,
        [
            (all, ids(&["bridge-1", "bridge-2", "worker-1", "worker-2"])),
            (bridge, ids(&["bridge-1", "bridge-2", "bridge-3"])),
            (worker, ids(&["worker-1", "worker-2"])),
        ]
    );
}

/// No worker runs a restart, and nobody in its place waits for it, or is waited for.
pub async fn a_restart_stands_in_no_queue(world: &World) {
    let running = world.asks("a", "1").await;
    let first = world.claims().await.remove(0);
    let restart = world.commands("a", "restart", PlaceCommand::Operate(Operation::Restart(Restart::All))).await;
    let patient = |text: &str| crate::store::Intake::Turn(patient_turn("a", text));
    world.takes("2", patient("2")).await;
    world.commands("a", "once more", PlaceCommand::Operate(Operation::Restart(Restart::All))).await;
    world.takes("3", patient("3")).await;
    let stop = world.commands("a", "stop", PlaceCommand::Stop).await;
    assert_eq!(world.last_word(stop).await.as_deref(), Some("Stopped."));
    assert_eq!(world.tries(answer(&first, "too late")).await, Elected::Lost);
    assert_eq!(world.last_word(running).await.as_deref(), Some("Error: stopped"));
    let owed: Vec<TurnId> = world.store.owed().await.expect("reads").into_iter().map(|owed| owed.fence.turn).collect();
    assert!(!owed.contains(&restart), "no deadline of a queue ends it");
    let claim = world.claims().await.remove(0);
    assert_eq!(claim.prompt, "2\n\n3");
    assert!(world.claims().await.is_empty());
    let status = world.commands("a", "status", PlaceCommand::Status { about: String::new() }).await;
    assert!(world.last_word(status).await.expect("is answered").contains("nothing waits"));
    assert_eq!(requests(world).await.len(), 2);
    assert_eq!(world.counts().await.queued, 2);
    world.answers(&claim, "ok").await;
    world.is_sound().await;
}

/// It is heard at once, and answered once: in the same message, where messages can be edited.
pub async fn a_restart_is_answered_once(world: &World) {
    for place in ["a", "plain"] {
        let restart = world.commands(place, place, PlaceCommand::Operate(Operation::Restart(Restart::Bridge))).await;
        let heard = world.due().await.remove(0);
        assert_eq!(heard.text, "Restarting the bridge …");
        let kind = if place == "a" { DeliveryKind::Placeholder } else { DeliveryKind::Hint };
        assert_eq!((heard.kind, heard.turn), (kind, Some(restart)));
        assert!(world.settles(&heard, delivered("heard")).await);
        world.elects(says(restart, End::Answered)).await;
        assert_eq!(world.tries(says(restart, End::Errored(Reason::RestartFailed))).await, Elected::Lost);
        let word = world.due().await.remove(0);
        assert_eq!((word.kind, &*word.text), (DeliveryKind::Terminal, "Restarted."));
        assert_eq!(word.target.as_ref().map(|target| target.as_str()), (place == "a").then_some("heard"));
        assert!(world.settles(&word, delivered("heard")).await);
        let view = world.store.turn(restart).await.expect("reads").expect("exists");
        assert_eq!((view.state, view.reply.as_deref()), (TurnState::Done, Some("Restarted.")));
    }
    assert!(requests(world).await.is_empty());
}

/// One that can't be carried out ends with its reason.
pub async fn a_restart_may_fail(world: &World) {
    let restart = world.commands("a", "restart", PlaceCommand::Operate(Operation::Restart(Restart::Worker))).await;
    world.elects(says(restart, End::Errored(Reason::RestartFailed))).await;
    let view = world.store.turn(restart).await.expect("reads").expect("exists");
    assert_eq!((view.state, view.reason), (TurnState::Failed, Some(Reason::RestartFailed)));
    assert_eq!(world.delivers_all().await, ["Restarted."], "nothing announces it any more");
    assert_eq!(world.counts().await.errored, 1);
}

/// Who asked is told how far an update is, beside its last word, and nothing any more once that is spoken.
pub async fn an_update_says_how_far_it_is(world: &World) {
    for (place, operation) in [("a", Operation::Update), ("plain", Operation::Rollback)] {
        let update = world.commands(place, place, PlaceCommand::Operate(operation)).await;
        assert_eq!(requests(world).await.iter().map(|request| request.operation).collect::<Vec<_>>(), [operation]);
        let said = world.store.say_how_far(update, "Half.".into()).await.expect("is kept").expect("is owed");
        let due = world.due().await;
        assert_eq!(due.iter().map(|claim| claim.kind).collect::<Vec<_>>(), [DeliveryKind::Hint; 2]);
        assert_eq!((&*due[1].text, due[1].id, due[1].turn), ("Half.", said, Some(update)));
        assert!(world.settles(&due[0], delivered("1")).await);
        assert!(!world.store.is_delivered(said).await.expect("reads"));
        assert!(world.settles(&due[1], delivered("2")).await);
        assert!(world.store.is_delivered(said).await.expect("reads"));
        world.elects(says(update, End::Answered)).await;
        assert_eq!(world.store.say_how_far(update, "More.".into()).await.expect("asks"), None);
        let word = world.due().await.remove(0);
        assert_eq!((word.kind, &*word.text), (DeliveryKind::Terminal, "Restarted."));
        assert!(world.settles(&word, delivered("3")).await);
    }
    assert!(world.due().await.is_empty());
    world.is_sound().await;
}
