//! Counters of what ended: rows of turns and updates may be forgotten later, these stay.

use std::{array, collections::BTreeMap};

use lastword_core::{
    reason::Reason,
    store::{Histogram, LATENCY_BOUNDS_MS},
    turn::TurnState,
};
use rusqlite::Connection;

use crate::sqlite::{failure::Res, row};

/// The names of one histogram's buckets: the hot path must not spell them anew.
macro_rules! latency_names {
    ($kind:literal) => {
        latency_names!($kind, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)
    };
    ($kind:literal, $($n:literal)+) => { [$(concat!($kind, $n)),+] };
}

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
    errors: BTreeMap<&'static str, i64>,
    latencies: [Latencies; 3],
    rare: BTreeMap<String, i64>,
}

pub(crate) const ACCEPTED: &str = "accepted";
pub(crate) const DONE: &str = "done";
pub(crate) const FAILED: &str = "failed";
pub(crate) const CANCELLED: &str = "cancelled";
pub(crate) const MERGED: &str = "merged";
pub(crate) const DEAD: &str = "deliveries_dead";
pub(crate) const DROPPED: &str = "dropped.";
/// Of those, deliveries that an admin had sent after all.
pub(crate) const READMITTED: &str = "deliveries_readmitted";
/// Last words that were errors, by reason code.
pub(crate) const ERROR: &str = "error.";
/// Messages of a reply in whose place an error was posted, because the network refused them.
pub(crate) const NOT_POSTED: &str = "replies_not_posted";
/// Alerts raised, by code.
pub(crate) const ALERT: &str = "alert.";
/// Children started again, by role.
pub(crate) const RESTART: &str = "restart.";
/// Rows that were removed, by the counter that still counts them.
pub(crate) const PRUNED: &str = "pruned.";
/// Removed updates that made no turn, of whatever reason.
pub(crate) const PRUNED_DROPPED: &str = "pruned.dropped";

/// Something whose length is counted in a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Latency {
    /// From accepted to claimed.
    Waited,
    /// From claimed to elected.
    Ran,
    /// From elected to the network's confirmation of the terminal.
    Delivered,
}

impl Latency {
    const ALL: [Self; 3] = [Self::Waited, Self::Ran, Self::Delivered];
    const BUCKETS: [[&'static str; BUCKETS]; 3] =
        [latency_names!("latency.waited."), latency_names!("latency.ran."), latency_names!("latency.delivered.")];
    const SUMS: [&'static str; 3] = ["latency.waited.sum", "latency.ran.sum", "latency.delivered.sum"];
}

const BUCKETS: usize = LATENCY_BOUNDS_MS.len() + 1;

/// What a commit adds to one histogram.
#[derive(Clone, Debug, Default)]
struct Latencies {
    buckets: [i64; BUCKETS],
    sum_ms: i64,
}

impl Tally {
    pub(crate) fn accepted(&mut self) {
        self.accepted += 1;
    }

    /// A turn reached this state; only ends are counted, with the reason of an error.
    pub(crate) fn ended(&mut self, state: TurnState, reason: Option<&Reason>) {
        if let Some(reason) = reason {
            *self.errors.entry(reason.code()).or_default() += 1;
        }
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

    /// Something took this long; on a clock that was set back, no time.
    pub(crate) fn took(&mut self, latency: Latency, ms: i64) {
        let ms = ms.max(0);
        let latencies = &mut self.latencies[latency as usize];
        latencies.buckets[LATENCY_BOUNDS_MS.partition_point(|bound| *bound < ms)] += 1;
        latencies.sum_ms = latencies.sum_ms.saturating_add(ms);
    }

    /// One of the counters that seldom change.
    pub(crate) fn rare(&mut self, kind: &str, name: &str, n: i64) {
        *self.rare.entry(format!("{kind}{name}")).or_default() += n;
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
        let timed = Latency::ALL.into_iter().flat_map(|latency| {
            let Latencies { buckets, sum_ms } = &self.latencies[latency as usize];
            let names = Latency::BUCKETS[latency as usize];
            let sum = (Latency::SUMS[latency as usize], *sum_ms);
            names.into_iter().zip(buckets.iter().copied()).chain([sum])
        });
        for (name, n) in fixed.into_iter().chain(timed).filter(|(_, n)| *n != 0) {
            add(conn, name, n)?;
        }
        for (kind, counted) in [(DROPPED, &self.dropped), (ERROR, &self.errors)] {
            for (code, n) in counted {
                add(conn, &format!("{kind}{code}"), *n)?;
            }
        }
        self.rare.iter().filter(|(_, n)| **n != 0).try_for_each(|(name, n)| add(conn, name, *n))
    }
}

fn add(conn: &Connection, name: &str, n: i64) -> Res<()> {
    const SQL: &str = "INSERT INTO tally (name, n) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET n = n + excluded.n";
    row::run(conn, SQL, (name, n))?;
    Ok(())
}

/// Every counter. One below zero, which the audit tells of, counts nothing.
pub(crate) fn all(conn: &Connection) -> Res<BTreeMap<String, u64>> {
    Ok(as_stored(conn)?.into_iter().map(|(name, n)| (name, u64::try_from(n).unwrap_or(0))).collect())
}

/// Every counter as it is.
pub(crate) fn as_stored(conn: &Connection) -> Res<BTreeMap<String, i64>> {
    Ok(row::all(conn, "SELECT name, n FROM tally", [], |row| Ok((row.get()?, row.get()?)))?.into_iter().collect())
}

/// The counters whose names begin with `kind`, by the rest of the name.
pub(crate) fn of_kind(tally: &BTreeMap<String, u64>, kind: &str) -> BTreeMap<String, u64> {
    tally.iter().filter_map(|(name, n)| Some((name.strip_prefix(kind)?.to_owned(), *n))).collect()
}

/// One histogram.
pub(crate) fn histogram(tally: &BTreeMap<String, u64>, latency: Latency) -> Histogram {
    let n = |name: &str| tally.get(name).copied().unwrap_or(0);
    let names = Latency::BUCKETS[latency as usize];
    Histogram { buckets: array::from_fn(|bucket| n(names[bucket])), sum_ms: n(Latency::SUMS[latency as usize]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket_and_no_time_is_negative() {
        let mut tally = Tally::default();
        for ms in [-7, 0, 5, 6, 3_600_000, 3_600_001] {
            tally.took(Latency::Ran, ms);
        }
        let Latencies { buckets, sum_ms } = &tally.latencies[Latency::Ran as usize];
        assert_eq!((buckets[0], buckets[1], buckets[15], buckets[16]), (3, 1, 1, 1));
        assert_eq!(*sum_ms, 7_200_012);
    }

    #[test]
    fn every_bucket_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = Latency::BUCKETS.as_flattened().iter().collect();
        assert_eq!(names.len(), 3 * BUCKETS);
        assert_eq!(Latency::BUCKETS[1][16], "latency.ran.16");
    }
}
