//! The janitor: once an hour, what is older than `retention` says goes, in small pieces with pauses between them.
//!
//! Guarantee: nothing that is owed or on its way is touched (the store sees to that), and nothing outside the state
//! directory, whatever links lead there.

mod files;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use lastword_core::{
    alert::AlertCode,
    store::{Pruned, Retention, StoreError},
};
use lastword_store::IncarnationLock;

use crate::process::{blocking::blocking, member::Member, patience::chance, state_dir};

/// The first look comes so long after the start at the earliest, and at most twice as long.
const FIRST_AFTER: Duration = Duration::from_secs(30);
/// Between two looks, and up to a tenth more: workers that were started together don't look together.
const EVERY: Duration = Duration::from_secs(3_600);
/// How many turns go in one commit.
const TURNS_PER_PIECE: usize = 100;
/// Between two commits, so that turns hardly notice.
const PIECE_PAUSE: Duration = Duration::from_millis(50);
/// How old a lock file must be before it counts as left behind: a process takes its lock just after making it.
const LOCK_AGE_MIN: Duration = Duration::from_secs(3_600);

/// Cleans until the task is dropped.
pub(super) async fn keep_clean(member: Arc<Member>) {
    let (first, every) = periods();
    tokio::time::sleep(first).await;
    loop {
        clean(&member).await;
        tokio::time::sleep(every).await;
    }
}

fn periods() -> (Duration, Duration) {
    #[cfg(feature = "testing")]
    if let Some(ms) = std::env::var("LASTWORD_JANITOR_EVERY_MS").ok().and_then(|ms| ms.parse().ok()) {
        return (Duration::from_millis(ms), Duration::from_millis(ms));
    }
    (FIRST_AFTER.mul_f64(1.0 + chance()), EVERY.mul_f64(1.0 + chance() / 10.0))
}

/// One look. Files first: the store forgets which sessions there were together with their last turns. While the disk is
/// full its room is for promises: what files take is given back, what the store holds waits.
async fn clean(member: &Arc<Member>) {
    report(member, "files", files_of_idle_sessions(member).await);
    report(member, "locks", left_locks(member).await);
    if !member.is_disk_full() {
        report(member, "store", prune(member).await);
    }
}

fn report(member: &Member, what: &str, done: anyhow::Result<Option<String>>) {
    match done {
        Ok(removed) => {
            if let Some(removed) = removed {
                tracing::info!("removed what is older than `retention` says: {removed}");
            }
            member.alerts.resolve(AlertCode::JanitorFailed, what);
        }
        // An outage is told of elsewhere, and the next look comes.
        Err(error) if matches!(error.downcast_ref(), Some(StoreError::Unavailable(_))) => {
            tracing::debug!("the janitor looks again later: {error:#}");
        }
        Err(error) => member.alerts.raise(AlertCode::JanitorFailed, what, format!("{error:#}")),
    }
}

async fn prune(member: &Member) -> anyhow::Result<Option<String>> {
    let kept = &member.config.retention;
    let retention = Retention { messages_ms: kept.messages_ms, turns_ms: kept.turns_ms, alerts_ms: kept.alerts_ms };
    let mut all = Pruned::default();
    loop {
        let pruned = member.oversight.prune(&retention, TURNS_PER_PIECE).await?;
        all.emptied += pruned.emptied;
        all.removed += pruned.removed;
        all.alerts += pruned.alerts;
        if !pruned.has_more || member.is_disk_full() {
            break;
        }
        tokio::time::sleep(PIECE_PAUSE).await;
    }
    let Pruned { emptied, removed, alerts, .. } = all;
    let is_any = emptied + removed + alerts > 0;
    Ok(is_any.then(|| format!("the content of {emptied} turns, {removed} turns, {alerts} alerts")))
}

async fn files_of_idle_sessions(member: &Member) -> anyhow::Result<Option<String>> {
    let Some(files_ms) = member.config.retention.files_ms else { return Ok(None) };
    let before = member.clock.now().plus_ms(-files_ms);
    let sessions = member.oversight.idle_sessions(before).await?;
    let places = state_dir::places(member.state.root());
    let before = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(before.0).unwrap_or(0));
    let removed = blocking(move || files::remove_old(&places, &sessions, before)).await??;
    Ok((removed > 0).then(|| format!("{removed} files and working directories of agents")))
}

/// Lock files of processes that nobody knows any more.
async fn left_locks(member: &Member) -> anyhow::Result<Option<String>> {
    let living = member.store.living().await?;
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(member.clock.now().0).unwrap_or(0));
    let before = now.checked_sub(LOCK_AGE_MIN).unwrap_or(SystemTime::UNIX_EPOCH);
    let (directory, locks, me) =
        (member.state.incarnations(), member.state.locks().clone(), member.incarnation.clone());
    let removed = blocking(move || {
        let mut removed = 0;
        for id in files::old_locks(&directory, before)? {
            let is_known = living.iter().any(|process| process.id == id);
            if !is_known && locks.is_free(&id, Some(&me))? {
                IncarnationLock::forget(&directory, &id)?;
                removed += 1;
            }
        }
        anyhow::Ok(removed)
    });
    let removed = removed.await??;
    Ok((removed > 0).then(|| format!("{removed} lock files")))
}
