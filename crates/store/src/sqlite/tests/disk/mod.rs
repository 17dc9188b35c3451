//! The engine and the store on the disk that fails on demand: at every operation, in every way.

mod engine;
mod store;

use std::path::PathBuf;

use super::*;
use crate::disk::{Disk, Moment, Process, Snapshot, Trouble, VFS};

/// How a process ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// It alone: what it wrote is there.
    Killed,
    /// With the machine: of what was not synced everything is lost.
    PowerLosesAll,
    /// The same, and nothing is lost.
    PowerLosesNothing,
    /// The same, and chance decides, from this seed and the operation.
    Power(u64),
}

impl End {
    const ALL: [Self; 5] = [Self::Killed, Self::PowerLosesAll, Self::PowerLosesNothing, Self::Power(1), Self::Power(2)];

    fn comes(self, disk: &Disk, process: Process, nth: u64) {
        match self {
            Self::Killed => disk.kill(process),
            Self::PowerLosesAll => disk.power_cut(|| 0),
            Self::PowerLosesNothing => disk.power_cut(|| 1),
            Self::Power(seed) => disk.power_cut(chance(seed << 32 | nth)),
        }
    }
}

/// A fixed sequence that looks like chance (xorshift).
fn chance(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 16
    }
}

/// Runs a story that ends at each of its operations in each of these ways, every time on a new disk with these files;
/// how many operations that were.
///
/// `story` runs as the first process and says what it was answered; `check` looks at what is there afterwards.
fn at_every_operation<A: Clone>(
    files: &Snapshot,
    ends: &[End],
    story: impl Fn(&Path, &Disk) -> A,
    check: impl Fn(&Path, &Disk, A, &dyn std::fmt::Debug),
) -> u64 {
    let folder = folder();
    let dies = Process(1);
    let whole = Disk::holding(folder.path(), files);
    dies.run(|| story(folder.path(), &whole));
    let last = whole.operations(dies);
    for nth in 1..=last {
        for (moment, end) in Moment::ALL.into_iter().flat_map(|moment| ends.iter().map(move |end| (moment, *end))) {
            let disk = Disk::holding(folder.path(), files);
            disk.die_at(dies, nth, moment);
            let answered = dies.run(|| story(folder.path(), &disk));
            assert!(disk.is_dead(dies), "{nth} of {last}");
            end.comes(&disk, dies, nth);
            check(folder.path(), &disk, answered, &(nth, moment, end));
        }
    }
    last
}
