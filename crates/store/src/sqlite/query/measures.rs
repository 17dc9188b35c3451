//! Figures for monitors, from what is owed and open and from the counters: nothing here grows with the history.

use std::collections::BTreeMap;

use lastword_core::{
    ids::{AccountId, Timestamp},
    store::{AccountMeasures, Measures},
};
use rusqlite::Connection;

use super::{
    counts,
    tally::{self, ALERT, ERROR, Latency, NOT_POSTED, RESTART},
};
use crate::sqlite::{
    failure::Res,
    row::{all, one},
};

pub(crate) fn measures(conn: &Connection, now: Timestamp) -> Res<Measures> {
    const DEPTH: &str =
        "SELECT max(p.waiting) FROM marker m CROSS JOIN turn t ON t.id = m.turn CROSS JOIN place p ON p.id = t.place";
    const QUEUED: &str =
        "SELECT min(t.accepted_at) FROM marker m CROSS JOIN turn t ON t.id = m.turn WHERE m.owner IS NULL";
    const RUNNING: &str =
        "SELECT min(t.started_at) FROM marker m CROSS JOIN turn t ON t.id = m.turn WHERE m.owner IS NOT NULL";
    const ALERTS: &str = "SELECT code, count(*) FROM alert WHERE resolved_at IS NULL GROUP BY code";
    let tally = tally::all(conn)?;
    let age = |sql: &str| -> Res<Option<i64>> {
        Ok(one(conn, sql, [], |row| row.opt_at())?.flatten().map(|at| now.since_ms(at)))
    };
    let open = all(conn, ALERTS, [], |row| Ok((row.get()?, row.get::<i64>()?.unsigned_abs())))?;
    Ok(Measures {
        counts: counts::counts(conn)?,
        replies_not_posted: tally.get(NOT_POSTED).copied().unwrap_or(0),
        errors: tally::of_kind(&tally, ERROR),
        accounts: accounts(conn, now)?,
        queue_depth_max: one(conn, DEPTH, [], |row| row.get::<Option<u32>>())?.flatten().unwrap_or(0).into(),
        oldest_queued_ms: age(QUEUED)?,
        oldest_running_ms: age(RUNNING)?,
        waited: tally::histogram(&tally, Latency::Waited),
        ran: tally::histogram(&tally, Latency::Ran),
        delivered: tally::histogram(&tally, Latency::Delivered),
        alerts_open: open.into_iter().collect(),
        alerts_raised: tally::of_kind(&tally, ALERT),
        restarts: tally::of_kind(&tally, RESTART),
    })
}

/// What is on its way, by account; one that has nothing on its way says so.
fn accounts(conn: &Connection, now: Timestamp) -> Res<BTreeMap<AccountId, AccountMeasures>> {
    const KNOWN: &str = "SELECT account FROM account";
    const OPEN: &str = "SELECT p.account, count(*), sum(o.lane IS NOT NULL), min(o.created_at)
         FROM (SELECT place, lane, created_at FROM delivery WHERE state IN ('pending', 'ambiguous')
               UNION ALL SELECT place, lane, created_at FROM delivery WHERE holder IS NOT NULL) o
             CROSS JOIN place p ON p.id = o.place
         GROUP BY o.place";
    let known = all(conn, KNOWN, [], |row| row.name(AccountId::new))?;
    let mut accounts: BTreeMap<_, _> = known.into_iter().map(|id| (id, AccountMeasures::default())).collect();
    let places = all(conn, OPEN, [], |row| {
        let account = row.name(AccountId::new)?;
        let (open, lane) = (row.get::<i64>()?.unsigned_abs(), row.get::<i64>()?.unsigned_abs());
        Ok((account, open, lane, now.since_ms(row.at()?)))
    })?;
    for (account, open, lane, age_ms) in places {
        let of = accounts.entry(account).or_default();
        of.deliveries_open += open;
        of.lane_depth_max = of.lane_depth_max.max(lane);
        of.oldest_delivery_ms = of.oldest_delivery_ms.max(Some(age_ms));
    }
    Ok(accounts)
}
