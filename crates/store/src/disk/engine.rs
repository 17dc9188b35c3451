//! What the engine is given: our files behind the traits of sqlite-vfs.

use std::{
    cell::Cell,
    collections::HashMap,
    io::{self, ErrorKind},
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    time::Duration,
};

use sqlite_vfs::{
    DatabaseHandle, LockKind, OpenAccess, OpenKind, OpenOptions, Vfs,
    wip::{WalIndex, WalIndexLock},
};

use super::{
    Process, VFS,
    index::{REGION_BYTES, Region},
    machine::{Machine, Open},
};
use crate::sqlite::log::Log;

/// One machine, shared by its disk and every open file of it.
#[derive(Debug, Default)]
pub(super) struct Shared(Mutex<Machine>);

impl Shared {
    pub(super) fn new(machine: Machine) -> Arc<Self> {
        Arc::new(Self(Mutex::new(machine)))
    }

    pub(super) fn machine(&self) -> MutexGuard<'_, Machine> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which disk is at which directory.
fn disks() -> MutexGuard<'static, HashMap<PathBuf, Weak<Shared>>> {
    static DISKS: OnceLock<Mutex<HashMap<PathBuf, Weak<Shared>>>> = OnceLock::new();
    DISKS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets the engine find a disk at a directory.
pub(super) fn mount(directory: &Path, shared: &Arc<Shared>) {
    static REGISTERED: OnceLock<()> = OnceLock::new();
    REGISTERED.get_or_init(|| sqlite_vfs::register(VFS, Disks, false).expect("the engine takes another file system"));
    disks().insert(directory.to_owned(), Arc::downgrade(shared));
}

/// Forgets the disk at a directory, unless another one is there by now.
pub(super) fn unmount(directory: &Path, shared: &Arc<Shared>) {
    let mut disks = disks();
    if disks.get(directory).is_some_and(|there| std::ptr::eq(there.as_ptr(), Arc::as_ptr(shared))) {
        disks.remove(directory);
    }
}

/// The disk that a path is on, and the path below its directory.
fn find(path: &str) -> io::Result<(Arc<Shared>, &str)> {
    let disks = disks();
    let found = Path::new(path).ancestors().skip(1).find_map(|directory| {
        let shared = disks.get(directory)?.upgrade()?;
        Some((shared, Path::new(path).strip_prefix(directory).ok()?.to_str()?))
    });
    found.ok_or_else(|| io::Error::new(ErrorKind::NotFound, format!("there is no disk above {path}")))
}

/// Opens the engine's log beside the engine.
pub(crate) fn open_log(path: &Path) -> io::Result<impl Log> {
    let (shared, name) = find(path.to_str().ok_or(ErrorKind::InvalidFilename)?)?;
    let open = shared.machine().open(Process::current(), name, OpenAccess::Write)?;
    Ok(Handle { shared, open })
}

impl Log for Handle {
    fn read_at(&mut self, piece: &mut [u8], at: u64) -> io::Result<usize> {
        let left = usize::try_from(self.size()?.saturating_sub(at)).unwrap_or(usize::MAX);
        let length = left.min(piece.len());
        self.read_exact_at(&mut piece[..length], at)?;
        Ok(length)
    }

    fn write_at(&mut self, piece: &[u8], at: u64) -> io::Result<()> {
        self.write_all_at(piece, at)
    }

    fn sync(&mut self) -> io::Result<()> {
        DatabaseHandle::sync(self, true)
    }
}

thread_local! {
    static SLEPT: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    static DRAWN: Cell<u64> = const { Cell::new(0) };
}

/// How long the engine meant to wait on this thread.
pub(super) fn slept() -> Duration {
    SLEPT.get()
}

/// All disks, by the paths of their files.
struct Disks;

impl Vfs for Disks {
    type Handle = Handle;

    fn open(&self, db: &str, opts: OpenOptions) -> io::Result<Handle> {
        let process = Process::current();
        let is_temporary = matches!(
            opts.kind,
            OpenKind::TempDb | OpenKind::TempJournal | OpenKind::TransientDb | OpenKind::SubJournal
        );
        let (shared, name, access) = if is_temporary {
            (Shared::new(Machine::default()), db, OpenAccess::Create)
        } else {
            let (shared, name) = find(db)?;
            (shared, name, opts.access)
        };
        let open = shared.machine().open(process, name, access)?;
        Ok(Handle { shared, open })
    }

