//! What an action does, and what it costs of what may go wrong.

use super::{
    action::Action,
    bridge,
    network::Treats,
    state::{About, Answer, Life, Phase, Says, World},
    variant::{Faults, Variant},
    worker,
};

/// Does it.
pub fn happens(variant: &Variant, world: &mut World, action: Action) {
    world.left = world.left.minus(price(world, action));
    match action {
        Action::Accept { bridge, is_heard } => bridge::accept(variant, world, bridge, is_heard),
        Action::Ack { bridge } => bridge::ack(variant, world, bridge),
        Action::Claim { worker, is_heard } => worker::claim(variant, world, worker, is_heard),
        Action::Start { worker } => worker::write(world, worker, |world, run| world.store.record_group(run)),
        Action::Progress { worker } => worker::write(world, worker, |world, run| world.store.progress(run)),
        Action::Elect { worker, says, is_heard } => worker::elect(variant, world, worker, says, is_heard),
        Action::InsertLastWord { worker } => worker::insert_last_word(variant, world, worker),
        Action::GiveUp { worker } => worker::give_up(variant, world, worker),
        Action::SweepSees => world.sweep = world.store.owed(),
        Action::SweepSpeaks => worker::sweep_speaks(variant, world),
        Action::Take { bridge, is_heard } => bridge::take(variant, world, bridge, is_heard),
        Action::Send { bridge, tried } => bridge::send(variant, world, bridge, tried),
        Action::Find { bridge, tried } => bridge::find(world, bridge, tried),
        Action::TimeOut { bridge, tried } => {
            bridge::hand_mut(world, bridge, tried).phase = Phase::Answered(Answer::Nothing);
        }
        Action::Settle { bridge, tried, is_heard } => bridge::settle(variant, world, bridge, tried, is_heard),
        Action::ReadProgress { bridge } => bridge::read_progress(world, bridge),
        Action::SendProgress { bridge } => bridge::send_progress(world, bridge),
        Action::TimeOutProgress { bridge } => bridge::time_out_progress(world, bridge),
        Action::Apply(request) => world.arrives(variant, request, Treats::Apply),
        Action::RefuseForNow(request) => world.arrives(variant, request, Treats::Refuse(Answer::TryLater)),
        Action::RefuseContent(request) => world.arrives(variant, request, Treats::Refuse(Answer::Invalid)),
        Action::Lose(request) => world.arrives(variant, request, Treats::Lose),
        Action::Delete { bubble } => world.network.chat[usize::from(bubble)].is_deleted = true,
        Action::LifetimePasses => world.store.lifetime_passes(),
        Action::CrashBridge(bridge) => {
            let bridge = &mut world.bridges[bridge];
            (bridge.life, bridge.holds, bridge.live) = (Life::Dead, None, None);
            bridge.hands.clear();
        }
        Action::CrashWorker(worker) => {
            let worker = &mut world.workers[worker];
            (worker.life, worker.runs) = (Life::Dead, None);
        }
        Action::DecideLostBridge(bridge) | Action::TakeOverBridge(bridge) => {
            world.store.decide_lost_bridge(variant, bridge);
            world.starts_bridge();
        }
        Action::DecideLostWorker(worker) | Action::TakeOverWorker(worker) => {
            world.store.decide_lost_worker(variant, worker);
            world.starts_worker();
        }
    }
}

/// What it costs; a step costs nothing.
fn price(world: &World, action: Action) -> Faults {
    let none = Faults::default();
    match action {
        Action::Accept { is_heard: false, .. } | Action::Settle { is_heard: false, .. } => {
            Faults { unheard: 1, ..none }
        }
        Action::Claim { is_heard: false, .. } => Faults { unheard_claims: 1, ..none },
        Action::Take { is_heard: false, .. } => Faults { unheard_takes: 1, ..none },
        Action::Elect { worker, says, is_heard } => {
            let is_again = world.workers[worker].runs.is_some_and(|run| run.says.is_some());
            let failures = u8::from(says == Says::Failure && !is_again);
            Faults { failures, unheard: u8::from(!is_heard), ..none }
        }
        Action::TimeOut { bridge, tried } => {
            let is_early = world.is_on_its_way(bridge, About::Try(tried));
            Faults { losses: u8::from(is_early), ..none }
        }
        Action::TimeOutProgress { bridge } => {
            let is_early = world.bridges[bridge]
                .live
                .is_some_and(|live| world.is_on_its_way(bridge, About::Progress { shows: live.shows }));
            Faults { losses: u8::from(is_early), ..none }
        }
        Action::Lose(_) => Faults { losses: 1, ..none },
        Action::RefuseForNow(_) => Faults { refusals: 1, ..none },
        Action::RefuseContent(_) => Faults { invalids: 1, ..none },
        Action::Delete { .. } => Faults { deletions: 1, ..none },
        Action::SweepSees => Faults { deadlines: 1, ..none },
        Action::Progress { .. } => Faults { progress: 1, ..none },
        Action::CrashBridge(_) | Action::CrashWorker(_) => Faults { crashes: 1, ..none },
        Action::TakeOverBridge(_) | Action::TakeOverWorker(_) => Faults { freezes: 1, ..none },
        Action::Accept { .. }
        | Action::Ack { .. }
        | Action::Claim { .. }
        | Action::Start { .. }
        | Action::InsertLastWord { .. }
        | Action::GiveUp { .. }
        | Action::SweepSpeaks
        | Action::Take { .. }
        | Action::Send { .. }
        | Action::Find { .. }
        | Action::Settle { .. }
        | Action::ReadProgress { .. }
        | Action::SendProgress { .. }
        | Action::Apply(_)
        | Action::LifetimePasses
        | Action::DecideLostBridge(_)
        | Action::DecideLostWorker(_) => none,
    }
}
