//! A worker: it claims, runs agents and elects. And the sweep, which any process does.

use lastword_core::{
    faults::Bug as Planted,
    store::{Elected, Standing},
};

use super::{
    action::Action,
    state::{Life, Overdue, Run, Says, Word, World},
    variant::Variant,
};

/// What a worker that is up can do next.
pub fn steps(world: &World, number: usize, actions: &mut Vec<Action>) {
    let (store, worker) = (&world.store, world.workers[number]);
    if worker.life == Life::Dead {
        return;
    }
    match worker.runs {
        // Nobody hears what is claimed in the name of a worker that was decided as lost.
        None if number < usize::from(store.workers_lost) => {}
        None if store.running(number).next().is_some() => actions.push(Action::GiveUp { worker: number }),
        None if store.head().is_some() => actions.push(Action::Claim { worker: number, is_heard: true }),
        None => {}
        Some(Run { is_half_elected: true, .. }) => actions.push(Action::InsertLastWord { worker: number }),
        Some(Run { is_started: false, .. }) => actions.push(Action::Start { worker: number }),
        Some(Run { says, .. }) => {
            let says = says.unwrap_or(Says::Answer);
            actions.push(Action::Elect { worker: number, says, is_heard: true });
        }
    }
}

pub fn claim(variant: &Variant, world: &mut World, number: usize, is_heard: bool) {
    let run = world.store.claim(variant, number);
    if is_heard {
        world.workers[number].runs = run;
    }
}

/// The attempt in hand, if it is still current after `write`; otherwise the worker drops it.
pub fn write(world: &mut World, number: usize, standing: impl FnOnce(&mut World, &Run) -> Standing) {
    let run = world.workers[number].runs.expect("a turn is in hand");
    let standing = standing(world, &run);
    let runs = (standing == Standing::Current).then_some(Run { is_started: true, ..run });
    world.workers[number].runs = runs;
}

pub fn elect(variant: &Variant, world: &mut World, number: usize, says: Says, is_heard: bool) {
    let run = world.workers[number].runs.expect("a turn is in hand");
    let word = word(&run, says);
    if variant.has_planted(Planted::ElectionInTwoTransactions) {
        let elected = world.store.delete_marker(variant, word, None);
        let half = Run { says: Some(says), is_half_elected: true, ..run };
        world.workers[number].runs = (elected == Elected::Won).then_some(half);
        return;
    }
    // Who lost throws its output away; who does not hear whether it won says the same again.
    let _ = world.store.elect(variant, word, None);
    world.workers[number].runs = (!is_heard).then_some(Run { says: Some(says), ..run });
}

pub fn insert_last_word(variant: &Variant, world: &mut World, number: usize) {
    let run = world.workers[number].runs.take().expect("a turn is in hand");
    world.store.insert_last_word(variant, word(&run, run.says.expect("it spoke")));
}

/// What a worker owns but does not run, because it never heard of its claim, ends with an error.
pub fn give_up(variant: &Variant, world: &mut World, number: usize) {
    let turn = world.store.running(number).next().expect("a turn is owned");
    let attempt = world.store.turns[turn].attempt;
    let word = Word { turn: turn as u8, attempt, says: Says::Failure, part: 1 };
    assert_eq!(world.store.elect(variant, word, None), Elected::Won, "its owner speaks for the current attempt");
}

pub fn sweep_speaks(variant: &Variant, world: &mut World) {
    let Overdue { turn, attempt, progress } = world.sweep.take().expect("a sweep saw something");
    let word = Word { turn, attempt, says: Says::Overdue, part: 1 };
    let _ = world.store.elect(variant, word, Some(progress));
}

fn word(run: &Run, says: Says) -> Word {
    Word { turn: run.turn, attempt: run.attempt, says, part: 1 }
}
