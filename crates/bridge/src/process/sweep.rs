//! The sweep: every second, turns past a deadline and processes proven dead are decided.
//!
//! Bridge and worker both sweep, so that either alone keeps the promise; the election makes sure that only one decides.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use lastword_core::{
    alert::AlertCode,
    decide::sweep::{Expired, ROUND_EVERY_MS, Watch},
    ids::{IncarnationId, Monotonic},
    store::{End, Incarnation, StoreError, Verdict},
    turn::TurnState,
};
use lastword_store::{IncarnationLock, journal};
use tokio::task::JoinSet;

use super::{decide_lost::decide_lost, lifeline, member::Member};

/// Sweeps until the task is dropped.
pub async fn sweep(member: Arc<Member>) {
    let begin = Instant::now();
    let mut watch = Watch::default();
    let mut dead = Dead::default();
    let mut has_sight = true;
    let mut rounds = tokio::time::interval(Duration::from_millis(ROUND_EVERY_MS.unsigned_abs()));
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let now = Monotonic(i64::try_from(begin.elapsed().as_millis()).unwrap_or(i64::MAX));
        let swept = round(&member, &mut watch, &mut dead, now).await;
        if let Err(error) = &swept {
            // What was seen before an outage proves nothing after it.
            watch.lost_sight();
            if has_sight {
                tracing::warn!("a sweep round failed; sweeping starts over when the store is back: {error}");
            }
        }
        has_sight = swept.is_ok();
    }
}

async fn round(member: &Arc<Member>, watch: &mut Watch, dead: &mut Dead, now: Monotonic) -> Result<(), StoreError> {
    let living = member.store.living().await?;
    member.vitals.read(&living);
    dead.decide(member, &living);
    dead.replay(member, &living).await;
    if !member.commits() {
        // Rows that can be read prove nothing while nobody can write down that they move.
        return Err(StoreError::Unavailable("no heartbeat is committed".into()));
    }
    let owed = member.store.owed().await?;
    let running = owed.iter().filter(|turn| turn.state == TurnState::Running).count();
    // While the disk is full nothing is claimed, whoever has room.
    let has_room = running < member.max_concurrent() && !member.is_disk_full();
    for expired in watch.round(now, &owed, has_room, |agent| member.deadlines(agent)) {
        end(member, expired).await;
    }
    Ok(())
}

/// Ends one turn; that it can't be done keeps nobody from ending the others.
async fn end(member: &Member, expired: Expired) {
    let Expired { fence, progress, reason } = expired;
    tracing::warn!(turn = %fence.turn, attempt = %fence.attempt, reason = reason.code(), "{}", reason.for_operator());
    let parts = vec![reason.last_word()];
    let verdict = Verdict { fence, parts, end: End::Errored(reason), if_progress: Some(progress) };
    // Won or lost, the turn is decided: by this word, or by a better one.
    if let Err(error) = member.store.elect(verdict).await {
        tracing::error!(turn = %fence.turn, attempt = %fence.attempt, "could not be ended: {error}");
    }
}

/// The processes that are being decided, each in a task of its own: one that takes long holds up nobody else.
#[derive(Default)]
struct Dead {
    deciding: HashSet<IncarnationId>,
    tasks: JoinSet<IncarnationId>,
}

impl Dead {
    fn decide(&mut self, member: &Arc<Member>, living: &[Incarnation]) {
        while let Some(ended) = self.tasks.try_join_next() {
            match ended {
                Ok(id) => drop(self.deciding.remove(&id)),
                Err(panic) => tracing::error!("deciding a lost process died: {panic}"),
            }
        }
        let dir = member.state.incarnations();
        for lost in living.iter().filter(|other| other.id != member.incarnation) {
            // A free lock file is the only proof on one host besides a parent's reaping; any doubt is none.
            let is_proven = IncarnationLock::is_free(&dir, &lost.id).unwrap_or(false);
            if is_proven && self.deciding.insert(lost.id.clone()) {
                if lifeline::has_supervisor() {
                    // Whose business it is, too; it tells the operator.
                    tracing::warn!(incarnation = %lost.id, role = lost.role.as_str(), pid = lost.pid, "a process is gone without a word");
                } else {
                    member.alerts.raise(AlertCode::ProcessLost, lost.role.as_str(), format!("process {}", lost.pid));
                }
                self.tasks.spawn(decide(Arc::clone(member), lost.id.clone()));
            }
        }
    }

    /// Who was decided elsewhere may have left a journal: it is replayed once more, and removed.
    async fn replay(&mut self, member: &Arc<Member>, living: &[Incarnation]) {
        let directory = member.state.journals();
        let listed = tokio::task::spawn_blocking(move || journal::owners(&directory)).await;
        let Ok(Ok(owners)) = listed else { return };
        let dir = member.state.incarnations();
        for owner in owners.into_iter().filter(|owner| *owner != member.incarnation) {
            let is_forgotten = living.iter().all(|other| other.id != owner);
            let is_proven = IncarnationLock::is_free(&dir, &owner).unwrap_or(false);
            if is_forgotten && is_proven && self.deciding.insert(owner.clone()) {
                self.tasks.spawn(decide(Arc::clone(member), owner));
            }
        }
    }
}

async fn decide(member: Arc<Member>, lost: IncarnationId) -> IncarnationId {
    let decided = decide_lost(&*member.store, &member.state, &member.alerts, &lost).await;
    let forgotten = IncarnationLock::forget(&member.state.incarnations(), &lost);
    if let Err(error) = decided {
        tracing::error!(incarnation = %lost, "a lost process could not be decided: {error}");
    } else if let Err(error) = forgotten {
        tracing::debug!("a lock file stays behind: {error}");
    }
    lost
}
