//! The processes of a deployment, found through `/proc` as a person would find them by `pgrep`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Child,
    sync::OnceLock,
};

use nix::sys::signal::{Signal, kill};

/// The parts that processes play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The parent of the two.
    Supervisor,
    /// Talks to networks.
    Bridge,
    /// Runs agents.
    Worker,
    /// The shim of a running turn.
    Shim,
    /// The program under a shim.
    Agent,
}

/// A process, told from a later one with the same number by its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pid {
    pid: i32,
    started_ticks: u64,
}

impl Pid {
    pub(super) fn of(child: &Child) -> Self {
        Self::read(child.id().cast_signed()).unwrap_or(Self { pid: child.id().cast_signed(), started_ticks: 0 })
    }

    fn read(pid: i32) -> Option<Self> {
        Some(Self { pid, started_ticks: stat(pid)?.started_ticks })
    }

    /// Whether it is gone, or at most a zombie that waits to be reaped.
    pub fn is_gone(&self) -> bool {
        stat(self.pid).is_none_or(|stat| stat.started_ticks != self.started_ticks || stat.state == 'Z')
    }

    /// Whether it was stopped where it is.
    pub fn is_stopped(&self) -> bool {
        stat(self.pid).is_some_and(|stat| stat.started_ticks == self.started_ticks && stat.state == 'T')
    }

    /// SIGKILL.
    pub fn kill(&self) {
        self.signal(Signal::SIGKILL);
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        self.signal(Signal::SIGTERM);
    }

    /// SIGSTOP: it does nothing any more, and does not know it.
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(self, signal: Signal) {
        if !self.is_gone() {
            let _ = kill(nix::unistd::Pid::from_raw(self.pid), signal);
        }
    }
}

struct Stat {
    state: char,
    parent: i32,
    session: i32,
    started_ticks: u64,
}

fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in the second field may hold anything, also blanks and brackets.
    let fields: Vec<_> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        started_ticks: fields.get(19)?.parse().ok()?,
    })
}

/// Every living process below `root`, nearest first.
pub(super) fn descendants(root: Pid) -> Vec<Pid> {
    let all: Vec<(Pid, i32)> = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| {
            let stat = stat(pid).filter(|stat| stat.state != 'Z')?;
            Some((Pid { pid, started_ticks: stat.started_ticks }, stat.parent))
        })
        .collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(all.iter().filter(|(_, of)| *of == parent.pid).map(|(pid, _)| *pid));
        next += 1;
    }
    found.remove(0);
    found
}

pub(super) fn find(supervisor: Pid, who: Who) -> Option<Pid> {
    let below = descendants(supervisor);
    let shims: Vec<Pid> = below.iter().copied().filter(|pid| argument(*pid, "exec-agent")).collect();
    // An update runs a whole deployment below a shim.
    let others: Vec<Pid> = shims.iter().flat_map(|shim| descendants(*shim)).chain(shims.iter().copied()).collect();
    let named = |name: &str| below.iter().copied().find(|pid| argument(*pid, name) && !others.contains(pid));
    match who {
        // Below a shell, where the deployment has a disk of its own.
        Who::Supervisor => named("run").or(Some(supervisor)),
        Who::Bridge => named("bridge"),
        Who::Worker => named("worker"),
        Who::Shim => shims.first().copied(),
        Who::Agent => descendants(*shims.first()?).first().copied(),
    }
}

/// A process below `root` that was started with this subcommand.
pub(super) fn find_by_name(root: Pid, name: &str) -> Option<Pid> {
    descendants(root).into_iter().find(|pid| argument(*pid, name))
}

/// A process below `root` in a session of its own.
pub(super) fn escaped_from(root: Pid) -> Option<Pid> {
    let session = |pid: Pid| stat(pid.pid).map(|stat| stat.session);
    descendants(root).into_iter().find(|pid| session(*pid) != session(root))
}

/// Whether a process of the program under test was started with this subcommand.
fn argument(pid: Pid, name: &str) -> bool {
    let Ok(line) = fs::read(format!("/proc/{}/cmdline", pid.pid)) else { return false };
    let mut words = line.split(|byte| *byte == 0);
    let program = words.next().unwrap_or_default();
    program.ends_with(b"lastword") && words.any(|word| word == name.as_bytes())
}

/// The program under test: built with the tests' feature, beside the tests themselves.
pub(super) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let binary = target().join("lastword");
        let version = std::process::Command::new(&binary).arg("--version").output();
        let is_for_tests = version.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).contains("testing"));
        assert!(is_for_tests, "build the program under test first: cargo build --workspace --all-targets");
        binary
    })
}

fn target() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_lastword-ledger")).parent().unwrap()
}
