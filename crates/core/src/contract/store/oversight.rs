//! What operators ask, and what the janitor does.

use super::world::*;
use crate::{
    alert::{Alert, AlertCode},
    ids::{AccountId, IncarnationId, Timestamp, TurnId, UpdateId, UserId},
    outcome::RetryScope,
    reason::Reason,
    store::{
        Forgotten, Intake, NewTurn, PlaceCommand, Pruned, Replays, Retention, Role, SessionOf, Settlement, Trace,
        TraceOf, Traced,
    },
};

const DAY_MS: i64 = 24 * 3_600_000;

pub(super) async fn answered(world: &World, place: &str, text: &str) -> TurnId {
    let turn = world.asks(place, text).await;
    world.answers(&world.claims().await[0], &format!("answer to {text}")).await;
    turn
}

pub(super) fn from(sender: &str, asked: NewTurn) -> Intake {
    let mut turn = asked;
    turn.asked.sender = UserId::new(sender);
    Intake::Turn(turn)
}

async fn trace(world: &World, turn: TurnId) -> Trace {
    world.store.trace(&TraceOf::Turn(turn)).await.expect("reads").expect("is there")
}

fn whats(trace: &Trace) -> Vec<&str> {
    trace.events.iter().map(|event| event.what.as_str()).collect()
}

async fn prune(world: &World, retention: Retention, limit: usize) -> Pruned {
    let mut all = Pruned::default();
    for _ in 0..100 {
        let pruned = world.store.prune(&retention, limit).await.expect("prunes");
        all.emptied += pruned.emptied;
        all.removed += pruned.removed;
        all.alerts += pruned.alerts;
        if !pruned.has_more {
            return all;
        }
    }
    panic!("it never ends: {all:?}");
}

async fn sessions_of(world: &World, user: &str) -> Vec<SessionOf> {
    world.store.sessions_of(&AccountId::new(ACCOUNT), &UserId::new(user)).await.expect("reads")
}

pub(super) async fn forget(world: &World, user: &str) -> Forgotten {
    world.store.forget(&AccountId::new(ACCOUNT), &UserId::new(user), 100).await.expect("forgets")
}

/// What every message has is told by what the store keeps of it anyway.
pub async fn a_trace_tells_a_message_from_its_arrival_to_its_delivery(world: &World) {
    let turn = world.asks("a", "a secret").await;
    world.clock.advance_ms(10);
    let claim = world.claims().await.remove(0);
    world.delivers_all().await;
    world.clock.advance_ms(10);
    world.answers(&claim, "another secret").await;
    world.delivers_all().await;
    let told = trace(world, turn).await;
    assert_eq!(
        whats(&told),
        [
            "accepted",
            "claimed",
            "delivery.queued",
            "delivery.delivered",
            "elected",
            "delivery.queued",
            "delivery.delivered"
        ]
    );
    assert!(told.events[1].detail.contains("attempt 1"), "{told:?}");
    assert!(told.events.iter().all(|event| !event.detail.contains("secret")), "{told:?}");
    assert_eq!((told.update, told.sender), (Some(UpdateId::new("a secret")), Some(UserId::new("alice"))));
    let same = world.store.trace(&TraceOf::Update(AccountId::new(ACCOUNT), UpdateId::new("a secret"))).await;
    assert_eq!(same.expect("reads").expect("is there").turn.map(|view| view.id), Some(turn));
    assert!(world.store.trace(&TraceOf::Turn(TurnId(99))).await.expect("reads").is_none());
    let known: Vec<_> = Traced::ALL.iter().map(|what| what.as_str()).collect();
    assert!(told.events.iter().all(|event| known.contains(&&*event.what)));
}

