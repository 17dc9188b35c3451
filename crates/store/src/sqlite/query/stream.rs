//! A turn's stream: progress, resets and the last word, in order.

use lastword_core::{
    ids::{Attempt, TurnId},
    store::{StreamEvent, StreamKind, StreamPosition},
    turn::TurnState,
};
use rusqlite::Connection;

use super::delivery;
use crate::sqlite::{
    failure::{Failure, Res},
    row::{all, one},
};

struct Watched {
    turn: TurnId,
    state: TurnState,
    attempt: Attempt,
}

/// What happened after `after`; a merged turn shows its lead's.
pub(crate) fn stream(conn: &Connection, turn: TurnId, after: Option<StreamPosition>) -> Res<Vec<StreamEvent>> {
    let Some(watched) = watched(conn, turn)? else { return Ok(Vec::new()) };
    if after == Some(StreamPosition::END) {
        return Ok(Vec::new());
    }
    let mut events = Vec::new();
    let saw_earlier = after.is_some_and(|seen| seen.attempt > Attempt::NONE && seen.attempt < watched.attempt);
    if saw_earlier && watched.state != TurnState::Queued {
        let position = StreamPosition { attempt: watched.attempt, n: 0 };
        events.push(StreamEvent { position, kind: StreamKind::Reset });
    }
    let seen = after.filter(|seen| seen.attempt == watched.attempt).map_or(0, |seen| seen.n);
    events.extend(progress(conn, &watched, seen)?);
    events.extend(terminal(conn, &watched)?);
    Ok(events)
}

fn watched(conn: &Connection, turn: TurnId) -> Res<Option<Watched>> {
    const SQL: &str = "SELECT l.id, l.state, l.attempt FROM turn t JOIN turn l ON l.id = ifnull(t.merged_into, t.id)
         WHERE t.id = ?1";
    one(conn, SQL, [turn.0], |row| {
        Ok(Watched { turn: row.turn()?, state: row.word(TurnState::from_stored)?, attempt: Attempt(row.get()?) })
    })
}

fn progress(conn: &Connection, watched: &Watched, seen: u32) -> Res<Vec<StreamEvent>> {
    const SQL: &str = "SELECT n, text FROM progress WHERE turn = ?1 AND attempt = ?2 AND n > ?3 ORDER BY n";
    let attempt = watched.attempt;
    all(conn, SQL, (watched.turn.0, attempt.0, seen), |row| {
        let position = StreamPosition { attempt, n: row.get()? };
        Ok(StreamEvent { position, kind: StreamKind::Progress(row.get()?) })
    })
}

fn terminal(conn: &Connection, watched: &Watched) -> Res<Option<StreamEvent>> {
    let wrap = match watched.state {
        TurnState::Queued | TurnState::Running | TurnState::Merged => return Ok(None),
        TurnState::Done => StreamKind::Reply,
        TurnState::Failed | TurnState::Cancelled => StreamKind::Error,
    };
    let text = delivery::last_word(conn, watched.turn)?;
    let text = text.ok_or_else(|| Failure::Damaged(format!("turn {} ended without a last word", watched.turn)))?;
    Ok(Some(StreamEvent { position: StreamPosition::END, kind: wrap(text) }))
}
