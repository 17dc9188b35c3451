//! Who runs the transactions: threads of the store, or the caller.

use std::{
    sync::{Mutex, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use lastword_core::store::StoreError;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{
    connection::{self, Files},
    failure::Res,
    job::{Asked, Class, Job},
    options::OnFatal,
    tx::Tx,
    writer::{JOBS_PER_COMMIT_MAX, Writer},
};

/// Jobs that may wait for the writer; more wait in their callers.
const WRITES_WAITING_MAX: usize = 4_096;
/// Reads that may wait for a reader.
const READS_WAITING_MAX: usize = 256;
/// Threads that read; one more is kept for long looks.
const READERS: usize = 2;
/// How long whoever drops the store waits for its threads.
const ENDING_MAX: Duration = Duration::from_secs(2);
/// How often it looks whether they have ended.
const ENDING_POLL: Duration = Duration::from_millis(1);

type Read = Box<dyn FnOnce(&Connection) + Send>;

/// Who runs the transactions.
pub(crate) enum Engine {
    /// The caller.
    Inline(Box<Mutex<Writer>>),
    /// Our threads.
    Threads(Threads),
}

/// The store's threads and their queues. Dropping it lets them finish what waits, and waits for them, though not for
/// ever: whoever ends does so also while the disk is stuck.
pub(crate) struct Threads {
    writes: Option<mpsc::Sender<Box<dyn Job>>>,
    reads: Vec<mpsc::Sender<Read>>,
    /// What may take seconds, so that nothing else waits behind it.
    long_reads: Option<mpsc::Sender<Read>>,
    next_reader: std::sync::atomic::AtomicUsize,
    handles: Vec<JoinHandle<()>>,
}

impl Engine {
    /// Starts the threads.
    pub(crate) fn start(writer: Writer, files: &Files, on_fatal: &OnFatal) -> Result<Self, StartError> {
        let (writes, queue) = mpsc::channel(WRITES_WAITING_MAX);
        let mut handles = vec![spawn("store-writer", on_fatal.clone(), move || write(writer, queue))?];
        let mut reader = |name| {
            let conn = connection::reader(files)?;
            let (sender, mut queue) = mpsc::channel::<Read>(READS_WAITING_MAX);
            handles.push(spawn(name, on_fatal.clone(), move || {
                while let Some(read) = queue.blocking_recv() {
                    read(&conn);
                }
            })?);
            Ok::<_, StartError>(sender)
        };
        let reads = (0..READERS).map(|_| reader("store-reader")).collect::<Result<_, _>>()?;
        let long_reads = Some(reader("store-long-reader")?);
        Ok(Self::Threads(Threads { writes: Some(writes), reads, long_reads, next_reader: 0.into(), handles }))
    }

    /// Runs `work`, which keeps a promise, in a commit and returns what it returned once that is durable.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Tx<'_>) -> Res<T> + Send + 'static,
    {
        self.ask(Asked::new(Class::Promised, work)).await
    }

    /// The same for what takes something on: refused while the disk is full.
    pub(crate) async fn write_new<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Tx<'_>) -> Res<T> + Send + 'static,
    {
        self.ask(Asked::new(Class::New, work)).await
    }

    /// The same for work that removes rows together with everything that refers to them ([`Job::is_unchecked`]). It can
    /// wait, too: while the disk is full it must not eat what is kept for promises.
    pub(crate) async fn write_unchecked<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Tx<'_>) -> Res<T> + Send + 'static,
    {
        let (job, answer) = Asked::new(Class::New, work);
        self.ask((job.unchecked(), answer)).await
    }

    async fn ask<T, F>(
        &self,
        (job, answer): (Asked<T, F>, oneshot::Receiver<Result<T, StoreError>>),
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Tx<'_>) -> Res<T> + Send + 'static,
    {
        self.submit(Box::new(job)).await?;
        answer.await.map_err(|_| gone())?
    }

    async fn submit(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        match self {
            Self::Inline(writer) => {
                writer.lock().unwrap_or_else(PoisonError::into_inner).commit(vec![job]);
                Ok(())
            }
            Self::Threads(threads) => {
                let writes = threads.writes.as_ref().ok_or_else(gone)?;
                writes.send(job).await.map_err(|_| gone())
            }
        }
    }

    /// Runs `work` on a connection that sees everything committed before the call.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Res<T> + Send + 'static,
    {
        self.read_by(Threads::next_reader, work).await
    }

    /// The same for work that looks at whole tables: only other such work waits for it.
    pub(crate) async fn read_long<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Res<T> + Send + 'static,
    {
        self.read_by(|threads| threads.long_reads.as_ref(), work).await
    }

    async fn read_by<T, F>(
        &self,
        reader: impl Fn(&Threads) -> Option<&mpsc::Sender<Read>>,
        work: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Res<T> + Send + 'static,
    {
        match self {
            Self::Inline(writer) => {
                let writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
                in_one_view(writer.conn(), work).map_err(StoreError::from)
            }
            Self::Threads(threads) => {
                let (to, answer) = oneshot::channel();
                let reader = reader(threads).ok_or_else(gone)?;
                let read: Read = Box::new(move |conn| {
                    let _ = to.send(in_one_view(conn, work).map_err(StoreError::from));
                });
                reader.send(read).await.map_err(|_| gone())?;
                answer.await.map_err(|_| gone())?
            }
        }
    }
}

impl Threads {
    fn next_reader(&self) -> Option<&mpsc::Sender<Read>> {
        let turn = self.next_reader.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.reads.get(turn % self.reads.len())
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.writes = None;
        self.reads.clear();
        self.long_reads = None;
        let begin = Instant::now();
        for handle in self.handles.drain(..) {
            while !handle.is_finished() {
                if begin.elapsed() > ENDING_MAX {
                    return tracing::warn!("a thread of the store waits for a lock or a disk, and is left behind");
                }
                std::thread::sleep(ENDING_POLL);
            }
            if handle.join().is_err() {
                tracing::error!("a thread of the store had panicked");
            }
        }
    }
}

/// Why the threads did not start.
#[derive(Debug)]
pub(crate) enum StartError {
    Sql(rusqlite::Error),
    Thread(std::io::Error),
}

impl From<rusqlite::Error> for StartError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

fn write(mut writer: Writer, mut queue: mpsc::Receiver<Box<dyn Job>>) {
    while let Some(first) = queue.blocking_recv() {
        let mut jobs = vec![first];
        while jobs.len() < JOBS_PER_COMMIT_MAX {
            let Ok(job) = queue.try_recv() else { break };
            jobs.push(job);
        }
        writer.commit(jobs);
    }
}

/// Several statements of one read see one state of the database.
fn in_one_view<T>(conn: &Connection, work: impl FnOnce(&Connection) -> Res<T>) -> Res<T> {
    let view = conn.unchecked_transaction()?;
    let found = work(&view);
    view.finish()?;
    found
}

/// Starts a thread whose panic ends the process: a store that silently stopped would owe for ever.
fn spawn(name: &str, on_fatal: OnFatal, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StartError> {
    let named = name.to_owned();
    let guarded = move || {
        let _guard = PanicGuard { name: named, on_fatal };
        body();
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(guarded).map_err(StartError::Thread)
}

struct PanicGuard {
    name: String,
    on_fatal: OnFatal,
}

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            (self.on_fatal)(&format!("the thread {} panicked", self.name));
        }
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable("the store's thread has ended".into())
}
