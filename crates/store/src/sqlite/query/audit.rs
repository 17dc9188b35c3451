//! Examining the store: every rule between rows that the promise rests on, and the counters against the rows.
//!
//! One query per rule, each of which finds what breaks it; on a healthy store none finds anything.

use std::collections::{BTreeMap, BTreeSet};

use lastword_core::store::{Audit, Violation};
use rusqlite::Connection;

use super::{claim, claim_deliveries, counts, elect, file, request, tally};
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

/// That the worker and whoever elects can read what they have to.
pub(crate) const TURN_READABLE: &str = "a turn that is owed can be claimed and answered";
/// That the bridge can, too.
pub(crate) const DELIVERY_READABLE: &str = "a delivery that is on its way can be claimed";

pub(crate) fn audit(conn: &Connection) -> Res<Audit> {
    let counts = counts::counts(conn)?;
    let examined = one(conn, "SELECT count(*) FROM turn", [], |row| row.get::<i64>())?.unwrap_or(0).unsigned_abs();
    let mut violations = Vec::new();
    if !counts.conserve() {
        violations.push(Violation { rule: CONSERVED, subject: "counts".into() });
    }
    violations.extend(miscounted(conn)?);
    violations.extend(unreadable(conn)?);
    for Rule { rule, about, broken_by } in RULES {
        let room = VIOLATIONS_MAX.saturating_sub(violations.len());
        let sql = format!("{broken_by} LIMIT {room}");
        let found = all(conn, &sql, [], |row| row.get::<i64>())?;
        violations.extend(found.into_iter().map(|id| Violation { rule, subject: format!("{about} {id}") }));
    }
    violations.truncate(VIOLATIONS_MAX);
    Ok(Audit { counts, examined, violations })
}

/// What is owed or on its way and is skipped for ever, because the one query that would take it up can't read it.
fn unreadable(conn: &Connection) -> Res<Vec<Violation>> {
    let mut turns = claim::unreadable(conn)?;
    turns.extend(elect::unreadable(conn)?);
    turns.extend(file::unreadable(conn)?);
    turns.extend(request::unreadable(conn)?);
    let deliveries = claim_deliveries::unreadable(conn)?;
    let named = [(TURN_READABLE, "turn", turns), (DELIVERY_READABLE, "delivery", deliveries)];
    let named = named.into_iter().flat_map(|(rule, about, rows)| {
        let ids: BTreeSet<i64> = rows.into_iter().map(|(id, _)| id).collect();
        ids.into_iter().map(move |id| Violation { rule, subject: format!("{about} {id}") })
    });
    Ok(named.take(VIOLATIONS_MAX).collect())
}

/// The counters that are not the number of their rows, or below zero.
fn miscounted(conn: &Connection) -> Res<Vec<Violation>> {
    const STATES: &str = "SELECT state, count(*) FROM turn GROUP BY state";
    const DEAD: &str = "SELECT count(*) FROM delivery WHERE state = 'dead'";
    const DROPPED: &str = "SELECT count(*) FROM inbox WHERE turn IS NULL";
    let tally = tally::as_stored(conn)?;
    let told = |name: &str| tally.get(name).copied().unwrap_or(0);
    let number = |sql: &str| -> Res<i64> { Ok(one(conn, sql, [], |row| row.get::<i64>())?.unwrap_or(0)) };
    let rows: BTreeMap<String, i64> = all(conn, STATES, [], |row| Ok((row.get()?, row.get()?)))?.into_iter().collect();
    let removed = |name: &str| told(&format!("{}{name}", tally::PRUNED));
    let ends = [tally::DONE, tally::FAILED, tally::CANCELLED, tally::MERGED];
    // A damaged counter is any number at all: sums have room for as many as there are.
    let sum = |numbers: &mut dyn Iterator<Item = i64>| numbers.map(i128::from).sum::<i128>();
    let rows_of = |name: &str| rows.get(name).copied().unwrap_or(0);
    let mut pairs: Vec<(&str, i128, i128)> = ends
        .iter()
        .map(|name| (*name, told(name).into(), sum(&mut [rows_of(name), removed(name)].into_iter())))
        .collect();
    let accepted = sum(&mut rows.values().copied().chain(ends.iter().map(|name| removed(name))));
    pairs.push((tally::ACCEPTED, told(tally::ACCEPTED).into(), accepted));
    let dead = sum(&mut [number(DEAD)?, removed(tally::DEAD), told(tally::READMITTED)].into_iter());
    pairs.push((tally::DEAD, told(tally::DEAD).into(), dead));
    let dropped = tally.iter().filter(|(name, _)| name.starts_with(tally::DROPPED)).map(|(_, n)| *n);
    let dropped_rows = sum(&mut [number(DROPPED)?, told(tally::PRUNED_DROPPED)].into_iter());
    pairs.push(("dropped", sum(&mut { dropped }), dropped_rows));
    let wrong = pairs.into_iter().filter(|(_, told, counted)| told != counted);
    let wrong = wrong.map(|(name, told, counted)| format!("counts: {name} is {told}, its rows are {counted}"));
    let negative = tally.iter().filter(|(_, n)| **n < 0).map(|(name, n)| format!("counts: {name} is {n}"));
    Ok(wrong.chain(negative).map(|subject| Violation { rule: COUNTED, subject }).collect())
}
