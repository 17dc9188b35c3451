//! Group commit: many callers' jobs in one transaction, one sync.
//!
//! Guarantee: a job's caller is answered after the commit that holds its work, and a job that fails takes nobody with
//! it. The writer has no thread of its own: [`super::engine`] gives it one, and the simulation steps it by hand.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use lastword_core::{
    faults::{self, Point},
    store::Clock,
};
use rusqlite::Connection;
use tokio::sync::watch;

use super::{
    checkpoint::Checkpoints,
    commit_lock::{CommitGuard, CommitLock},
    connection::{self, Files},
    failure::{Failure, is_disk_failure, is_full},
    job::{Class, Job, Ran},
    options::OnFatal,
    presence::Presence,
    tx::{Effects, Tx},
};
use crate::{
    reserve::Reserve,
    wake::{Hub, Topics},
};

/// The most jobs in one commit.
pub(crate) const JOBS_PER_COMMIT_MAX: usize = 1_024;

/// What whoever asks for something new is told while the disk is full.
const NO_ROOM: &str = "the disk is full; nothing new is taken on until there is room";

/// The one connection of this process that writes.
pub(crate) struct Writer {
    conn: Connection,
    files: Files,
    lock: CommitLock,
    checkpoints: Checkpoints,
    permit: Permit,
    clock: Arc<dyn Clock>,
    deployment: String,
    hub: Arc<Hub>,
    on_fatal: OnFatal,
    presence: Presence,
    /// Whether the disk failed under this connection, and whoever was told lives on.
    is_broken: Arc<AtomicBool>,
    reserve: Option<Reserve>,
    is_full: watch::Sender<bool>,
}

/// Lets a connection commit at the end of a transaction of ours, and never in between: where a failure (of a read, too)
/// makes the engine take a whole transaction back, what follows would be committed by itself, statement by statement.
#[derive(Clone, Default)]
struct Permit(Arc<Permitted>);

#[derive(Default)]
struct Permitted {
    may_commit: AtomicBool,
    /// Whether the engine took back what was done since [`Permit::begin`].
    is_taken_back: AtomicBool,
}

impl Permit {
    /// From here on the connection obeys it.
    fn rules(&self, conn: &Connection) {
        let permitted = Arc::clone(&self.0);
        conn.commit_hook(Some(move || !permitted.may_commit.load(Ordering::Relaxed)));
        let permitted = Arc::clone(&self.0);
        conn.rollback_hook(Some(move || permitted.is_taken_back.store(true, Ordering::Relaxed)));
    }

    fn begin(&self) {
        self.0.is_taken_back.store(false, Ordering::Relaxed);
    }

    fn is_taken_back(&self) -> bool {
        self.0.is_taken_back.load(Ordering::Relaxed)
    }

    fn during<T>(&self, commit: impl FnOnce() -> T) -> T {
        self.0.may_commit.store(true, Ordering::Relaxed);
        let done = commit();
        self.0.may_commit.store(false, Ordering::Relaxed);
        done
    }
}

