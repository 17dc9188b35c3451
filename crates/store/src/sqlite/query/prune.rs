//! Retention: what is old is emptied or removed, a piece at a time.
//!
//! Never touched: a turn that is owed, one with an open delivery, and whatever was merged into such a one. A turn and
//! those merged into it go together. Counters of removed rows stay, so that the conservation law can be checked.

use lastword_core::{
    ids::{Timestamp, TurnId},
    store::{Pruned, Retention},
    turn::TurnState,
};
use rusqlite::Connection;

use super::{
    erase,
    tally::{self, PRUNED},
};
use crate::sqlite::{
    failure::Res,
    row::{all, one, run},
    tx::Tx,
};

/// The most turns that one call looks at.
const SCANNED_MAX: i64 = 10_000;
/// How long it is remembered that somebody was told why they are refused, in milliseconds.
const HINTS_KEPT_MS: i64 = 24 * 3_600_000;

/// What becomes of a turn that is old enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Emptied,
    Removed,
}

/// What one look found.
#[derive(Debug)]
pub(crate) struct Found {
    /// Turns that are old enough, without those merged into others.
    old: Vec<(TurnId, Fate)>,
    /// Where the next look begins.
    next: TurnId,
    has_more: bool,
}

/// Looks on from where the last call came to; each pass goes over all turns once.
pub(crate) fn look(conn: &Connection, now: Timestamp, retention: &Retention, limit: usize) -> Res<Found> {
    // What was erased is asked only of old ones: the column lies behind the text.
    const SQL: &str = "SELECT id, state, ended_at, CASE WHEN ended_at <= ?2 THEN emptied_at END FROM turn
         WHERE id >= (SELECT next_turn FROM janitor) ORDER BY id LIMIT ?1";
    if retention.messages_ms.is_none() && retention.turns_ms.is_none() {
        return Ok(Found { old: Vec::new(), next: TurnId(0), has_more: false });
    }
    let before = |kept_ms: Option<i64>| kept_ms.map_or(Timestamp(i64::MIN), |ms| now.plus_ms(-ms));
    let (emptied_before, removed_before) = (before(retention.messages_ms), before(retention.turns_ms));
    let scanned = all(conn, SQL, (SCANNED_MAX, emptied_before.0), |row| {
        let (turn, state) = (row.turn()?, row.word(TurnState::from_stored)?);
        let (ended_at, is_emptied) = (row.opt_at()?, row.opt_at()?.is_some());
        let fate = match ended_at.filter(|_| !state.is_owed()) {
            Some(at) if at <= removed_before => Some(Fate::Removed),
            Some(at) if at <= emptied_before && !is_emptied => Some(Fate::Emptied),
            _ => None,
        };
        Ok((turn, fate))
    })?;
    let end = if scanned.len() as i64 == SCANNED_MAX { scanned.last().map(|(turn, _)| *turn) } else { None };
    let mut old: Vec<_> = scanned.into_iter().filter_map(|(turn, fate)| Some((turn, fate?))).collect();
    let end = match old.len() > limit {
        true => {
            old.truncate(limit);
            old.last().map(|(turn, _)| *turn)
        }
        false => end,
    };
    Ok(Found { old, next: end.map_or(TurnId(0), |turn| TurnId(turn.0 + 1)), has_more: end.is_some() })
}

/// Does what was found, as far as it still holds, and removes what belongs to no turn.
pub(crate) fn prune(tx: &Tx<'_>, retention: &Retention, found: &Found, limit: usize) -> Res<Pruned> {
    let mut pruned = Pruned { has_more: found.has_more, ..Pruned::default() };
    let mut next = found.next;
    for (turn, fate) in &found.old {
        if pruned.emptied + pruned.removed >= limit as u64 {
            (next, pruned.has_more) = (*turn, true);
            break;
        }
        if !is_settled(tx.conn(), *turn)? {
            continue;
        }
        for one in with_merged(tx.conn(), *turn)? {
            match fate {
                Fate::Emptied => {
                    erase::turn(tx, one)?;
                    pruned.emptied += 1;
                }
                Fate::Removed => {
                    remove(tx, one)?;
                    pruned.removed += 1;
                }
            }
        }
    }
    run(tx.conn(), "UPDATE janitor SET next_turn = ?1", [next.0])?;
    if let Some(ms) = retention.turns_ms {
        pruned.has_more |= dropped_updates(tx, tx.now().plus_ms(-ms), limit)?;
    }
    if let Some(ms) = retention.alerts_ms {
        pruned.alerts = resolved_alerts(tx, tx.now().plus_ms(-ms), limit)?;
        pruned.has_more |= pruned.alerts == limit as u64;
    }
    pruned.has_more |= hints(tx, tx.now().plus_ms(-HINTS_KEPT_MS), limit)?;
    Ok(pruned)
}

