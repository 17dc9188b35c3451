//! The election: the marker's deletion and the terminal's deliveries, in one transaction.

use lastword_core::{
    capability::{ReplyShape, Via},
    election::{Election, ElectionHappened},
    faults::{self, Bug},
    file::{OutFile, shown_name},
    ids::{Attempt, MessageId, PlaceId, Timestamp, TurnId},
    reason::Reason,
    store::{Elected, End, Topic, Verdict},
    turn::{TurnHappened, TurnState},
};
use rusqlite::Connection;

use super::{
    delivery::{self, NewDelivery},
    place, progress, request,
    tally::Latency,
    turn,
};
use crate::sqlite::{
    failure::{Failure, Res},
    row::{self, Columns, Unreadable, one, run},
    tx::Tx,
};

/// Somebody's word on how a turn ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word<'a> {
    pub(crate) turn: TurnId,
    pub(crate) attempt: Attempt,
    pub(crate) end: &'a End,
    pub(crate) parts: &'a [String],
    pub(crate) files: &'a [Vec<OutFile>],
    pub(crate) if_progress: Option<u64>,
}

impl<'a> Word<'a> {
    pub(crate) fn of(verdict: &'a Verdict) -> Self {
        let Verdict { fence, end, parts, files, if_progress } = verdict;
        Self { turn: fence.turn, attempt: fence.attempt, end, parts, files, if_progress: *if_progress }
    }
}

/// What [`read`] reads, behind the turn's id.
macro_rules! columns {
    () => {
        "SELECT m.turn, m.attempt, m.progress, t.state, t.kind = 'command', t.place, t.message,
             t.has_placeholder AND t.placeholder IS NULL,
             EXISTS (SELECT 1 FROM process_group g WHERE g.turn = m.turn), t.started_at, p.shape, p.next_lane
         FROM marker m LEFT JOIN turn t ON t.id = m.turn LEFT JOIN place p ON p.id = t.place "
    };
}

/// A turn that owes its last word.
pub(crate) struct OwedTurn {
    attempt: Attempt,
    progress: i64,
    state: TurnState,
    is_request: bool,
    place: PlaceId,
    message: MessageId,
    has_open_placeholder: bool,
    has_groups: bool,
    started_at: Option<Timestamp>,
    shape: ReplyShape,
    next_lane: i64,
}

/// First writer wins; everyone else finds no marker, or another attempt's. A marker whose turn or place can't be read
/// stays: the job fails as damaged.
pub(crate) fn elect(tx: &Tx<'_>, word: &Word<'_>) -> Res<Elected> {
    let Some(owed) = decide(tx, word)? else { return Ok(Elected::Lost) };
    insert_last_word(tx, word, &owed)?;
    Ok(Elected::Won)
}

/// The first half: the marker goes and the turn ends, if this word wins. The second must follow in the same transaction.
pub(crate) fn decide(tx: &Tx<'_>, word: &Word<'_>) -> Res<Option<OwedTurn>> {
    if word.parts.is_empty() {
        return Err(Failure::Refused("a last word has at least one part".into()));
    }
    let Some(owed) = find(tx.conn(), word.turn)? else { return Ok(None) };
    let mut word = *word;
    if faults::has(Bug::NoAttemptFence) {
        word.attempt = owed.attempt;
    }
    let spoken = ElectionHappened::Spoken { attempt: word.attempt };
    let moved = word.if_progress.is_some_and(|seen| seen.cast_signed() != owed.progress);
    if moved || (Election::Owed { attempt: owed.attempt }).after(spoken) != Some(Election::Decided) {
        return Ok(None);
    }
    // A turn that went back to the queue keeps its attempt's number until the next claim, but hears nothing of it:
    // only a sweep that saw it wait there may end it.
    let waits_again = owed.state == TurnState::Queued && owed.attempt != Attempt::NONE;
    if waits_again && word.if_progress.is_none() && !faults::has(Bug::NoAttemptFence) {
        return Ok(None);
    }
    let Some(ended) = owed.state.after(happened(word.end, owed.is_request)) else { return Ok(None) };
    if !delete_marker(tx, &word)? {
        return Ok(None);
    }
    turn::end(tx, word.turn, owed.state, ended, reason(word.end))?;
    let lanes = word.parts.len() + word.files.len();
    match owed.state {
        TurnState::Running => {
            place::running_ended(tx, owed.place, word.turn, lanes)?;
            if let Some(at) = owed.started_at {
                tx.count(|tally| tally.took(Latency::Ran, tx.now().since_ms(at)));
            }
        }
        _ if owed.is_request => {
            place::aside_ended(tx, owed.place, word.turn, lanes)?;
            request::forget(tx, word.turn)?;
        }
        _ => place::queued_ended(tx, owed.place, word.turn, lanes)?,
    }
    if owed.has_open_placeholder {
        delivery::supersede_placeholder(tx, word.turn)?;
    }
    if owed.has_groups {
        progress::forget_groups(tx, word.turn)?;
    }
    if owed.progress > 0 {
        progress::forget_texts(tx, word.turn)?;
    }
    // The place is free for its next turn, and watchers have their end.
    tx.touch(Topic::Turns);
    tx.touch(Topic::Streams);
    if word.if_progress.is_some() {
        tx.touch(Topic::Decided);
    }
    Ok(Some(owed))
}

