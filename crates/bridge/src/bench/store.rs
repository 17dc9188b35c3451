//! The store alone: how many turns a second are accepted, claimed and elected, each step durable; and how soon the
//! turns of a dead worker are decided.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use futures_util::future::join_all;
use lastword_core::{
    capability::{ReplyShape, TextLimit, TextUnit, Via},
    ids::{AccountId, AgentId, ConversationId, IncarnationId, MessageId, Place, UpdateId, UserId},
    store::{
        Asked, Claim, Elected, End, Incarnation, IngestBatch, IngestItem, Intake, NewTurn, OnLost, Replays, Role,
        Standing, Store, Verdict,
    },
};
use lastword_store::{EngineKind, SqliteOptions, SqliteStore, SystemClock};
use tokio::{sync::Mutex, task::JoinSet};

use super::{
    BenchArgs, Scratch,
    figures::{ms, per_second, percentile},
};
use crate::process::decide_lost::TURNS_PER_COMMIT;

/// The baseline is that much smaller: it is that much slower.
const BASELINE_PART: u32 = 10;
/// Armed markers of a dead worker, one in each of as many places.
const LEFT_BY_THE_DEAD: u32 = 10_000;
/// How many of them are accepted and claimed in one commit.
const LEFT_PER_COMMIT: usize = 1_000;

pub(super) async fn measure(args: &BenchArgs) -> anyhow::Result<()> {
    let scratch = Scratch::new(&args.on)?;
    println!("{} places, full sync, on {}\n", args.places, scratch.path().display());
    println!("{:<28} {:>12} {:>12} {:>12}", "", "turns/s", "p50", "p99");
    let grouped = round(&scratch, EngineKind::Threads, args.places, args.turns).await?;
    let single = round(&scratch, EngineKind::Inline, args.places, args.turns / BASELINE_PART).await?;
    println!("\nratio: {:.1}\n", grouped / single);
    let (first, all) = lost_worker(&scratch).await?;
    println!("{LEFT_BY_THE_DEAD} markers of a dead worker: first decided after {}, all after {}", ms(first), ms(all));
    Ok(())
}

/// How long until the first turns of a dead worker are decided, and all.
async fn lost_worker(scratch: &Scratch) -> anyhow::Result<(Duration, Duration)> {
    let (store, bridge, worker) = open(&scratch.path().join("lost.db"), EngineKind::Threads).await?;
    leave_behind(&*store, &bridge, &worker, LEFT_BY_THE_DEAD).await?;
    let begin = Instant::now();
    let mut first = None;
    while store.decide_lost(&worker, Replays::Allow, TURNS_PER_COMMIT).await?.has_more {
        first.get_or_insert_with(|| begin.elapsed());
    }
    let all = begin.elapsed();
    let errored = store.counts().await?.errored;
    ensure!(errored == u64::from(LEFT_BY_THE_DEAD), "only {errored} turns were decided");
    Ok((first.unwrap_or(all), all))
}

/// Has `worker` claim so many turns, one in each of as many places, and not one ended.
pub(super) async fn leave_behind(
    store: &dyn Store,
    bridge: &IncarnationId,
    worker: &IncarnationId,
    turns: u32,
) -> anyhow::Result<()> {
    let places: Vec<u32> = (0..turns).collect();
    for places in places.chunks(LEFT_PER_COMMIT) {
        let items = places.iter().flat_map(|place| batch(bridge, *place, 0).items).collect();
        store.ingest(IngestBatch { items, ..batch(bridge, 0, 0) }).await?;
        let claims = store.claim(worker, places.len()).await?;
        ensure!(claims.len() == places.len(), "only {} turns were claimed", claims.len());
        // Whose agent never showed a sign would simply run again.
        for standing in join_all(claims.iter().map(|claim| store.progress(claim.fence, None))).await {
            ensure!(standing? == Standing::Current, "a turn was lost");
        }
    }
    Ok(())
}

