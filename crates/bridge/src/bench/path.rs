//! The whole path: the real processes, HTTP in, an agent that does nothing, HTTP out.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use lastword_core::{
    ids::{AccountId, IncarnationId},
    store::{Incarnation, Role, Store},
};
use lastword_store::{SqliteOptions, SqliteStore, SystemClock};
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    BenchArgs, Scratch,
    deployment::Deployment,
    figures::{ms, per_second, percentile},
};

/// How many turns are asked one after the other, for the latency at low load.
const SINGLE_TURNS: usize = 300;

pub(super) async fn measure(args: &BenchArgs) -> anyhow::Result<()> {
    let scratch = Scratch::new(&args.on)?;
    let commit = commit_times(scratch.path()).await?;
    let config = json!({
        "agents": { "echo": { "kind": "echo" } },
        "limits": { "max_concurrent": args.places.clamp(1, 1_024) },
    });
    let deployment = Arc::new(Deployment::start(scratch.path(), &config)?);
    deployment.ready().await?;
    println!("ready after {}", ms(deployment.begin().elapsed()));
    let (mut alone, alone_rate) = ask(&deployment, 1, SINGLE_TURNS).await?;
    let (mut together, rate) = ask(&deployment, args.places, usize::try_from(args.turns / args.places)?).await?;
    println!("three processes, HTTP in and out, on {}\n", scratch.path().display());
    println!("{:<28} {:>12} {:>12} {:>12}", "", "turns/s", "p50", "p99");
    let row = |name: &str, rate: Option<f64>, times: &mut [Duration]| {
        let rate = rate.map(|rate| format!("{rate:.0}")).unwrap_or_default();
        let (p50, p99) = (percentile(times, 50), percentile(times, 99));
        println!("{name:<28} {rate:>12} {:>12} {:>12}", ms(p50), ms(p99));
        p50
    };
    let mut commit = commit;
    let commit_p50 = row("one commit, for comparison", None, &mut commit);
    let alone_p50 = row("1 place, question to answer", Some(alone_rate), &mut alone);
    row(&format!("{} places", args.places), Some(rate), &mut together);
    println!("\nquestion to answer at low load, in commits: {:.1}", alone_p50.as_secs_f64() / commit_p50.as_secs_f64());
    Ok(())
}

/// How long one commit of the store takes on this disk, alone.
async fn commit_times(on: &Path) -> anyhow::Result<Vec<Duration>> {
    let store = SqliteStore::open(SqliteOptions::new(on.join("commit.db"), Arc::new(SystemClock)))?;
    let nobody = IncarnationId::new("nobody");
    let nobody_at_all = Incarnation { id: nobody.clone(), role: Role::Bridge, pid: 0, build: String::new(), beats: 0 };
    store.register(&nobody_at_all).await?;
    let mut times = Vec::new();
    for n in 0..SINGLE_TURNS {
        let begin = Instant::now();
        // Each lease is a fresh row, so each call writes and syncs.
        let account = AccountId::new(format!("commit {n}"));
        store.lease(&account, "bench", &nobody).await?;
        times.push(begin.elapsed());
    }
    Ok(times)
}

/// Each place asks `questions` times, the next one when it has its answer.
async fn ask(deployment: &Arc<Deployment>, places: u32, questions: usize) -> anyhow::Result<(Vec<Duration>, f64)> {
    let begin = Instant::now();
    let mut people = JoinSet::new();
    for place in 0..places {
        let deployment = Arc::clone(deployment);
        people.spawn(async move {
            let mut times = Vec::with_capacity(questions);
            for _ in 0..questions {
                let asked = Instant::now();
                let (_, mut watch) = deployment.ask(&format!("place {place}")).await?;
                watch.hears("event: reply").await?;
                times.push(asked.elapsed());
            }
            anyhow::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(person) = people.join_next().await {
        times.extend(person??);
    }
    let rate = per_second(times.len(), begin.elapsed());
    Ok((times, rate))
}