/// Lost attempts, doubts and refusals are kept with their causes.
pub async fn a_trace_tells_what_went_wrong(world: &World) {
    let turn = world.takes("u1", Intake::Turn(patient_turn("plain", "hello"))).await.turn.expect("a turn");
    world.starts(world.claims().await).await;
    world.clock.advance_ms(10);
    world.store.decide_lost(&IncarnationId::new(WORKER), Replays::Allow, 10).await.expect("is decided");
    world.clock.advance_ms(10);
    world.starts(world.claims_as("worker-2", 1).await).await;
    world.clock.advance_ms(10);
    world.store.decide_lost(&IncarnationId::new("worker-2"), Replays::Allow, 10).await.expect("is decided");
    world.clock.advance_ms(10);
    let first = world.due().await.remove(0);
    world.settles(&first, deferred(&first, 1, RetryScope::Message)).await;
    world.clock.advance_ms(10);
    world.due().await;
    world.store.decide_lost(&IncarnationId::new(BRIDGE), Replays::Allow, 10).await.expect("is decided");
    let told = trace(world, turn).await;
    assert_eq!(
        whats(&told),
        [
            "accepted",
            "claimed",
            "requeued",
            "claimed",
            "lost",
            "elected",
            "delivery.queued",
            "delivery.deferred",
            "delivery.doubted"
        ]
    );
    assert_eq!(told.events[2].detail, "attempt 1 by worker-1");
    assert!(told.events[5].detail.contains("worker_lost"), "{told:?}");
    assert!(told.events[7].detail.contains("busy") && told.events[8].detail.contains(BRIDGE), "{told:?}");
}

/// A message that made no turn is explained all the same.
pub async fn a_refused_updates_trace_says_why(world: &World) {
    world.takes("u1", Intake::Drop(Reason::FromBot)).await;
    let of = TraceOf::Update(AccountId::new(ACCOUNT), UpdateId::new("u1"));
    let told = world.store.trace(&of).await.expect("reads").expect("is there");
    assert_eq!((told.dropped.as_ref(), whats(&told)), (Some(&Reason::FromBot), vec!["refused"]));
    let unknown = TraceOf::Update(AccountId::new(ACCOUNT), UpdateId::new("never"));
    assert!(world.store.trace(&unknown).await.expect("reads").is_none());
}

/// The same trouble again is counted; other trouble again and again is cut to the newest.
pub async fn a_trace_stays_short_however_long_the_trouble(world: &World) {
    let turn = answered(world, "plain", "1").await;
    for n in 0..500 {
        let claim = world.due().await.remove(0);
        world.settles(&claim, deferred(&claim, 1, RetryScope::Message)).await;
        world.clock.advance_ms(2);
        if n == 249 {
            assert_eq!(whats(&trace(world, turn).await).len(), 5);
        }
        let claim = world.due().await.remove(0);
        let cause = if n < 250 { "busy".into() } else { format!("busy {n}") };
        let pause = crate::store::Pause { until: claim.now, scope: RetryScope::Message };
        world.settles(&claim, Settlement::Deferred { pause, cause }).await;
    }
    let told = trace(world, turn).await;
    assert!(told.events.len() < 250, "{}", told.events.len());
    assert!(told.events.last().expect("some").detail.contains("busy 499"));
}

/// Whoever hears that all is well hears of how much.
pub async fn an_audit_knows_how_much_it_examined(world: &World) {
    answered(world, "a", "1").await;
    world.asks("a", "2").await;
    let audit = world.store.audit().await.expect("examines");
    assert_eq!((audit.examined, audit.counts.accepted, audit.violations.len()), (2, 2, 0));
}

