//! What admins see and do of the deliveries of their account: a list, another attempt, and giving up.

use lastword_core::{
    alert::AlertCode,
    decide::deliver::HELD_TOO_LONG,
    delivery::{DeliveryHappened, DeliveryKind, DeliveryState},
    ids::{AccountId, ConversationId, DeliveryId, ThreadId, Timestamp, TurnId},
    store::{HELD_CAUSE, Outbound, Topic, Traced},
};
use rusqlite::Connection;

use super::{
    alert,
    delivery::{self, AT_ONCE},
    tally::{READMITTED, Tally},
    trace::{self, Happened},
};
use crate::{
    replies,
    sqlite::{
        failure::Res,
        row::{self, change_one, one, run},
        tx::Tx,
    },
};

/// How long ago something may have been given up and is still listed, in milliseconds.
const GIVEN_UP_LISTED_MS: i64 = 7 * 24 * 3_600_000;
/// The cause of what an admin wants to be sent.
const ASKED_FOR: &str = "an admin asked for another attempt";

/// How the cause of what an admin dropped begins.
const DROPPED: &str = "dropped by an admin";

/// A delivery of the account.
struct Found {
    id: DeliveryId,
    kind: DeliveryKind,
    state: DeliveryState,
    turn: Option<TurnId>,
    conversation: String,
    cause: Option<String>,
    /// Since when it may have arrived, as far as anybody remembers: also a doubt that a look ended, which finds nothing where
    /// we may not look.
    doubted_at: Option<Timestamp>,
    is_erased: bool,
}

/// What is on its way, oldest first, and then the last words that were given up lately.
pub(crate) fn list(conn: &Connection, account: &AccountId, now: Timestamp, limit: usize) -> Res<Vec<Outbound>> {
    const SQL: &str =
        "SELECT d.id, p.conversation, p.thread, d.turn, d.kind, d.state, d.attempts, d.created_at, d.cause
         FROM (SELECT id FROM delivery INDEXED BY delivery_waits WHERE state IN ('pending', 'ambiguous')
               UNION ALL SELECT id FROM delivery INDEXED BY delivery_of_a_holder WHERE holder IS NOT NULL
               UNION ALL SELECT id FROM delivery INDEXED BY delivery_given_up WHERE state = 'dead' AND ended_at >= ?2
                   AND kind IN ('terminal', 'part')) o
             CROSS JOIN delivery d ON d.id = o.id CROSS JOIN place p ON p.id = d.place
         WHERE p.account = ?1 ORDER BY d.state = 'dead', d.id";
    let since = now.plus_ms(-GIVEN_UP_LISTED_MS);
    row::readable(conn, SQL, (account.as_str(), since.0), limit, "delivery", |id, row| {
        Ok(Outbound {
            id: DeliveryId(id),
            conversation: row.name(ConversationId::new)?,
            thread: row.opt_name(ThreadId::new)?,
            turn: row.opt_turn()?,
            kind: row.word(DeliveryKind::from_stored)?,
            state: row.word(DeliveryState::from_stored)?,
            attempts: row.get()?,
            age_ms: now.since_ms(row.at()?).max(0),
            cause: row.get::<Option<String>>()?.map(|cause| alert::plain(&cause)),
        })
    })
}

/// `/outbox retry`: what waits is due at once, what was given up is sent after all.
pub(crate) fn retry(tx: &Tx<'_>, account: &AccountId, id: DeliveryId) -> Res<String> {
    let Some(found) = find(tx.conn(), account, id)? else { return Ok(replies::no_such_delivery(id)) };
    let is_last_word = matches!(found.kind, DeliveryKind::Terminal | DeliveryKind::Part);
    match found.state {
        DeliveryState::Sending => Ok(replies::delivery_is_sent_now(id)),
        DeliveryState::Delivered | DeliveryState::Superseded => Ok(replies::delivery_is_over(id)),
        DeliveryState::Dead if !is_last_word => Ok(replies::delivery_is_over(id)),
        DeliveryState::Dead if found.is_erased => Ok(replies::delivery_is_erased(id)),
        // Whether what was held arrived, nobody but a person can tell; this one has looked.
        DeliveryState::Dead if found.cause.as_deref() == Some(HELD_TOO_LONG) => readmit(tx, account, &found, None),
        DeliveryState::Dead => readmit(tx, account, &found, found.doubted_at),
        // It comes after whatever might come late, and not before.
        DeliveryState::Pending | DeliveryState::Ambiguous if found.kind == DeliveryKind::Assertion => {
            Ok(replies::delivery_has_its_time(id))
        }
        DeliveryState::Ambiguous if is_held(&found) => release(tx, account, &found),
        DeliveryState::Pending | DeliveryState::Ambiguous => hurry(tx, &found),
    }
}

