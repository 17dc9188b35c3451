//! The whole path: the real processes, HTTP in, an agent that does nothing, HTTP out.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use futures_util::StreamExt;
use lastword_core::{
    ids::{AccountId, IncarnationId},
    store::{Incarnation, Role, Store},
};
use lastword_store::{SqliteOptions, SqliteStore, SystemClock};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    BenchArgs, Scratch,
    figures::{ms, per_second, percentile},
};

/// How many turns are asked one after the other, for the latency at low load.
const SINGLE_TURNS: usize = 300;
/// How long the processes may take to be ready.
const READY_WITHIN: Duration = Duration::from_secs(30);

pub(super) async fn measure(args: &BenchArgs) -> anyhow::Result<()> {
    let scratch = Scratch::new(&args.on)?;
    let commit = commit_times(scratch.path()).await?;
    let deployment = Deployment::start(scratch.path(), args.places).await?;
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

/// A running `lastword run`, ended with this value.
struct Deployment {
    child: Child,
    url: String,
    http: reqwest::Client,
}

impl Deployment {
    async fn start(directory: &Path, places: u32) -> anyhow::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let file = directory.join("bench.yaml");
        let config = json!({
            "state_dir": directory.join("state"),
            "http": { "listen": format!("127.0.0.1:{port}") },
            "agents": { "echo": { "kind": "echo" } },
            "default_agent": "echo",
            "limits": { "max_concurrent": places.clamp(1, 1_024) },
            "log": { "level": "warn" },
        });
        // JSON is YAML.
        std::fs::write(&file, config.to_string())?;
        let child = Command::new(std::env::current_exe()?)
            .args(["--config".as_ref(), file.as_os_str(), "run".as_ref()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let deployment = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
            http: reqwest::Client::builder().no_proxy().build()?,
        };
        let begin = Instant::now();
        while !deployment.is_ready().await {
            ensure!(begin.elapsed() < READY_WITHIN, "the processes did not become ready");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        println!("ready after {}", ms(begin.elapsed()));
        Ok(deployment)
    }

    async fn is_ready(&self) -> bool {
        let page = self.http.get(format!("{}/readyz", self.url)).send().await;
        page.is_ok_and(|page| page.status().is_success())
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        // The children end by their lifelines.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Each place asks `questions` times, the next one when it has its answer.
async fn ask(deployment: &Deployment, places: u32, questions: usize) -> anyhow::Result<(Vec<Duration>, f64)> {
    let begin = Instant::now();
    let mut people = JoinSet::new();
    for place in 0..places {
        let (http, url) = (deployment.http.clone(), deployment.url.clone());
        people.spawn(async move {
            let mut times = Vec::with_capacity(questions);
            for _ in 0..questions {
                let asked = Instant::now();
                question(&http, &url, &format!("place {place}")).await?;
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

async fn question(http: &reqwest::Client, url: &str, conversation: &str) -> anyhow::Result<()> {
    let message = json!({ "text": "hello", "conversation": conversation });
    let accepted: Value =
        http.post(format!("{url}/api/v1/messages")).json(&message).send().await?.error_for_status()?.json().await?;
    let events = accepted["events"].as_str().context("no stream was named")?;
    let mut stream = http.get(format!("{url}{events}")).send().await?.error_for_status()?.bytes_stream();
    let mut heard = Vec::new();
    while let Some(bytes) = stream.next().await {
        heard.extend_from_slice(&bytes?);
    }
    ensure!(String::from_utf8_lossy(&heard).contains("event: reply"), "a turn ended without a reply");
    Ok(())
}
