//! A disk in memory, below the real engine, that fails like a process and like a power cut: for tests.
//!
//! Guarantee: everything on it is a function of the calls: it uses no time, no chance of its own and no thread.
//!
//! A [`Disk`] stands for one machine. It is found by a directory, and whatever the engine opens below that, with
//! [`VFS`] as its file system, lives in the disk. Which [`Process`] opens it is what the thread says at that moment.
//!
//! * A process that dies ([`Disk::kill`], [`Disk::die_at`]) does nothing any more: each of its operations fails and
//!   changes nothing. Its locks are free; what it wrote stays, since the system keeps that.
//! * A power cut ([`Disk::power_cut`]) ends every process and takes any part of what was not synced: each such write
//!   is there, or not, or its beginning is there, with garbage behind it where the file would have grown. That is
//!   what the engine promises to survive (<https://sqlite.org/atomiccommit.html>), with bytes beside a write left
//!   alone (<https://sqlite.org/psow.html>).
//! * Names are kept with the next sync of any file: the engine syncs the directory when it first syncs a log or a
//!   journal, and sqlite-vfs does not pass that on. A file created or deleted since may be there or not.
//! * A sync that fails ([`Trouble::FailingSyncs`]) leaves its writes readable, and no later sync makes them durable,
//!   as on Linux (<https://wiki.postgresql.org/wiki/Fsync_Errors>).
//!
//! What it does not show: a process that dies within a commit leaves the log's index as it was before that commit,
//! never half changed, because sqlite-vfs shares it only when locks are taken and released. The salt in the log's
//! header comes from the engine's own chance, so the bytes of two equal runs differ there, and nowhere else.

mod engine;
mod file;
mod index;
mod locks;
mod machine;

use std::{
    cell::Cell,
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

pub(crate) use self::engine::open_log;
use self::{
    engine::{Shared, mount, unmount},
    machine::Machine,
};

/// What the engine calls the file system of all disks: for [`SqliteOptions::vfs`](crate::SqliteOptions::vfs).
pub const VFS: &str = "lastword-disk";

/// A process of the machine. A number is never used twice on one disk: who starts again is another process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Process(pub u32);

/// What is wrong with a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No file grows: the engine finds the disk full.
    Full,
    /// Nothing can be written. What is opened is opened for reading, what is open fails to write.
    ReadOnly,
    /// Reads fail.
    FailingReads,
    /// Writes, deletions and changes of length fail, and change nothing.
    FailingWrites,
    /// Syncs fail. What was written before stays readable, and is made durable only if it is written again.
    FailingSyncs,
    /// Another program holds the lock on writing: the engine says that the database is locked.
    Locked,
}

/// When, seen from the operation at which it dies, a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Nothing of the operation is done.
    Before,
    /// Half of a write is done, and nothing of another operation.
    During,
    /// The operation is done, and nobody learns of it.
    After,
}

impl Moment {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Before, Self::During, Self::After];
}

thread_local! {
    static CURRENT: Cell<Process> = const { Cell::new(Process(0)) };
}

impl Process {
    /// The process that this thread runs at the moment: number 0 where nobody said.
    #[must_use]
    pub fn current() -> Self {
        CURRENT.get()
    }

    /// This thread runs the process until the answer is dropped: files are opened and deleted in its name. A
    /// connection stays in the hands of whoever opened it.
    #[must_use = "the process is left when this is dropped"]
    pub fn enter(self) -> Entered {
        Entered { former: CURRENT.replace(self) }
    }

    /// Does `work` as the process. A dead one's connections are best dropped so.
    pub fn run<T>(self, work: impl FnOnce() -> T) -> T {
        let _entered = self.enter();
        work()
    }
}

/// The thread runs a process; dropping it goes back to the one before.
#[derive(Debug)]
pub struct Entered {
    former: Process,
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.former);
    }
}

/// How long the engine would have waited for locks, on this thread, since it began. It never really does.
#[must_use]
pub fn slept() -> Duration {
    engine::slept()
}

/// The files of a disk at one moment, cheap to make disks of: bytes are shared until somebody changes them.
#[derive(Clone)]
pub struct Snapshot {
    files: BTreeMap<String, Arc<Vec<u8>>>,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.files.iter().map(|(name, bytes)| (name, bytes.len()))).finish()
    }
}

/// The disk of one machine.
///
/// The disk is there until it is dropped; connections that are open then go on, and nothing is found by its path.
pub struct Disk {
    directory: PathBuf,
    shared: Arc<Shared>,
}

impl Disk {
    /// An empty disk at a directory that exists. It takes the place of a disk that is there.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        Self::mounted(directory, Machine::default())
    }

    /// A disk with the files of another one, all of them durable.
    #[must_use]
    pub fn holding(directory: &Path, snapshot: &Snapshot) -> Self {
        Self::mounted(directory, Machine::holding(&snapshot.files))
    }

    fn mounted(directory: &Path, machine: Machine) -> Self {
        let directory = fs::canonicalize(directory).expect("the disk's directory is there");
        let shared = Shared::new(machine);
        mount(&directory, &shared);
        Self { directory, shared }
    }

    /// The files as everybody reads them now, synced or not. Take it while nobody has one open, with the log emptied
    /// by a checkpoint, for a template.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { files: self.shared.machine().files() }
    }

    /// The process dies now: whatever it has open is dead, and its locks are free.
    pub fn kill(&self, process: Process) {
        self.shared.machine().kill(process);
    }

    /// The power fails: every process that ever did something here dies, and of what was not synced there is what
    /// `chance` wants. It is asked once per write, and its answer modulo 4 says: 0 the write is lost, 1 it is there,
    /// 2 only its beginning is, 3 the same with garbage behind it where the file grew; another answer says how long
    /// that beginning is, and one more what the garbage is. For a length or a name, an odd answer keeps the change.
    ///
    /// So `|| 0` loses all that can be lost, and `|| 1` nothing.
    pub fn power_cut(&self, mut chance: impl FnMut() -> u64) {
        self.shared.machine().power_cut(&mut chance);
    }

    /// The process dies at the `nth` operation from now, counted from 1: a write, a sync, a shortening or a deletion.
    pub fn die_at(&self, process: Process, nth: u64, moment: Moment) {
        self.shared.machine().die_at(process, nth, moment);
    }

    /// Whether the process is dead: ask after each step of it.
    #[must_use]
    pub fn is_dead(&self, process: Process) -> bool {
        self.shared.machine().is_dead(process)
    }

    /// How many operations that [`Disk::die_at`] counts the process has begun.
    #[must_use]
    pub fn operations(&self, process: Process) -> u64 {
        self.shared.machine().operations(process)
    }

    /// What is wrong with the disk for everybody, from here on.
    pub fn set_trouble(&self, trouble: Option<Trouble>) {
        self.shared.machine().set_trouble(trouble);
    }

    /// What is wrong with it for one process, beside what is wrong for everybody.
    pub fn set_trouble_of(&self, process: Process, trouble: Option<Trouble>) {
        self.shared.machine().set_trouble_of(process, trouble);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        unmount(&self.directory, &self.shared);
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("directory", &self.directory).finish_non_exhaustive()
    }
}