/// `/outbox drop`: what waits is given up, and its lane goes on without it. Whether it was, and the answer.
pub(crate) fn drop(tx: &Tx<'_>, account: &AccountId, id: DeliveryId) -> Res<(bool, String)> {
    const SQL: &str = "UPDATE delivery SET state = ?3, cause = ?4, ended_at = ?5 WHERE id = ?1 AND state = ?2";
    let Some(found) = find(tx.conn(), account, id)? else { return Ok((false, replies::no_such_delivery(id))) };
    match found.state {
        DeliveryState::Sending => return Ok((false, replies::delivery_is_sent_now(id))),
        DeliveryState::Delivered | DeliveryState::Superseded | DeliveryState::Dead => {
            return Ok((false, replies::delivery_is_over(id)));
        }
        DeliveryState::Pending | DeliveryState::Ambiguous => {}
    }
    let next = delivery::after(found.state, DeliveryHappened::Dropped)?;
    change_one(tx.conn(), SQL, (id.0, found.state.as_str(), next.as_str(), DROPPED, tx.now().0))?;
    tx.count(Tally::delivery_died);
    nothing_is_held(tx, account, &found)?;
    tx.touch(Topic::Deliveries);
    Ok((true, replies::delivery_dropped(id)))
}

/// Writes down why an admin dropped it, in the message that is `turn`.
pub(crate) fn say_why(tx: &Tx<'_>, id: DeliveryId, turn: TurnId, reason: &str) -> Res<()> {
    const SQL: &str = "UPDATE delivery SET cause = ?2 WHERE id = ?1";
    change_one(tx.conn(), SQL, (id.0, format!("{}: {reason}", dropped_with(turn))))
}

/// Forgets why an admin dropped anything, with the turn that they wrote it in.
pub(crate) fn erase(tx: &Tx<'_>, turn: TurnId) -> Res<()> {
    const SQL: &str = "UPDATE delivery INDEXED BY delivery_given_up SET cause = ?1
         WHERE state = 'dead' AND substr(cause, 1, length(?2)) = ?2";
    let dropped = dropped_with(turn);
    run(tx.conn(), SQL, (&dropped, format!("{dropped}: ")))?;
    Ok(())
}

fn dropped_with(turn: TurnId) -> String {
    format!("{DROPPED}, with turn {turn}")
}

/// Beside its lane: what followed it there may have gone already, and nothing waits for it any more.
fn readmit(tx: &Tx<'_>, account: &AccountId, found: &Found, doubted_at: Option<Timestamp>) -> Res<String> {
    const SQL: &str = "UPDATE delivery SET state = ?3, lane = NULL, not_before = ?4, failed_at = NULL, ended_at = NULL,
             cause = ?6, doubted_at = ?5
         WHERE id = ?1 AND state = ?2";
    let happened = match doubted_at {
        None => DeliveryHappened::Readmitted,
        Some(_) => DeliveryHappened::ReadmittedInDoubt,
    };
    // How old a doubt is that began later than now, nobody knows.
    let doubted_at = doubted_at.map(|at| at.min(tx.now()).0);
    let next = delivery::after(found.state, happened)?;
    let (from, to) = (found.state.as_str(), next.as_str());
    change_one(tx.conn(), SQL, (found.id.0, from, to, AT_ONCE.0, doubted_at, ASKED_FOR))?;
    tx.count(|tally| tally.rare(READMITTED, "", 1));
    write_down(tx, found, "given up")?;
    nothing_is_given_up(tx, account, found)?;
    tx.touch(Topic::Deliveries);
    Ok(replies::delivery_readmitted(found.id))
}

