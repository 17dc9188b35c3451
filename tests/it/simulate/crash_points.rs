//! Every point, every operation on the disk, and all pairs of points: whoever passes there dies.

use lastword_core::faults::Point;
use lastword_store::disk::{Moment, Trouble};

use super::{
    check::tell,
    number,
    shrink::report,
    story::{Blow, End, How, Kind, Story, What, Who, Words},
    tell_all,
};

/// How often the same point ends a process in stories of its own: the later passes are like these.
const NTH_MAX: u32 = 6;

/// Everything that is well happens here: several places, parts, progress, a command, an error, a turn that runs again.
fn busy(kind: Kind) -> Story {
    let words = [
        (0, "errs", "go #t1 wait=300 pieces=2 parts=2 group"),
        (30, "errs", "go #t2"),
        (60, "runs-again", "go #t3 wait=200 pieces=1"),
        (90, "hasty", "go #t4 wait=50 fail"),
        (350, "errs", "/status"),
    ];
    Story { shows_progress: true, words: words.map(said).into(), ..Story::plain(1, kind) }
}

/// The store is out while two agents finish and somebody asks; one of their workers dies before it is back.
fn outage(kind: Kind) -> Story {
    let words = [
        (0, "errs", "go #t1 wait=600"),
        (20, "runs-again", "go #t2 wait=700"),
        (40, "hasty", "go #t3 wait=5"),
        (500, "hasty", "go #t4 wait=5"),
    ];
    let blows = [(450, What::Disk(Trouble::Locked, 5_000)), (3_000, What::Kill(Who::Worker))];
    Story {
        words: words.map(said).into(),
        blows: blows.map(|(at, what)| Blow { at, what }).into(),
        ..Story::plain(2, kind)
    }
}

/// The same, and nobody dies: the worker forgets what it kept.
fn short_outage(kind: Kind) -> Story {
    let blows = vec![Blow { at: 450, what: What::Disk(Trouble::Locked, 3_000) }];
    Story { blows, seed: 3, ..outage(kind) }
}

fn said((at, place, text): (i64, &'static str, &str)) -> Words {
    Words { at, place, sender: "alice", text: text.to_owned() }
}

fn scenes(kind: Kind) -> [Story; 3] {
    [busy(kind), outage(kind), short_outage(kind)]
}

/// How often a scene passes each point when nobody dies there.
fn passes(scene: &Story) -> Vec<(Point, u32)> {
    let told = tell(scene);
    assert!(told.wrong.is_empty(), "{}", report(scene));
    let count = |point| told.passes.iter().filter(|passed| **passed == point).count();
    let counted = Point::ALL.iter().map(|point| (*point, u32::try_from(count(*point)).unwrap_or(u32::MAX)));
    counted.filter(|(_, count)| *count > 0).collect()
}

#[test]
fn whoever_passes_a_point_may_die_there() {
    let mut stories = Vec::new();
    let mut missed = Point::ALL.to_vec();
    for scene in Kind::ALL.into_iter().flat_map(scenes) {
        for (point, count) in passes(&scene) {
            missed.retain(|other| *other != point);
            for nth in 1..=count.min(NTH_MAX) {
                stories.extend(How::ALL.map(|how| Story { ends: vec![End { point, nth, how }], ..scene.clone() }));
            }
        }
    }
    assert_eq!(missed, [], "points that no scene passes");
    tell_all("points", &stories);
}

/// An answer that is finished while the store is out beats an error, though its worker is dead when the store is back.
#[test]
fn an_answer_in_the_journal_outlives_its_worker() {
    for kind in Kind::ALL {
        let told = tell(&outage(kind));
        assert!(told.wrong.is_empty(), "{}", report(&outage(kind)));
        assert!(told.passes.contains(&Point::ReplayAfterElect), "{}", told.happened.join("\n"));
        assert_eq!(told.errors, 0, "{}", told.happened.join("\n"));
    }
}

/// The second of two answers is still there when whoever elected the first has died of it.
#[test]
fn an_answer_in_the_journal_outlives_whoever_elects_it() {
    for kind in Kind::ALL {
        for how in How::ALL {
            let story = Story { ends: vec![End { point: Point::ReplayAfterElect, nth: 1, how }], ..outage(kind) };
            let told = tell(&story);
            assert!(told.wrong.is_empty(), "{}", report(&story));
            let passes = told.passes.iter().filter(|point| **point == Point::ReplayAfterElect).count();
            assert!(passes > 1 && told.errors == 0, "{how:?}: {passes}, {}", told.happened.join("\n"));
        }
    }
}

/// By hand in more scenes.
#[test]
fn whoever_asks_something_of_the_disk_may_die_of_it() {
    let mut stories = Vec::new();
    let mut scenes = vec![busy(Kind::EditOnly)];
    if number("LASTWORD_SIMULATE_ALL").is_some() {
        scenes.extend([busy(Kind::Native), short_outage(Kind::EditOnly), busy(Kind::Findable)]);
    }
    for scene in scenes {
        for (who, operations) in tell(&scene).operations {
            for nth in 1..=operations {
                for moment in Moment::ALL {
                    for takes_power in [false, true] {
                        let what = What::DieAtOperation { who, nth, moment, takes_power };
                        let blows = scene.blows.iter().copied().chain([Blow { at: 0, what }]).collect();
                        stories.push(Story { blows, ..scene.clone() });
                    }
                }
            }
        }
    }
    tell_all("operations on the disk", &stories);
}

/// What a failed sync left behind can be read, and is on no disk: what follows it must not be lost with it.
#[test]
fn a_commit_behind_a_failed_sync_survives_a_power_cut() {
    let mut stories = Vec::new();
    for kind in Kind::ALL {
        for (fails_at, power_cut_at) in (40..200).step_by(40).flat_map(|at| (0..12).map(move |n| (at, 1_400 + 90 * n)))
        {
            let blows = [
                (fails_at, What::Disk(Trouble::FailingSyncs, 300)),
                (fails_at + 200, What::Kill(Who::Supervisor)),
                (power_cut_at, What::PowerCut),
            ];
            let blows = blows.map(|(at, what)| Blow { at, what }).into();
            let words = [(20, "errs", "go #t1"), (1_300, "errs", "go #t2"), (1_500, "runs-again", "go #t3")];
            stories.push(Story {
                words: words.map(said).into(),
                blows,
                ..Story::plain(power_cut_at.unsigned_abs(), kind)
            });
        }
    }
    tell_all("power cuts after failed syncs", &stories);
}

/// By hand on every kind of network, otherwise on one each.
#[test]
fn two_may_die_one_after_the_other() {
    let is_whole = number("LASTWORD_SIMULATE_ALL").is_some();
    let ends = |nth| Point::ALL.iter().flat_map(move |point| How::ALL.map(|how| End { point: *point, nth, how }));
    let mut stories = Vec::new();
    for (n, first) in ends(1).enumerate() {
        for (m, second) in ends(1).enumerate() {
            // Who passes one point twice dies twice there.
            let second = if first.point == second.point { End { nth: 2, ..second } } else { second };
            let kinds = if is_whole { &Kind::ALL[..] } else { &Kind::ALL[(n + m) % 5..][..1] };
            for kind in kinds {
                let scene = &scenes(*kind)[(n * 7 + m) % 3];
                let stands = if is_whole { scenes(*kind).to_vec() } else { vec![scene.clone()] };
                stories.extend(stands.into_iter().map(|scene| Story { ends: vec![first, second], ..scene }));
            }
        }
    }
    tell_all("pairs of points", &stories);
}
