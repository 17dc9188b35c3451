//! What tests break on purpose: crash points, where the process dies as if by SIGKILL, and planted bugs.
//!
//! Without the feature `testing` a point is nothing at all. With it, `LASTWORD_CRASH_AT=<point>` kills the process the
//! first time it passes there, and `<point>:<n>` the n-th time. A file named by `LASTWORD_CRASH_ONCE` makes sure that
//! only one process of a deployment dies of it, and not before it is there: who removes that file dies. `LASTWORD_CRASH_HOW=panic` panics instead,
//! which a process may survive; `stop` stops the process as if by SIGSTOP, and it goes on when it is continued.
//!
//! `LASTWORD_PLANTED=<bug>` builds one of the [`Bug`]s in that every layer of tests has to find.

macro_rules! named {
    (
        $(#[$enum_meta:meta])*
        pub enum $enum:ident { $($(#[$meta:meta])* $name:ident = $spelling:literal),+ $(,)? }
    ) => {
        $(#[$enum_meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $enum { $($(#[$meta])* $name),+ }

        impl $enum {
            /// All of them, so that tests can enumerate them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name that chooses it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $spelling),+ }
            }
        }
    };
}

mod bug;

#[cfg(feature = "testing")]
pub use bug::plant;
pub use bug::{Bug, has};

named! {
    /// Where a process can be made to die.
    pub enum Point {
        /// An update is in hand, nothing is written.
        IngestBeforeCommit = "ingest.before_commit",
        /// The update, its turn and its marker are committed, the network is not told.
        IngestBeforeAck = "ingest.before_ack",
        /// The network may forget the update.
        IngestAfterAck = "ingest.after_ack",
        /// A turn is claimed, its agent is not started.
        RunAfterClaim = "run.after_claim",
        /// The agent's process group runs but is not recorded.
        RunBeforeGroup = "run.before_group",
        /// The agent's process group is recorded.
        RunAfterGroup = "run.after_group",
        /// The agent is done, nothing is elected.
        ElectBefore = "elect.before",
        /// The election is committed, nobody knows.
        ElectAfter = "elect.after",
        /// A delivery is claimed: its attempt is in the store, no byte has left.
        DeliverAfterClaim = "deliver.after_claim",
        /// The network answered, the outcome is not recorded.
        DeliverBeforeSettle = "deliver.before_settle",
        /// The outcome is recorded.
        DeliverAfterSettle = "deliver.after_settle",
        /// A commit that others wait for is written but not done: the process holds the commit lock.
        StoreInCommit = "store.in_commit",
        /// The store is out, a finished answer is in memory only.
        JournalBeforeAppend = "journal.before_append",
        /// The store is out, a finished answer is in the journal.
        JournalAfterAppend = "journal.after_append",
        /// The election of a journaled answer is decided, the journal still has it.
        JournalBeforeForget = "journal.before_forget",
        /// A dead worker's journaled answer is elected, the journal still has it.
        ReplayAfterElect = "replay.after_elect",
        /// The store is out, an update is in memory only.
        InboundBeforeKeep = "inbound.before_keep",
        /// The store is out, an update is in the journal, the network is not told.
        InboundAfterKeep = "inbound.after_keep",
        /// The journaled updates are committed, the journal still has them.
        InboundBeforeForget = "inbound.before_forget",
    }
}

named! {
    /// Where a supervisor can be made to die while it changes the build: apart from the others, because no turn is run
    /// and nothing is posted there.
    pub enum UpdatePoint {
        /// The new build is made, and not tried out.
        AfterBuild = "update.after_build",
        /// A deployment of the new build's own runs beside this one.
        InRehearsal = "update.in_rehearsal",
        /// The one before is kept, the program's file is what it was.
        BeforeSwap = "update.before_swap",
        /// The program's file is the new build.
        AfterSwap = "update.after_swap",
        /// The new build does its work, and did not post anything yet.
        OnTrial = "update.on_trial",
        /// How it ended is known, and not said.
        BeforeLastWord = "update.before_last_word",
    }
}

named! {
    /// Where a supervisor can be made to die while it becomes the build of its children.
    pub enum HandoverPoint {
        /// It is about to.
        BeforeExec = "handover.before_exec",
        /// It has become it, and hears and knows nobody yet.
        BeforeAdoption = "handover.before_adoption",
    }
}

/// Dies here if a test armed this point of an update.
#[inline]
pub fn point_of_update(point: UpdatePoint) {
    #[cfg(feature = "testing")]
    armed::maybe_die(point.as_str());
    #[cfg(not(feature = "testing"))]
    let _ = point;
}

/// Dies here if a test armed this point of a handover.
#[inline]
pub fn point_of_handover(point: HandoverPoint) {
    #[cfg(feature = "testing")]
    armed::maybe_die(point.as_str());
    #[cfg(not(feature = "testing"))]
    let _ = point;
}

/// Dies here if a test armed this point.
#[inline]
pub fn point(point: Point) {
    #[cfg(feature = "testing")]
    {
        simulated::pass(point);
        armed::maybe_die(point.as_str());
    }
    #[cfg(not(feature = "testing"))]
    let _ = point;
}

#[cfg(feature = "testing")]
pub use simulated::watch_points;

#[cfg(feature = "testing")]
mod simulated {
    use std::{cell::RefCell, rc::Rc};

    use super::Point;

    type Watcher = Rc<dyn Fn(Point)>;

    thread_local! {
        static WATCHER: RefCell<Option<Watcher>> = const { RefCell::new(None) };
    }

    /// Who hears of every point that is passed on this thread from now on, and may unwind to let a simulated process
    /// die there.
    pub fn watch_points(watcher: Option<Watcher>) {
        WATCHER.set(watcher);
    }

    pub(super) fn pass(point: Point) {
        let watcher = WATCHER.with_borrow(Option::clone);
        if let Some(watcher) = watcher {
            watcher(point);
        }
    }
}

#[cfg(feature = "testing")]
mod armed {
    use std::sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    };

    use super::{HandoverPoint, Point, UpdatePoint};

    struct Armed {
        name: String,
        passes_left: AtomicU32,
        once: Option<std::path::PathBuf>,
        how: How,
    }

    #[derive(Clone, Copy, PartialEq, Eq)]
    enum How {
        Abort,
        Panic,
        Stop,
    }

    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

    pub(super) fn maybe_die(point: &str) {
        let Some(armed) = ARMED.get_or_init(read) else { return };
        // Who needs a file to die does not count what it passed before there was one.
        if armed.name != point || armed.once.as_ref().is_some_and(|file| !file.exists()) {
            return;
        }
        let passed = armed.passes_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if passed != Ok(1) {
            return;
        }
        if armed.once.as_ref().is_none_or(|file| std::fs::remove_file(file).is_ok()) {
            eprintln!("crash point {} reached", armed.name);
            match armed.how {
                How::Abort => std::process::abort(),
                How::Panic => panic!("crash point {} panics", armed.name),
                How::Stop => {
                    let _ = std::process::Command::new("sh").args(["-c", "kill -STOP $PPID"]).status();
                    // The signal reaches one thread after the other: this one goes no further until it has.
                    std::thread::sleep(std::time::Duration::from_secs(1));
                }
            }
        }
    }

    fn read() -> Option<Armed> {
        let raw = std::env::var("LASTWORD_CRASH_AT").ok()?;
        let (name, nth) = raw.split_once(':').unwrap_or((&raw, "1"));
        let nth = nth.parse().expect("LASTWORD_CRASH_AT is <point> or <point>:<n>");
        assert!(
            Point::ALL.iter().any(|point| point.as_str() == name)
                || UpdatePoint::ALL.iter().any(|point| point.as_str() == name)
                || HandoverPoint::ALL.iter().any(|point| point.as_str() == name),
            "LASTWORD_CRASH_AT names no crash point: {name}"
        );
        Some(Armed {
            name: name.to_owned(),
            passes_left: AtomicU32::new(nth),
            once: std::env::var_os("LASTWORD_CRASH_ONCE").map(Into::into),
            how: match std::env::var("LASTWORD_CRASH_HOW").as_deref() {
                Ok("panic") => How::Panic,
                Ok("stop") => How::Stop,
                _ => How::Abort,
            },
        })
    }
}
