//! Answers that are finished and can't be elected: no deadline is kept against them.
//!
//! Guarantee: a sweep ends a running turn only when its owner's journal was read and holds no answer for it. That
//! nothing could be read within the limit proves nothing.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use lastword_core::{
    decide::sweep::Expired,
    ids::{Fence, IncarnationId},
    store::Owed,
};
use lastword_store::{
    Journal,
    journal::{Replay, Unreadable},
};
use tokio::task::JoinHandle;

use super::blocking::blocking;

/// How long a round waits for the journals.
const READ_WITHIN: Duration = Duration::from_secs(1);

/// Looks for answers, at most once at a time: the disk may hang.
pub(super) struct Answered {
    me: IncarnationId,
    deployment: String,
    mine: Arc<Journal>,
    journals: PathBuf,
    looking: Option<JoinHandle<io::Result<BTreeSet<Fence>>>>,
}

impl Answered {
    /// For the sweeps of `me` over the store `deployment`; what its own journal keeps is known without looking.
    pub(super) fn new(me: IncarnationId, deployment: &str, mine: Arc<Journal>, journals: PathBuf) -> Self {
        Self { me, deployment: deployment.to_owned(), mine, journals, looking: None }
    }

    /// Those of `expired` that surely have no finished answer.
    pub(super) async fn without(&mut self, owed: &[Owed], expired: Vec<Expired>) -> Vec<Expired> {
        let owner = |fence: Fence| owed.iter().find(|owed| owed.fence == fence)?.owner.clone();
        let me = self.me.clone();
        let is_elsewhere = |id: &IncarnationId| *id != me;
        let elsewhere: BTreeSet<_> = expired.iter().filter_map(|one| owner(one.fence)).filter(is_elsewhere).collect();
        let journaled = if elsewhere.is_empty() { Some(BTreeSet::new()) } else { self.read(elsewhere).await };
        let is_unanswered = |one: &Expired| match owner(one.fence) {
            None => true,
            Some(id) if is_elsewhere(&id) => journaled.as_ref().is_some_and(|fences| !fences.contains(&one.fence)),
            Some(_) => self.mine.kept(one.fence).is_none(),
        };
        expired.into_iter().filter(is_unanswered).collect()
    }

    /// What these journals hold; `None` if nobody knows.
    async fn read(&mut self, owners: BTreeSet<IncarnationId>) -> Option<BTreeSet<Fence>> {
        let (directory, deployment) = (self.journals.clone(), self.deployment.clone());
        let is_stuck = self.looking.take_if(|looking| looking.is_finished()).is_none() && self.looking.is_some();
        if is_stuck {
            return None;
        }
        let looking = self.looking.insert(blocking(move || fences(&directory, &deployment, &owners)));
        let read = tokio::time::timeout(READ_WITHIN, looking).await.ok()?;
        self.looking = None;
        read.ok()?.ok()
    }
}

fn fences(directory: &Path, deployment: &str, owners: &BTreeSet<IncarnationId>) -> io::Result<BTreeSet<Fence>> {
    let mut fences = BTreeSet::new();
    for owner in owners {
        fences.extend(
            Replay::read(directory, owner, deployment, Unreadable::IsNoAnswer)?
                .answers
                .iter()
                .map(|answer| answer.fence),
        );
    }
    Ok(fences)
}

#[cfg(test)]
mod tests {
    use lastword_core::{
        ids::{AgentId, Attempt, TurnId},
        reason::Reason,
        store::{End, Verdict},
        turn::TurnState,
    };

    use super::*;

    fn fence(turn: i64) -> Fence {
        Fence { turn: TurnId(turn), attempt: Attempt(1) }
    }

    fn owed(turn: i64, owner: Option<&IncarnationId>) -> Owed {
        let state = if owner.is_some() { TurnState::Running } else { TurnState::Queued };
        Owed { fence: fence(turn), state, owner: owner.cloned(), agent: AgentId::new("sh"), progress: 0 }
    }

    fn keep(journal: &Journal, turn: i64) {
        let parts = vec!["an answer".to_owned()];
        journal.keep(&Verdict { fence: fence(turn), end: End::Answered, parts, files: Vec::new(), if_progress: None });
    }

    #[tokio::test]
    async fn only_what_surely_has_no_answer_is_ended() {
        let parent = tempfile::tempdir().unwrap();
        let (here, away) = (parent.path().join("journal"), parent.path().join("away"));
        std::fs::create_dir(&here).unwrap();
        let [me, other] = ["worker-1", "worker-2"].map(IncarnationId::new);
        let journal = |owner| Journal::new(&here, owner, "here", &parent.path().join("lastword.db"));
        let (mine, theirs) = (Arc::new(journal(&me)), journal(&other));
        keep(&mine, 1);
        keep(&theirs, 3);
        theirs.flush().unwrap();
        let owed =
            [owed(1, Some(&me)), owed(2, Some(&me)), owed(3, Some(&other)), owed(4, Some(&other)), owed(5, None)];
        let mut answered = Answered::new(me, "here", mine, here.clone());
        let mut ended = async || {
            let expired =
                (1..=5).map(|turn| Expired { fence: fence(turn), progress: 0, reason: Reason::Idle { after_ms: 1 } });
            let ended = answered.without(&owed, expired.collect()).await;
            ended.iter().map(|one| one.fence.turn.0).collect::<Vec<_>>()
        };
        assert_eq!(ended().await, [2, 4, 5]);
        std::fs::rename(&here, &away).unwrap();
        assert_eq!(ended().await, [2, 5], "what can't be read proves nothing");
        std::fs::rename(&away, &here).unwrap();
        assert_eq!(ended().await, [2, 4, 5]);
    }
}
