//! What a dead incarnation left behind.

use lastword_core::{
    capability::ReplyShape,
    delivery::{DeliveryHappened, DeliveryState},
    faults::{self, Bug},
    ids::{Attempt, IncarnationId, PlaceId, Timestamp, TurnId},
    reason::Reason,
    store::{DecidedLost, Elected, End, OnLost, Replays, Topic, Traced},
    turn::TurnState,
};
use rusqlite::Connection;

use super::{
    account, delivery,
    elect::{self, Word},
    incarnation, place, progress,
    trace::{self, Happened},
    turn,
};
use crate::sqlite::{
    failure::{Failure, Res},
    row::{all, change_one, one, run},
    tx::Tx,
};

/// The attempt from which on a claim that never started its agent is an error: a worker that always dies between claim
/// and start must not have its turn for ever.
const ATTEMPTS_WITHOUT_START_MAX: u32 = 3;

struct Left {
    turn: TurnId,
    place: PlaceId,
    state: TurnState,
    attempt: Attempt,
    on_lost: OnLost,
    never_acted: bool,
    started_at: Option<Timestamp>,
}

pub(crate) fn decide(tx: &Tx<'_>, dead: &IncarnationId, replays: Replays, limit: usize) -> Res<DecidedLost> {
    let mut decided = DecidedLost { doubted: doubt_deliveries(tx, dead)?, ..DecidedLost::default() };
    account::free_all_of(tx, dead)?;
    let mut after = TurnId(0);
    loop {
        let room = limit - decided.errored - decided.requeued;
        let mut left = left_by(tx, dead, replays, after, room.saturating_add(1))?;
        decided.has_more = left.len() > room;
        left.truncate(room);
        for one in &left {
            after = one.turn;
            let counted = if may_run_again(one) { &mut decided.requeued } else { &mut decided.errored };
            if tx.unless_damaged("turn", one.turn.0, || decide_one(tx, dead, one))?.is_some() {
                *counted += 1;
            }
        }
        // Turns that can't be decided take nobody's room.
        if !decided.has_more || decided.errored + decided.requeued == limit {
            break;
        }
    }
    if !decided.has_more && !owns_any(tx.conn(), dead)? {
        incarnation::forget(tx, dead)?;
    }
    Ok(decided)
}

/// What it runs, oldest first; while replays are held, without what may run again. Where no group was recorded and no
/// progress was made, there is nothing to wait for.
fn left_by(tx: &Tx<'_>, dead: &IncarnationId, replays: Replays, after: TurnId, limit: usize) -> Res<Vec<Left>> {
    const SQL: &str = "SELECT m.turn, t.place, t.state, m.attempt, t.replay_max,
             m.progress = 0 AND NOT EXISTS (SELECT 1 FROM process_group g WHERE g.turn = m.turn) AS never_acted,
             t.started_at, p.shape
         FROM marker m JOIN turn t ON t.id = m.turn LEFT JOIN place p ON p.id = t.place
         WHERE m.owner = ?1 AND (?2 OR never_acted OR t.replay_max IS NULL OR m.attempt >= t.replay_max)
             AND m.turn > ?3 ORDER BY m.turn";
    tx.readable(SQL, (dead.as_str(), replays == Replays::Allow, after.0), limit, "turn", |turn, row| {
        let left = Left {
            turn: TurnId(turn),
            place: PlaceId(row.get()?),
            state: row.word(TurnState::from_stored)?,
            attempt: Attempt(row.get()?),
            on_lost: turn::on_lost(row.get()?),
            never_acted: row.get()?,
            started_at: row.opt_at()?,
        };
        // One whose routing can't be read keeps its marker, and must not keep the others from being decided.
        row.json::<ReplyShape>()?;
        Ok(left)
    })
}

fn may_run_again(left: &Left) -> bool {
    let by_policy = match left.on_lost {
        OnLost::Error => false,
        OnLost::Replay { max_attempts } => left.attempt.0 < max_attempts,
    };
    by_policy || (left.never_acted && left.attempt.0 < ATTEMPTS_WITHOUT_START_MAX)
}

