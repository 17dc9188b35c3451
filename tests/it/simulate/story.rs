//! What happens in one run: who says what, and what breaks when. All of it is drawn from a seed, and any part of it may
//! be left out without changing the rest.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
};

use fastrand::Rng;
use lastword_core::faults::Point;
use lastword_store::disk::{Moment, Trouble};

/// How the network stops a repeated post from showing twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It deduplicates on our key.
    Native,
    /// Only edits may be repeated.
    EditOnly,
    /// Posts can be looked up, and edited.
    Findable,
    /// Posts can be looked up, and not edited.
    FindablePosts,
    /// Nothing helps: nothing may be missing, and what is in doubt may show twice.
    Careless,
}

impl Kind {
    pub const ALL: [Self; 5] = [Self::Native, Self::EditOnly, Self::Findable, Self::FindablePosts, Self::Careless];

    pub fn can_edit(self) -> bool {
        matches!(self, Self::EditOnly | Self::Findable)
    }

    pub fn can_find(self) -> bool {
        matches!(self, Self::Findable | Self::FindablePosts)
    }

    /// Whether a request that comes from a process which was taken for dead is still recognised.
    pub fn outlives_takeovers(self) -> bool {
        matches!(self, Self::Native | Self::EditOnly)
    }
}

/// A process of the deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    Supervisor,
    Bridge,
    Worker,
}

/// One run.
#[derive(Clone, Debug)]
pub struct Story {
    pub seed: u64,
    pub kind: Kind,
    /// How many of a hundred requests go wrong.
    pub trouble: u64,
    /// Whether placeholders show progress.
    pub shows_progress: bool,
    /// Whether messages that wait are answered together.
    pub collects: bool,
    pub words: Vec<Words>,
    pub blows: Vec<Blow>,
    /// Where the process that passes there dies, and how.
    pub ends: Vec<End>,
}

/// What one person says.
#[derive(Clone, Debug)]
pub struct Words {
    pub at: i64,
    pub place: &'static str,
    pub sender: &'static str,
    pub text: String,
}

/// Something that breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blow {
    pub at: i64,
    pub what: What,
}

/// What breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The process dies; with the supervisor, everybody does.
    Kill(Who),
    /// Everybody dies, and what was not synced may be lost.
    PowerCut,
    /// The process stands still for so long.
    Freeze(Who, i64),
    /// It stands still, is decided as lost meanwhile, and comes back late.
    Rob(Who, i64),
    /// The process dies at the nth of its next operations on the disk, and perhaps the whole machine with it.
    DieAtOperation { who: Who, nth: u64, moment: Moment, takes_power: bool },
    /// The disk is in trouble for so long.
    Disk(Trouble, i64),
    /// The network answers nobody for so long.
    NetworkOut(i64),
    /// The machine's clock jumps.
    ClockStep(i64),
}

/// A process dies where it passes a point for the nth time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    pub point: Point,
    pub nth: u32,
    pub how: How,
}

/// How a process dies at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// As if by SIGKILL.
    Alone,
    /// With the whole machine: what was not synced is lost.
    PowerCut,
    /// Only the task that passes there: it panics, and its process goes on.
    Panic,
}

impl How {
    pub const ALL: [Self; 3] = [Self::Alone, Self::PowerCut, Self::Panic];
}

const PLACES: [&str; 3] = ["errs", "runs-again", "hasty"];

