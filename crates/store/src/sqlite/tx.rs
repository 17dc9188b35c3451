//! One transaction in hand: the connection, the time, and what has to happen once it is committed.

use std::cell::RefCell;

use lastword_core::{ids::Timestamp, store::Topic};
use rusqlite::Connection;

use super::{
    damage,
    failure::{Failure, Res},
    query::tally::Tally,
    row::run,
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

    /// Does what is about one row of many. If its rows can't be read, what it changed is taken back, the row is named
    /// in the log, and `None` lets the others go on.
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
            Err(failure) => return Err(failure),
        };
        if let Some(why) = damage {
            run(self.conn, "ROLLBACK TO one_of_many", [])?;
            self.restore(before);
            damage::report(what, id, &why);
        }
        run(self.conn, "RELEASE one_of_many", [])?;
        Ok(done)
    }

    /// Writes the counters, as the last thing before the commit.
    pub(crate) fn flush(&self) -> Res<()> {
        self.effects.borrow().tally.flush(self.conn)
    }
}
