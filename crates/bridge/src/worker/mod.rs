//! The worker: claims turns, runs their agents, elects their last words. Killing it ends its agents, and whoever sees
//! its end decides its turns.

mod agents;
mod elect;
mod files;
mod janitor;
mod reporter;
mod run;
mod running;

use std::{convert::Infallible, process::ExitCode, sync::Arc, time::Duration};

#[cfg(feature = "testing")]
use lastword_core::agent::Agent;
use lastword_core::{alert::AlertCode, store::Role};
use tokio::task::JoinSet;

use self::{agents::Agents, running::Running};
use crate::{
    config::Config,
    process::{
        join::Waiting,
        lifeline::Lifeline,
        member::Member,
        signals::StopSignals,
        sweep::sweep,
        webhook::{self, Whose},
    },
};

/// Runs the worker until it is asked to stop, and then until its turns are done or the grace is over.
pub async fn run(config: Config) -> anyhow::Result<ExitCode> {
    let waiting = Waiting::new(None);
    let lifeline = Lifeline::hold(&waiting)?;
    let mut signals = StopSignals::listen()?;
    let member = tokio::select! {
        joined = Member::join(config, Role::Worker, &waiting) => joined?,
        () = signals.asked() => return Ok(ExitCode::SUCCESS),
    };
    let agents = Agents::of(&member.config)?;
    let (mut house, mut running) = begin(&member, agents);
    lifeline.ready();
    tokio::select! {
        never = work(&mut house, &mut running) => match never? {},
        () = signals.asked() => {}
    }
    tracing::info!(running = running.count(), "the worker stops claiming and lets its turns finish");
    let grace = Duration::from_millis(member.config.shutdown_grace_ms.unsigned_abs());
    tokio::select! {
        () = running.finish(grace) => {}
        () = signals.asked() => tracing::warn!("asked twice to stop: ending at once"),
    }
    house.shutdown().await;
    drop(running);
    member.leave().await;
    Ok(ExitCode::SUCCESS)
}

/// Starts everything that goes on for as long as the worker lives.
fn begin(member: &Arc<Member>, agents: Agents) -> (JoinSet<()>, Running) {
    // What an earlier worker could not write is decided by whoever saw its end.
    member.alerts.resolve(AlertCode::JournalUnwritable, elect::JOURNAL);
    let mut house = JoinSet::new();
    house.spawn(sweep(Arc::clone(member)));
    house.spawn(Arc::clone(member).beat());
    house.spawn(Arc::clone(&member.alerts).keep_storing());
    house.spawn(webhook::keep_posting(&member.config, &member.oversight, &member.alerts, Whose::UnstoredOnly));
    house.spawn(janitor::keep_clean(Arc::clone(member)));
    (house, Running::new(Arc::clone(member), Arc::new(agents)))
}

/// Claims and runs turns until the worker can't go on.
async fn work(house: &mut JoinSet<()>, running: &mut Running) -> anyhow::Result<Infallible> {
    tokio::select! {
        biased;
        Some(ended) = house.join_next() => {
            ended?;
            anyhow::bail!("this worker was taken for lost, or can't sweep any more");
        }
        () = running.claim_and_run() => anyhow::bail!("nothing is left to do"),
    }
}

/// A simulated worker with these agents: what [`run`] does between its start and its end.
#[cfg(feature = "testing")]
pub async fn simulate(config: Config, agents: Vec<Arc<dyn Agent>>) -> anyhow::Result<Infallible> {
    let member = Member::join(config, Role::Worker, &Waiting::new(None)).await?;
    let (mut house, mut running) = begin(&member, Agents::given(agents));
    work(&mut house, &mut running).await
}