/// The second half: the last word's deliveries, in the lanes that the first half took for them.
pub(crate) fn insert_last_word(tx: &Tx<'_>, word: &Word<'_>, owed: &OwedTurn) -> Res<()> {
    for (n, text) in (1..).zip(word.parts) {
        let lane = owed.next_lane + n as i64 - 1;
        let first = NewDelivery::terminal(owed.place, word.turn, owed.shape.via, Some(lane), text, &owed.message);
        delivery::insert(tx, &first.nth_part(word.turn, n))?;
    }
    for (n, files) in (word.parts.len() + 1..).zip(word.files) {
        let lane = owed.next_lane + n as i64 - 1;
        let names: Vec<_> = files.iter().map(|file| shown_name(&file.name)).collect();
        let text = format!("📎 {}", names.join(", "));
        let post = NewDelivery::terminal(owed.place, word.turn, Via::Post, Some(lane), &text, &owed.message);
        delivery::insert(tx, &NewDelivery { files, ..post.nth_part(word.turn, n) })?;
    }
    Ok(())
}

/// The attempt for which the marker stands, if it does.
pub(crate) fn current_attempt(conn: &Connection, turn: TurnId) -> Res<Option<Attempt>> {
    one(conn, "SELECT attempt FROM marker WHERE turn = ?1", [turn.0], |row| Ok(Attempt(row.get()?)))
}

fn find(conn: &Connection, turn: TurnId) -> Res<Option<OwedTurn>> {
    const SQL: &str = concat!(columns!(), "WHERE m.turn = ?1");
    one(conn, SQL, [turn.0], |row| {
        row.turn()?;
        read(row)
    })
}

/// The turns that are owed and for which nobody's word would be taken.
pub(crate) fn unreadable(conn: &Connection) -> Res<Vec<Unreadable>> {
    row::unreadable(conn, columns!(), [], |_, row| read(row))
}

fn read(row: &mut Columns<'_>) -> Res<OwedTurn> {
    Ok(OwedTurn {
        attempt: Attempt(row.get()?),
        progress: row.get()?,
        state: row.word(TurnState::from_stored)?,
        is_request: row.get()?,
        place: PlaceId(row.get()?),
        message: row.name(MessageId::new)?,
        has_open_placeholder: row.get()?,
        has_groups: row.get()?,
        started_at: row.opt_at()?,
        shape: row.json()?,
        next_lane: row.get()?,
    })
}

fn delete_marker(tx: &Tx<'_>, word: &Word<'_>) -> Res<bool> {
    const SQL: &str = "DELETE FROM marker WHERE turn = ?1 AND attempt = ?2 AND (?3 IS NULL OR progress = ?3)";
    let seen = word.if_progress.map(u64::cast_signed);
    Ok(run(tx.conn(), SQL, (word.turn.0, word.attempt.0, seen))? == 1)
}

fn happened(end: &End, is_request: bool) -> TurnHappened {
    match end {
        End::Answered if is_request => TurnHappened::Performed,
        End::Answered => TurnHappened::Answered,
        End::Errored(Reason::Stopped) => TurnHappened::Stopped,
        End::Errored(_) => TurnHappened::Errored,
    }
}

fn reason(end: &End) -> Option<&Reason> {
    match end {
        End::Answered => None,
        End::Errored(reason) => Some(reason),
    }
}