/// Ages, depths, and how long each step took.
pub async fn figures_tell_what_waits_and_how_long_it_took(world: &World) {
    world.asks("plain", "1").await;
    world.clock.advance_ms(7);
    let claim = world.claims().await.remove(0);
    world.asks("plain", "2").await;
    world.asks("plain", "3").await;
    world.clock.advance_ms(30);
    let measures = world.store.measures().await.expect("measures");
    assert_eq!(
        (measures.queue_depth_max, measures.oldest_queued_ms, measures.oldest_running_ms),
        (2, Some(30), Some(30))
    );
    assert_eq!((measures.waited.buckets[1], measures.waited.sum_ms), (1, 7));
    world.elects(error(&claim, Reason::AgentSilent)).await;
    world.clock.advance_ms(60);
    let account = AccountId::new(ACCOUNT);
    let of = |measures: &crate::store::Measures| measures.accounts[&account].clone();
    let measures = world.store.measures().await.expect("measures");
    assert_eq!((measures.ran.buckets[3], measures.errors["agent_silent"]), (1, 1));
    let open = of(&measures);
    assert_eq!((open.deliveries_open, open.lane_depth_max, open.oldest_delivery_ms), (1, 1, Some(60)));
    world.clock.advance_ms(-1_000);
    world.delivers_all().await;
    let measures = world.store.measures().await.expect("measures");
    assert_eq!((measures.delivered.buckets[0], measures.delivered.sum_ms), (1, 0), "the clock was set back");
    assert_eq!(of(&measures).deliveries_open, 0);
}

/// By role, for ever.
pub async fn starts_after_a_death_are_counted(world: &World) {
    for role in [Role::Worker, Role::Bridge, Role::Worker] {
        world.store.count_restart(role).await.expect("counts");
    }
    let measures = world.store.measures().await.expect("measures");
    assert_eq!((measures.restarts["worker"], measures.restarts["bridge"]), (2, 1));
}

/// First what was written goes, then that there was anything; the counts stay.
pub async fn old_messages_are_emptied_and_old_turns_removed(world: &World) {
    let old = answered(world, "a", "old").await;
    world.takes("dropped", Intake::Drop(Reason::FromBot)).await;
    world.delivers_all().await;
    world.clock.advance_ms(2 * DAY_MS);
    let new = answered(world, "a", "new").await;
    world.delivers_all().await;
    let messages = Retention { messages_ms: Some(DAY_MS), ..Retention::default() };
    assert_eq!(prune(world, messages, 10).await, Pruned { emptied: 1, ..Pruned::default() });
    assert_eq!(prune(world, messages, 10).await, Pruned::default());
    let view = world.store.turn(old).await.expect("reads").expect("stays");
    assert_eq!((&*view.text, view.reply), ("", None));
    assert_eq!(world.last_word(new).await.as_deref(), Some("answer to new"));
    assert!(whats(&trace(world, old).await).contains(&"emptied"));
    assert_eq!(world.store.stream(old, None).await.expect("reads").len(), 1, "it still ends");
    world.is_sound().await;
    let before = world.counts().await;
    let all = Retention { turns_ms: Some(DAY_MS), ..messages };
    assert_eq!(prune(world, all, 10).await.removed, 1);
    assert!(world.store.turn(old).await.expect("reads").is_none());
    let account = AccountId::new(ACCOUNT);
    for update in ["old", "dropped"] {
        let of = TraceOf::Update(account.clone(), UpdateId::new(update));
        assert!(world.store.trace(&of).await.expect("reads").is_none(), "{update}");
    }
    assert_eq!(world.counts().await, before);
    let alert = Alert { code: AlertCode::DiskFull, subject: "s".into(), detail: String::new() };
    world.store.raise(&alert).await.expect("raises");
    world.store.resolve(AlertCode::DiskFull, "s").await.expect("resolves");
    world.store.raise(&alert).await.expect("raises");
    world.clock.advance_ms(2 * DAY_MS);
    let alerts = Retention { alerts_ms: Some(DAY_MS), ..Retention::default() };
    assert_eq!(prune(world, alerts, 10).await.alerts, 1);
    assert_eq!(world.store.alerts(true, 10).await.expect("reads").len(), 1);
}

/// However old: a promise is not forgotten.
pub async fn what_is_owed_or_on_its_way_is_never_pruned(world: &World) {
    let on_its_way = answered(world, "plain", "1").await;
    let running = world.asks("b", "2").await;
    world.claims().await;
    let queued = world.asks("b", "3").await;
    world.clock.advance_ms(10 * DAY_MS);
    let all = Retention { messages_ms: Some(DAY_MS), turns_ms: Some(DAY_MS), alerts_ms: None };
    assert_eq!(prune(world, all, 10).await, Pruned::default());
    for turn in [on_its_way, running, queued] {
        assert!(!world.store.turn(turn).await.expect("reads").expect("stays").text.is_empty());
    }
    world.delivers_all().await;
    assert_eq!(prune(world, all, 10).await.removed, 1);
}

