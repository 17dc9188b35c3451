//! What operators ask of the processes: owed beside the queue of its place, and answered by whoever supervises them.

use lastword_core::{
    capability::Via,
    delivery::Form,
    ids::{IncarnationId, TurnId},
    store::{Request, Restart, Topic},
};
use rusqlite::Connection;

use super::{
    delivery::{self, NewDelivery},
    deployment, incarnation,
    place::{self, PlaceRow},
    turn::{self, Arrived},
};
use crate::{
    replies,
    sqlite::{
        failure::{Failure, Res},
        row::{self, Columns, Unreadable, readable, run},
        tx::Tx,
    },
};

/// What [`read`] reads, behind the turn's id.
macro_rules! columns {
    () => {
        "SELECT r.turn, r.what, r.replaces, t.accepted_at FROM request r CROSS JOIN turn t ON t.id = r.turn ORDER BY r.turn"
    };
}

/// Accepts one, and says at once that it was heard.
pub(crate) fn take(tx: &Tx<'_>, place: &PlaceRow, arrived: Arrived<'_>, restart: Restart) -> Res<TurnId> {
    const SQL: &str = "INSERT INTO request (turn, what, replaces) VALUES (?1, ?2, ?3)";
    let replaces = incarnation::who_lives(tx.conn(), restart)?;
    let replaces = serde_json::to_string(&replaces).map_err(|error| Failure::Refused(error.to_string()))?;
    let turn = turn::insert_aside(tx, place, arrived)?;
    run(tx.conn(), SQL, (turn.0, restart.as_str(), replaces))?;
    let (heard, reply_to) = (replies::restarting(restart), &arrived.asked.message);
    if place.shape.has_placeholder && place.shape.via == Via::Edit {
        let lane = place::take_lane(tx, place.id)?;
        let placeholder = NewDelivery::placeholder(place.id, turn, lane, reply_to);
        delivery::insert(tx, &NewDelivery { text: &heard, form: Form::Formatted, ..placeholder })?;
        turn::wants_placeholder(tx, turn)?;
    } else {
        let number = deployment::next_notice(tx.conn())?;
        delivery::insert(tx, &NewDelivery::notice(number, place.id, Some(turn), &heard, Some(reply_to)))?;
    }
    tx.touch(Topic::Requests);
    Ok(turn)
}

/// Every one, oldest first.
pub(crate) fn all(conn: &Connection) -> Res<Vec<Request>> {
    readable(conn, columns!(), [], usize::MAX, "request", read)
}

/// Those that nobody could carry out.
pub(crate) fn unreadable(conn: &Connection) -> Res<Vec<Unreadable>> {
    row::unreadable(conn, columns!(), [], read)
}

/// It has its last word.
pub(crate) fn forget(tx: &Tx<'_>, turn: TurnId) -> Res<()> {
    run(tx.conn(), "DELETE FROM request WHERE turn = ?1", [turn.0])?;
    Ok(())
}

fn read(turn: i64, row: &mut Columns<'_>) -> Res<Request> {
    let restart = row.word(Restart::named)?;
    let replaces: Vec<String> = row.json()?;
    let replaces = replaces.into_iter().map(IncarnationId::new).collect();
    Ok(Request { turn: TurnId(turn), restart, replaces, accepted_at: row.at()? })
}
