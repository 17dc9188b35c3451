//! Sessions that nobody used for long.

use lastword_core::{
    ids::{PlaceId, Timestamp},
    store::IdleSession,
};
use rusqlite::Connection;

use crate::sqlite::{failure::Res, row::all};

/// Sessions whose last turn ended before `before`. While anything is owed in a place, or files are on their
/// way, none of it counts.
pub(crate) fn sessions(conn: &Connection, before: Timestamp) -> Res<Vec<IdleSession>> {
    // A merged turn ends with its lead, whose session is the same.
    const SQL: &str = "SELECT t.place, t.session, t.session = p.session
         FROM turn t JOIN place p ON p.id = t.place
         WHERE p.running IS NULL AND p.head IS NULL AND t.kind = 'agent'
             AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.place = t.place AND d.lane IS NOT NULL
                 AND d.ended_at IS NULL AND d.files IS NOT NULL)
         GROUP BY t.place, t.session HAVING max(t.ended_at) < ?1 ORDER BY t.place, t.session";
    all(conn, SQL, [before.0], |row| {
        Ok(IdleSession { place: PlaceId(row.get()?), session: row.get()?, is_current: row.get()? })
    })
}
