//! Claiming turns: in each place that has none running, the oldest queued one. While an admin has paused, none.

use lastword_core::{
    capability::ReplyShape,
    election::{Election, ElectionHappened},
    ids::{AgentId, Attempt, Fence, IncarnationId, MessageId, Place, PlaceId, Timestamp, TurnId},
    store::{Claim, Topic},
    turn::{TurnHappened, TurnState},
};
use rusqlite::Connection;

use super::{
    collect::{self, Collected, Lead},
    delivery::{self, NewDelivery},
    file, incarnation, pause,
    place::{self, HeadRuns},
    tally::Latency,
    turn,
};
use crate::sqlite::{
    failure::{Failure, Res},
    row::{self, Columns, Unreadable, change_one, one},
    tx::Tx,
};

/// What [`read`] reads of a place, a turn and its marker.
macro_rules! columns {
    () => {
        "SELECT t.id, p.id, p.account, p.conversation, p.thread, p.shape, p.waiting, p.next_lane, t.seq, t.state,
             t.session, t.agent, t.prompt, t.sender_name, t.message, t.may_collect, t.has_placeholder, t.accepted_at,
             m.attempt, EXISTS (SELECT 1 FROM file f WHERE f.turn = t.id) "
    };
}

/// The head of a place's queue, as it waits.
struct Head {
    turn: TurnId,
    place_id: PlaceId,
    place: Place,
    shape: ReplyShape,
    waiting: usize,
    next_lane: i64,
    seq: i64,
    state: TurnState,
    session: u32,
    agent: AgentId,
    prompt: String,
    sender_name: Option<String>,
    message: MessageId,
    may_collect: bool,
    has_placeholder: bool,
    accepted_at: Timestamp,
    attempt: Attempt,
    has_files: bool,
}

impl Head {
    fn as_lead(&self) -> Lead<'_> {
        let Self { turn, place_id: place, seq, session, ref agent, ref prompt, .. } = *self;
        Lead { turn, place, seq, session, agent, prompt }
    }
}

pub(crate) fn claim(tx: &Tx<'_>, owner: &IncarnationId, limit: usize) -> Res<Vec<Claim>> {
    incarnation::must_live(tx.conn(), owner)?;
    if pause::is_on(tx.conn())? {
        return Ok(Vec::new());
    }
    let (mut claims, mut after) = (Vec::new(), TurnId(0));
    loop {
        let room = limit - claims.len();
        let heads = heads(tx, after, room)?;
        let has_more = heads.len() == room;
        for head in heads {
            after = head.turn;
            claims.extend(tx.unless_damaged("turn", head.turn.0, || start(tx, owner, head))?);
        }
        // Heads that can't start take nobody's room.
        if claims.len() == limit || !has_more {
            return Ok(claims);
        }
    }
}

fn heads(tx: &Tx<'_>, after: TurnId, limit: usize) -> Res<Vec<Head>> {
    const SQL: &str = concat!(
        columns!(),
        "FROM place p JOIN turn t ON t.id = p.head LEFT JOIN marker m ON m.turn = t.id
         WHERE p.head IS NOT NULL AND p.running IS NULL AND p.head > ?1
             AND NOT EXISTS (SELECT 1 FROM file f WHERE f.turn = p.head AND f.result IS NULL) ORDER BY p.head"
    );
    tx.readable(SQL, [after.0], limit, "turn", read)
}

/// The turns that are owed and could not be claimed, whoever waits before them.
pub(crate) fn unreadable(conn: &Connection) -> Res<Vec<Unreadable>> {
    const SQL: &str = concat!(
        columns!(),
        "FROM marker m CROSS JOIN turn t ON t.id = m.turn CROSS JOIN place p ON p.id = t.place
         WHERE t.kind = 'agent' ORDER BY t.id"
    );
    row::unreadable(conn, SQL, [], read)
}

