//! Places: their order, their running turn, their queue and their lane.

use lastword_core::{
    capability::{ReplyShape, TextLimit},
    ids::{AccountId, ConversationId, Place, PlaceId, ThreadId, Timestamp, TurnId},
};
use rusqlite::Connection;

use crate::sqlite::{
    failure::{Failure, Res},
    row::{Columns, change_one, one, run},
    tx::Tx,
};

/// A place as the store keeps it.
#[derive(Clone, Debug)]
pub(crate) struct PlaceRow {
    pub(crate) id: PlaceId,
    pub(crate) shape: ReplyShape,
    pub(crate) session: u32,
    pub(crate) next_seq: i64,
    pub(crate) running: Option<TurnId>,
    pub(crate) waiting: u32,
}

/// The place, made if it is new, with the shape that the provider told last.
///
/// A stored shape that can't be read is no obstacle: the message that comes in brings the one that counts.
pub(crate) fn resolve(tx: &Tx<'_>, place: &Place, shape: ReplyShape) -> Res<PlaceRow> {
    let told = serde_json::to_string(&shape).map_err(|error| Failure::Refused(error.to_string()))?;
    match find(tx.conn(), place, shape)? {
        Some((row, stored)) if stored == told => Ok(row),
        Some((row, _)) => {
            run(tx.conn(), "UPDATE place SET shape = ?2 WHERE id = ?1", (row.id.0, told))?;
            Ok(row)
        }
        None => insert(tx, place, shape, &told),
    }
}

/// The place's number, if anything was ever asked there.
pub(crate) fn id_of(conn: &Connection, place: &Place) -> Res<Option<PlaceId>> {
    const SQL: &str = "SELECT id FROM place WHERE account = ?1 AND conversation = ?2 AND thread IS ?3";
    let thread = place.thread.as_ref().map(ThreadId::as_str);
    one(conn, SQL, (place.account.as_str(), place.conversation.as_str(), thread), |row| row.get().map(PlaceId))
}

/// The place's number and its limit of a text, if anybody ever spoke there; of one whose shape can't be read, that of
/// `otherwise`.
pub(crate) fn known(conn: &Connection, place: &Place, otherwise: ReplyShape) -> Res<Option<(PlaceId, TextLimit)>> {
    let Some((row, stored)) = find(conn, place, otherwise)? else { return Ok(None) };
    let shape = serde_json::from_str(&stored).unwrap_or(otherwise);
    Ok(Some((row.id, shape.text_max)))
}

/// The account, conversation and thread of a row, in this order.
pub(crate) fn read_place(row: &mut Columns<'_>) -> Res<Place> {
    Ok(Place {
        account: row.name(AccountId::new)?,
        conversation: row.name(ConversationId::new)?,
        thread: row.opt_name(ThreadId::new)?,
    })
}

/// One more turn in this place's order; queued behind the others if `queued`.
pub(crate) fn append(tx: &Tx<'_>, place: PlaceId, turn: TurnId, is_queued: bool) -> Res<()> {
    const QUEUED: &str = "UPDATE place SET next_seq = next_seq + 1, waiting = waiting + 1, head = ifnull(head, ?2)
         WHERE id = ?1";
    const AT_ONCE: &str = "UPDATE place SET next_seq = next_seq + 1 WHERE id = ?1";
    if is_queued { change_one(tx.conn(), QUEUED, (place.0, turn.0)) } else { change_one(tx.conn(), AT_ONCE, [place.0]) }
}

/// The head of the queue runs; it and those it collected wait no more, and `lanes` positions of the lane are taken.
pub(crate) fn head_runs(tx: &Tx<'_>, place: PlaceId, turn: TurnId, change: &HeadRuns) -> Res<()> {
    const SQL: &str = "UPDATE place SET running = ?2, head = ?3, waiting = waiting - ?4, next_lane = next_lane + ?5
         WHERE id = ?1 AND head = ?2 AND running IS NULL";
    let HeadRuns { next_head, taken, lanes } = *change;
    change_one(tx.conn(), SQL, (place.0, turn.0, next_head.map(|head| head.0), taken as i64, lanes as i64))
}

/// What changes when the head of a queue runs.
pub(crate) struct HeadRuns {
    pub(crate) next_head: Option<TurnId>,
    pub(crate) taken: usize,
    pub(crate) lanes: usize,
}

/// The running turn ended, with `lanes` messages in the lane.
pub(crate) fn running_ended(tx: &Tx<'_>, place: PlaceId, turn: TurnId, lanes: usize) -> Res<()> {
    const SQL: &str = "UPDATE place SET running = NULL, next_lane = next_lane + ?3 WHERE id = ?1 AND running = ?2";
    change_one(tx.conn(), SQL, (place.0, turn.0, lanes as i64))
}

