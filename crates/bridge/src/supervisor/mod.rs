//! The supervisor: starts bridge and worker, sees their ends at once, decides what they left behind, starts them again.
//!
//! Killing any process loses nothing: a dead child's turns are decided here within milliseconds, a dead supervisor's
//! children end by their lifelines and the next start decides.

mod child;

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use lastword_core::{
    ids::IncarnationId,
    store::{Role, Store},
};
use lastword_store::{DeploymentLock, IncarnationLock, LockError};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    config::Config,
    process::{
        alerts::Alerts,
        decide_lost::decide_lost,
        member::{keep_to_ourselves, new_incarnation, open_state, open_store},
        signals::StopSignals,
        state_dir::StateDir,
    },
};

/// How long a start waits for the children of a supervisor that was killed.
const LINGERING_MAX: Duration = Duration::from_secs(5);
/// How often it looks whether they are gone.
const LINGERING_POLL: Duration = Duration::from_millis(50);

/// What a supervisor keeps in hand.
pub struct Supervisor {
    config: Config,
    store: Arc<dyn Store>,
    alerts: Arc<Alerts>,
    state: StateDir,
    stop: CancellationToken,
}

/// Runs bridge and worker until asked to stop.
pub async fn supervise(config: Config) -> anyhow::Result<ExitCode> {
    keep_to_ourselves()?;
    let mut signals = StopSignals::listen()?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let state = open_state(&config)?;
    let _deployment = found(&config).await?;
    let store = Arc::new(open_store(&config, &state, &new_incarnation())?);
    let alerts = Arc::new(Alerts::new(store.clone()));
    let supervisor = Arc::new(Supervisor { config, store, alerts, state, stop: CancellationToken::new() });
    let mut tasks = JoinSet::new();
    let mut house = JoinSet::new();
    house.spawn(Arc::clone(&supervisor.alerts).keep_storing());
    {
        let supervisor = Arc::clone(&supervisor);
        tasks.spawn(async move {
            if let Err(error) = supervisor.decide_predecessors().await {
                tracing::error!("what earlier processes left behind is not decided yet; the sweeps go on: {error:#}");
            }
            Ok(())
        });
    }
    for role in [Role::Worker, Role::Bridge] {
        tasks.spawn(child::keep(Arc::clone(&supervisor), role));
    }
    loop {
        tokio::select! {
            () = signals.asked() => {
                if supervisor.stop.is_cancelled() {
                    tracing::warn!("asked twice to stop: ending at once; the next start decides what is left");
                    return Ok(ExitCode::FAILURE);
                }
                tracing::info!("stopping: running turns may finish within {} s", supervisor.config.shutdown_grace_ms / 1_000);
                supervisor.stop.cancel();
            }
            ended = tasks.join_next() => match ended {
                None => break,
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => return Err(error),
                Some(Err(panic)) => return Err(panic).context("a task of the supervisor died"),
            }
        }
    }
    supervisor.alerts.store_last().await;
    report_left(&*supervisor.store).await;
    Ok(ExitCode::SUCCESS)
}

impl Supervisor {
    /// Decides what the processes of an earlier start left behind, once their locks prove them gone.
    async fn decide_predecessors(&self) -> anyhow::Result<()> {
        let dir = self.state.incarnations();
        for predecessor in self.store.living().await? {
            if IncarnationLock::is_free(&dir, &predecessor.id)? {
                decide_lost(&*self.store, &predecessor.id).await?;
                self.forget(&predecessor.id);
            }
        }
        Ok(())
    }

    /// Removes the lock file of a process that is dead and decided.
    fn forget(&self, dead: &IncarnationId) {
        if let Err(error) = IncarnationLock::forget(&self.state.incarnations(), dead) {
            tracing::debug!("a lock file stays behind: {error}");
        }
    }
}

/// Takes the deployment's lock, after a moment for the children of a supervisor that was killed.
async fn found(config: &Config) -> anyhow::Result<DeploymentLock> {
    let mut waited = Duration::ZERO;
    loop {
        match DeploymentLock::found(&config.store_path) {
            Err(LockError::InUse { .. }) if waited < LINGERING_MAX => {
                tokio::time::sleep(LINGERING_POLL).await;
                waited += LINGERING_POLL;
            }
            found => return Ok(found?),
        }
    }
}

async fn report_left(store: &dyn Store) {
    match store.counts().await {
        Ok(counts) if counts.queued + counts.running + counts.deliveries_open == 0 => {
            tracing::info!("stopped; nothing is owed");
        }
        Ok(counts) => tracing::info!(
            queued = counts.queued,
            running = counts.running,
            deliveries = counts.deliveries_open,
            "stopped; what is left is kept and goes on with the next start"
        ),
        Err(error) => tracing::warn!("stopped; the store did not say what is left: {error}"),
    }
}
