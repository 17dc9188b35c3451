//! A bridge: it accepts, it delivers, and it shows progress.

use lastword_core::{
    decide::deliver::Step, delivery::DeliveryKind, faults::Bug as Planted, ids::Attempt, store::Settlement,
    turn::TurnState,
};

use super::{
    action::Action,
    deliver::{may_be_overwritten, next_step, settlement},
    spell::{self, bubble_of},
    state::{About, Answer, Asks, Edit, Hand, Life, Live, Phase, Request, Text, Try, World},
    variant::{Bug, Variant},
};

/// What a bridge that is up can do next.
pub fn steps(variant: &Variant, world: &World, number: usize, actions: &mut Vec<Action>) {
    let bridge = &world.bridges[number];
    if bridge.life == Life::Dead {
        return;
    }
    let messages = variant.answers.len() as u8;
    let may_receive = world.store.is_leased_by(number);
    if variant.has_planted(Planted::AckBeforeCommit) {
        match bridge.holds {
            Some(_) if may_receive => actions.push(Action::Accept { bridge: number, is_heard: true }),
            None if may_receive && world.network.acked < messages => actions.push(Action::Ack { bridge: number }),
            _ => {}
        }
    } else {
        if may_receive && bridge.received < messages {
            actions.push(Action::Accept { bridge: number, is_heard: true });
        }
        if world.network.acked < bridge.received {
            actions.push(Action::Ack { bridge: number });
        }
    }
    if world.store.due(variant, number).is_some() {
        actions.push(Action::Take { bridge: number, is_heard: true });
    }
    for hand in &bridge.hands {
        hand_steps(variant, world, number, hand, actions);
    }
    if let Some(live) = &bridge.live {
        live_steps(world, number, live, actions);
    }
}

fn hand_steps(variant: &Variant, world: &World, number: usize, hand: &Hand, actions: &mut Vec<Action>) {
    let (bridge, tried) = (number, hand.tried());
    match hand.phase {
        Phase::Ready => match next_step(variant, &spell::claim(hand)) {
            Step::Find => actions.push(Action::Find { bridge, tried }),
            Step::Draft | Step::Wait { .. } | Step::Hold { .. } | Step::GiveUp(_) => {
                actions.push(Action::Settle { bridge, tried, is_heard: true })
            }
            Step::Post | Step::PostPlaceholder | Step::Edit(_) => {
                if !waits_for_progress(variant, world, number, hand) {
                    actions.push(Action::Send { bridge, tried });
                }
            }
        },
        Phase::Waiting => {
            if !world.is_on_its_way(number, About::Try(hand.tried())) {
                actions.push(Action::TimeOut { bridge, tried });
            }
        }
        Phase::Answered(_) => actions.push(Action::Settle { bridge, tried, is_heard: true }),
    }
}

fn live_steps(world: &World, bridge: usize, live: &Live, actions: &mut Vec<Action>) {
    let turn = &world.store.turns[usize::from(live.turn)];
    let has_news = turn.state == TurnState::Running && turn.progress > 0 && live.shows != (turn.attempt, turn.progress);
    match live.edit {
        Edit::None if has_news && !live.is_ended => actions.push(Action::ReadProgress { bridge }),
        Edit::None => {}
        Edit::Ready => actions.push(Action::SendProgress { bridge }),
        Edit::Waiting => {
            if !world.is_on_its_way(bridge, About::Progress { shows: live.shows }) {
                actions.push(Action::TimeOutProgress { bridge });
            }
        }
    }
}

/// Whether a terminal has to wait for its own process's progress edit.
fn waits_for_progress(variant: &Variant, world: &World, bridge: usize, hand: &Hand) -> bool {
    let is_edited = |live: Live| live.turn == hand.seen.turn && live.edit != Edit::None;
    hand.seen.kind == DeliveryKind::Terminal
        && !variant.has_bug(Bug::UnguardedProgress)
        && world.bridges[bridge].live.is_some_and(is_edited)
}

// --- what the steps do ------------------------------------------------------------------------------------------

pub fn accept(variant: &Variant, world: &mut World, number: usize, is_heard: bool) {
    let bridge = &mut world.bridges[number];
    let message = bridge.holds.unwrap_or(bridge.received);
    world.store.accept(variant, message);
    if is_heard {
        bridge.holds = None;
        bridge.received = message + 1;
    }
}

