//! What operators ask of the processes: owed beside the queue of its place, and answered by whoever supervises them.

use lastword_core::{
    capability::Via,
    delivery::Form,
    ids::{DeliveryId, IncarnationId, MessageId, PlaceId, TurnId},
    store::{Operation, Request, Topic},
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
        row::{self, Columns, Unreadable, one, readable, run},
        tx::Tx,
    },
};

/// What [`read`] reads, behind the turn's id.
macro_rules! columns {
    () => {
        "SELECT r.turn, r.what, r.replaces, t.accepted_at FROM request r CROSS JOIN turn t ON t.id = r.turn ORDER BY r.turn"
    };
}

/// Accepts one, and says at once that it was heard: where the last word follows soon, in the message that becomes it.
pub(crate) fn take(tx: &Tx<'_>, place: &PlaceRow, arrived: Arrived<'_>, operation: Operation) -> Res<TurnId> {
    const SQL: &str = "INSERT INTO request (turn, what, replaces) VALUES (?1, ?2, ?3)";
    let (replaces, is_soon) = match operation {
        Operation::Restart(restart) => (incarnation::who_lives(tx.conn(), restart)?, true),
        Operation::Update | Operation::Rollback => (Vec::new(), false),
    };
    let replaces = serde_json::to_string(&replaces).map_err(|error| Failure::Refused(error.to_string()))?;
    let turn = turn::insert_aside(tx, place, arrived)?;
    run(tx.conn(), SQL, (turn.0, operation.as_str(), replaces))?;
    let (heard, reply_to) = (replies::begins(operation), &arrived.asked.message);
    if is_soon && place.shape.has_placeholder && place.shape.via == Via::Edit {
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

/// A message beside the last word of one that is still owed it.
pub(crate) fn say_how_far(tx: &Tx<'_>, turn: TurnId, text: &str) -> Res<Option<DeliveryId>> {
    const FIND: &str = "SELECT t.place, t.message FROM request r CROSS JOIN turn t ON t.id = r.turn WHERE r.turn = ?1";
    let asked = one(tx.conn(), FIND, [turn.0], |row| Ok((PlaceId(row.get()?), row.name(MessageId::new)?)))?;
    let Some((place, reply_to)) = asked else { return Ok(None) };
    let number = deployment::next_notice(tx.conn())?;
    delivery::insert(tx, &NewDelivery::notice(number, place, Some(turn), text, Some(&reply_to)))?;
    Ok(Some(DeliveryId(tx.conn().last_insert_rowid())))
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
    let operation = row.word(Operation::from_stored)?;
    let replaces: Vec<String> = row.json()?;
    let replaces = replaces.into_iter().map(IncarnationId::new).collect();
    Ok(Request { turn: TurnId(turn), operation, replaces, accepted_at: row.at()? })
}
