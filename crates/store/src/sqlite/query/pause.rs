//! The pause: while its row is there, no turn is claimed. It is the whole deployment's, and outlives every process.

use lastword_core::{
    alert::AlertCode,
    decide::intake::HINT_EVERY_MS,
    ids::{Timestamp, TurnId},
    store::{Asked, HintRule, Topic},
};
use rusqlite::Connection;

use super::{
    alert, hint,
    place::PlaceRow,
    turn::{self, Arrived},
};
use crate::{
    replies,
    sqlite::{
        failure::{Failure, Res},
        row::{one, run},
        tx::Tx,
    },
};

/// What the alert is about: there is one pause.
const SUBJECT: &str = "deployment";

/// A pause that is in force.
#[derive(Clone, Debug)]
pub(crate) struct Paused {
    pub(crate) at: Timestamp,
    pub(crate) why: Option<String>,
}

/// Whether no turn may be claimed. It asks for no column: whatever they hold, the row is there.
pub(crate) fn is_on(conn: &Connection) -> Res<bool> {
    Ok(one(conn, "SELECT 1 FROM pause", [], |_| Ok(()))?.is_some())
}

/// The pause, if one is in force.
pub(crate) fn find(conn: &Connection) -> Res<Option<Paused>> {
    one(conn, "SELECT paused_at, why FROM pause", [], |row| Ok(Paused { at: row.at()?, why: row.get()? }))
}

/// `/pause`: answered, and in force from this commit on.
pub(crate) fn begin(tx: &Tx<'_>, place: &PlaceRow, arrived: Arrived<'_>, why: Option<&str>) -> Res<TurnId> {
    const SQL: &str = "INSERT INTO pause (one, paused_at, turn, why) VALUES (1, ?1, ?2, ?3)";
    let answer = |text: &str| turn::insert_answered(tx, place, arrived, None, text, None);
    if let Some(paused) = find(tx.conn())? {
        return answer(&replies::paused_already(tx.now().since_ms(paused.at)));
    }
    let turn = answer(replies::PAUSED)?;
    run(tx.conn(), SQL, (tx.now().0, turn.0, why))?;
    let detail = format!("by an admin of account {}, with turn {turn}", arrived.asked.place.account);
    alert::raise(tx, AlertCode::Paused, SUBJECT, &detail)?;
    Ok(turn)
}

/// `/resume`: what waits may be claimed from this commit on.
pub(crate) fn end(tx: &Tx<'_>) -> Res<&'static str> {
    if run(tx.conn(), "DELETE FROM pause", [])? == 0 {
        return Ok(replies::NOT_PAUSED);
    }
    alert::resolve(tx, AlertCode::Paused, SUBJECT)?;
    tx.touch(Topic::Turns);
    Ok(replies::RESUMED)
}

/// Tells whoever asked that their turn waits for the pause to end: once per pause, and again after an hour of it.
pub(crate) fn maybe_tell(tx: &Tx<'_>, asked: &Asked) -> Res<()> {
    let paused = match find(tx.conn()) {
        Ok(Some(paused)) => paused,
        // A row that can't be read keeps nobody from asking.
        Ok(None) | Err(Failure::Damaged(_)) => return Ok(()),
        // Whatever else fails, the engine may have taken back everything that came before.
        Err(failure) => return Err(failure),
    };
    // Whoever was told before it began is told again; on a clock that was set back, only after the longest time.
    let every_ms = match tx.now().since_ms(paused.at) {
        for_ms @ 0..HINT_EVERY_MS => for_ms + 1,
        _ => HINT_EVERY_MS,
    };
    hint::maybe_give(tx, asked, &HintRule { text: replies::WAITS_FOR_RESUME.into(), every_ms })
}

/// Forgets what an admin wrote, with the turn that they wrote it in.
pub(crate) fn erase(tx: &Tx<'_>, turn: TurnId) -> Res<()> {
    run(tx.conn(), "UPDATE pause SET why = NULL WHERE turn = ?1", [turn.0])?;
    Ok(())
}
