//! Turns as people may see them.

use lastword_core::{
    ids::{Attempt, Place, Timestamp, TurnId},
    reason::Reason,
    store::TurnView,
    turn::TurnState,
};
use rusqlite::Connection;

use super::{delivery, place};
use crate::sqlite::{
    failure::{Failure, Res},
    row::{Columns, all, one},
};

/// One turn, or `None` if there is none of this number.
pub(crate) fn turn(conn: &Connection, turn: TurnId) -> Res<Option<TurnView>> {
    let Some(view) = find(conn, turn)? else { return Ok(None) };
    finish(conn, view).map(Some)
}

/// The newest turns of a place before `before`, oldest first.
pub(crate) fn history(conn: &Connection, at: &Place, before: Option<TurnId>, limit: usize) -> Res<Vec<TurnView>> {
    const SQL: &str = "SELECT t.id FROM turn t
         WHERE t.place = ?1 AND t.seq < ifnull((SELECT b.seq FROM turn b WHERE b.id = ?2 AND b.place = ?1), 9223372036854775807)
         ORDER BY t.seq DESC LIMIT ?3";
    let Some(place) = place::id_of(conn, at)? else { return Ok(Vec::new()) };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut newest = all(conn, SQL, (place.0, before.map(|turn| turn.0), limit), |row| row.turn())?;
    newest.reverse();
    newest.into_iter().filter_map(|id| turn(conn, id).transpose()).collect()
}

fn find(conn: &Connection, turn: TurnId) -> Res<Option<TurnView>> {
    const SQL: &str = "SELECT p.account, p.conversation, p.thread, t.state, t.attempt, t.text, t.reason, t.merged_into,
             t.accepted_at, t.ended_at
         FROM turn t JOIN place p ON p.id = t.place WHERE t.id = ?1";
    one(conn, SQL, [turn.0], |row| read(turn, row))
}

fn read(id: TurnId, row: &mut Columns<'_>) -> Res<TurnView> {
    Ok(TurnView {
        id,
        place: place::read_place(row)?,
        state: row.word(TurnState::from_stored)?,
        attempt: Attempt(row.get()?),
        text: row.get()?,
        reply: None,
        reason: row.opt_json::<Reason>()?,
        merged_into: row.opt_turn()?,
        accepted_at: row.at()?,
        ended_at: row.opt_at()?,
    })
}

/// Adds the last word; a merged turn shows its lead's end.
fn finish(conn: &Connection, mut view: TurnView) -> Res<TurnView> {
    let speaks = view.merged_into.unwrap_or(view.id);
    // An erased one is as none.
    view.reply = delivery::last_word(conn, speaks)?.filter(|reply| !reply.is_empty());
    if view.merged_into.is_some() {
        let (reason, ended_at) = end_of(conn, speaks)?;
        view.reason = reason;
        view.ended_at = ended_at;
    }
    Ok(view)
}

fn end_of(conn: &Connection, lead: TurnId) -> Res<(Option<Reason>, Option<Timestamp>)> {
    let found = one(conn, "SELECT reason, ended_at FROM turn WHERE id = ?1", [lead.0], |row| {
        Ok((row.opt_json()?, row.opt_at()?))
    })?;
    found.ok_or_else(|| Failure::Damaged(format!("turn {lead} answers for another but is missing")))
}