/// A queued turn ended without ever running, with `lanes` messages in the lane.
pub(crate) fn queued_ended(tx: &Tx<'_>, place: PlaceId, turn: TurnId, lanes: usize) -> Res<()> {
    const SQL: &str = "UPDATE place SET waiting = waiting - 1, next_lane = next_lane + ?3, head = CASE head WHEN ?2
             THEN (SELECT id FROM turn WHERE place = ?1 AND state = 'queued' AND kind = 'agent' AND id <> ?2
                       ORDER BY seq LIMIT 1)
             ELSE head END
         WHERE id = ?1";
    change_one(tx.conn(), SQL, (place.0, turn.0, lanes as i64))
}

/// A turn ended that stood in no queue, with `lanes` messages in the lane. A build that knows of no such turns may have
/// taken it for the head of the queue.
pub(crate) fn aside_ended(tx: &Tx<'_>, place: PlaceId, turn: TurnId, lanes: usize) -> Res<()> {
    const SQL: &str = "UPDATE place SET next_lane = next_lane + ?3, head = CASE head WHEN ?2
             THEN (SELECT t.id FROM marker m CROSS JOIN turn t ON t.id = m.turn
                   WHERE t.place = ?1 AND t.state = 'queued' AND t.kind = 'agent' ORDER BY t.seq LIMIT 1)
             ELSE head END
         WHERE id = ?1";
    change_one(tx.conn(), SQL, (place.0, turn.0, lanes as i64))
}

/// The next position of the lane, which is taken.
pub(crate) fn take_lane(tx: &Tx<'_>, place: PlaceId) -> Res<i64> {
    const SQL: &str = "UPDATE place SET next_lane = next_lane + 1 WHERE id = ?1 RETURNING next_lane - 1";
    let lane = one(tx.conn(), SQL, [place.0], |row| row.get())?;
    lane.ok_or_else(|| Failure::Damaged(format!("place {place} is gone")))
}

/// The running turn goes back to the front of the queue.
pub(crate) fn running_requeued(tx: &Tx<'_>, place: PlaceId, turn: TurnId) -> Res<()> {
    const SQL: &str =
        "UPDATE place SET running = NULL, head = ?2, waiting = waiting + 1 WHERE id = ?1 AND running = ?2";
    change_one(tx.conn(), SQL, (place.0, turn.0))
}

/// The next turn begins a new session.
pub(crate) fn begin_session(tx: &Tx<'_>, place: PlaceId) -> Res<()> {
    change_one(tx.conn(), "UPDATE place SET session = session + 1 WHERE id = ?1", [place.0])
}

/// Holds back what is sent to this conversation, in all its threads.
pub(crate) fn pause_conversation(
    tx: &Tx<'_>,
    (account, conversation): (&str, &str),
    since: Timestamp,
    until: Timestamp,
) -> Res<()> {
    const SQL: &str = "UPDATE place SET paused_at = ?3,
             paused_until = CASE WHEN paused_at > ?5 THEN ?4 ELSE max(paused_until, ?4) END
         WHERE account = ?1 AND conversation = ?2";
    run(tx.conn(), SQL, (account, conversation, since.0, until.0, tx.now().0))?;
    Ok(())
}

/// The row, which gets `shape`, and the shape that is stored.
fn find(conn: &Connection, place: &Place, shape: ReplyShape) -> Res<Option<(PlaceRow, String)>> {
    const SQL: &str = "SELECT id, shape, session, next_seq, running, waiting FROM place
         WHERE account = ?1 AND conversation = ?2 AND thread IS ?3";
    let read = |row: &mut Columns<'_>| {
        let (id, stored) = (PlaceId(row.get()?), row.get()?);
        let (session, next_seq) = (row.get()?, row.get()?);
        Ok((PlaceRow { id, shape, session, next_seq, running: row.opt_turn()?, waiting: row.get()? }, stored))
    };
    let thread = place.thread.as_ref().map(ThreadId::as_str);
    one(conn, SQL, (place.account.as_str(), place.conversation.as_str(), thread), read)
}

fn insert(tx: &Tx<'_>, place: &Place, shape: ReplyShape, told: &str) -> Res<PlaceRow> {
    const SQL: &str = "INSERT INTO place (account, conversation, thread, shape) VALUES (?1, ?2, ?3, ?4)";
    let thread = place.thread.as_ref().map(ThreadId::as_str);
    run(tx.conn(), SQL, (place.account.as_str(), place.conversation.as_str(), thread, told))?;
    let id = PlaceId(tx.conn().last_insert_rowid());
    Ok(PlaceRow { id, shape, session: 1, next_seq: 1, running: None, waiting: 0 })
}