pub fn ack(variant: &Variant, world: &mut World, number: usize) {
    let bridge = &mut world.bridges[number];
    if variant.has_planted(Planted::AckBeforeCommit) {
        bridge.holds = Some(world.network.acked);
        world.network.acked += 1;
    } else {
        world.network.acked = world.network.acked.max(bridge.received);
    }
}

pub fn take(variant: &Variant, world: &mut World, number: usize, is_heard: bool) {
    let hand = world.store.take(variant, number).expect("something is due");
    if is_heard {
        world.bridges[number].hands.push(hand);
        world.bridges[number].hands.sort_by_key(Hand::tried);
    }
}

pub fn hand_mut(world: &mut World, bridge: usize, tried: Try) -> &mut Hand {
    let hands = &mut world.bridges[bridge].hands;
    hands.iter_mut().find(|hand| hand.tried() == tried).expect("it is in hand")
}

pub fn send(variant: &Variant, world: &mut World, number: usize, tried: Try) {
    let mut hand = *hand_mut(world, number, tried);
    let mut left_unresolved = false;
    if let Some(live) = &mut world.bridges[number].live
        && hand.seen.kind == DeliveryKind::Terminal
        && live.turn == hand.seen.turn
    {
        live.is_ended = true;
        left_unresolved = live.is_unresolved;
    }
    hand.may_be_overwritten = may_be_overwritten(variant, &hand, left_unresolved);
    hand.phase = Phase::Waiting;
    *hand_mut(world, number, tried) = hand;
    let asks = match next_step(variant, &spell::claim(&hand)) {
        Step::Post => Asks::Post { key: tried.delivery, text: hand.seen.text },
        Step::PostPlaceholder => Asks::Post { key: tried.delivery, text: Text::Dots },
        Step::Edit(target) => Asks::Edit { bubble: bubble_of(&target), text: hand.seen.text },
        Step::Draft | Step::Find | Step::Wait { .. } | Step::Hold { .. } | Step::GiveUp(_) => {
            unreachable!("nothing is sent")
        }
    };
    world.network.send(Request { from: number as u8, about: About::Try(hand.tried()), asks });
}

/// The network answers at once: a look-up changes nothing, and a late one only tells more.
pub fn find(world: &mut World, number: usize, tried: Try) {
    let found = world.network.find(tried.delivery);
    hand_mut(world, number, tried).phase = Phase::Answered(Answer::Found(found));
}

pub fn settle(variant: &Variant, world: &mut World, number: usize, tried: Try, is_heard: bool) {
    let hand = *hand_mut(world, number, tried);
    let settlement = settlement(variant, &hand, &spell::claim(&hand)).expect("it came to something");
    let is_recorded = world.store.settle(number, &hand, &settlement);
    if !is_heard {
        return;
    }
    let bridge = &mut world.bridges[number];
    bridge.hands.retain(|hand| hand.tried() != tried);
    if !is_recorded {
        return;
    }
    match (hand.seen.kind, &settlement) {
        (DeliveryKind::Placeholder, Settlement::Delivered { message, .. }) if variant.shows_progress => {
            bridge.live = Some(Live {
                turn: hand.seen.turn,
                bubble: bubble_of(message),
                shows: (Attempt::NONE, 0),
                edit: Edit::None,
                is_unresolved: false,
                is_ended: false,
            });
        }
        (DeliveryKind::Terminal, Settlement::Delivered { .. } | Settlement::GivenUp { .. }) => {
            bridge.live = bridge.live.filter(|live| live.turn != hand.seen.turn || live.edit != Edit::None);
        }
        _ => {}
    }
}

fn live_mut(world: &mut World, bridge: usize) -> &mut Live {
    world.bridges[bridge].live.as_mut().expect("a placeholder is kept up to date")
}

pub fn read_progress(world: &mut World, bridge: usize) {
    let number = usize::from(live_mut(world, bridge).turn);
    let turn = world.store.turns[number];
    let live = live_mut(world, bridge);
    live.shows = (turn.attempt, turn.progress);
    live.edit = Edit::Ready;
}

pub fn send_progress(world: &mut World, bridge: usize) {
    let live = live_mut(world, bridge);
    live.edit = Edit::Waiting;
    let about = About::Progress { shows: live.shows };
    let asks = Asks::Edit { bubble: live.bubble, text: Text::Progress };
    world.network.send(Request { from: bridge as u8, about, asks });
}

pub fn time_out_progress(world: &mut World, bridge: usize) {
    let live = live_mut(world, bridge);
    live.edit = Edit::None;
    live.is_unresolved = true;
}