    fn delete(&self, db: &str) -> io::Result<()> {
        match find(db) {
            Ok((shared, name)) => shared.machine().delete(Process::current(), name),
            // A temporary file, which goes with its handle.
            Err(_) => Ok(()),
        }
    }

    fn exists(&self, db: &str) -> io::Result<bool> {
        Ok(find(db).is_ok_and(|(shared, name)| shared.machine().exists(name)))
    }

    fn access(&self, db: &str, _write: bool) -> io::Result<bool> {
        self.exists(db)
    }

    fn temporary_name(&self) -> String {
        format!("temporary-{}", draw())
    }

    fn random(&self, buffer: &mut [i8]) {
        buffer.fill_with(|| draw().to_le_bytes()[0].cast_signed());
    }

    fn sleep(&self, duration: Duration) -> Duration {
        SLEPT.set(SLEPT.get().saturating_add(duration));
        duration
    }
}

/// The next of a fixed sequence (SplitMix64).
fn draw() -> u64 {
    let state = DRAWN.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    DRAWN.set(state);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// An open file.
struct Handle {
    shared: Arc<Shared>,
    open: Open,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.machine().close(&self.open);
    }
}

impl DatabaseHandle for Handle {
    type WalIndex = Mapped;

    fn size(&self) -> io::Result<u64> {
        Ok(self.shared.machine().len(&self.open)? as u64)
    }

    fn read_exact_at(&mut self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.shared.machine().read(&self.open, buf, position(offset)?)
    }

    fn write_all_at(&mut self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.shared.machine().write(&self.open, buf, position(offset)?)
    }

    fn sync(&mut self, _data_only: bool) -> io::Result<()> {
        self.shared.machine().sync(&self.open)
    }

    fn set_len(&mut self, size: u64) -> io::Result<()> {
        self.shared.machine().set_len(&self.open, position(size)?)
    }

    fn lock(&mut self, lock: LockKind) -> io::Result<bool> {
        self.shared.machine().lock(&self.open, lock)
    }

    fn reserved(&mut self) -> io::Result<bool> {
        self.shared.machine().reserved(&self.open)
    }

    fn current_lock(&self) -> io::Result<LockKind> {
        Ok(self.shared.machine().held(&self.open))
    }

    fn wal_index(&self, _readonly: bool) -> io::Result<Mapped> {
        self.shared.machine().index(&self.open)?.open(self.open.handle);
        Ok(Mapped { shared: Arc::clone(&self.shared), open: self.open, bases: Vec::new() })
    }
}

/// The log's index as one handle has it.
struct Mapped {
    shared: Arc<Shared>,
    open: Open,
    /// What the handle knew of each region when it last took it or gave it back.
    bases: Vec<Option<Arc<Region>>>,
}

impl Drop for Mapped {
    fn drop(&mut self) {
        self.shared.machine().close_index(&self.open);
    }
}

impl Mapped {
    fn base(&mut self, region: usize) -> &mut Option<Arc<Region>> {
        if self.bases.len() <= region {
            self.bases.resize(region + 1, None);
        }
        &mut self.bases[region]
    }
}

impl WalIndex for Mapped {
    fn map(&mut self, region: u32) -> io::Result<[u8; REGION_BYTES]> {
        let there = Arc::clone(self.shared.machine().index(&self.open)?.region(region as usize));
        let bytes = *there;
        *self.base(region as usize) = Some(there);
        Ok(bytes)
    }

    fn lock(&mut self, locks: Range<u8>, lock: WalIndexLock) -> io::Result<bool> {
        self.shared.machine().lock_index(&self.open, locks, lock)
    }

    fn delete(self) -> io::Result<()> {
        Ok(())
    }

    fn pull(&mut self, region: u32, data: &mut [u8; REGION_BYTES]) -> io::Result<()> {
        let there = Arc::clone(self.shared.machine().index(&self.open)?.region(region as usize));
        let base = self.base(region as usize);
        if base.as_ref().is_none_or(|base| !Arc::ptr_eq(base, &there)) {
            *data = *there;
            *base = Some(there);
        }
        Ok(())
    }

    fn push(&mut self, region: u32, data: &[u8; REGION_BYTES]) -> io::Result<()> {
        if let Some(base) = self.base(region as usize).take() {
            let known = self.shared.machine().index(&self.open)?.merge(region as usize, base, data);
            *self.base(region as usize) = Some(known);
        }
        Ok(())
    }
}

fn position(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(io::Error::other)
}