/// Whether a turn, and the one that answers for it, is ended and nothing of it is on its way.
pub(crate) fn is_settled(conn: &Connection, turn: TurnId) -> Res<bool> {
    const SQL: &str = "SELECT 1 FROM turn t JOIN turn l ON l.id = ifnull(t.merged_into, t.id)
         WHERE t.id = ?1 AND l.ended_at IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM marker m WHERE m.turn = l.id)
             AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.turn = l.id AND d.part IS NOT NULL AND d.ended_at IS NULL)
             AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.turn = l.id AND d.part IS NULL AND d.ended_at IS NULL)";
    Ok(one(conn, SQL, [turn.0], |_| Ok(()))?.is_some())
}

fn with_merged(conn: &Connection, lead: TurnId) -> Res<Vec<TurnId>> {
    let mut turns = all(conn, "SELECT id FROM turn WHERE merged_into = ?1", [lead.0], |row| row.turn())?;
    turns.push(lead);
    Ok(turns)
}

/// The turn and everything that stands for it.
fn remove(tx: &Tx<'_>, turn: TurnId) -> Res<()> {
    const ROW: &str =
        "SELECT t.state, t.update_id, p.account FROM turn t JOIN place p ON p.id = t.place WHERE t.id = ?1";
    const DEAD: &str = "SELECT count(*) FROM delivery WHERE turn = ?1 AND part IS NOT NULL AND state = 'dead'
         UNION ALL SELECT count(*) FROM delivery WHERE turn = ?1 AND part IS NULL AND state = 'dead'";
    const UPDATE: &str = "DELETE FROM inbox WHERE account = ?1 AND update_id = ?2 AND turn = ?3";
    const ROWS: [&str; 7] = [
        "DELETE FROM delivery WHERE turn = ?1 AND part IS NOT NULL",
        "DELETE FROM delivery WHERE turn = ?1 AND part IS NULL",
        "DELETE FROM trace WHERE turn = ?1",
        "DELETE FROM process_group WHERE turn = ?1",
        "DELETE FROM progress WHERE turn = ?1",
        "DELETE FROM file WHERE turn = ?1",
        "DELETE FROM turn WHERE id = ?1",
    ];
    let read = |row: &mut crate::sqlite::row::Columns<'_>| {
        Ok((row.word(TurnState::from_stored)?, row.get::<Option<String>>()?, row.get::<String>()?))
    };
    let Some((state, update, account)) = one(tx.conn(), ROW, [turn.0], read)? else { return Ok(()) };
    let dead: i64 = all(tx.conn(), DEAD, [turn.0], |row| row.get::<i64>())?.into_iter().sum();
    run(tx.conn(), UPDATE, (account, update, turn.0))?;
    for sql in ROWS {
        run(tx.conn(), sql, [turn.0])?;
    }
    tx.count(|tally| {
        tally.rare(PRUNED, state.as_str(), 1);
        tally.rare(PRUNED, tally::DEAD, dead);
    });
    Ok(())
}

/// Updates that made no turn; whether there may be more.
fn dropped_updates(tx: &Tx<'_>, before: Timestamp, limit: usize) -> Res<bool> {
    const SQL: &str = "DELETE FROM inbox WHERE (account, update_id) IN
         (SELECT account, update_id FROM inbox INDEXED BY inbox_without_turn WHERE turn IS NULL AND at <= ?1 LIMIT ?2)";
    let removed = run(tx.conn(), SQL, (before.0, limit as i64))?;
    tx.count(|tally| tally.rare(tally::PRUNED_DROPPED, "", removed as i64));
    Ok(removed == limit)
}

fn resolved_alerts(tx: &Tx<'_>, before: Timestamp, limit: usize) -> Res<u64> {
    const SQL: &str = "DELETE FROM alert WHERE id IN (SELECT id FROM alert WHERE resolved_at <= ?1 LIMIT ?2)";
    Ok(run(tx.conn(), SQL, (before.0, limit as i64))? as u64)
}

/// Hints that people got, and that they got them; whether there may be more.
fn hints(tx: &Tx<'_>, before: Timestamp, limit: usize) -> Res<bool> {
    const OLD: &str = "SELECT id, state = 'dead' FROM delivery INDEXED BY notice_ended
         WHERE turn IS NULL AND ended_at IS NOT NULL AND ended_at <= ?1 LIMIT ?2";
    run(tx.conn(), "DELETE FROM hint WHERE at <= ?1", [before.0])?;
    let old = all(tx.conn(), OLD, (before.0, limit as i64), |row| Ok((row.get::<i64>()?, row.get::<bool>()?)))?;
    for (id, is_dead) in &old {
        run(tx.conn(), "DELETE FROM delivery WHERE id = ?1", [id])?;
        tx.count(|tally| tally.rare(PRUNED, tally::DEAD, i64::from(*is_dead)));
    }
    Ok(old.len() == limit)
}
