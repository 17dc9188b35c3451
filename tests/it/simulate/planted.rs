//! The simulation has teeth: each planted bug breaks the promise in a few stories.

use fastrand::Rng;
use lastword_core::faults::{Bug, plant};

use super::{
    check::tell,
    shrink::shrink,
    story::{Blow, Kind, Story, What, Who, Words},
};

/// After so many stories a bug that none of them shows is not found.
const STORIES_MAX: u64 = 2_000;

/// A story in which the bug may show.
fn aimed(bug: Bug, seed: u64) -> Story {
    match bug {
        Bug::NoAttemptFence => overtaken(seed),
        _ => Story::rough(seed),
    }
}

/// A worker is taken for dead shortly before its agent is done. It comes back while the next attempt runs, and is done
/// before it finds out.
fn overtaken(seed: u64) -> Story {
    let text = "go #t1 wait=1500 pieces=2".to_owned();
    let words = vec![Words { at: 100, place: "runs-again", sender: "alice", text }];
    let mut chance = Rng::with_seed(seed);
    let blows = vec![Blow { at: chance.i64(1_200..1_700), what: What::Rob(Who::Worker, chance.i64(10..200)) }];
    Story { words, blows, ..Story::plain(seed, Kind::Native) }
}

#[test]
fn each_planted_bug_is_found() {
    for bug in Bug::ALL {
        plant(Some(*bug));
        let mut stories = (1..=STORIES_MAX).map(|seed| aimed(*bug, seed));
        let broken = stories.find(|story| !tell(story).wrong.is_empty());
        let broken = broken.unwrap_or_else(|| panic!("{} goes unnoticed in {STORIES_MAX} stories", bug.as_str()));
        let (_, shortest, told) = shrink(&broken);
        println!("{}, found by story {}:\n{shortest}{}\n", bug.as_str(), broken.seed, told.wrong.join("\n"));
        assert!(!told.wrong.iter().any(|wrong| wrong.contains("the simulation itself")), "{}", told.wrong.join("\n"));
        plant(None);
        assert_eq!(tell(&broken).wrong, [""; 0], "without the bug the same story is well told");
    }
}
