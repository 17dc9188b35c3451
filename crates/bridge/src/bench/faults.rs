//! How soon a death is made good: agent, worker, bridge, and everything at once.
//!
//! The worker's and the agent's deaths are timed as people see them, on the turn's event stream; the bridge's until the
//! store knows that a turn which ended meanwhile is delivered.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Args;
use lastword_core::store::{Role, Store};
use lastword_store::{EngineKind, SqliteOptions, SqliteStore, SystemClock};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};

use super::{
    Scratch,
    deployment::{Deployment, until},
    figures::aimed_row,
    store::{leave_behind, open},
};

/// How to measure.
#[derive(Debug, Args)]
pub struct FaultArgs {
    /// How often each process is killed.
    #[arg(long, default_value_t = 20)]
    rounds: u32,
    /// How many turns a dead worker has left behind.
    #[arg(long, default_value_t = 10_000)]
    markers: u32,
    /// Where the databases are made: on the disk that is to be measured. They are removed afterwards.
    #[arg(long, default_value = ".", value_name = "DIRECTORY")]
    on: std::path::PathBuf,
}

/// The end of an event that shows what an agent has said.
const SAID: &str = "\"}\n";

pub(super) async fn measure(args: &FaultArgs) -> anyhow::Result<()> {
    let scratch = Scratch::new(&args.on)?;
    println!("{} rounds, full sync, on {}\n", args.rounds, scratch.path().display());
    println!("{:<44} {:>11} {:>11} {:>11}   aim", "", "p50", "p99", "max");
    let mut ready = starts(scratch.path(), args.rounds.div_ceil(4)).await?;
    aimed_row("start to ready", &mut ready, "< 200 ms");
    let mut times = kills(scratch.path(), args.rounds).await?;
    aimed_row("agent killed, its Error: is heard", &mut times.agent, "< 50 ms");
    aimed_row("worker killed, its turn's Error: is heard", &mut times.worker, "< 300 ms");
    aimed_row("bridge killed, delivered by the next", &mut times.bridge, "< 300 ms");
    let (first, all) = left_behind(scratch.path(), args.markers).await?;
    let left = |what: &str| format!("start over {} markers, {what}", args.markers);
    aimed_row(&left("first decided"), &mut [first], "< 150 ms");
    aimed_row(&left("all decided"), &mut [all], "< 2 s");
    Ok(())
}

/// Where each round finds a directory of its own.
fn directory(on: &Path, name: &str) -> anyhow::Result<std::path::PathBuf> {
    let directory = on.join(name);
    std::fs::create_dir(&directory)?;
    Ok(directory)
}

/// First starts: each makes its store.
async fn starts(on: &Path, rounds: u32) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::new();
    for round in 0..rounds {
        let deployment = Deployment::start(&directory(on, &format!("start-{round}"))?, &json!({}))?;
        deployment.ready().await?;
        times.push(deployment.begin().elapsed());
    }
    Ok(times)
}

#[derive(Default)]
struct Times {
    agent: Vec<Duration>,
    worker: Vec<Duration>,
    bridge: Vec<Duration>,
}

async fn kills(on: &Path, rounds: u32) -> anyhow::Result<Times> {
    let on = directory(on, "kills")?;
    let gate = on.join("gate");
    let deployment = Deployment::start(&on, &agents(&gate))?;
    deployment.ready().await?;
    let store = beside(&on)?;
    let mut times = Times::default();
    for _ in 0..rounds {
        let (_, mut watch) = deployment.ask("sleeps").await?;
        let agent = said_pid(watch.hears(SAID).await?)?;
        let begin = Instant::now();
        kill(agent, Signal::SIGKILL)?;
        watch.hears("event: error").await?;
        times.agent.push(begin.elapsed());

        let (_, mut watch) = deployment.ask("sleeps").await?;
        watch.hears(SAID).await?;
        let worker = pid_of(&store, Role::Worker).await?;
        let begin = Instant::now();
        kill(worker, Signal::SIGKILL)?;
        watch.hears("event: error").await?;
        times.worker.push(begin.elapsed());
        deployment.ready().await?;

        let (turn, mut watch) = deployment.ask("waits").await?;
        watch.hears(SAID).await?;
        let bridge = pid_of(&store, Role::Bridge).await?;
        let begin = Instant::now();
        kill(bridge, Signal::SIGKILL)?;
        // The turn ends while there is no bridge.
        std::fs::write(&gate, "")?;
        until("the next bridge has delivered", async || {
            let is_elected = store.turn(turn).await?.is_some_and(|turn| turn.reply.is_some());
            Ok((is_elected && store.counts().await?.deliveries_open == 0).then_some(()))
        })
        .await?;
        times.bridge.push(begin.elapsed());
        std::fs::remove_file(&gate)?;
        deployment.ready().await?;
    }
    Ok(times)
}

/// One agent that says its process id and sleeps, and one that says so and waits for a file.
fn agents(gate: &Path) -> Value {
    let sh = |script: &str| json!({ "kind": "command", "program": "/bin/sh", "args": ["-c", script], "env": { "GATE": gate } });
    json!({
        "agents": {
            "sleeps": sh("echo $$; exec sleep 1000"),
            "waits": sh("echo $$; while [ ! -e \"$GATE\" ]; do sleep 0.005; done; echo done"),
        },
        "routes": [{ "conversation": "waits", "agent": "waits" }],
        "default_agent": "sleeps",
        // Deaths here are no failures.
        "restart": { "healthy_after": "1ms" },
    })
}

/// The process id that an agent said first.
fn said_pid(heard: &str) -> anyhow::Result<Pid> {
    let said = heard.split("\"text\":\"").nth(1).context("the agent said nothing")?;
    let digits: String = said.chars().take_while(char::is_ascii_digit).collect();
    Ok(Pid::from_raw(digits.parse()?))
}

/// The deployment's store, opened beside it.
fn beside(on: &Path) -> anyhow::Result<SqliteStore> {
    Ok(SqliteStore::open(SqliteOptions::new(on.join("state/lastword.db"), Arc::new(SystemClock)))?)
}

async fn pid_of(store: &SqliteStore, role: Role) -> anyhow::Result<Pid> {
    until("the process is registered", async || {
        let living = store.living().await?;
        let of_role = living.iter().filter(|process| process.role == role);
        // The dead one before it may not be decided yet.
        let pids = of_role.filter_map(|process| i32::try_from(process.pid).ok()).map(Pid::from_raw);
        Ok(pids.rev().find(|pid| kill(*pid, None).is_ok()))
    })
    .await
}

/// From the start until the first turn of a dead worker is decided, and until all are.
async fn left_behind(on: &Path, markers: u32) -> anyhow::Result<(Duration, Duration)> {
    let on = directory(on, "left")?;
    let state = directory(&on, "state")?;
    let path = state.join("lastword.db");
    let (store, bridge, worker) = open(&path, EngineKind::Threads).await?;
    leave_behind(&*store, &bridge, &worker, markers).await?;
    let before = store.counts().await?.errored;
    let deployment = Deployment::start(&on, &json!({}))?;
    let decided = async |at_least: u64| {
        until("turns are decided", async || Ok((store.counts().await?.errored - before >= at_least).then_some(())))
            .await?;
        anyhow::Ok(deployment.begin().elapsed())
    };
    Ok((decided(1).await?, decided(markers.into()).await?))
}