fn read(turn: i64, row: &mut Columns<'_>) -> Res<Head> {
    Ok(Head {
        turn: TurnId(turn),
        place_id: PlaceId(row.get()?),
        place: place::read_place(row)?,
        shape: row.json()?,
        waiting: row.get::<u32>()? as usize,
        next_lane: row.get()?,
        seq: row.get()?,
        state: row.word(TurnState::from_stored)?,
        session: row.get()?,
        agent: row.name(AgentId::new)?,
        prompt: row.get()?,
        sender_name: row.get()?,
        message: row.name(MessageId::new)?,
        may_collect: row.get()?,
        has_placeholder: row.get()?,
        accepted_at: row.at()?,
        attempt: Attempt(row.get()?),
        has_files: row.get()?,
    })
}

fn start(tx: &Tx<'_>, owner: &IncarnationId, head: Head) -> Res<Claim> {
    let state = turn::after(head.state, TurnHappened::Claimed)?;
    let Some(Election::Owed { attempt }) = (Election::Owed { attempt: head.attempt }).after(ElectionHappened::Claimed)
    else {
        return Err(Failure::Damaged(format!("turn {} waits but is decided", head.turn)));
    };
    let collected = match head.may_collect && head.waiting > 1 {
        true => collect::collect(tx, head.as_lead())?,
        false => Collected { turns: 0, last_seq: head.seq, prompt: None, has_files: false },
    };
    let next_head = match head.waiting > 1 + collected.turns {
        true => next_queued(tx.conn(), head.place_id, collected.last_seq)?,
        false => None,
    };
    let wants_placeholder = head.shape.has_placeholder && !head.has_placeholder;
    let files = match head.has_files || collected.has_files || head.attempt != Attempt::NONE {
        true => file::of_turn(tx.conn(), head.turn)?,
        false => Vec::new(),
    };
    own(tx, owner, &head, attempt)?;
    run_turn(tx, &head, state, attempt, wants_placeholder)?;
    let change = HeadRuns { next_head, taken: 1 + collected.turns, lanes: usize::from(wants_placeholder) };
    place::head_runs(tx, head.place_id, head.turn, &change)?;
    if wants_placeholder {
        delivery::insert(tx, &NewDelivery::placeholder(head.place_id, head.turn, head.next_lane, &head.message))?;
    }
    if head.attempt == Attempt::NONE {
        tx.count(|tally| tally.took(Latency::Waited, tx.now().since_ms(head.accepted_at)));
    }
    tx.touch(Topic::Streams);
    Ok(Claim {
        fence: Fence { turn: head.turn, attempt },
        place: head.place,
        place_id: head.place_id,
        session: head.session,
        agent: head.agent,
        prompt: collected.prompt.unwrap_or(head.prompt),
        files,
        sender_name: head.sender_name,
        message: head.message,
        shape: head.shape,
    })
}

fn own(tx: &Tx<'_>, owner: &IncarnationId, head: &Head, attempt: Attempt) -> Res<()> {
    const SQL: &str = "UPDATE marker SET attempt = ?3, owner = ?4, progress = 0 WHERE turn = ?1 AND attempt = ?2";
    change_one(tx.conn(), SQL, (head.turn.0, head.attempt.0, attempt.0, owner.as_str()))
}

fn run_turn(tx: &Tx<'_>, head: &Head, state: TurnState, attempt: Attempt, wants_placeholder: bool) -> Res<()> {
    const SQL: &str =
        "UPDATE turn SET state = ?3, attempt = ?4, started_at = ?5, has_placeholder = has_placeholder OR ?6
         WHERE id = ?1 AND state = ?2";
    let change = (head.turn.0, head.state.as_str(), state.as_str(), attempt.0, tx.now().0, wants_placeholder);
    change_one(tx.conn(), SQL, change)
}

fn next_queued(conn: &Connection, place: PlaceId, after_seq: i64) -> Res<Option<TurnId>> {
    const SQL: &str = "SELECT id FROM turn WHERE place = ?1 AND seq > ?2 AND state = 'queued' AND kind = 'agent'
         ORDER BY seq LIMIT 1";
    one(conn, SQL, (place.0, after_seq), |row| row.turn())
}
