//! Writing down what is rare in a message's life; the rest of it is told by its rows (`life`).

use lastword_core::{
    ids::{Timestamp, TurnId},
    store::Traced,
};

use super::alert::plain;
use crate::sqlite::{failure::Res, row::run, tx::Tx};

/// The most rows of one turn: the newest stay.
pub(crate) const ROWS_PER_TURN_MAX: i64 = 200;

/// Something rare that happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Happened<'a> {
    pub(crate) turn: TurnId,
    /// Its delivery, if it is about one.
    pub(crate) delivery: Option<i64>,
    pub(crate) at: Timestamp,
    pub(crate) what: Traced,
    /// For the operator, without what people or agents wrote.
    pub(crate) detail: &'a str,
}

/// Writes it down, or counts one more on the last row of the same delivery if that says the same.
pub(crate) fn record(tx: &Tx<'_>, happened: &Happened<'_>) -> Res<()> {
    const COUNT: &str = "UPDATE trace SET count = count + 1, last_at = ?3 WHERE turn = ?1
             AND n = (SELECT max(n) FROM trace WHERE turn = ?1 AND delivery IS ?2) AND what = ?4 AND detail = ?5";
    const ADD: &str = "INSERT INTO trace (turn, n, delivery, at, last_at, what, detail)
         VALUES (?1, 1 + ifnull((SELECT max(n) FROM trace WHERE turn = ?1), 0), ?2, ?3, ?3, ?4, ?5)";
    const BOUND: &str = "DELETE FROM trace WHERE turn = ?1 AND n <= (SELECT max(n) FROM trace WHERE turn = ?1) - ?2";
    let &Happened { turn, delivery, at, what, detail } = happened;
    let detail = plain(detail);
    let row = (turn.0, delivery, at.0, what.as_str(), &detail);
    if run(tx.conn(), COUNT, row)? == 0 {
        run(tx.conn(), ADD, row)?;
        run(tx.conn(), BOUND, (turn.0, ROWS_PER_TURN_MAX))?;
    }
    Ok(())
}
