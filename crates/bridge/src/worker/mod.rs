//! The worker: claims turns, runs their agents, elects their last words. Killing it ends its agents, and whoever sees
//! its end decides its turns.

mod agents;
mod elect;
mod files;
mod janitor;
mod reporter;
mod run;
mod running;

use std::{process::ExitCode, sync::Arc, time::Duration};

use lastword_core::{alert::AlertCode, store::Role};
use tokio::task::JoinSet;

use self::{agents::Agents, running::Running};
use crate::{
    config::Config,
    process::{join::Waiting, lifeline::Lifeline, member::Member, signals::StopSignals, sweep::sweep},
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
    // What an earlier worker could not write is decided by whoever saw its end.
    member.alerts.resolve(AlertCode::JournalUnwritable, elect::JOURNAL);
    let agents = Arc::new(Agents::of(&member.config)?);
    let mut house = JoinSet::new();
    house.spawn(sweep(Arc::clone(&member)));
    house.spawn(Arc::clone(&member).beat());
    house.spawn(Arc::clone(&member.alerts).keep_storing());
    house.spawn(janitor::keep_clean(Arc::clone(&member)));

    let mut running = Running::new(Arc::clone(&member), agents);
    lifeline.ready();
    tokio::select! {
        () = running.claim_and_run() => {}
        () = signals.asked() => {}
        Some(ended) = house.join_next() => {
            ended?;
            anyhow::bail!("this worker was taken for lost, or can't sweep any more");
        }
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
