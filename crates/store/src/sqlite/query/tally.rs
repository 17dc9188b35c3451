//! Counters of what ended: rows of turns and updates may be forgotten later, these stay.

use std::collections::BTreeMap;

use lastword_core::{reason::Reason, turn::TurnState};
use rusqlite::Connection;

use crate::sqlite::{failure::Res, row};

/// What a commit adds to the counters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    accepted: i64,
    done: i64,
    failed: i64,
    cancelled: i64,
    merged: i64,
    dead: i64,
    dropped: BTreeMap<&'static str, i64>,
}

pub(crate) const ACCEPTED: &str = "accepted";
pub(crate) const DONE: &str = "done";
pub(crate) const FAILED: &str = "failed";
pub(crate) const CANCELLED: &str = "cancelled";
pub(crate) const MERGED: &str = "merged";
pub(crate) const DEAD: &str = "deliveries_dead";
pub(crate) const DROPPED: &str = "dropped.";

impl Tally {
    pub(crate) fn accepted(&mut self) {
        self.accepted += 1;
    }

    /// A turn reached this state; only ends are counted.
    pub(crate) fn ended(&mut self, state: TurnState) {
        match state {
            TurnState::Done => self.done += 1,
            TurnState::Failed => self.failed += 1,
            TurnState::Cancelled => self.cancelled += 1,
            TurnState::Merged => self.merged += 1,
            TurnState::Queued | TurnState::Running => {}
        }
    }

    pub(crate) fn delivery_died(&mut self) {
        self.dead += 1;
    }

    pub(crate) fn dropped(&mut self, reason: &Reason) {
        *self.dropped.entry(reason.code()).or_default() += 1;
    }

    /// Adds to the stored counters.
    pub(crate) fn flush(&self, conn: &Connection) -> Res<()> {
        let fixed = [
            (ACCEPTED, self.accepted),
            (DONE, self.done),
            (FAILED, self.failed),
            (CANCELLED, self.cancelled),
            (MERGED, self.merged),
            (DEAD, self.dead),
        ];
        for (name, n) in fixed.into_iter().filter(|(_, n)| *n != 0) {
            add(conn, name, n)?;
        }
        for (code, n) in &self.dropped {
            add(conn, &format!("{DROPPED}{code}"), *n)?;
        }
        Ok(())
    }
}

fn add(conn: &Connection, name: &str, n: i64) -> Res<()> {
    const SQL: &str = "INSERT INTO tally (name, n) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET n = n + excluded.n";
    row::run(conn, SQL, (name, n))?;
    Ok(())
}

/// Every counter.
pub(crate) fn all(conn: &Connection) -> Res<BTreeMap<String, u64>> {
    let read = |row: &mut row::Columns<'_>| Ok((row.get::<String>()?, row.get::<i64>()?.unsigned_abs()));
    Ok(row::all(conn, "SELECT name, n FROM tally", [], read)?.into_iter().collect())
}
