//! Chaos: the real binary and its processes, broken in every way at once while people talk; the ledger is the oracle.
//!
//! A **round** is drawn from a seed: messages in several places, and faults among them – SIGKILL of everything that
//! runs, SIGSTOP, another program's lock on the store, a full disk, a network that is out, slow, limiting, failing
//! before or after it applied, or cut off, a second receiver, and steps of the clock. Then everything is healed, and when all is quiet
//! every message has exactly one last word, in order, each command one reply, no `Error:` took the place of an answer
//! that stood, no word is a lost attempt's, and `lastword audit` finds nothing. How long the last words took after the
//! last fault is printed, never judged.
//!
//! What the documents admit is not done: no process stands still, and no request is delayed, for longer than a request
//! lives in the network. A network that helps with nothing may show a reply twice; none is missing.
//!
//! | variable | what it says | default |
//! |---|---|---:|
//! | `LASTWORD_CHAOS_SEED` | the seed of the first round; the next has the next one | 1 |
//! | `LASTWORD_CHAOS_ROUNDS` | how many rounds, all with the same deployment | 1 |
//! | `LASTWORD_CHAOS_SECONDS` | how long things happen in a round | 8 |
//! | `LASTWORD_CHAOS_MESSAGES` | how many messages are said in a round | 60, on Matrix 30 |
//! | `LASTWORD_CHAOS_FAULTS` | how many faults happen in a round | 14 |
//!
//! A red round prints its schedule and the command that repeats it. A long run by hand, half an hour with 21,000
//! messages and some 1,100 kills on one kind of network, and its report:
//!
//! ```text
//! LASTWORD_CHAOS_ROUNDS=70 LASTWORD_CHAOS_MESSAGES=300 LASTWORD_CHAOS_FAULTS=60 LASTWORD_CHAOS_SECONDS=10 \
//!     cargo nextest run --workspace --no-capture -E 'test(chaos::on_a_network_where_posts_are_found)'
//! ```
//!
//! [`planted`] shows that chaos finds each of the bugs of `lastword_core::faults`.

mod act;
mod judge;
mod people;
mod planted;
mod report;
mod run;
mod schedule;

use self::{
    run::{Red, Run, settings},
    schedule::{Plan, Schedule},
};
use crate::world::{FakeClock, Matrix, Network, Settings, can_mount};

/// A number from the environment.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// As many rounds as are asked for; `test` is the name that repeats them.
async fn survives(test: &str, settings: Settings, clock: Option<FakeClock>) {
    let count = |name, default| usize::try_from(number(name, default)).unwrap();
    // A real homeserver has more to do for a message than a fake has.
    let messages = if settings.network == Network::Matrix { 30 } else { 60 };
    let plan = Plan {
        network: settings.network,
        seconds: number("LASTWORD_CHAOS_SECONDS", 8),
        messages: count("LASTWORD_CHAOS_MESSAGES", messages),
        faults: count("LASTWORD_CHAOS_FAULTS", 14),
        has_disk: settings.disk.is_some(),
        has_clock: clock.is_some(),
    };
    let (first, rounds) = (number("LASTWORD_CHAOS_SEED", 1), number("LASTWORD_CHAOS_ROUNDS", 1));
    let mut run = Run::start(settings, clock).await;
    for seed in first..first + rounds {
        let schedule = Schedule::draw(seed, plan);
        let result = run.round(&schedule).await;
        if let Some(round) = run.report.rounds.last().filter(|_| result.is_ok()) {
            println!("{round}");
        }
        if let Err(red) = result {
            println!("the schedule of seed {seed}:\n{schedule}\n{}", run.report);
            println!(
                "again: LASTWORD_CHAOS_SEED={seed} LASTWORD_CHAOS_SECONDS={} LASTWORD_CHAOS_MESSAGES={} \
                 LASTWORD_CHAOS_FAULTS={} cargo nextest run --workspace -E 'test(chaos::{test})'",
                plan.seconds, plan.messages, plan.faults
            );
            panic!("{test}: {}", say(&red));
        }
    }
    println!("{}", run.report);
}

fn say(red: &Red) -> String {
    match red {
        Red::Restless(judgement) => format!("it does not get quiet: {judgement}"),
        Red::Broken(judgement) => judgement.to_string(),
        Red::Audit(said) => format!("the audit found something: {said}"),
    }
}

#[tokio::test]
async fn on_a_network_that_knows_our_key() {
    // Where the machine lets us have one.
    let disk = can_mount().then_some("64m");
    survives("on_a_network_that_knows_our_key", Settings { disk, ..settings(Network::Native) }, None).await;
}

#[tokio::test]
async fn on_a_network_where_only_edits_repeat() {
    survives("on_a_network_where_only_edits_repeat", settings(Network::EditOnly), None).await;
}

#[tokio::test]
async fn on_a_network_where_posts_are_found() {
    survives("on_a_network_where_posts_are_found", settings(Network::Findable), None).await;
}

#[tokio::test]
async fn on_a_network_that_helps_with_nothing() {
    survives("on_a_network_that_helps_with_nothing", settings(Network::Careless), None).await;
}

#[tokio::test]
async fn on_telegram() {
    survives("on_telegram", settings(Network::Telegram), None).await;
}

#[tokio::test]
async fn on_slack() {
    survives("on_slack", settings(Network::Slack), None).await;
}

#[tokio::test]
async fn on_matrix() {
    if Matrix::is_installed() {
        survives("on_matrix", settings(Network::Matrix), None).await;
    }
}

#[tokio::test]
async fn while_the_clock_steps() {
    let Some(clock) = FakeClock::maybe_new() else {
        eprintln!("not run: the package faketime is not installed");
        return;
    };
    let settings = Settings { env: clock.env(), ..settings(Network::EditOnly) };
    survives("while_the_clock_steps", settings, Some(clock)).await;
}
