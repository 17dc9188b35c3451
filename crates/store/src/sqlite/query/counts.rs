//! The conservation law's terms: what is owed from rows, what ended from counters.

use lastword_core::store::Counts;
use rusqlite::Connection;

use super::tally;
use crate::sqlite::{failure::Res, row::one};

pub(crate) fn counts(conn: &Connection) -> Res<Counts> {
    let mut tally = tally::all(conn)?;
    let mut take = |name: &str| tally.remove(name).unwrap_or(0);
    let mut counts = Counts {
        accepted: take(tally::ACCEPTED),
        replied: take(tally::DONE),
        errored: take(tally::FAILED),
        stopped: take(tally::CANCELLED),
        merged: take(tally::MERGED),
        deliveries_dead: take(tally::DEAD),
        queued: number(conn, "SELECT count(*) FROM marker WHERE owner IS NULL")?,
        running: number(conn, "SELECT count(*) FROM marker WHERE owner IS NOT NULL")?,
        deliveries_open: number(
            conn,
            "SELECT (SELECT count(*) FROM delivery WHERE state IN ('pending', 'ambiguous'))
                 + (SELECT count(*) FROM delivery WHERE holder IS NOT NULL)",
        )?,
        ..Counts::default()
    };
    let dropped = tally.into_iter().filter_map(|(name, n)| Some((name.strip_prefix(tally::DROPPED)?.to_owned(), n)));
    counts.dropped = dropped.collect();
    Ok(counts)
}

fn number(conn: &Connection, sql: &str) -> Res<u64> {
    Ok(one(conn, sql, [], |row| row.get::<i64>())?.unwrap_or(0).unsigned_abs())
}
