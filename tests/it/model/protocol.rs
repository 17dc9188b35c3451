//! The protocol as a `stateright` model: which actions there are, and what each does.

use stateright::{Model, Property};

use super::{
    action::Action,
    bridge,
    happens::happens,
    properties,
    state::{About, Bridge, Bubble, Due, Edit, Life, Phase, Request, Says, World},
    variant::Variant,
    worker,
};

impl Model for Variant {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        steps(self, world, actions);
        faults(world, actions);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut world = world.clone();
        happens(self, &mut world, action);
        Some(world)
    }

    fn format_action(&self, action: &Action) -> String {
        action.to_string()
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

/// What happens by itself, sooner or later, without anything going wrong. When this is empty all is quiet.
pub fn steps(variant: &Variant, world: &World, actions: &mut Vec<Action>) {
    actions.extend(requests(world).map(Action::Apply));
    (0..world.bridges.len()).for_each(|number| bridge::steps(variant, world, number, actions));
    (0..world.workers.len()).for_each(|number| worker::steps(world, number, actions));
    if world.sweep.is_some() {
        actions.push(Action::SweepSpeaks);
    }
    let (last_bridge, last_worker) = (world.bridges.len() - 1, world.workers.len() - 1);
    if world.bridges[last_bridge].life == Life::Dead {
        actions.push(Action::DecideLostBridge(last_bridge));
    }
    if world.workers[last_worker].life == Life::Dead {
        actions.push(Action::DecideLostWorker(last_worker));
    }
    if lifetime_may_pass(variant, world) {
        actions.push(Action::LifetimePasses);
    }
}

/// Somebody waits for it, nothing is on its way any more, and, where that is ruled out, nobody who was taken over has
/// something in hand that it could still send.
fn lifetime_may_pass(variant: &Variant, world: &World) -> bool {
    let waits = world.store.deliveries.iter().any(|delivery| delivery.state.is_open() && delivery.due != Due::Now);
    let is_late = |(number, bridge): (usize, &Bridge)| {
        !world.store.is_leased_by(number)
            && bridge.life == Life::Up
            && (bridge.live.is_some_and(|live| live.edit == Edit::Ready)
                || bridge.hands.iter().any(|hand| hand.phase == Phase::Ready))
    };
    let may_be_late = variant.freezes_outlast_requests || !world.bridges.iter().enumerate().any(is_late);
    waits && may_be_late && world.network.requests.is_empty()
}

/// What may go wrong, or merely happens, as often as the variant says.
pub fn faults(world: &World, actions: &mut Vec<Action>) {
    let left = world.left;
    let (bridge, worker) = (world.bridges.len() - 1, world.workers.len() - 1);
    let is_up = (world.bridges[bridge].life == Life::Up, world.workers[worker].life == Life::Up);
    if left.crashes > 0 {
        actions.extend(is_up.0.then_some(Action::CrashBridge(bridge)));
        actions.extend(is_up.1.then_some(Action::CrashWorker(worker)));
    }
    if left.freezes > 0 {
        actions.extend(is_up.0.then_some(Action::TakeOverBridge(bridge)));
        actions.extend(is_up.1.then_some(Action::TakeOverWorker(worker)));
    }
    for request in requests(world) {
        actions.extend((left.losses > 0).then_some(Action::Lose(request)));
        let is_delivery = matches!(request.about, About::Try(_));
        actions.extend((left.refusals > 0 && is_delivery).then_some(Action::RefuseForNow(request)));
        actions.extend((left.invalids > 0 && is_delivery).then_some(Action::RefuseContent(request)));
    }
    for number in 0..world.bridges.len() {
        waiting_faults(world, number, actions);
    }
    if left.deletions > 0 {
        let is_bare = |bubble: &Bubble| !bubble.is_deleted && bubble.text.last_word().is_none();
        let bare = world.network.chat.iter().enumerate().filter(|(_, bubble)| is_bare(bubble));
        actions.extend(bare.map(|(bubble, _)| Action::Delete { bubble: bubble as u8 }));
    }
    if left.deadlines > 0 && world.sweep.is_none() && world.store.owed().is_some() {
        actions.push(Action::SweepSees);
    }
    worker_faults(world, actions);
    unheard(world, actions);
}

/// Answers that are lost or come too late.
fn waiting_faults(world: &World, number: usize, actions: &mut Vec<Action>) {
    let bridge = &world.bridges[number];
    if world.left.losses == 0 || bridge.life == Life::Dead {
        return;
    }
    for hand in bridge.hands.iter().filter(|hand| hand.phase == Phase::Waiting) {
        if world.is_on_its_way(number, About::Try(hand.tried())) {
            actions.push(Action::TimeOut { bridge: number, tried: hand.tried() });
        }
    }
    if let Some(live) = &bridge.live
        && live.edit == Edit::Waiting
        && world.is_on_its_way(number, About::Progress { shows: live.shows })
    {
        actions.push(Action::TimeOutProgress { bridge: number });
    }
}

fn worker_faults(world: &World, actions: &mut Vec<Action>) {
    for (worker, memory) in world.workers.iter().enumerate().filter(|(_, memory)| memory.life == Life::Up) {
        let Some(run) = memory.runs.filter(|run| run.is_started && run.says.is_none()) else { continue };
        debug_assert!(!run.is_half_elected);
        if world.left.progress > 0 {
            actions.push(Action::Progress { worker });
        }
        if world.left.failures > 0 {
            actions.push(Action::Elect { worker, says: Says::Failure, is_heard: true });
        }
    }
}

/// Commits that stand, although who asked for them never hears so: each heard one may be unheard.
fn unheard(world: &World, actions: &mut Vec<Action>) {
    let left = world.left;
    if left.unheard + left.unheard_claims + left.unheard_takes == 0 {
        return;
    }
    let more: Vec<Action> = actions
        .iter()
        .filter_map(|action| match *action {
            Action::Accept { bridge, .. } if left.unheard > 0 => Some(Action::Accept { bridge, is_heard: false }),
            Action::Elect { worker, says, .. } if left.unheard > 0 => {
                Some(Action::Elect { worker, says, is_heard: false })
            }
            Action::Settle { bridge, tried, .. } if left.unheard > 0 => {
                Some(Action::Settle { bridge, tried, is_heard: false })
            }
            Action::Claim { worker, .. } if left.unheard_claims > 0 => Some(Action::Claim { worker, is_heard: false }),
            Action::Take { bridge, .. } if left.unheard_takes > 0 => Some(Action::Take { bridge, is_heard: false }),
            _ => None,
        })
        .collect();
    actions.extend(more);
}

/// Each request on its way once.
fn requests(world: &World) -> impl Iterator<Item = Request> {
    let all = &world.network.requests;
    all.iter().enumerate().filter(|(n, request)| *n == 0 || all[n - 1] != **request).map(|(_, request)| *request)
}
