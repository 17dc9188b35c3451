//! Traces of the model, retold by the real store and core's decisions, step by step.
//!
//! After each step the store's view (turns, owed markers, counts, the lease and its cursor, what can be claimed) and a
//! ledger that only real requests reach are compared with the model's. A divergence fails the test and prints the
//! trace. What a process holds in its memory is the model's: the shells around core are tested by simulation and
//! chaos.

mod compare;
mod ledger;
mod real;

use lastword_core::decide::deliver::Step;
use stateright::Model;

use self::real::Real;
use super::{
    action::Action,
    check::depth,
    holds, properties,
    protocol::{faults, steps},
    state::World,
    variant::Variant,
};

/// The longest trace: its pauses together stay well below a request's lifetime.
const STEPS_MAX: usize = 90;
/// Random walks per variant.
const WALKS: u64 = 24;

/// A trace in the making: the model and the real thing, side by side.
struct Retold {
    variant: Variant,
    world: World,
    real: Real,
    story: Vec<Action>,
}

impl Retold {
    async fn begin(variant: &Variant) -> Self {
        // What the checker planted on this thread is not this story's.
        variant.plant();
        let world = World::new(variant);
        let real = Real::open(variant).await;
        Self { variant: variant.clone(), world, real, story: Vec::new() }
    }

    async fn tell(&mut self, action: Action) {
        self.story.push(action);
        let before = self.world.clone();
        self.world = self.variant.next_state(&before, action).expect("an enabled action does something");
        let told = match self.real.happens(&before, action, &self.world).await {
            Ok(()) => self.real.compare(&self.world).await,
            Err(divergence) => Err(divergence),
        };
        if let Err(divergence) = told {
            let story: Vec<String> = self.story.iter().map(|action| format!("  {action}")).collect();
            panic!("{}: the store and the model part after\n{}\n{divergence}", self.variant.name, story.join("\n"));
        }
    }

    fn enabled(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        self.variant.actions(&self.world, &mut actions);
        actions
    }

    /// Goes on without further trouble until all is quiet.
    async fn until_quiet(&mut self) {
        while self.story.len() < STEPS_MAX {
            let mut next = Vec::new();
            steps(&self.variant, &self.world, &mut next);
            let Some(action) = next.first() else { return };
            self.tell(*action).await;
        }
        panic!("{}: never quiet", self.variant.name);
    }
}

/// Chance with a seed, so that a failing walk can be walked again.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

/// Retells a story without the variant's bug, as far as it can happen then, and goes on until all is quiet.
pub fn retell(variant: &Variant, story: &[Action]) {
    block_on(async {
        let sound = Variant { bug: None, ..variant.clone() };
        let mut retold = Retold::begin(&sound).await;
        for action in story {
            if retold.enabled().contains(action) {
                retold.tell(*action).await;
            }
        }
        retold.until_quiet().await;
        let is_sound = properties::is_answered(&sound, &retold.world);
        assert!(is_sound || variant.bug.is_none(), "{}: unanswered without the bug", variant.name);
    });
}

async fn walk(variant: &Variant, seed: u64) -> usize {
    let mut chance = Chance(seed);
    let mut retold = Retold::begin(variant).await;
    while retold.story.len() < STEPS_MAX {
        let (mut next, mut trouble) = (Vec::new(), Vec::new());
        steps(variant, &retold.world, &mut next);
        faults(&retold.world, &mut trouble);
        // Trouble comes now and then, and when all is quiet the story is over.
        let all = if trouble.is_empty() || chance.below(4) > 0 { &next } else { &trouble };
        let Some(action) = (!next.is_empty()).then(|| all[chance.below(all.len())]) else { break };
        retold.tell(action).await;
    }
    retold.until_quiet().await;
    assert!(properties::is_answered(variant, &retold.world), "{}, seed {seed}: unanswered", variant.name);
    retold.story.len()
}

#[test]
fn random_walks_through_the_model_happen_in_the_store_too() {
    let seed = std::env::var("LASTWORD_MODEL_SEED").map_or(0, |seed| seed.parse().expect("a seed is a number"));
    let walks = WALKS << (2 * depth());
    let begin = std::time::Instant::now();
    let mut told = 0;
    for variant in holds::variants() {
        for seed in seed..seed + walks {
            println!("{}, LASTWORD_MODEL_SEED={seed}", variant.name);
            told += block_on(walk(&variant, seed));
        }
    }
    println!("{told} steps retold in {:.1} s", begin.elapsed().as_secs_f64());
}

/// Every beginning of so many steps, told once.
async fn beginnings(variant: &Variant, steps: usize) -> usize {
    let mut told = 0;
    let mut stories: Vec<Vec<Action>> = vec![Vec::new()];
    while let Some(story) = stories.pop() {
        let world = story.iter().fold(World::new(variant), |world, action| {
            variant.next_state(&world, *action).expect("an enabled action does something")
        });
        let mut next = Vec::new();
        variant.actions(&world, &mut next);
        if story.len() < steps && !next.is_empty() {
            stories.extend(next.into_iter().map(|action| story.iter().copied().chain([action]).collect()));
            continue;
        }
        let mut retold = Retold::begin(variant).await;
        for action in story {
            retold.tell(action).await;
        }
        told += 1;
    }
    told
}

#[test]
fn every_beginning_of_the_model_happens_in_the_store_too() {
    let begin = std::time::Instant::now();
    for variant in [holds::native(), holds::speakers(), holds::edits()] {
        let told = block_on(beginnings(&variant, 4 + usize::from(depth())));
        println!("{}: {told} beginnings retold in {:.1} s", variant.name, begin.elapsed().as_secs_f64());
    }
}

/// Whether a step sends something.
fn sends(step: &Step) -> bool {
    matches!(step, Step::Post | Step::PostPlaceholder | Step::Edit(_))
}
