//! The sweep: every second, turns past a deadline and processes proven dead are decided.
//!
//! Bridge and worker both sweep, so that either alone keeps the promise; the election makes sure that only one decides.

use std::{sync::Arc, time::Duration};

use lastword_core::{
    decide::sweep::{Expired, ROUND_EVERY_MS, Watch},
    ids::Monotonic,
    store::{End, StoreError, Verdict},
    turn::TurnState,
};
use tokio::time::Instant;

use super::{answered::Answered, losses, member::Member};

/// Sweeps until the task is dropped.
pub async fn sweep(member: Arc<Member>) {
    // Side by side: a disk that keeps locks and journals from being looked at holds up no deadline.
    tokio::join!(deadlines(Arc::clone(&member)), losses::look_out(member));
}

async fn deadlines(member: Arc<Member>) {
    let begin = Instant::now();
    let mut watch = Watch::default();
    let mut answered = Answered::new(
        member.incarnation.clone(),
        member.store.deployment(),
        Arc::clone(&member.journal),
        member.state.journals(),
    );
    let mut has_sight = true;
    let mut rounds = tokio::time::interval(Duration::from_millis(ROUND_EVERY_MS.unsigned_abs()));
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let now = Monotonic(i64::try_from(begin.elapsed().as_millis()).unwrap_or(i64::MAX));
        let swept = round(&member, &mut watch, &mut answered, now).await;
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

async fn round(member: &Member, watch: &mut Watch, answered: &mut Answered, now: Monotonic) -> Result<(), StoreError> {
    let living = member.store.living().await?;
    member.vitals.read(&living);
    if !member.commits() {
        // Rows that can be read prove nothing while nobody can write down that they move.
        return Err(StoreError::Unavailable("no heartbeat is committed".into()));
    }
    let owed = member.store.owed().await?;
    let running = owed.iter().filter(|turn| turn.state == TurnState::Running).count();
    // While the disk is full nothing is claimed, whoever has room.
    let has_room = running < member.max_concurrent() && !member.is_disk_full();
    let expired = watch.round(now, &owed, has_room, |agent| member.deadlines(agent));
    for expired in answered.without(&owed, expired).await {
        end(member, expired).await;
    }
    Ok(())
}

/// Ends one turn; that it can't be done keeps nobody from ending the others.
async fn end(member: &Member, expired: Expired) {
    let Expired { fence, progress, reason } = expired;
    tracing::warn!(turn = %fence.turn, attempt = %fence.attempt, reason = reason.code(), "{}", reason.for_operator());
    let parts = vec![reason.last_word()];
    let verdict = Verdict { fence, parts, end: End::Errored(reason), files: Vec::new(), if_progress: Some(progress) };
    // Won or lost, the turn is decided: by this word, or by a better one.
    if let Err(error) = member.store.elect(verdict).await {
        tracing::error!(turn = %fence.turn, attempt = %fence.attempt, "could not be ended: {error}");
    }
}