/// Why a whole commit came to nothing.
enum Broken {
    /// A job failed where all ran without savepoints: run them again, each on its own.
    Job,
    /// The engine said no; nothing was changed.
    Commit(String),
    /// The disk is full; nothing was changed.
    NoRoom(String),
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
        files: Files,
    ) -> rusqlite::Result<Self> {
        let checkpoints = Checkpoints::new(&conn)?;
        let permit = Permit::default();
        permit.rules(&conn);
        let is_broken = Arc::new(AtomicBool::new(false));
        let on_fatal: OnFatal = {
            let is_broken = Arc::clone(&is_broken);
            Arc::new(move |why| {
                is_broken.store(true, Ordering::Relaxed);
                on_fatal(why);
            })
        };
        Ok(Self {
            conn,
            presence: Presence::of(files.path()),
            files,
            lock,
            checkpoints,
            permit,
            clock,
            deployment,
            hub,
            on_fatal,
            is_broken,
            reserve: None,
            is_full: watch::Sender::new(false),
        })
    }

    /// The same with a reserve for promises.
    pub(crate) fn keeping(mut self, reserve: Option<Reserve>) -> Self {
        self.reserve = reserve;
        self.is_full.send_replace(self.is_on_reserve());
        self
    }

    /// Whether the disk is full, as of the last commit.
    pub(crate) fn disk_full(&self) -> watch::Receiver<bool> {
        self.is_full.subscribe()
    }

    /// The connection, for reads between two commits.
    pub(crate) fn conn(&self) -> &Connection {
        &self.conn
    }

    /// Commits `jobs` together and answers each.
    pub(crate) fn commit(&mut self, jobs: Vec<Box<dyn Job>>) {
        #[cfg(all(feature = "testing", target_os = "linux"))]
        super::broken_disk::maybe_break();
        let (mut jobs, mut refused) = (jobs, Vec::new());
        let outcome = self.commit_under_lock(&mut jobs, &mut refused);
        let was_full = self.is_full.send_replace(self.is_on_reserve());
        if was_full && !*self.is_full.borrow() {
            tracing::info!("the disk has room again");
        }
        for job in refused {
            job.answer(Err(NO_ROOM));
        }
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

    /// Commits `jobs`; who is refused for want of room is moved to `refused`.
    fn commit_under_lock(
        &mut self,
        jobs: &mut Vec<Box<dyn Job>>,
        refused: &mut Vec<Box<dyn Job>>,
    ) -> Result<Topics, String> {
        let held = self.lock.hold().map_err(|error| format!("the commit lock: {error}"))?;
        self.presence.look()?;
        if self.is_broken.load(Ordering::Relaxed) {
            (self.conn, self.checkpoints) = reopened(&self.files, &held)?;
            self.permit.rules(&self.conn);
            self.is_broken.store(false, Ordering::Relaxed);
        }
        if let Some(reserve) = &mut self.reserve {
            reserve.maybe_restore();
        }
        if self.is_on_reserve() {
            refuse_new(jobs, refused);
        }
        let mut outcome = self.run(jobs, &held);
        if let Err(Broken::NoRoom(why)) = &outcome {
            let has_room_now = self.release_reserve(why);
            refuse_new(jobs, refused);
            let is_copied = copy_log(&mut self.checkpoints, &self.conn, &self.on_fatal, &held);
            if is_copied || has_room_now || !refused.is_empty() {
                outcome = self.run(jobs, &held);
            }
        }
        let topics = match outcome {
            Ok(effects) => effects.topics,
            Err(Broken::Job) => return Err("a job failed twice".into()),
            Err(Broken::Commit(why) | Broken::NoRoom(why)) => return Err(why),
            Err(Broken::Disk(why)) => {
                (self.on_fatal)(&why);
                return Err(why);
            }
        };
        if let Err(error) = self.checkpoints.maybe_run(&self.conn, &held) {
            if is_disk_failure(&error) {
                (self.on_fatal)(&format!("the disk failed during a checkpoint: {error}"));
            }
            if is_full(&error) {
                self.release_reserve("a checkpoint");
            }
            // The commit stands; the log grows until a later checkpoint works.
            tracing::warn!(%error, "a checkpoint failed");
        }
        Ok(topics)
    }

    fn run(&self, jobs: &mut [Box<dyn Job>], held: &CommitGuard<'_>) -> Result<Effects, Broken> {
        if jobs.is_empty() {
            return Ok(Effects::default());
        }
        let is_unchecked = jobs.iter().any(|job| job.is_unchecked());
        if is_unchecked {
            check_references(&self.conn, false).map_err(Broken::Commit)?;
        }
        let outcome = match self.transact(jobs, Isolation::Together, held) {
            // Alone in its commit it took nobody with it, and would only fail again.
            Err(Broken::Job) if jobs.len() == 1 => Ok(Effects::default()),
            Err(Broken::Job) => self.transact(jobs, Isolation::Apart, held),
            outcome => outcome,
        };
        if is_unchecked {
            check_references(&self.conn, true).map_err(Broken::Commit)?;
        }
        outcome
    }

    fn transact(
        &self,
        jobs: &mut [Box<dyn Job>],
        isolation: Isolation,
        _held: &CommitGuard<'_>,
    ) -> Result<Effects, Broken> {
        let conn = &self.conn;
        step(conn, "BEGIN IMMEDIATE")?;
        self.permit.begin();
        let tx = Tx::new(conn, self.clock.now(), &self.deployment);
        let outcome = run_all(&tx, jobs, isolation, &self.permit).and_then(|()| {
            tx.flush().map_err(|failure| match failure {
                Failure::Sql(error) => broken("the counters", &error),
                failure => Broken::Commit(format!("the counters: {failure:?}")),
            })?;
            if !tx.effects().topics.is_empty() {
                faults::point(Point::StoreInCommit);
            }
            self.permit.during(|| step(conn, "COMMIT"))
        });
        if outcome.is_err()
            && !conn.is_autocommit()
            && let Err(Broken::Commit(why) | Broken::NoRoom(why) | Broken::Disk(why)) = step(conn, "ROLLBACK")
        {
            tracing::error!(why, "a rollback failed");
        }
        outcome.map(|()| tx.effects())
    }

    fn is_on_reserve(&self) -> bool {
        self.reserve.as_ref().is_some_and(Reserve::is_released)
    }

    /// Makes room for promises; `false` if there was none to make.
    fn release_reserve(&self, why: &str) -> bool {
        let is_released = self.reserve.as_ref().is_some_and(Reserve::release);
        if is_released {
            tracing::error!(why, "the disk is full: answers are kept on the reserve, and nothing new is taken on");
        }
        is_released
    }
}

