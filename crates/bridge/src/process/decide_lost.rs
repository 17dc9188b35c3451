//! Deciding what a dead process left behind: every turn that it ran gets its last word, or runs again.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use lastword_agents::shim::{end_group, is_gone};
use lastword_core::{
    agent::ProcessGroup,
    alert::AlertCode,
    faults::{self, Point},
    ids::{Fence, IncarnationId},
    reason::Reason,
    store::{End, Replays, Store, StoreError, Verdict},
};
use lastword_store::{IncarnationLock, journal::Replay};

use super::{alerts::Alerts, patience::until_answered, state_dir::StateDir};

/// How many turns are decided in one commit: the first ones don't wait for the last.
pub const TURNS_PER_COMMIT: usize = 256;
/// How often a group that was ended is asked whether it is gone.
const GONE_POLL: Duration = Duration::from_millis(20);
/// How long a group may take to go; what is left of it then can't be ended, and its turn does not run again.
const GONE_WITHIN: Duration = Duration::from_secs(10);
/// How often a journal that can't be looked for is looked for; then its turns are decided without it.
const JOURNAL_LOOKS_MAX: u32 = 60;
/// Between two of them.
const JOURNAL_PAUSE: Duration = Duration::from_millis(500);

/// Decides everything that `dead` left behind. Call it only with proof that the process is gone.
///
/// Turns that end in an error are decided at once. Turns that may run again wait until every process group recorded
/// for them is confirmed gone: two attempts of one turn never run side by side.
///
/// Its journal comes first, so that a finished answer beats an error; one that can't be read holds nobody up for ever.
pub async fn decide_lost(
    store: &dyn Store,
    state: &StateDir,
    alerts: &Alerts,
    dead: &IncarnationId,
) -> Result<(), StoreError> {
    let mut journal = read_journal(&state.journals(), dead, alerts).await;
    if !replay(store, &journal.answers, dead).await? {
        journal.distrust("an answer in it could not be stored");
    }
    decide_all(store, alerts, dead).await?;
    let forgotten = tokio::task::spawn_blocking(move || journal.forget()).await;
    if let Ok(Err(error)) = forgotten {
        tracing::warn!(incarnation = %dead, "a journal that is decided stays behind: {error}");
    }
    Ok(())
}

/// Reads the journal of a dead process. A directory that is not there is no proof that there was no journal: its disk
/// may be about to come back.
async fn read_journal(directory: &Path, dead: &IncarnationId, alerts: &Alerts) -> Replay {
    let mut looks = 1;
    let replay = loop {
        let (folder, owner) = (directory.to_owned(), dead.clone());
        let read = tokio::task::spawn_blocking(move || Replay::read(&folder, &owner)).await;
        match read.unwrap_or_else(|panic| Err(std::io::Error::other(panic))) {
            Ok(replay) => break replay,
            Err(error) if looks == JOURNAL_LOOKS_MAX => {
                let detail = format!("the journals can't be looked through: {error}");
                alerts.raise(AlertCode::JournalDamaged, directory.display().to_string(), detail);
                break Replay::default();
            }
            Err(_) => {
                looks += 1;
                tokio::time::sleep(JOURNAL_PAUSE).await;
            }
        }
    };
    for (path, why) in &replay.damaged {
        alerts.raise(AlertCode::JournalDamaged, path.display().to_string(), why.clone());
    }
    replay
}

/// Elects the answers that a dead worker could only journal; `false` if one can't be stored. One whose attempt is no
/// longer current loses.
async fn replay(store: &dyn Store, answers: &[Verdict], dead: &IncarnationId) -> Result<bool, StoreError> {
    let mut are_stored = true;
    for verdict in answers {
        let Fence { turn, attempt } = verdict.fence;
        match until_answered("a journaled answer", || store.elect(verdict.clone())).await {
            Ok(elected) => {
                tracing::warn!(%turn, %attempt, ?elected, incarnation = %dead, "replayed a journaled answer")
            }
            // It is decided without its answer, like one that was never finished.
            Err(error @ (StoreError::Refused(_) | StoreError::Damaged(_))) => {
                tracing::error!(%turn, %attempt, "a journaled answer can't be stored: {error}");
                are_stored = false;
            }
            Err(error) => return Err(error),
        }
        faults::point(Point::ReplayAfterElect);
    }
    Ok(are_stored)
}

async fn decide_all(store: &dyn Store, alerts: &Alerts, dead: &IncarnationId) -> Result<(), StoreError> {
    for (_, group) in groups(store, dead).await? {
        end_group(group);
    }
    decide(store, dead, Replays::Hold).await?;
    // What is still recorded belongs to turns that may run again.
    for (fence, group) in groups(store, dead).await? {
        if !goes(group).await {
            let detail = format!("attempt {}, process group {}", fence.attempt, group.pid);
            alerts.raise(AlertCode::AgentLingers, format!("turn {}", fence.turn), detail);
            give_up(store, fence).await?;
        }
    }
    decide(store, dead, Replays::Allow).await
}

/// Decides every process whose lock proves it gone, except `ourselves`; what is in doubt is left to the sweeps.
pub async fn decide_all_lost(
    store: &dyn Store,
    state: &StateDir,
    alerts: &Alerts,
    ourselves: Option<&IncarnationId>,
) -> Result<(), StoreError> {
    let locks = state.incarnations();
    for other in until_answered("the living processes", || store.living()).await? {
        if Some(&other.id) == ourselves || !IncarnationLock::is_free(&locks, &other.id).unwrap_or(false) {
            continue;
        }
        if let Err(error) = decide_lost(store, state, alerts, &other.id).await {
            tracing::error!(incarnation = %other.id, "a lost process could not be decided: {error}");
        } else if let Err(error) = IncarnationLock::forget(&locks, &other.id) {
            tracing::debug!("a lock file stays behind: {error}");
        }
    }
    Ok(())
}

async fn groups(store: &dyn Store, dead: &IncarnationId) -> Result<Vec<(Fence, ProcessGroup)>, StoreError> {
    until_answered("the process groups of a lost process", || store.groups(dead)).await
}

/// Ends a group, again and again, because a process may be starting another at this very moment.
async fn goes(group: ProcessGroup) -> bool {
    let begin = Instant::now();
    while !is_gone(group) {
        if begin.elapsed() > GONE_WITHIN {
            return false;
        }
        end_group(group);
        tokio::time::sleep(GONE_POLL).await;
    }
    true
}

async fn give_up(store: &dyn Store, fence: Fence) -> Result<(), StoreError> {
    let verdict = Verdict {
        fence,
        end: End::Errored(Reason::WorkerLost),
        parts: vec![Reason::WorkerLost.last_word()],
        if_progress: None,
    };
    until_answered("an election", || store.elect(verdict.clone())).await.map(|_| ())
}

async fn decide(store: &dyn Store, dead: &IncarnationId, replays: Replays) -> Result<(), StoreError> {
    let (mut errored, mut requeued, mut doubted) = (0, 0, 0);
    loop {
        let decided = until_answered("a lost process", || store.decide_lost(dead, replays, TURNS_PER_COMMIT)).await?;
        errored += decided.errored;
        requeued += decided.requeued;
        doubted += decided.doubted;
        if !decided.has_more {
            break;
        }
    }
    if errored + requeued + doubted > 0 {
        tracing::warn!(incarnation = %dead, errored, requeued, doubted, "decided what a lost process left behind");
    }
    Ok(())
}
