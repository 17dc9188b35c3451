//! One transaction in hand: the connection, the time, and what has to happen once it is committed.

use std::cell::RefCell;

use lastword_core::{alert::AlertCode, ids::Timestamp, store::Topic};
use rusqlite::{Connection, Params};

use super::{
    damage,
    failure::{Failure, Res, is_broken_rule},
    query::{alert, tally::Tally},
    row::{self, Columns, run},
};
use crate::wake::Topics;

/// A write transaction, as the functions in [`super::query`] see it.
pub(crate) struct Tx<'c> {
    conn: &'c Connection,
    now: Timestamp,
    deployment: &'c str,
    effects: RefCell<Effects>,
}

/// What one job, or all jobs of a commit, leave to be done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effects {
    /// What to wake.
    pub(crate) topics: Topics,
    /// What to add to the counters, once per commit.
    pub(crate) tally: Tally,
}

impl<'c> Tx<'c> {
    pub(crate) fn new(conn: &'c Connection, now: Timestamp, deployment: &'c str) -> Self {
        Self { conn, now, deployment, effects: RefCell::default() }
    }

    pub(crate) fn conn(&self) -> &'c Connection {
        self.conn
    }

    /// The time of this commit.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// The random part of every delivery key.
    pub(crate) fn deployment(&self) -> &'c str {
        self.deployment
    }

    /// Wakes `topic` once this is committed.
    pub(crate) fn touch(&self, topic: Topic) {
        self.effects.borrow_mut().topics.add(topic);
    }

    /// Counts in the tally once this is committed.
    pub(crate) fn count(&self, count: impl FnOnce(&mut Tally)) {
        count(&mut self.effects.borrow_mut().tally);
    }

    /// What was left to be done so far, so that a failed job's part can be taken back.
    pub(crate) fn effects(&self) -> Effects {
        self.effects.borrow().clone()
    }

    /// Takes back what was left to be done since `earlier`.
    pub(crate) fn restore(&self, earlier: Effects) {
        *self.effects.borrow_mut() = earlier;
    }

    /// Up to `limit` rows of a query whose first column is the row's id; what can't be read is kept as it is, told to
    /// the operator, and skipped.
    pub(crate) fn readable<T>(
        &self,
        sql: &str,
        params: impl Params,
        limit: usize,
        what: &'static str,
        read: impl FnMut(i64, &mut Columns<'_>) -> Res<T>,
    ) -> Res<Vec<T>> {
        let (found, damaged) = row::parted(self.conn, sql, params, limit, read)?;
        damaged.iter().try_for_each(|(id, why)| self.damaged(what, *id, why))?;
        Ok(found)
    }

    /// Tells the operator of a row that can't be read: in the log and as an alert.
    pub(crate) fn damaged(&self, what: &'static str, id: i64, why: &str) -> Res<()> {
        damage::report(what, id, why);
        alert::raise_once(self, AlertCode::RowDamaged, &format!("{what} {id}"), &damage::without_content(why))
    }

    /// Does what is about one row of many. If its rows can't be read, what it changed is taken back, the operator is
    /// told of the row, and `None` lets the others go on.
    pub(crate) fn unless_damaged<T>(
        &self,
        what: &'static str,
        id: i64,
        work: impl FnOnce() -> Res<T>,
    ) -> Res<Option<T>> {
        let before = self.effects();
        run(self.conn, "SAVEPOINT one_of_many", [])?;
        let (done, damage) = match work() {
            Ok(done) => (Some(done), None),
            // Nobody asked for this row by name: a rule that refuses it is broken by what the store holds.
            Err(Failure::Damaged(why) | Failure::Refused(why)) => (None, Some(why)),
            Err(Failure::Sql(error)) if is_broken_rule(&error) => (None, Some(error.to_string())),
            Err(failure) => return Err(failure),
        };
        if let Some(why) = damage {
            run(self.conn, "ROLLBACK TO one_of_many", [])?;
            self.restore(before);
            self.damaged(what, id, &why)?;
        }
        run(self.conn, "RELEASE one_of_many", [])?;
        Ok(done)
    }

    /// Writes the counters, as the last thing before the commit.
    pub(crate) fn flush(&self) -> Res<()> {
        self.effects.borrow().tally.flush(self.conn)
    }
}