fn decide_one(tx: &Tx<'_>, dead: &IncarnationId, left: &Left) -> Res<()> {
    let what = if may_run_again(left) { Traced::Requeued } else { Traced::Lost };
    let attempt = format!("attempt {} by {dead}", left.attempt);
    let happened = Happened { turn: left.turn, delivery: None, at: tx.now(), what, detail: &attempt };
    if let Some(at) = left.started_at.filter(|_| may_run_again(left)) {
        // The turn's row forgets it now.
        trace::record(tx, &Happened { at, what: Traced::Claimed, ..happened })?;
    }
    trace::record(tx, &happened)?;
    if may_run_again(left) {
        return requeue(tx, left);
    }
    match err(tx, left)? {
        Elected::Won => Ok(()),
        Elected::Lost => Err(Failure::Damaged("it has an owner, but is in no state to end".into())),
    }
}

fn err(tx: &Tx<'_>, left: &Left) -> Res<Elected> {
    let end = End::Errored(Reason::WorkerLost);
    let parts = [Reason::WorkerLost.last_word()];
    let word = Word { turn: left.turn, attempt: left.attempt, end: &end, parts: &parts, files: &[], if_progress: None };
    elect::elect(tx, &word)
}

fn requeue(tx: &Tx<'_>, left: &Left) -> Res<()> {
    // The attempt keeps its number until the next claim: what a sweep saw of it must not stand any more.
    const FREE: &str = "UPDATE marker SET owner = NULL, progress = progress + 1 WHERE turn = ?1 AND attempt = ?2";
    turn::requeue(tx, left.turn, left.state)?;
    change_one(tx.conn(), FREE, (left.turn.0, left.attempt.0))?;
    place::running_requeued(tx, left.place, left.turn)?;
    progress::forget_groups(tx, left.turn)?;
    progress::forget_texts(tx, left.turn)?;
    tx.touch(Topic::Turns);
    tx.touch(Topic::Streams);
    Ok(())
}

/// A claim whose holder is lost proves nothing about the network. What was claimed was due: its pause is over, even one
/// that ends late because the clock was set back since.
fn doubt_deliveries(tx: &Tx<'_>, dead: &IncarnationId) -> Res<usize> {
    const SQL: &str =
        "UPDATE delivery SET state = ?3, holder = NULL, doubted_at = min(ifnull(doubted_at, ?4), ?4), not_before = ?4
         WHERE holder = ?1 AND state = ?2";
    const HELD: &str = "SELECT id, turn, attempts FROM delivery WHERE holder = ?1 AND turn IS NOT NULL";
    let sending = DeliveryState::Sending;
    if faults::has(Bug::StolenClaimIsFresh) {
        return take_as_fresh(tx, dead);
    }
    let doubtful = delivery::after(sending, DeliveryHappened::HolderLost)?;
    let held = all(tx.conn(), HELD, [dead.as_str()], |row| Ok((row.get()?, row.turn()?, row.get::<u32>()?)))?;
    for (delivery, turn, attempt) in held {
        let detail = format!("delivery {delivery}, attempt {attempt}: {dead}, which held it, is lost");
        let what = Traced::DeliveryDoubted;
        trace::record(tx, &Happened { turn, delivery: Some(delivery), at: tx.now(), what, detail: &detail })?;
    }
    let doubted = run(tx.conn(), SQL, (dead.as_str(), sending.as_str(), doubtful.as_str(), tx.now().0))?;
    if doubted > 0 {
        tx.touch(Topic::Deliveries);
    }
    Ok(doubted)
}

/// What [`Bug::StolenClaimIsFresh`] does.
fn take_as_fresh(tx: &Tx<'_>, dead: &IncarnationId) -> Res<usize> {
    const SQL: &str =
        "UPDATE delivery SET state = ?3, holder = NULL, doubted_at = NULL WHERE holder = ?1 AND state = ?2";
    let sending = DeliveryState::Sending;
    let fresh = delivery::after(sending, DeliveryHappened::Deferred)?;
    tx.touch(Topic::Deliveries);
    run(tx.conn(), SQL, (dead.as_str(), sending.as_str(), fresh.as_str()))
}

fn owns_any(conn: &Connection, dead: &IncarnationId) -> Res<bool> {
    Ok(one(conn, "SELECT 1 FROM marker WHERE owner = ?1 LIMIT 1", [dead.as_str()], |_| Ok(()))?.is_some())
}
