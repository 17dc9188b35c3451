//! What must hold in every state.

use lastword_core::{delivery::DeliveryState, election::Election};
use stateright::Property;

use super::{
    protocol::steps,
    state::{Text, World},
    variant::Variant,
};

pub const AT_MOST_ONE: &str = "no message ever has two last words";
pub const QUIET_IS_ANSWERED: &str = "when all is quiet, every message has exactly one last word";
pub const NO_STALE_WORD: &str = "no word counts that speaks for an attempt which is not current";
pub const IN_ORDER: &str = "last words stand in the order of their turns and parts";
pub const MARKER_IS_DEBT: &str = "a marker stands exactly as long as its turn owes a last word";
pub const REACHABLE: &str = "every message can be answered";

pub fn all() -> Vec<Property<Variant>> {
    vec![
        Property::always(AT_MOST_ONE, |_, world| shown(world).all(|word| count(world, word) == 1)),
        Property::always(QUIET_IS_ANSWERED, |variant, world| !is_quiet(variant, world) || is_answered(variant, world)),
        Property::always(NO_STALE_WORD, |_, world: &World| {
            world.store.deliveries.iter().all(|delivery| match delivery.text {
                Text::Word(word) => word.attempt == world.store.turns[usize::from(word.turn)].attempt,
                Text::Dots | Text::Progress | Text::Apology { .. } => true,
            })
        }),
        Property::always(IN_ORDER, |_, world| shown(world).is_sorted()),
        Property::always(MARKER_IS_DEBT, |_, world: &World| {
            world.store.turns.iter().all(|turn| turn.state.is_owed() == (turn.marker != Election::Decided))
        }),
        Property::sometimes(REACHABLE, is_answered),
    ]
}

/// The parts of last words that people see, as (message, part), in the order in which they stand.
fn shown(world: &World) -> impl Iterator<Item = (u8, u8)> {
    let seen = world.network.chat.iter().filter(|bubble| !bubble.is_deleted);
    let parts = seen.filter_map(|bubble| bubble.text.last_word());
    parts.map(|(turn, part)| (world.store.turns[usize::from(turn)].message, part))
}

fn count(world: &World, word: (u8, u8)) -> usize {
    shown(world).filter(|other| *other == word).count()
}

/// Nothing happens any more unless something goes wrong.
fn is_quiet(variant: &Variant, world: &World) -> bool {
    let mut next = Vec::new();
    steps(variant, world, &mut next);
    next.is_empty()
}

/// Every message was accepted, and each part of its turn's last word is shown once, or was visibly given up.
pub fn is_answered(variant: &Variant, world: &World) -> bool {
    let store = &world.store;
    (0..variant.answers.len() as u8).all(|message| store.turns.iter().any(|turn| turn.message == message))
        && store.turns.iter().enumerate().all(|(number, turn)| {
            let elected: Vec<_> = store
                .deliveries
                .iter()
                .filter(|delivery| usize::from(delivery.turn) == number)
                .filter_map(|delivery| Some((delivery, delivery.text.last_word()?.1)))
                .collect();
            !elected.is_empty()
                && elected.iter().all(|(delivery, part)| {
                    let is_given_up = delivery.state == DeliveryState::Dead && may_give_up(variant);
                    count(world, (turn.message, *part)) == 1 || is_given_up
                })
        })
}

/// Whether the operator prefers a reply that is visibly given up to one that is perhaps posted twice.
fn may_give_up(variant: &Variant) -> bool {
    matches!(variant.unknown, lastword_core::decide::deliver::UnknownPolicy::Hold { .. })
}