/// What is held keeps its lane, and its doubt is over: an admin says that it is not there.
fn release(tx: &Tx<'_>, account: &AccountId, found: &Found) -> Res<String> {
    const SQL: &str = "UPDATE delivery SET state = ?3, not_before = ?4, doubted_at = NULL, cause = ?5
         WHERE id = ?1 AND state = ?2";
    let next = delivery::after(found.state, DeliveryHappened::Readmitted)?;
    let (from, to) = (found.state.as_str(), next.as_str());
    change_one(tx.conn(), SQL, (found.id.0, from, to, AT_ONCE.0, ASKED_FOR))?;
    write_down(tx, found, "held")?;
    nothing_is_held(tx, account, found)?;
    tx.touch(Topic::Deliveries);
    Ok(replies::delivery_readmitted(found.id))
}

/// Its own pause is over; one of its conversation or account, which the network asked for, is not.
fn hurry(tx: &Tx<'_>, found: &Found) -> Res<String> {
    const SQL: &str = "UPDATE delivery SET not_before = ?3 WHERE id = ?1 AND state = ?2";
    change_one(tx.conn(), SQL, (found.id.0, found.state.as_str(), AT_ONCE.0))?;
    tx.touch(Topic::Deliveries);
    Ok(replies::delivery_is_due(found.id))
}

fn write_down(tx: &Tx<'_>, found: &Found, was: &str) -> Res<()> {
    let Some(turn) = found.turn else { return Ok(()) };
    // Why it was dropped stands in one place, where it can be forgotten.
    let why = found.cause.as_deref().unwrap_or_default();
    let why = if why.starts_with(DROPPED) { DROPPED } else { why };
    let detail = format!("delivery {}, {}: by an admin; it was {was}: {why}", found.id, found.kind.as_str());
    let what = Traced::DeliveryReadmitted;
    trace::record(tx, &Happened { turn, delivery: Some(found.id.0), at: tx.now(), what, detail: &detail })
}

fn is_held(found: &Found) -> bool {
    found.cause.as_deref() == Some(HELD_CAUSE)
}

/// Closes the alert when this was the last of its conversation that was held.
fn nothing_is_held(tx: &Tx<'_>, account: &AccountId, found: &Found) -> Res<()> {
    const OTHERS: &str = "SELECT 1 FROM delivery d JOIN place p ON p.id = d.place
         WHERE d.state IN ('pending', 'ambiguous') AND d.cause = ?1 AND p.account = ?2 AND p.conversation = ?3 LIMIT 1";
    let others = (HELD_CAUSE, account.as_str(), &found.conversation);
    if is_held(found) && one(tx.conn(), OTHERS, others, |_| Ok(()))?.is_none() {
        alert::resolve(tx, AlertCode::DeliveryHeld, &format!("{account}/{}", found.conversation))?;
    }
    Ok(())
}

/// Closes the alert when this was the last of its conversation that was given up; should it be given up again, that is news.
fn nothing_is_given_up(tx: &Tx<'_>, account: &AccountId, found: &Found) -> Res<()> {
    const OTHERS: &str = "SELECT 1 FROM delivery d INDEXED BY delivery_given_up JOIN place p ON p.id = d.place
         WHERE d.state = 'dead' AND d.kind IN ('terminal', 'part') AND p.account = ?1 AND p.conversation = ?2
             AND substr(ifnull(d.cause, ''), 1, length(?3)) <> ?3 LIMIT 1";
    if one(tx.conn(), OTHERS, (account.as_str(), &found.conversation, DROPPED), |_| Ok(()))?.is_none() {
        alert::resolve(tx, AlertCode::DeliveryGivenUp, &format!("{account}/{}", found.conversation))?;
    }
    Ok(())
}

fn find(conn: &Connection, account: &AccountId, id: DeliveryId) -> Res<Option<Found>> {
    const SQL: &str = "SELECT d.kind, d.state, d.turn, p.conversation, d.cause,
             ifnull(d.doubted_at, (SELECT min(t.at) FROM trace t
                 WHERE t.turn = d.turn AND t.delivery = d.id AND t.what = ?3)),
             ifnull(d.posted_text, d.text) = '' AND d.files IS NULL
         FROM delivery d JOIN place p ON p.id = d.place WHERE d.id = ?1 AND p.account = ?2";
    one(conn, SQL, (id.0, account.as_str(), Traced::DeliveryDoubted.as_str()), |row| {
        Ok(Found {
            id,
            kind: row.word(DeliveryKind::from_stored)?,
            state: row.word(DeliveryState::from_stored)?,
            turn: row.opt_turn()?,
            conversation: row.get()?,
            cause: row.get()?,
            doubted_at: row.opt_at()?,
            is_erased: row.get()?,
        })
    })
}
