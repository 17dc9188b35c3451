//! Turns: inserting them, and the changes of their state.

use lastword_core::{
    file::RemoteFile,
    ids::{AgentId, PlaceId, Timestamp, TurnId, UpdateId, UserId},
    reason::Reason,
    store::{Asked, OnLost, Topic},
    turn::{TurnHappened, TurnState},
};
use rusqlite::{Connection, params};

use super::{
    delivery::{self, NewDelivery},
    file, pause,
    place::{self, PlaceRow},
};
use crate::sqlite::{
    failure::{Failure, Res},
    row::{all, change_one, one, run},
    tx::Tx,
};

/// What parts the prompts of collected turns.
pub(crate) const PROMPTS_PARTED_BY: &str = "\n\n";

/// What came in: an update, and who asked what by it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived<'a> {
    pub(crate) update: &'a UpdateId,
    pub(crate) asked: &'a Asked,
}

/// What an agent is asked, and how.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) agent: AgentId,
    pub(crate) prompt: String,
    pub(crate) files: Vec<RemoteFile>,
    pub(crate) on_lost: OnLost,
    pub(crate) may_collect: bool,
}

/// A turn for an agent, or one that is answered with [`Reason::Busy`] at once where `queue_max` turns wait already. Who
/// asks while everything is paused is told so now and then.
pub(crate) fn queue_or_say_busy(
    tx: &Tx<'_>,
    place: &PlaceRow,
    arrived: Arrived<'_>,
    task: &Task,
    queue_max: u32,
) -> Res<TurnId> {
    if place.waiting >= queue_max {
        let busy = Reason::Busy { max: queue_max };
        return insert_answered(tx, place, arrived, Some(task), &busy.last_word(), Some(&busy));
    }
    tx.touch(Topic::Turns);
    let turn = insert_queued(tx, place, arrived, task)?;
    pause::maybe_tell(tx, arrived.asked)?;
    Ok(turn)
}

/// A turn for an agent, at the end of its place's queue, with the marker that says it is owed.
fn insert_queued(tx: &Tx<'_>, place: &PlaceRow, arrived: Arrived<'_>, task: &Task) -> Res<TurnId> {
    let turn = insert(tx, place, arrived, Some(task), TurnState::Queued, None)?;
    run(tx.conn(), "INSERT INTO marker (turn) VALUES (?1)", [turn.0])?;
    file::want(tx, turn, &task.files)?;
    place::append(tx, place.id, turn, true)?;
    Ok(turn)
}

/// A turn that is answered in the transaction that accepts it, outside the queue and the lane.
pub(crate) fn insert_answered(
    tx: &Tx<'_>,
    place: &PlaceRow,
    arrived: Arrived<'_>,
    task: Option<&Task>,
    text: &str,
    reason: Option<&Reason>,
) -> Res<TurnId> {
    let state = if reason.is_some() { TurnState::Failed } else { TurnState::Done };
    let turn = insert(tx, place, arrived, task, state, reason)?;
    place::append(tx, place.id, turn, false)?;
    tx.count(|tally| tally.ended(state, reason));
    delivery::insert(tx, &NewDelivery::terminal(place.id, turn, place.shape.via, None, text, &arrived.asked.message))?;
    Ok(turn)
}

/// A turn that is owed and stands in no queue.
pub(crate) fn insert_aside(tx: &Tx<'_>, place: &PlaceRow, arrived: Arrived<'_>) -> Res<TurnId> {
    let turn = insert(tx, place, arrived, None, TurnState::Queued, None)?;
    run(tx.conn(), "INSERT INTO marker (turn) VALUES (?1)", [turn.0])?;
    place::append(tx, place.id, turn, false)?;
    Ok(turn)
}

/// A placeholder was asked for.
pub(crate) fn wants_placeholder(tx: &Tx<'_>, turn: TurnId) -> Res<()> {
    change_one(tx.conn(), "UPDATE turn SET has_placeholder = 1 WHERE id = ?1", [turn.0])
}

fn insert(
    tx: &Tx<'_>,
    place: &PlaceRow,
    arrived: Arrived<'_>,
    task: Option<&Task>,
    state: TurnState,
    reason: Option<&Reason>,
) -> Res<TurnId> {
    const SQL: &str = "INSERT INTO turn (place, seq, kind, state, session, agent, replay_max, may_collect, reason,
             sender, sender_name, message, accepted_at, ended_at, text, prompt, update_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
    let Arrived { update, asked } = arrived;
    let ended_at = (!state.is_owed()).then_some(tx.now().0);
    run(
        tx.conn(),
        SQL,
        params![
            place.id.0,
            place.next_seq,
            if task.is_some() { "agent" } else { "command" },
            state.as_str(),
            place.session,
            task.map(|task| task.agent.as_str()),
            task.and_then(|task| replay_max(task.on_lost)),
            task.is_some_and(|task| task.may_collect),
            reason.map(encode).transpose()?,
            asked.sender.as_str(),
            asked.sender_name.as_deref(),
            asked.message.as_str(),
            tx.now().0,
            ended_at,
            &asked.text,
            task.map(|task| task.prompt.as_str()),
            update.as_str(),
        ],
    )?;
    tx.count(super::tally::Tally::accepted);
    Ok(TurnId(tx.conn().last_insert_rowid()))
}

