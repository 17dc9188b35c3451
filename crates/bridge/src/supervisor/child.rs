//! One child: started, watched, decided, started again.

use std::{
    os::unix::process::ExitStatusExt,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use lastword_core::{
    decide::backoff::Backoff,
    ids::IncarnationId,
    store::{Role, StoreError},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    process::{Child, Command},
    task::{JoinError, JoinSet},
};

use super::Supervisor;
use crate::bridge::{EXIT_CONFIG, banner::BANNER_ENV};
use crate::process::{
    decide_lost::decide_lost,
    lifeline::LIFELINE_ENV,
    member::{INCARNATION_ENV, new_incarnation},
    patience::pause,
    program,
};

/// A child that lived so long has shown that it can start.
const LIVED: Duration = Duration::from_secs(1);
/// How long the end waits for a store that is out.
const DECIDED_WITHIN: Duration = Duration::from_secs(5);
/// How much longer than its own grace a child may take to stop before it is killed.
const STOP_SLACK: Duration = Duration::from_secs(10);

/// Keeps one child running until the supervisor stops.
pub(super) async fn keep(supervisor: Arc<Supervisor>, role: Role) -> anyhow::Result<()> {
    let restart = supervisor.config.restart;
    let backoff = Backoff { first_ms: restart.pause_ms, max_ms: restart.pause_ms_max };
    let mut deciding = JoinSet::new();
    let mut failures = 0;
    let mut has_lived = false;
    while !supervisor.stop.is_cancelled() {
        let incarnation = new_incarnation();
        let started = Instant::now();
        let mut child = match start(&supervisor, role, &incarnation, !has_lived) {
            Ok(child) => child,
            Err(error) => {
                tracing::error!(role = role.as_str(), "could not be started: {error}");
                failures += 1;
                rest(&supervisor, backoff, failures).await;
                continue;
            }
        };
        // Waiting for a child closes its standard input, unless somebody else holds it: that is the lifeline.
        let _lifeline = child.stdin.take();
        tracing::info!(role = role.as_str(), pid = child.id(), incarnation = %incarnation, "started");
        let status = tokio::select! {
            status = child.wait() => status?,
            () = supervisor.stop.cancelled() => end(&supervisor, &mut child).await?,
        };
        // Reaped, so certainly dead. Its successor does not wait for the decision: the store may be out.
        {
            let supervisor = Arc::clone(&supervisor);
            deciding.spawn(async move {
                decide_lost(&*supervisor.store, &incarnation).await?;
                supervisor.forget(&incarnation);
                Ok(())
            });
        }
        while let Some(decided) = deciding.try_join_next() {
            report(decided);
        }
        if supervisor.stop.is_cancelled() {
            break;
        }
        has_lived |= started.elapsed() >= LIVED;
        if !has_lived && status.code() == Some(EXIT_CONFIG.into()) {
            supervisor.stop.cancel();
            anyhow::bail!("the {} can't work as it is configured; see above", role.as_str());
        }
        if started.elapsed() >= Duration::from_millis(restart.healthy_after_ms.unsigned_abs()) {
            failures = 0;
        }
        tracing::error!(role = role.as_str(), "{}", epitaph(status));
        // The first time it is started again at once: most deaths are a single stroke.
        if failures > 0 {
            rest(&supervisor, backoff, failures).await;
        }
        failures += 1;
    }
    let decided = async {
        while let Some(decided) = deciding.join_next().await {
            report(decided);
        }
    };
    if tokio::time::timeout(DECIDED_WITHIN, decided).await.is_err() {
        tracing::warn!("the store did not answer in time; the next start decides what is left");
    }
    Ok(())
}

/// Whether deciding failed: the sweeps of the living go on with it.
fn report(decided: Result<Result<(), StoreError>, JoinError>) {
    match decided {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!("a dead child could not be decided yet: {error}"),
        Err(panic) => tracing::error!("deciding a dead child died: {panic}"),
    }
}

/// Pauses before the next start, unless asked to stop.
async fn rest(supervisor: &Supervisor, backoff: Backoff, failures: u32) {
    let _ = tokio::time::timeout(pause(backoff, failures), supervisor.stop.cancelled()).await;
}

fn start(supervisor: &Supervisor, role: Role, incarnation: &IncarnationId, is_first: bool) -> std::io::Result<Child> {
    let mut command = Command::new(program::running()?);
    command.arg0(program::NAME);
    if let Some(file) = &supervisor.config.file {
        command.arg("--config").arg(file);
    }
    if is_first {
        command.env(BANNER_ENV, "1");
    }
    command
        .arg(role.as_str())
        .env(LIFELINE_ENV, "stdin")
        .env(INCARNATION_ENV, incarnation.as_str())
        .stdin(Stdio::piped())
        // A group of its own: Ctrl-C in a terminal asks the supervisor, and the supervisor asks its children.
        .process_group(0)
        .spawn()
}

async fn end(supervisor: &Supervisor, child: &mut Child) -> std::io::Result<ExitStatus> {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        // It may be gone already; then there is nothing to ask.
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
    let grace = Duration::from_millis(supervisor.config.shutdown_grace_ms.unsigned_abs()) + STOP_SLACK;
    match tokio::time::timeout(grace, child.wait()).await {
        Ok(status) => status,
        Err(_) => {
            tracing::warn!(pid = child.id(), "did not stop in time and is killed");
            child.kill().await?;
            child.wait().await
        }
    }
}

fn epitaph(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}; starting it again"),
        (None, Some(signal)) => format!("was killed by signal {signal}; starting it again"),
        (None, None) => "ended; starting it again".to_owned(),
    }
}
