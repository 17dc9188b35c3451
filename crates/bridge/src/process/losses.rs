//! Processes that are gone without a parent that saw it: found by their free locks, and decided.
//!
//! Everything here may wait for the state's disk, and nothing else waits for it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use lastword_core::{
    alert::AlertCode,
    decide::{backoff::Backoff, sweep::ROUND_EVERY_MS},
    ids::IncarnationId,
    store::{Incarnation, StoreError},
};
use lastword_store::journal;
use tokio::{
    task::{Id, JoinError, JoinSet},
    time::Instant,
};

use super::{
    blocking::blocking,
    decide_lost::{Fate, decide_if_gone},
    lifeline,
    member::Member,
    patience::pause,
};

/// Between two attempts to decide a process of which something stays behind.
const AGAIN: Backoff = Backoff { first_ms: 1_000, max_ms: 600_000 };

/// Looks every second until the task is dropped.
pub(super) async fn look_out(member: Arc<Member>) {
    let mut losses = Losses::default();
    let mut rounds = tokio::time::interval(Duration::from_millis(ROUND_EVERY_MS.unsigned_abs()));
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        losses.round(&member).await;
    }
}

type Ended = Result<Fate, StoreError>;

/// The processes that are being decided, each in a task of its own: one that takes long holds up nobody else.
#[derive(Default)]
struct Losses {
    tasks: JoinSet<Ended>,
    deciding: HashMap<Id, IncarnationId>,
    tried: HashMap<IncarnationId, Tried>,
}

/// What was tried for a process that is still not out of the way.
struct Tried {
    times: u32,
    again_at: Instant,
}

/// Who is gone by its lock.
#[derive(Default)]
struct Gone {
    registered: Vec<IncarnationId>,
    /// Who was decided elsewhere may have left a journal: it is replayed once more, and removed.
    journals: Vec<IncarnationId>,
}

impl Losses {
    async fn round(&mut self, member: &Arc<Member>) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.ended(ended);
        }
        // Who reads them before it looks at locks takes nobody for dead who registers meanwhile.
        let Ok(living) = member.store.living().await else { return };
        let gone = look(member, living.iter().map(|living| living.id.clone()).collect()).await;
        let is_left = |id: &IncarnationId| gone.registered.contains(id) || gone.journals.contains(id);
        self.tried.retain(|id, _| is_left(id));
        for lost in living.iter().filter(|living| gone.registered.contains(&living.id)) {
            if self.decide(member, &lost.id) && !self.tried.contains_key(&lost.id) {
                tell(member, lost);
            }
        }
        for owner in &gone.journals {
            self.decide(member, owner);
        }
    }

    /// `false`: it is being decided, or was just now.
    fn decide(&mut self, member: &Arc<Member>, lost: &IncarnationId) -> bool {
        let is_early = self.tried.get(lost).is_some_and(|tried| Instant::now() < tried.again_at);
        if is_early || self.deciding.values().any(|id| id == lost) {
            return false;
        }
        let (member, id) = (Arc::clone(member), lost.clone());
        let task = self.tasks.spawn(async move {
            decide_if_gone(&*member.store, &member.state, &member.alerts, &id, Some(&member.incarnation)).await
        });
        self.deciding.insert(task.id(), lost.clone());
        true
    }

    fn ended(&mut self, ended: Result<(Id, Ended), JoinError>) {
        let task = ended.as_ref().map_or_else(JoinError::id, |(task, _)| *task);
        let Some(lost) = self.deciding.remove(&task) else { return };
        let trouble = match ended {
            Ok((_, Ok(Fate::Unproven))) => return,
            Ok((_, Ok(Fate::Decided))) => None,
            Ok((_, Ok(Fate::Kept))) => Some("something that it left can't be decided".to_owned()),
            Ok((_, Err(error))) => Some(error.to_string()),
            Err(panic) => Some(panic.to_string()),
        };
        let times = self.tried.get(&lost).map_or(0, |tried| tried.times) + 1;
        match trouble {
            Some(trouble) if times == 1 => {
                tracing::error!(incarnation = %lost, "a lost process could not be decided; it is tried again: {trouble}");
            }
            Some(trouble) => tracing::debug!(incarnation = %lost, times, "a lost process stays: {trouble}"),
            None => {}
        }
        self.tried.insert(lost, Tried { times, again_at: Instant::now() + pause(AGAIN, times) });
    }
}

/// Looks at the locks of everybody but ourselves, on a thread of its own; what is in doubt is not gone.
async fn look(member: &Member, registered: HashSet<IncarnationId>) -> Gone {
    let (locks, journals, me) = (member.state.locks().clone(), member.state.journals(), member.incarnation.clone());
    let looked = blocking(move || {
        let is_gone = |id: &IncarnationId| *id != me && locks.is_free(id, Some(&me)).unwrap_or(false);
        let owners = journal::owners(&journals).unwrap_or_default();
        Gone {
            journals: owners.into_iter().filter(|id| !registered.contains(id) && is_gone(id)).collect(),
            registered: registered.into_iter().filter(is_gone).collect(),
        }
    });
    looked.await.unwrap_or_default()
}

fn tell(member: &Member, lost: &Incarnation) {
    if lifeline::has_supervisor() {
        // Whose business it is, too; it tells the operator.
        tracing::warn!(incarnation = %lost.id, role = lost.role.as_str(), pid = lost.pid, "a process is gone without a word");
    } else {
        member.alerts.raise(AlertCode::ProcessLost, lost.role.as_str(), format!("process {}", lost.pid));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost() -> IncarnationId {
        IncarnationId::new("worker-1")
    }

    async fn ends(losses: &mut Losses, task: impl Future<Output = Ended> + Send + 'static) {
        let id = losses.tasks.spawn(task).id();
        losses.deciding.insert(id, lost());
        let ended = losses.tasks.join_next_with_id().await.unwrap();
        losses.ended(ended);
        assert!(losses.deciding.is_empty(), "it may be tried again");
    }

    #[tokio::test]
    async fn who_stays_is_tried_again_after_growing_pauses_even_if_its_task_died() {
        let mut losses = Losses::default();
        ends(&mut losses, async { Ok(Fate::Unproven) }).await;
        assert!(losses.tried.is_empty(), "in doubt is not tried");
        ends(&mut losses, async { panic!("deciding dies") }).await;
        for _ in 0..20 {
            ends(&mut losses, async { Ok(Fate::Kept) }).await;
        }
        let tried = &losses.tried[&lost()];
        assert_eq!(tried.times, 21);
        assert!(tried.again_at > Instant::now() + Duration::from_secs(60));
    }
}