/// Each call does a little, and the next goes on.
pub async fn pruning_goes_on_where_it_stopped(world: &World) {
    for n in 0..5 {
        answered(world, &format!("plain {n}"), &format!("{n}")).await;
    }
    world.delivers_all().await;
    world.clock.advance_ms(2 * DAY_MS);
    let all = Retention { messages_ms: Some(DAY_MS), turns_ms: Some(DAY_MS), alerts_ms: None };
    let mut removed = Vec::new();
    loop {
        let pruned = world.store.prune(&all, 2).await.expect("prunes");
        removed.push(pruned.removed);
        if !pruned.has_more {
            break;
        }
    }
    assert_eq!(removed, [2, 2, 1]);
}

/// The answer to all of them is one.
pub async fn a_lead_and_what_it_collected_go_together(world: &World) {
    for text in ["1", "2", "3"] {
        world.takes(text, Intake::Turn(patient_turn("plain", text))).await;
    }
    world.answers(&world.claims().await[0], "all").await;
    world.clock.advance_ms(2 * DAY_MS);
    let all = Retention { messages_ms: None, turns_ms: Some(DAY_MS), alerts_ms: None };
    assert_eq!(prune(world, all, 10).await.removed, 0, "its answer is on its way");
    world.delivers_all().await;
    assert_eq!(prune(world, all, 10).await.removed, 3);
    let counts = world.counts().await;
    assert_eq!((counts.accepted, counts.merged), (3, 2));
}

/// Nobody is sent an empty prompt.
pub async fn nothing_is_retried_that_was_erased(world: &World) {
    for text in ["1", "2"] {
        world.takes(text, Intake::Turn(patient_turn("plain", text))).await;
    }
    world.answers(&world.claims().await[0], "both").await;
    world.delivers_all().await;
    world.clock.advance_ms(2 * DAY_MS);
    prune(world, Retention { messages_ms: Some(DAY_MS), ..Retention::default() }, 10).await;
    let retry = world.commands("plain", "retry", PlaceCommand::Retry { queue_max: 10 }).await;
    assert_eq!(world.last_word(retry).await.as_deref(), Some("There is nothing to retry here yet."));
    assert_eq!(world.counts().await.queued, 0);
}

/// Neither what they wrote, nor what they were answered, nor who they are.
pub async fn a_forgotten_person_is_nowhere(world: &World) {
    let theirs = answered(world, "plain", "1").await;
    world.takes("of bob", from("bob", turn("plain elsewhere", "2"))).await;
    world.answers(&world.claims().await[0], "for bob").await;
    world.delivers_all().await;
    let forgotten = forget(world, "alice").await;
    assert_eq!((forgotten.emptied, forgotten.left.len(), forgotten.has_more), (1, 0, false));
    assert!(!forgotten.was_forgotten);
    let told = trace(world, theirs).await;
    let view = told.turn.expect("stays");
    assert_eq!((&*view.text, view.reply), ("", None));
    assert_ne!(told.sender, Some(UserId::new("alice")));
    let again = Forgotten { was_forgotten: true, ..Forgotten::default() };
    assert_eq!(forget(world, "alice").await, again);
    let history = world.store.history(&place("plain elsewhere"), None, 10).await.expect("reads");
    assert_eq!(history[0].reply.as_deref(), Some("for bob"));
}