/// The state after `happened`, or a refusal.
pub(crate) fn after(state: TurnState, happened: TurnHappened) -> Res<TurnState> {
    let refuse = || Failure::Refused(format!("a {} turn can't be {happened:?}", state.as_str()));
    state.after(happened).ok_or_else(refuse)
}

/// An election was won: records how the turn ended.
pub(crate) fn end(tx: &Tx<'_>, turn: TurnId, from: TurnState, to: TurnState, reason: Option<&Reason>) -> Res<()> {
    const SQL: &str = "UPDATE turn SET state = ?3, reason = ?4, ended_at = ?5 WHERE id = ?1 AND state = ?2";
    let encoded = reason.map(encode).transpose()?;
    change_one(tx.conn(), SQL, (turn.0, from.as_str(), to.as_str(), encoded, tx.now().0))?;
    tx.count(|tally| tally.ended(to, reason));
    Ok(())
}

/// Back to the queue for another attempt.
pub(crate) fn requeue(tx: &Tx<'_>, turn: TurnId, from: TurnState) -> Res<()> {
    let to = after(from, TurnHappened::Requeued)?;
    const SQL: &str = "UPDATE turn SET state = ?3, started_at = NULL WHERE id = ?1 AND state = ?2";
    change_one(tx.conn(), SQL, (turn.0, from.as_str(), to.as_str()))
}

/// What a person asked an agent last in a place, and the store still has.
pub(crate) struct AskedLast {
    /// The turn that answers for it.
    pub(crate) lead: TurnId,
    /// Its state.
    pub(crate) state: TurnState,
    /// What they asked, without what others asked in the same answer.
    pub(crate) task: Task,
}

/// How many of a place's newest turns are looked through for what a person asked: the writer, and so everybody, waits.
const LOOKED_BACK_MAX: i64 = 1_000;

/// See [`AskedLast`]. What lies further back than [`LOOKED_BACK_MAX`] turns is not found.
pub(crate) fn asked_last(conn: &Connection, place: PlaceId, sender: &UserId) -> Res<Option<AskedLast>> {
    const SQL: &str = "SELECT l.id, l.state, t.agent, t.replay_max, t.may_collect
         FROM turn t JOIN turn l ON l.id = ifnull(t.merged_into, t.id)
         WHERE t.place = ?1 AND t.kind = 'agent' AND t.sender = ?2
             AND t.seq >= (SELECT next_seq FROM place WHERE id = ?1) - ?3
         ORDER BY t.seq DESC LIMIT 1";
    let found = one(conn, SQL, (place.0, sender.as_str(), LOOKED_BACK_MAX), |row| {
        let (lead, state) = (row.turn()?, row.word(TurnState::from_stored)?);
        let (agent, on_lost, may_collect) = (row.name(AgentId::new)?, on_lost(row.get()?), row.get()?);
        Ok(AskedLast {
            lead,
            state,
            task: Task { agent, prompt: String::new(), files: Vec::new(), on_lost, may_collect },
        })
    })?;
    let Some(mut last) = found else { return Ok(None) };
    last.task.prompt = prompts_of(conn, last.lead, sender)?.join(PROMPTS_PARTED_BY);
    let is_left = !last.task.prompt.is_empty() || file::came_with(conn, last.lead, sender)?;
    Ok(is_left.then_some(last))
}

/// What `sender` asked in a lead and the turns that it collected, without what was erased; the lead's row holds
/// everybody's.
fn prompts_of(conn: &Connection, lead: TurnId, sender: &UserId) -> Res<Vec<String>> {
    const SQL: &str = "SELECT sender, prompt FROM turn WHERE id = ?1 OR merged_into = ?1 ORDER BY seq";
    let mut asked = all(conn, SQL, [lead.0], |row| Ok((row.name(UserId::new)?, row.get::<String>()?)))?;
    // Whoever erases one of them erases the lead's row, too.
    let parted_from = if asked.first().is_some_and(|(_, joined)| joined.is_empty()) { asked.len() } else { 1 };
    for n in (parted_from..asked.len()).rev() {
        let behind = format!("{PROMPTS_PARTED_BY}{}", asked[n].1);
        let own = asked[0].1.strip_suffix(&behind).map(str::to_owned);
        asked[0].1 = own.ok_or_else(|| Failure::Damaged(format!("turn {lead} lacks a prompt that it collected")))?;
    }
    Ok(asked.into_iter().filter(|(by, prompt)| by == sender && !prompt.is_empty()).map(|(_, prompt)| prompt).collect())
}

/// When the running turn started.
pub(crate) fn started_at(conn: &Connection, turn: TurnId) -> Res<Option<Timestamp>> {
    Ok(one(conn, "SELECT started_at FROM turn WHERE id = ?1", [turn.0], |row| row.opt_at())?.flatten())
}

/// The stored form of what happens when the worker is lost.
fn replay_max(on_lost: OnLost) -> Option<u32> {
    match on_lost {
        OnLost::Error => None,
        OnLost::Replay { max_attempts } => Some(max_attempts),
    }
}

/// Reads the stored form.
pub(crate) fn on_lost(replay_max: Option<u32>) -> OnLost {
    replay_max.map_or(OnLost::Error, |max_attempts| OnLost::Replay { max_attempts })
}

/// The stored form of a reason.
pub(crate) fn encode(reason: &Reason) -> Res<String> {
    serde_json::to_string(reason).map_err(|error| Failure::Refused(error.to_string()))
}
