//! Deciding what a dead process left behind: every turn that it ran gets its last word, or runs again.

use std::time::Duration;

use lastword_agents::shim::{end_group, is_gone};
use lastword_core::{
    agent::ProcessGroup,
    alert::AlertCode,
    faults::{self, Point},
    ids::{Fence, IncarnationId},
    reason::Reason,
    store::{End, Replays, Store, StoreError, Verdict},
};
use lastword_store::{
    IncarnationLock,
    journal::{Replay, Unreadable},
};
use tokio::time::Instant;

use super::{alerts::Alerts, blocking::blocking, patience::until_answered, state_dir::StateDir};

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

/// Why a journal of another store is not replayed.
const FOREIGN: &str = "its answers are about turns of a store that a restore has replaced";

/// What became of a process that may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is gone, everything is decided, and the store has forgotten it.
    Decided,
    /// It is gone, and something that it left can't be decided: a row that can't be read.
    Kept,
    /// It lives, or nobody knows: nothing was decided.
    Unproven,
}

/// Decides everything that `dead` left behind. Call it only with proof that the process is gone: its parent reaped it,
/// or it is this very process, which ends.
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
    let journal = find_journal(store, state, dead).await;
    decide_with(journal, store, alerts, dead).await
}

/// The same for this very process, which ends with these answers in memory: they are in its journal only where its disk
/// took them.
pub async fn decide_leaver(
    store: &dyn Store,
    state: &StateDir,
    alerts: &Alerts,
    leaver: &IncarnationId,
    answers: &[Verdict],
) -> Result<(), StoreError> {
    replay(store, answers, leaver).await?;
    decide_lost(store, state, alerts, leaver).await
}

/// The same for a process whose lock is the only proof, as `observer` sees it; its lock file goes when the store has
/// forgotten it.
pub async fn decide_if_gone(
    store: &dyn Store,
    state: &StateDir,
    alerts: &Alerts,
    other: &IncarnationId,
    observer: Option<&IncarnationId>,
) -> Result<Fate, StoreError> {
    if !is_gone_by_lock(state, other, observer).await {
        return Ok(Fate::Unproven);
    }
    let journal = find_journal(store, state, other).await;
    // That may have taken long, for a reason that takes away the proof as well.
    if !is_gone_by_lock(state, other, observer).await {
        return Ok(Fate::Unproven);
    }
    decide_with(journal, store, alerts, other).await?;
    if until_answered("the living processes", || store.living()).await?.iter().any(|living| living.id == *other) {
        return Ok(Fate::Kept);
    }
    let (directory, id) = (state.incarnations(), other.clone());
    let forgotten = blocking(move || IncarnationLock::forget(&directory, &id)).await;
    if let Ok(Err(error)) = forgotten {
        tracing::debug!("a lock file stays behind: {error}");
    }
    Ok(Fate::Decided)
}

/// Whether a process's lock proves it gone; any doubt is no proof.
async fn is_gone_by_lock(state: &StateDir, other: &IncarnationId, observer: Option<&IncarnationId>) -> bool {
    let (locks, other, observer) = (state.locks().clone(), other.clone(), observer.cloned());
    let looked = blocking(move || locks.is_free(&other, observer.as_ref())).await;
    matches!(looked, Ok(Ok(true)))
}

/// A dead process's journal, as far as it could be found.
struct Found {
    replay: Replay,
    /// Where nothing could be looked for, and why.
    unseen: Option<(String, String)>,
}

/// Reads the journal of a dead process. A directory that is not there is no proof that there was no journal: its disk
/// may be about to come back. A file that can't be read is damaged only when it was tried for as long.
async fn find_journal(store: &dyn Store, state: &StateDir, dead: &IncarnationId) -> Found {
    let directory = state.journals();
    let mut looks = 1;
    loop {
        let (folder, owner, deployment) = (directory.clone(), dead.clone(), store.deployment().to_owned());
        let unreadable = if looks == JOURNAL_LOOKS_MAX { Unreadable::IsDamage } else { Unreadable::IsNoAnswer };
        let read = blocking(move || Replay::read(&folder, &owner, &deployment, unreadable)).await;
        match read.unwrap_or_else(|panic| Err(std::io::Error::other(panic))) {
            Ok(replay) => return Found { replay, unseen: None },
            Err(error) if looks == JOURNAL_LOOKS_MAX => {
                let why = format!("the journals can't be looked through: {error}");
                return Found { replay: Replay::default(), unseen: Some((directory.display().to_string(), why)) };
            }
            Err(_) => {
                looks += 1;
                tokio::time::sleep(JOURNAL_PAUSE).await;
            }
        }
    }
}

async fn decide_with(
    journal: Found,
    store: &dyn Store,
    alerts: &Alerts,
    dead: &IncarnationId,
) -> Result<(), StoreError> {
    let Found { replay: mut journal, unseen } = journal;
    let damaged = journal.damaged.iter().map(|(path, why)| (path.display().to_string(), why.clone()));
    let foreign = journal.foreign.iter().map(|path| (path.display().to_string(), FOREIGN.to_owned()));
    for (subject, why) in unseen.into_iter().chain(damaged).chain(foreign) {
        alerts.raise(AlertCode::JournalDamaged, subject, why);
    }
    if !replay(store, &journal.answers, dead).await? {
        journal.distrust("an answer in it could not be stored");
    }
    decide_all(store, alerts, dead).await?;
    let forgotten = blocking(move || journal.forget()).await;
    if let Ok(Err(error)) = forgotten {
        tracing::warn!(incarnation = %dead, "a journal that is decided stays behind: {error}");
    }
    Ok(())
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
    for other in until_answered("the living processes", || store.living()).await? {
        if Some(&other.id) == ourselves {
            continue;
        }
        if let Err(error) = decide_if_gone(store, state, alerts, &other.id, ourselves).await {
            tracing::error!(incarnation = %other.id, "a lost process could not be decided: {error}");
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
        files: Vec::new(),
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
