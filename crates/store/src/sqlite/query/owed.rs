//! What a sweep looks at: every turn that runs, and every queued one that could.
//!
//! While an admin has paused, none could: so no deadline of the queue goes on, and after the pause each begins anew.

use lastword_core::{
    ids::{AgentId, Attempt, Fence, IncarnationId},
    store::Owed,
    turn::TurnState,
};
use rusqlite::Connection;

use crate::sqlite::{failure::Res, row::readable};

/// Running turns and, unless paused, queued ones at the head of a place in which none runs.
pub(crate) fn owed(conn: &Connection) -> Res<Vec<Owed>> {
    const SQL: &str = "SELECT m.turn, m.attempt, t.state, m.owner, t.agent, m.progress
         FROM marker m JOIN turn t ON t.id = m.turn WHERE m.owner IS NOT NULL
         UNION ALL
         SELECT m.turn, m.attempt, t.state, m.owner, t.agent, m.progress
         FROM place p JOIN marker m ON m.turn = p.head JOIN turn t ON t.id = p.head
         WHERE p.head IS NOT NULL AND p.running IS NULL AND NOT EXISTS (SELECT 1 FROM pause)";
    readable(conn, SQL, [], usize::MAX, "turn", |turn, row| {
        Ok(Owed {
            fence: Fence { turn: lastword_core::ids::TurnId(turn), attempt: Attempt(row.get()?) },
            state: row.word(TurnState::from_stored)?,
            owner: row.opt_name(IncarnationId::new)?,
            agent: row.name(AgentId::new)?,
            progress: row.get::<i64>()?.unsigned_abs(),
        })
    })
}