/// A new connection in the place of one under which the disk failed; never a new database.
fn reopened(files: &Files, _held: &CommitGuard<'_>) -> Result<(Connection, Checkpoints), String> {
    if !files.path().exists() {
        return Err("the disk failed, and the store is gone".into());
    }
    let conn = connection::writer(files).map_err(|error| format!("the disk failed: {error}"))?;
    let checkpoints = Checkpoints::new(&conn).map_err(|error| format!("the disk failed: {error}"))?;
    Ok((conn, checkpoints))
}

/// What is copied out of the log makes room in it: whether everything was.
fn copy_log(checkpoints: &mut Checkpoints, conn: &Connection, on_fatal: &OnFatal, held: &CommitGuard<'_>) -> bool {
    match checkpoints.run(conn, held) {
        Ok(is_copied) => is_copied,
        Err(error) => {
            if is_disk_failure(&error) {
                on_fatal(&format!("the disk failed during a checkpoint: {error}"));
            }
            tracing::warn!(%error, "a checkpoint failed");
            false
        }
    }
}

/// Sets aside what takes something on.
fn refuse_new(jobs: &mut Vec<Box<dyn Job>>, refused: &mut Vec<Box<dyn Job>>) {
    refused.extend(jobs.extract_if(.., |job| job.class() == Class::New));
}

/// How jobs of one commit are kept apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Isolation {
    /// Not at all, which is fast: the first that fails breaks the commit.
    Together,
    /// By a savepoint around each.
    Apart,
}

fn run_all(tx: &Tx<'_>, jobs: &mut [Box<dyn Job>], isolation: Isolation, permit: &Permit) -> Result<(), Broken> {
    for job in jobs {
        let before = (isolation == Isolation::Apart).then(|| tx.effects());
        if before.is_some() {
            step(tx.conn(), "SAVEPOINT job")?;
        }
        let ran = job.run(tx);
        if ran == Ran::NoRoom {
            return Err(Broken::NoRoom("the engine found the disk full".into()));
        }
        if permit.is_taken_back() {
            // Some failures (a full disk, a read) roll the whole transaction back, with every job before this one.
            return Err(Broken::Commit("the engine rolled the commit back".into()));
        }
        match (ran, before) {
            (Ran::Well, None) => {}
            (Ran::Failed | Ran::NoRoom, None) => return Err(Broken::Job),
            (Ran::Well, Some(_)) => step(tx.conn(), "RELEASE job")?,
            (Ran::Failed | Ran::NoRoom, Some(before)) => {
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
    done.map(|_| ()).map_err(|error| broken(sql, &error))
}

fn broken(what: &str, error: &rusqlite::Error) -> Broken {
    let why = format!("{what}: {error}");
    match () {
        () if is_full(error) => Broken::NoRoom(why),
        () if is_disk_failure(error) => Broken::Disk(why),
        () => Broken::Commit(why),
    }
}