/// What is owed is answered first, and asked for again.
pub async fn forgetting_leaves_what_is_owed(world: &World) {
    let sent = answered(world, "plain", "1").await;
    world.delivers_all().await;
    let on_its_way = answered(world, "plain", "2").await;
    let owed = world.asks("plain", "3").await;
    let forgotten = forget(world, "alice").await;
    assert_eq!((forgotten.emptied, forgotten.left), (1, vec![on_its_way, owed]));
    assert!(sessions_of(world, "alice").await.is_empty(), "an agent may still work there");
    assert_eq!(world.last_word(sent).await, None);
    world.answers(&world.claims().await[0], "ok").await;
    world.delivers_all().await;
    let forgotten = forget(world, "alice").await;
    assert_eq!((forgotten.emptied, forgotten.left.len()), (2, 0));
    let sessions = sessions_of(world, "alice").await;
    assert!(matches!(sessions[..], [SessionOf { is_whole: true, .. }]), "also after their name is gone: {sessions:?}");
}

/// Nobody knows whose a session is of which something was removed.
pub async fn a_session_with_removed_turns_is_nobodys(world: &World) {
    let bobs = world.takes("1", from("bob", turn("plain", "1"))).await.turn.expect("a turn");
    world.answers(&world.claims().await[0], "for bob").await;
    world.delivers_all().await;
    world.clock.advance_ms(10_000);
    answered(world, "plain", "2").await;
    world.delivers_all().await;
    assert!(sessions_of(world, "alice").await.is_empty(), "bob asked there, too");
    let retention = Retention { turns_ms: Some(5_000), ..Retention::default() };
    assert_eq!(world.store.prune(&retention, 100).await.expect("prunes").removed, 1);
    assert!(world.store.turn(bobs).await.expect("reads").is_none());
    assert_eq!(forget(world, "alice").await.emptied, 1);
    let sessions = sessions_of(world, "alice").await;
    assert!(matches!(sessions[..], [SessionOf { is_whole: false, .. }]), "{sessions:?}");
}

/// What somebody else's turn collected holds it, too.
pub async fn forgetting_erases_the_lead_that_collected_it(world: &World) {
    let bobs = world.takes("1", from("bob", patient_turn("plain", "of bob"))).await.turn.expect("a turn");
    world.takes("2", from("alice", patient_turn("plain", "of alice"))).await;
    world.takes("3", from("carol", patient_turn("plain", "of carol"))).await;
    let claim = world.claims().await.remove(0);
    assert_eq!(forget(world, "alice").await.left.len(), 1, "its lead is owed");
    world.answers(&claim, "for all").await;
    world.delivers_all().await;
    let forgotten = forget(world, "alice").await;
    assert_eq!(forgotten.emptied, 1);
    assert!(sessions_of(world, "alice").await.is_empty(), "others asked there, too");
    let view = world.store.turn(bobs).await.expect("reads").expect("stays");
    assert_eq!((&*view.text, view.reply), ("of bob", None));
    let mut retry = asked("plain", "retry");
    retry.sender = UserId::new("carol");
    let command = PlaceCommand::Retry { queue_max: 10 };
    world.takes("retry", Intake::Command { asked: retry, command }).await;
    assert_eq!(world.claims().await[0].prompt, "of carol");
}

/// Old sessions and unused ones, but none of a place that is at work.
pub async fn sessions_are_idle_when_nothing_is_owed_in_their_place(world: &World) {
    answered(world, "a", "1").await;
    world.commands("a", "/new", PlaceCommand::New).await;
    world.clock.advance_ms(10);
    answered(world, "a", "2").await;
    answered(world, "b", "3").await;
    let busy = world.asks("b", "4").await;
    let now = Timestamp(1_000_000);
    let idle = async |ms| world.store.idle_sessions(now.plus_ms(ms)).await.expect("reads");
    assert!(idle(0).await.is_empty());
    let old = idle(5).await;
    assert_eq!(old.iter().map(|idle| (idle.session, idle.is_current)).collect::<Vec<_>>(), [(1, false)]);
    assert_eq!(idle(11).await.iter().map(|idle| idle.is_current).collect::<Vec<_>>(), [false, true]);
    let claim = world.claims().await.remove(0);
    assert_eq!(claim.fence.turn, busy);
    world.answers(&claim, "ok").await;
    assert_eq!(idle(11).await.len(), 3);
}