/// A fresh database with a bridge that leases the account and a worker.
pub(super) async fn open(
    path: &Path,
    engine: EngineKind,
) -> anyhow::Result<(Arc<dyn Store>, IncarnationId, IncarnationId)> {
    let mut options = SqliteOptions::new(path, Arc::new(SystemClock));
    options.engine = engine;
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(options)?);
    let (bridge, worker) = (IncarnationId::new("bridge"), IncarnationId::new("worker"));
    for (id, role) in [(&bridge, Role::Bridge), (&worker, Role::Worker)] {
        store.register(&Incarnation { id: id.clone(), role, pid: 0, build: String::new(), beats: 0 }).await?;
    }
    store.lease(&AccountId::new("bench"), "bench", &bridge).await?.context("the lease is taken")?;
    Ok((store, bridge, worker))
}

/// One run of `turns` turns on a fresh database; returns turns per second.
async fn round(scratch: &Scratch, engine: EngineKind, places: u32, turns: u32) -> anyhow::Result<f64> {
    let (file, name) = match engine {
        EngineKind::Threads => ("grouped.db", "grouped commits"),
        EngineKind::Inline => ("single.db", "one commit per step"),
    };
    let (store, bridge, worker) = open(&scratch.path().join(file), engine).await?;

    // A claim takes whatever is queued, as a worker's does, so claimed turns are elected by whoever claimed them.
    let times = Arc::new(Mutex::new(Vec::new()));
    let begin = Instant::now();
    let mut people = JoinSet::new();
    for place in 0..places {
        let (store, times, bridge, worker) = (Arc::clone(&store), Arc::clone(&times), bridge.clone(), worker.clone());
        people.spawn(async move {
            let mut own = Vec::new();
            for n in 0..turns / places {
                let asked = Instant::now();
                store.ingest(batch(&bridge, place, n)).await?;
                answer(&*store, store.claim(&worker, 1).await?).await?;
                own.push(asked.elapsed());
            }
            times.lock().await.extend(own);
            anyhow::Ok(())
        });
    }
    while let Some(person) = people.join_next().await {
        person??;
    }
    // Whoever claimed while the only waiting turn's place was busy left one behind.
    loop {
        let claims = store.claim(&worker, places as usize).await?;
        if claims.is_empty() {
            break;
        }
        answer(&*store, claims).await?;
    }
    let took = begin.elapsed();
    let counts = store.counts().await?;
    ensure!(counts.replied == counts.accepted, "turns were left behind: {counts:?}");
    let rate = per_second(usize::try_from(counts.replied)?, took);
    let mut times = std::mem::take(&mut *times.lock().await);
    print_row(name, rate, &mut times);
    Ok(rate)
}

async fn answer(store: &dyn Store, claims: Vec<Claim>) -> anyhow::Result<()> {
    for Claim { fence, prompt, .. } in claims {
        let verdict = Verdict { fence, end: End::Answered, parts: vec![prompt], files: Vec::new(), if_progress: None };
        ensure!(store.elect(verdict).await? == Elected::Won, "an election was lost");
    }
    Ok(())
}

fn print_row(name: &str, rate: f64, times: &mut [Duration]) {
    let (p50, p99) = (percentile(times, 50), percentile(times, 99));
    println!("{name:<28} {rate:>12.0} {:>12} {:>12}", ms(p50), ms(p99));
}

fn batch(bridge: &IncarnationId, place: u32, n: u32) -> IngestBatch {
    let account = AccountId::new("bench");
    let asked = Asked {
        place: Place {
            account: account.clone(),
            conversation: ConversationId::new(format!("place {place}")),
            thread: None,
        },
        shape: ReplyShape {
            via: Via::Post,
            text_max: TextLimit { max: 4_096, unit: TextUnit::Utf16 },
            has_placeholder: false,
            files: None,
        },
        sender: UserId::new("bench"),
        sender_name: None,
        message: MessageId::new(n.to_string()),
        text: "a question of an ordinary length, as people ask them in a chat".into(),
    };
    let turn = NewTurn {
        prompt: asked.text.clone(),
        files: Vec::new(),
        asked,
        agent: AgentId::new("none"),
        on_lost: OnLost::Error,
        may_collect: false,
        queue_max: u32::MAX,
    };
    let item = IngestItem { update: UpdateId::new(format!("{place}-{n}")), intake: Intake::Turn(turn) };
    IngestBatch { account, holder: bridge.clone(), items: vec![item], cursor: None }
}
