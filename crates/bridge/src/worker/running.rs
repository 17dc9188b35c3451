//! The turns in hand of a worker: claimed while there is room, ended when somebody else decides them, never forgotten.

use std::{sync::Arc, time::Duration};

use lastword_core::{
    alert::AlertCode,
    faults::{self, Point},
    ids::{AgentId, Fence},
    store::{Claim, Role, StoreError, Topic},
};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::{agents::Agents, elect, run};
use crate::process::{member::Member, patience::Complaint, vitals::Vital};

/// How often to look without being woken: the truth, where wake-ups are only a hint.
const POLL: Duration = Duration::from_millis(250);

/// The turns in hand.
pub(super) struct Running {
    member: Arc<Member>,
    agents: Arc<Agents>,
    turns: JoinSet<()>,
    /// In the order in which they were begun.
    kept: Vec<Kept>,
    /// Of claims that fail, for example for as long as the disk is full.
    complaint: Complaint,
}

/// A turn that a task looks after.
struct Kept {
    task: Id,
    fence: Fence,
    /// Who answers, where this worker claimed it.
    agent: Option<AgentId>,
    stop: run::Stop,
}

impl Running {
    pub(super) fn new(member: Arc<Member>, agents: Arc<Agents>) -> Self {
        Self { member, agents, turns: JoinSet::new(), kept: Vec::new(), complaint: Complaint::default() }
    }

    pub(super) fn count(&self) -> usize {
        self.turns.len()
    }

    /// Claims while there is room. Never returns.
    pub(super) async fn claim_and_run(&mut self) {
        let mut queued = self.member.store.subscribe(Topic::Turns);
        let mut decided = self.member.store.subscribe(Topic::Decided);
        let mut polls = tokio::time::interval(POLL);
        polls.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            while let Some(ended) = self.turns.try_join_next_with_id() {
                self.forget(ended);
            }
            self.claim().await;
            tokio::select! {
                biased;
                // The polls first: nothing else, however often it comes, keeps them from comparing.
                _ = polls.tick() => self.compare().await,
                () = decided.woken() => self.compare().await,
                Some(ended) = self.turns.join_next_with_id() => self.forget(ended),
                () = queued.woken() => {}
            }
        }
    }

    async fn claim(&mut self) {
        let room = match self.room().await {
            Ok(0) => return,
            Ok(room) => room,
            Err(error) => {
                return self.complaint.failed("nothing is claimed before it is known what others run", &error);
            }
        };
        match self.member.store.claim(&self.member.incarnation, room).await {
            Ok(claims) => {
                self.complaint.over();
                claims.into_iter().for_each(|claim| self.start(claim));
            }
            Err(error) => self.complaint.failed("turns could not be claimed", &error),
        }
    }

    /// How many turns may be claimed: the limit is the deployment's, and a worker that makes room for this one may still
    /// run some.
    async fn room(&self) -> Result<usize, StoreError> {
        let max = self.member.max_concurrent();
        let room = max.saturating_sub(self.turns.len());
        if room == 0 || self.is_alone() {
            return Ok(room);
        }
        let running = usize::try_from(self.member.store.counts().await?.running).unwrap_or(usize::MAX);
        Ok(room.min(max.saturating_sub(running)))
    }

    /// Whether no other worker was seen. Nobody was seen at all before the first look.
    fn is_alone(&self) -> bool {
        let mut workers = self.member.vitals.all().into_iter().filter(|vital| vital.process.role == Role::Worker);
        let is_us = |vital: Option<Vital>| vital.is_some_and(|vital| vital.process.id == self.member.incarnation);
        is_us(workers.next()) && workers.next().is_none()
    }

    fn start(&mut self, claim: Claim) {
        faults::point(Point::RunAfterClaim);
        let agents = Arc::clone(&self.agents);
        let agent = claim.agent.clone();
        self.keep(claim.fence, Some(agent), |member, stop| run::run(member, agents, claim, stop));
    }

    /// Compares what runs here with what the store says that we owe.
    ///
    /// What runs but is not owed was decided by somebody else, `/stop` or a sweep: its agent is ended. What is owed but
    /// does not run (its task died, or the answer of its claim was lost) gets an error: nobody else would decide it
    /// while this process lives. Nothing is claimed meanwhile: claims happen in the same loop.
    async fn compare(&mut self) {
        let owed = match self.member.store.running(&self.member.incarnation).await {
            Ok(owed) => owed,
            Err(error) => return tracing::debug!("running turns could not be compared: {error}"),
        };
        for Kept { fence, stop, .. } in self.kept.iter().filter(|kept| !owed.contains(&kept.fence)) {
            if !stop.decided.is_cancelled() {
                tracing::debug!(turn = %fence.turn, attempt = %fence.attempt, "decided; ending what is left of it");
                stop.decided.cancel();
            }
        }
        let runs = |fence: Fence| self.kept.iter().any(|kept| kept.fence == fence);
        // The election of an answer whose task died may have been decided all the same.
        if self.member.journal.settle_all_but(|fence| runs(fence) || owed.contains(&fence)) {
            elect::flush_soon(&self.member);
        }
        let missing: Vec<Fence> = owed.into_iter().filter(|fence| !runs(*fence)).collect();
        for fence in missing {
            tracing::error!(turn = %fence.turn, attempt = %fence.attempt, "is ours and owed but does not run");
            self.keep(fence, None, |member, _| run::give_up(member, fence));
        }
    }

    fn keep<T>(&mut self, fence: Fence, agent: Option<AgentId>, task: impl FnOnce(Arc<Member>, run::Stop) -> T)
    where
        T: Future<Output = ()> + Send + 'static,
    {
        let stop = run::Stop { decided: CancellationToken::new(), shut_down: CancellationToken::new() };
        let task = self.turns.spawn(task(Arc::clone(&self.member), stop.clone())).id();
        self.kept.push(Kept { task, fence, agent, stop });
    }

    fn forget(&mut self, ended: Result<(Id, ()), JoinError>) {
        match ended {
            Ok((id, ())) => drop(self.take(id)),
            Err(panic) => {
                // Owed and ours, but not running any more: the next comparison gives it its last word.
                tracing::error!("a turn's task died: {panic}");
                let Some(Kept { fence, agent, .. }) = self.take(panic.id()) else { return };
                let agent = agent.map_or_else(|| "unknown".to_owned(), |agent| agent.to_string());
                let detail = format!("turn {}, attempt {}", fence.turn, fence.attempt);
                self.member.alerts.raise(AlertCode::TurnBroken, agent, detail);
            }
        }
    }

    fn take(&mut self, task: Id) -> Option<Kept> {
        let which = self.kept.iter().position(|kept| kept.task == task)?;
        Some(self.kept.remove(which))
    }

    /// Waits for the turns in hand; after `grace` their agents are ended and the turns say so.
    pub(super) async fn finish(&mut self, grace: Duration) {
        if tokio::time::timeout(grace, self.drain()).await.is_err() {
            tracing::warn!(running = self.count(), "the grace is over; ending the agents");
            self.kept.iter().for_each(|kept| kept.stop.shut_down.cancel());
            self.drain().await;
        }
    }

    async fn drain(&mut self) {
        while let Some(ended) = self.turns.join_next_with_id().await {
            self.forget(ended);
        }
    }
}
