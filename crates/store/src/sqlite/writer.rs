//! Group commit: many callers' jobs in one transaction, one sync.
//!
//! Guarantee: a job's caller is answered after the commit that holds its work, and a job that fails takes nobody with
//! it. The writer has no thread of its own: [`super::engine`] gives it one, and the simulation steps it by hand.

use std::sync::Arc;

use lastword_core::{
    faults::{self, Point},
    store::Clock,
};
use rusqlite::Connection;

use super::{
    checkpoint::Checkpoints,
    commit_lock::{CommitGuard, CommitLock},
    failure::is_disk_failure,
    job::{Job, Ran},
    options::OnFatal,
    tx::{Effects, Tx},
};
use crate::wake::{Hub, Topics};

/// The most jobs in one commit.
pub(crate) const JOBS_PER_COMMIT_MAX: usize = 1_024;

/// The one connection of this process that writes.
pub(crate) struct Writer {
    conn: Connection,
    lock: CommitLock,
    checkpoints: Checkpoints,
    clock: Arc<dyn Clock>,
    deployment: String,
    hub: Arc<Hub>,
    on_fatal: OnFatal,
}

/// Why a whole commit came to nothing.
enum Broken {
    /// A job failed where all ran without savepoints: run them again, each on its own.
    Job,
    /// The engine said no; nothing was changed.
    Commit(String),
    /// The disk failed: what is on it is unknown until a restart replays the log.
    Disk(String),
}

impl Writer {
    pub(crate) fn new(
        conn: Connection,
        lock: CommitLock,
        deployment: String,
        clock: Arc<dyn Clock>,
        hub: Arc<Hub>,
        on_fatal: OnFatal,
    ) -> rusqlite::Result<Self> {
        let checkpoints = Checkpoints::new(&conn)?;
        Ok(Self { conn, lock, checkpoints, clock, deployment, hub, on_fatal })
    }

    /// The connection, for reads between two commits.
    pub(crate) fn conn(&self) -> &Connection {
        &self.conn
    }

    /// Commits `jobs` together and answers each.
    pub(crate) fn commit(&mut self, jobs: Vec<Box<dyn Job>>) {
        let mut jobs = jobs;
        let outcome = self.commit_under_lock(&mut jobs);
        // Subscribers first: who was answered may rely on having been woken.
        let answer = match outcome {
            Ok(topics) => {
                self.hub.notify_here(topics);
                Ok(topics)
            }
            Err(why) => Err(why),
        };
        for job in jobs {
            job.answer(answer.as_ref().map(|_| ()).map_err(String::as_str));
        }
        if let Ok(topics) = answer {
            self.hub.notify_others(topics);
        }
    }

    fn commit_under_lock(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<Topics, String> {
        let held = self.lock.hold().map_err(|error| format!("the commit lock: {error}"))?;
        let is_unchecked = jobs.iter().any(|job| job.is_unchecked());
        if is_unchecked {
            check_references(&self.conn, false)?;
        }
        let outcome = match transact(&self.conn, &self.clock, &self.deployment, jobs, Isolation::Together, &held) {
            // Alone in its commit it took nobody with it, and would only fail again.
            Err(Broken::Job) if jobs.len() == 1 => Ok(Effects::default()),
            Err(Broken::Job) => transact(&self.conn, &self.clock, &self.deployment, jobs, Isolation::Apart, &held),
            outcome => outcome,
        };
        if is_unchecked {
            check_references(&self.conn, true)?;
        }
        let (topics, shortens_log) = match outcome {
            Ok(effects) => (effects.topics, effects.shortens_log),
            Err(Broken::Job) => return Err("a job failed twice".into()),
            Err(Broken::Commit(why)) => return Err(why),
            Err(Broken::Disk(why)) => {
                (self.on_fatal)(&why);
                return Err(why);
            }
        };
        if let Err(error) = self.checkpoints.maybe_run(&self.conn, shortens_log, &held) {
            if is_disk_failure(&error) {
                (self.on_fatal)(&format!("the disk failed during a checkpoint: {error}"));
            }
            // The commit stands; the log grows until a later checkpoint works.
            tracing::warn!(%error, "a checkpoint failed");
        }
        Ok(topics)
    }
}

/// How jobs of one commit are kept apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Isolation {
    /// Not at all, which is fast: the first that fails breaks the commit.
    Together,
    /// By a savepoint around each.
    Apart,
}

fn transact(
    conn: &Connection,
    clock: &Arc<dyn Clock>,
    deployment: &str,
    jobs: &mut [Box<dyn Job>],
    isolation: Isolation,
    _held: &CommitGuard<'_>,
) -> Result<Effects, Broken> {
    step(conn, "BEGIN IMMEDIATE")?;
    let tx = Tx::new(conn, clock.now(), deployment);
    let outcome = run_all(&tx, jobs, isolation).and_then(|()| {
        tx.flush().map_err(|failure| Broken::Commit(format!("the counters: {failure:?}")))?;
        if !tx.effects().topics.is_empty() {
            faults::point(Point::StoreInCommit);
        }
        step(conn, "COMMIT")
    });
    if outcome.is_err()
        && !conn.is_autocommit()
        && let Err(Broken::Commit(why) | Broken::Disk(why)) = step(conn, "ROLLBACK")
    {
        tracing::error!(why, "a rollback failed");
    }
    outcome.map(|()| tx.effects())
}

fn run_all(tx: &Tx<'_>, jobs: &mut [Box<dyn Job>], isolation: Isolation) -> Result<(), Broken> {
    for job in jobs {
        let before = (isolation == Isolation::Apart).then(|| tx.effects());
        if before.is_some() {
            step(tx.conn(), "SAVEPOINT job")?;
        }
        let ran = job.run(tx);
        if tx.conn().is_autocommit() {
            // Some failures (a full disk) roll the whole transaction back, with every job before this one.
            return Err(Broken::Commit("the engine rolled the commit back".into()));
        }
        match (ran, before) {
            (Ran::Well, None) => {}
            (Ran::Failed, None) => return Err(Broken::Job),
            (Ran::Well, Some(_)) => step(tx.conn(), "RELEASE job")?,
            (Ran::Failed, Some(before)) => {
                tx.restore(before);
                step(tx.conn(), "ROLLBACK TO job")?;
                step(tx.conn(), "RELEASE job")?;
            }
        }
    }
    Ok(())
}

/// Whether the engine looks for what refers to a row that is removed; it can't change within a transaction.
fn check_references(conn: &Connection, is_on: bool) -> Result<(), String> {
    conn.pragma_update(None, "foreign_keys", is_on).map_err(|error| format!("foreign keys: {error}"))
}

fn step(conn: &Connection, sql: &str) -> Result<(), Broken> {
    let done = conn.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
    done.map(|_| ()).map_err(|error| {
        let why = format!("{sql}: {error}");
        if is_disk_failure(&error) { Broken::Disk(why) } else { Broken::Commit(why) }
    })
}