impl Story {
    /// A story without anything that breaks.
    pub fn plain(seed: u64, kind: Kind) -> Self {
        Self {
            seed,
            kind,
            trouble: 0,
            shows_progress: false,
            collects: false,
            words: Vec::new(),
            blows: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// Any story; in one of four a lot breaks.
    pub fn random(seed: u64) -> Self {
        if seed.is_multiple_of(4) {
            return Self::rough(seed);
        }
        let mut chance = Rng::with_seed(hash(seed, &["story"]));
        let kind = Kind::ALL[chance.usize(0..Kind::ALL.len())];
        let trouble = [0, 0, 10, 40][chance.usize(0..4)];
        let words = (0..chance.u64(1..7)).map(|n| words(&mut chance, n)).collect();
        let blows = (0..chance.u64(0..5)).map(|_| blow(&mut chance, kind)).collect();
        let ends = if chance.u8(0..4) == 0 { vec![end(&mut chance)] } else { Vec::new() };
        let (shows_progress, collects) = (chance.bool(), chance.u8(0..4) == 0);
        Self { trouble, shows_progress, collects, words, blows, ends, ..Self::plain(seed, kind) }.within_the_limits()
    }

    /// Whether nothing breaks but requests to the network.
    pub fn is_gentle(&self) -> bool {
        self.blows.is_empty() && self.ends.is_empty()
    }

    /// Any story in which a lot breaks.
    pub fn rough(seed: u64) -> Self {
        let mut chance = Rng::with_seed(hash(seed, &["rough story"]));
        let kind = Kind::ALL[chance.usize(0..Kind::ALL.len())];
        let words = (0..chance.u64(3..7)).map(|n| words(&mut chance, n)).collect();
        let blows = (0..chance.u64(2..6)).map(|_| blow(&mut chance, kind)).collect();
        let ends = vec![end(&mut chance)];
        Self { trouble: 40, shows_progress: chance.bool(), words, blows, ends, ..Self::plain(seed, kind) }
            .within_the_limits()
    }

    /// Without what the documents admit: a clock that is set forward makes doubts look older than they are.
    fn within_the_limits(mut self) -> Self {
        let counts_on_age = self.kind.can_find() || self.shows_progress;
        self.blows.retain(|blow| !counts_on_age || !matches!(blow.what, What::ClockStep(ms) if ms > 0));
        self
    }

    /// The parts that can be left out, by number: what people say, then what breaks.
    pub fn parts(&self) -> usize {
        self.words.len() + self.blows.len() + self.ends.len()
    }

    /// The same with these parts only.
    pub fn keeping(&self, parts: &[usize]) -> Self {
        let (words, blows) = (self.words.len(), self.blows.len());
        let kept = |first: usize| move |n: &usize| parts.contains(&(first + n));
        Self {
            words: (0..words).filter(kept(0)).map(|n| self.words[n].clone()).collect(),
            blows: (0..blows).filter(kept(words)).map(|n| self.blows[n]).collect(),
            ends: (0..self.ends.len()).filter(kept(words + blows)).map(|n| self.ends[n]).collect(),
            ..self.clone()
        }
    }
}

fn words(chance: &mut Rng, n: u64) -> Words {
    let at = chance.i64(0..2_500);
    let place = PLACES[chance.usize(0..PLACES.len())];
    let sender = ["alice", "bob"][chance.usize(0..2)];
    let text = match chance.u8(0..12) {
        0 => "/stop".to_owned(),
        1 => "/status".to_owned(),
        _ => {
            let wait = [0, 0, 20, 300, 1_500][chance.usize(0..5)];
            let mut text = format!("go #t{n} wait={wait}");
            if chance.u8(0..3) == 0 {
                text.push_str(&format!(" pieces={}", chance.u8(1..5)));
            }
            if chance.u8(0..4) == 0 {
                text.push_str(&format!(" parts={}", chance.u8(2..4)));
            }
            for (wish, one_in) in [("fail", 8), ("group", 4)] {
                if chance.u8(0..one_in) == 0 {
                    text.push(' ');
                    text.push_str(wish);
                }
            }
            text
        }
    };
    Words { at, place, sender, text }
}

fn blow(chance: &mut Rng, kind: Kind) -> Blow {
    let at = chance.i64(0..3_500);
    let who = [Who::Bridge, Who::Worker, Who::Worker, Who::Bridge, Who::Supervisor][chance.usize(0..5)];
    let child = [Who::Bridge, Who::Worker][chance.usize(0..2)];
    let what = match chance.u8(0..16) {
        0..=4 => What::Kill(who),
        5 => What::PowerCut,
        6 => What::Freeze(who, span(chance)),
        7 | 8 if kind.outlives_takeovers() => What::Rob(child, span(chance)),
        7 | 8 => What::Rob(Who::Worker, span(chance)),
        9..=11 => {
            let (nth, moment, takes_power) = (chance.u64(1..60), Moment::ALL[chance.usize(0..3)], chance.u8(0..3) == 0);
            What::DieAtOperation { who, nth, moment, takes_power }
        }
        12 | 13 => {
            let troubles = [
                Trouble::Full,
                Trouble::ReadOnly,
                Trouble::FailingReads,
                Trouble::FailingWrites,
                Trouble::FailingSyncs,
                Trouble::Locked,
            ];
            What::Disk(troubles[chance.usize(0..troubles.len())], span(chance))
        }
        14 => What::NetworkOut(span(chance)),
        _ => What::ClockStep([-86_400_000, -5_000, 5_000, 86_400_000][chance.usize(0..4)]),
    };
    Blow { at, what }
}

/// Mostly short: what takes long shows seldom more.
fn span(chance: &mut Rng) -> i64 {
    let longest = [200, 1_000, 1_000, 3_000, 3_000, 9_000][chance.usize(0..6)];
    chance.i64(10..longest)
}

fn end(chance: &mut Rng) -> End {
    let point = Point::ALL[chance.usize(0..Point::ALL.len())];
    End { point, nth: chance.u32(1..5), how: How::ALL[chance.usize(0..3)] }
}

/// A number that depends on nothing else.
pub fn hash(seed: u64, parts: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (seed, parts).hash(&mut hasher);
    hasher.finish()
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, kind, trouble, shows_progress, collects, .. } = self;
        writeln!(
            f,
            "seed {seed}: {kind:?}, {trouble} of 100 requests go wrong, progress: {shows_progress}, collect: {collects}"
        )?;
        let mut lines: Vec<(i64, String)> = Vec::new();
        for Words { at, place, sender, text } in &self.words {
            lines.push((*at, format!("{sender} in {place}: {text}")));
        }
        lines.extend(self.blows.iter().map(|blow| (blow.at, format!("{:?}", blow.what))));
        lines.sort_by_key(|(at, _)| *at);
        for (at, line) in lines {
            writeln!(f, "  {at:>5} ms  {line}")?;
        }
        for End { point, nth, how } in &self.ends {
            writeln!(f, "  who passes {} for the {nth}. time ends: {how:?}", point.as_str())?;
        }
        Ok(())
    }
}
