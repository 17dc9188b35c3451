//! One simulated process: its own runtime, whose clock is moved by hand, and an end at any instruction.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;
use lastword::process::simulated::{self, Simulated};
use lastword_core::{
    faults::{self, Point},
    ids::{IncarnationId, Timestamp},
    store::Clock,
};
use lastword_store::{SqliteOptions, disk};
use tokio::{
    runtime::Runtime,
    sync::Notify,
    task::JoinHandle,
    time::{Instant, sleep},
};

use super::story::hash;

/// Where the clocks of a simulation begin, in milliseconds.
const EPOCH_MS: i64 = 1_800_000_000_000;

/// How a step of a process ended.
#[derive(Debug)]
pub enum Step {
    GoesOn,
    /// It was killed, or ended itself: the text says what it said last.
    Ended(String),
}

/// What unwinds the instruction at which a process dies.
struct Died;

/// A process that runs.
pub struct Process {
    pub id: disk::Process,
    pub incarnation: IncarnationId,
    runtime: Runtime,
    main: JoinHandle<anyhow::Result<()>>,
    context: Arc<Simulated>,
    died: Arc<Notify>,
    /// Its own time, in milliseconds of the story.
    now: i64,
}

/// The machine's clock as this process reads it.
struct MachineClock {
    begin: Timestamp,
    origin: Mutex<Option<Instant>>,
    stepped: Arc<AtomicI64>,
}

impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        let origin = *self.origin.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = origin.map_or(0, |origin| i64::try_from(origin.elapsed().as_millis()).unwrap_or(0));
        self.begin.plus_ms(passed + self.stepped.load(Ordering::Relaxed))
    }
}

/// What a process begins with.
pub struct Birth<'b> {
    pub id: disk::Process,
    pub name: &'b str,
    pub seed: u64,
    pub now: i64,
    pub stepped: &'b Arc<AtomicI64>,
}

impl Process {
    /// Begins; `main` is asked for within the process.
    pub fn begin<F>(birth: &Birth<'_>, main: impl FnOnce() -> F) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            // So that nothing of it goes on after the task in which it dies.
            .event_interval(1)
            .build()
            .expect("a runtime without I/O needs nothing");
        let clock = Arc::new(MachineClock {
            begin: Timestamp(EPOCH_MS + birth.now),
            origin: Mutex::new(None),
            stepped: Arc::clone(birth.stepped),
        });
        let incarnation = IncarnationId::new(birth.name);
        let rng = Mutex::new(Rng::with_seed(hash(birth.seed, &["chance", birth.name])));
        let context = Arc::new(Simulated {
            incarnation: incarnation.clone(),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            chance: Box::new(move || rng.lock().unwrap_or_else(PoisonError::into_inner).f64()),
            store: Box::new(simulated_store),
        });
        let died = Arc::new(Notify::new());
        let main = {
            let _here = Here::enter(birth.id, &context, &died);
            let _in_runtime = runtime.enter();
            runtime.block_on(async {
                *clock.origin.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            });
            runtime.spawn(main())
        };
        Self { id: birth.id, incarnation, runtime, main, context, died, now: birth.now }
    }

    /// Runs until the story's time is `until`.
    pub fn run(&mut self, until: i64) -> Step {
        let _here = Here::enter(self.id, &self.context, &self.died);
        let span = Duration::from_millis((until - self.now).max(0).unsigned_abs());
        self.now = until;
        let (main, died) = (&mut self.main, &self.died);
        self.runtime.block_on(async move {
            tokio::select! {
                biased;
                () = died.notified() => Step::Ended("killed".to_owned()),
                ended = main => Step::Ended(match ended {
                    Ok(Ok(())) => "it ended".to_owned(),
                    Ok(Err(error)) => format!("{error:#}"),
                    Err(panic) => panic.to_string(),
                }),
                () = sleep(span) => Step::GoesOn,
            }
        })
    }

    /// Wakes it after it stood still: its clock jumps, and everything that was due is due at once.
    pub fn wake(&mut self, now: i64) -> Step {
        let span = Duration::from_millis((now - self.now).max(0).unsigned_abs());
        self.now = now;
        {
            let _here = Here::enter(self.id, &self.context, &self.died);
            self.runtime.block_on(tokio::time::advance(span));
        }
        self.run(now)
    }

    /// Drops everything that it has in hand, in its name. Its disk and its network must know that it is dead.
    pub fn bury(self) {
        let _here = Here::enter(self.id, &self.context, &self.died);
        drop(self.main);
        drop(self.runtime);
    }
}

/// The store of a simulated process: run by itself, on the simulated disk.
fn simulated_store(options: SqliteOptions) -> SqliteOptions {
    SqliteOptions {
        wake_dir: None,
        reserve_bytes: None,
        vfs: Some(disk::VFS.to_owned()),
        on_fatal: Arc::new(|_| die()),
        ..options.inline()
    }
}

thread_local! {
    static DYING: RefCell<Option<Arc<Notify>>> = const { RefCell::new(None) };
}

/// The running process ends here and now.
pub fn die() {
    let Some(died) = DYING.with_borrow(Option::clone) else { return };
    died.notify_one();
    if !std::thread::panicking() {
        std::panic::resume_unwind(Box::new(Died));
    }
}

/// The thread runs a process for as long as the value lives.
struct Here {
    _disk: disk::Entered,
}

impl Here {
    fn enter(id: disk::Process, context: &Arc<Simulated>, died: &Arc<Notify>) -> Self {
        simulated::enter(Some(Arc::clone(context)));
        DYING.set(Some(Arc::clone(died)));
        Self { _disk: id.enter() }
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        simulated::enter(None);
        DYING.set(None);
    }
}

/// Hears of every point that is passed on this thread, until it is dropped.
pub struct Watch;

impl Watch {
    pub fn points(watcher: impl Fn(Point) + 'static) -> Self {
        faults::watch_points(Some(Rc::new(watcher)));
        Self
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        faults::watch_points(None);
    }
}
