//! Examining the store: every rule between rows that the promise rests on, and the counters against the rows.
//!
//! One query per rule, each of which finds what breaks it; on a healthy store none finds anything.

use std::collections::BTreeMap;

use lastword_core::store::{Audit, Violation};
use rusqlite::Connection;

use super::{counts, tally};
use crate::sqlite::{
    failure::Res,
    row::{all, one},
};

mod rules;

pub(crate) use rules::RULES;

/// The most violations that are told.
pub(crate) const VIOLATIONS_MAX: usize = 1_000;

/// A rule between rows.
pub(crate) struct Rule {
    /// What must hold.
    pub(crate) rule: &'static str,
    /// What kind of row breaks it.
    pub(crate) about: &'static str,
    /// Finds the ids of those.
    pub(crate) broken_by: &'static str,
}

/// That the terms of the conservation law add up.
pub(crate) const CONSERVED: &str = "what was accepted is answered, merged or owed";
/// That counters and rows tell the same.
pub(crate) const COUNTED: &str = "a counter is the number of its rows, with those that were removed";

pub(crate) fn audit(conn: &Connection) -> Res<Audit> {
    let counts = counts::counts(conn)?;
    let examined = one(conn, "SELECT count(*) FROM turn", [], |row| row.get::<i64>())?.unwrap_or(0).unsigned_abs();
    let mut violations = Vec::new();
    if !counts.conserve() {
        violations.push(Violation { rule: CONSERVED, subject: "counts".into() });
    }
    violations.extend(miscounted(conn)?);
    for Rule { rule, about, broken_by } in RULES {
        let room = VIOLATIONS_MAX.saturating_sub(violations.len());
        let sql = format!("{broken_by} LIMIT {room}");
        let found = all(conn, &sql, [], |row| row.get::<i64>())?;
        violations.extend(found.into_iter().map(|id| Violation { rule, subject: format!("{about} {id}") }));
    }
    violations.truncate(VIOLATIONS_MAX);
    Ok(Audit { counts, examined, violations })
}

/// The counters that are not the number of their rows.
fn miscounted(conn: &Connection) -> Res<Vec<Violation>> {
    const STATES: &str = "SELECT state, count(*) FROM turn GROUP BY state";
    const DEAD: &str = "SELECT count(*) FROM delivery WHERE state = 'dead'";
    const DROPPED: &str = "SELECT count(*) FROM inbox WHERE turn IS NULL";
    let tally = tally::all(conn)?;
    let told = |name: &str| tally.get(name).copied().unwrap_or(0);
    let number =
        |sql: &str| -> Res<u64> { Ok(one(conn, sql, [], |row| row.get::<i64>())?.unwrap_or(0).unsigned_abs()) };
    let rows: BTreeMap<String, u64> =
        all(conn, STATES, [], |row| Ok((row.get()?, row.get::<i64>()?.unsigned_abs())))?.into_iter().collect();
    let removed = |name: &str| told(&format!("{}{name}", tally::PRUNED));
    let ends = [tally::DONE, tally::FAILED, tally::CANCELLED, tally::MERGED];
    let mut pairs: Vec<(&str, u64, u64)> =
        ends.iter().map(|name| (*name, told(name), rows.get(*name).copied().unwrap_or(0) + removed(name))).collect();
    let all_removed: u64 = ends.iter().map(|name| removed(name)).sum();
    pairs.push((tally::ACCEPTED, told(tally::ACCEPTED), rows.values().sum::<u64>() + all_removed));
    pairs.push((tally::DEAD, told(tally::DEAD), number(DEAD)? + removed(tally::DEAD)));
    let dropped: u64 = tally::of_kind(&tally, tally::DROPPED).values().sum();
    pairs.push(("dropped", dropped, number(DROPPED)? + told(tally::PRUNED_DROPPED)));
    let wrong = pairs.into_iter().filter(|(_, told, counted)| told != counted);
    Ok(wrong
        .map(|(name, told, counted)| Violation {
            rule: COUNTED,
            subject: format!("counts: {name} is {told}, its rows are {counted}"),
        })
        .collect())
}
