//! Runs the checker over a variant and prints what it saw.

use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};

use super::{action::Action, properties, replay, variant::Variant};

/// A property that does not hold, and a shortest story that shows it.
struct Violation {
    property: &'static str,
    story: Vec<Action>,
}

/// How much deeper than in CI to look: `LASTWORD_MODEL_DEPTH`, 0 by default.
pub fn depth() -> u8 {
    let depth = std::env::var("LASTWORD_MODEL_DEPTH").ok();
    depth.map_or(0, |depth| depth.parse().expect("LASTWORD_MODEL_DEPTH is a small number"))
}

/// Looks at every state of a variant, or up to the first one that violates something.
///
/// One thread, so that the first story found is a shortest one, and always the same.
fn check(variant: &Variant) -> Option<Violation> {
    let begin = Instant::now();
    let checker = variant.clone().checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let (states, deepest, took) = (checker.unique_state_count(), checker.max_depth(), begin.elapsed());
    println!("{}: {states} states, at most {deepest} deep, {:.1} s", variant.name, took.as_secs_f64());
    let mut discoveries = checker.discoveries();
    let can_answer = discoveries.remove(properties::REACHABLE).is_some();
    let violated = discoveries.into_iter().min_by_key(|(property, _)| *property);
    let violation = violated.map(|(property, path)| Violation { property, story: path.into_actions() });
    match &violation {
        Some(Violation { property, story }) => {
            println!("  violated: {property}");
            story.iter().for_each(|action| println!("    {action}"));
        }
        None => assert!(can_answer, "{}: nothing is ever answered, so nothing was checked", variant.name),
    }
    violation
}

/// The variant holds.
pub fn holds(variant: &Variant) {
    let variant = Variant { faults: variant.faults.more_often(depth()), ..variant.clone() };
    if let Some(Violation { property, .. }) = check(&variant) {
        panic!("{}: violated, as printed above: {property}", variant.name);
    }
}

/// The variant breaks exactly as it is said to. The story is then retold with the real store: a limit as it is, a
/// planted bug's as far as it can happen without the bug, and then the promise holds.
pub fn breaks(variant: &Variant, property: &str) {
    let Some(violation) = check(variant) else { panic!("{}: nothing is violated", variant.name) };
    assert_eq!(violation.property, property, "{}, as printed above", variant.name);
    replay::retell(variant, &violation.story);
}
