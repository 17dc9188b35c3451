//! A deployment to be measured: this very program's `run` on a state directory of its own, and questions over HTTP.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use futures_util::{Stream, StreamExt};
use lastword_core::ids::TurnId;
use serde_json::{Value, json};

/// How long the processes may take to be ready, and any turn to end.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A running `lastword run`, ended with this value.
pub(super) struct Deployment {
    child: Child,
    url: String,
    http: reqwest::Client,
    begin: Instant,
    log: PathBuf,
}

impl Deployment {
    /// Starts it in `directory`, where its state is kept. `config` is what is set besides.
    pub(super) fn start(directory: &Path, config: &Value) -> anyhow::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let (file, log) = (directory.join("bench.yaml"), directory.join("log"));
        let mut written = json!({
            "state_dir": directory.join("state"),
            "http": { "listen": format!("127.0.0.1:{port}") },
            "log": { "level": "error" },
        });
        for (key, value) in config.as_object().into_iter().flatten() {
            written[key] = value.clone();
        }
        // JSON is YAML.
        std::fs::write(&file, written.to_string())?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        let begin = Instant::now();
        let child = Command::new(std::env::current_exe()?)
            .args(["--config".as_ref(), file.as_os_str(), "run".as_ref()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log)?)
            .spawn()?;
        Ok(Self { child, url: format!("http://127.0.0.1:{port}"), http, begin, log })
    }

    /// When it was started.
    pub(super) fn begin(&self) -> Instant {
        self.begin
    }

    /// Waits until it is ready.
    pub(super) async fn ready(&self) -> anyhow::Result<()> {
        let ready = until("the processes are ready", async || {
            let page = self.http.get(format!("{}/readyz", self.url)).send().await;
            Ok(page.is_ok_and(|page| page.status().is_success()).then_some(()))
        });
        // The log goes with the directory.
        ready.await.with_context(|| std::fs::read_to_string(&self.log).unwrap_or_default())
    }

    /// Says something; returns the turn that it made, and its stream.
    pub(super) async fn ask(&self, conversation: &str) -> anyhow::Result<(TurnId, Watch)> {
        let message = json!({ "text": "hello", "conversation": conversation });
        let asked = self.http.post(format!("{}/api/v1/messages", self.url)).json(&message).send().await?;
        let accepted: Value = asked.error_for_status()?.json().await?;
        let turn = accepted["turn"].as_i64().context("no turn was named")?;
        let events = accepted["events"].as_str().context("no stream was named")?;
        let stream = self.http.get(format!("{}{events}", self.url)).send().await?.error_for_status()?;
        Ok((TurnId(turn), Watch { stream: Box::new(Box::pin(stream.bytes_stream())), heard: String::new() }))
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        // The children end by their lifelines.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A turn's stream.
pub(super) struct Watch {
    stream: Box<dyn Stream<Item = reqwest::Result<axum::body::Bytes>> + Send + Unpin>,
    heard: String,
}

impl Watch {
    /// Waits until `what` was heard; returns everything heard so far.
    pub(super) async fn hears(&mut self, what: &str) -> anyhow::Result<&str> {
        let hearing = async {
            while !self.heard.contains(what) {
                let bytes = self.stream.next().await.context("the stream ended early")??;
                self.heard.push_str(&String::from_utf8_lossy(&bytes));
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(PATIENCE, hearing).await.with_context(|| format!("never heard {what:?}"))??;
        Ok(&self.heard)
    }
}

/// Looks again and again until there is something to see.
pub(super) async fn until<T>(what: &str, look: impl AsyncFn() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    let begin = Instant::now();
    loop {
        if let Some(seen) = look().await? {
            return Ok(seen);
        }
        ensure!(begin.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
