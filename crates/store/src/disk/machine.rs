//! One machine: its files, its processes and their troubles.

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
    mem,
    ops::Range,
    sync::Arc,
};

use sqlite_vfs::{LockKind, OpenAccess, wip::WalIndexLock};

use super::{
    Moment, Process, Trouble,
    file::{Chance, File},
    index::{Index, WRITER_SLOTS},
    locks::Locks,
};

/// A file that somebody opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HandleId(pub(super) u64);

/// A file, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId(usize);

/// Whose handle on what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub(super) handle: HandleId,
    pub(super) file: FileId,
    pub(super) process: Process,
}

#[derive(Debug, Default)]
struct Inode {
    file: File,
    locks: Locks,
    index: Index,
}

/// What is known of a process.
#[derive(Debug, Default)]
struct Life {
    is_dead: bool,
    operations: u64,
    dies_at: Option<(u64, Moment)>,
    trouble: Option<Trouble>,
    handles: Vec<(HandleId, FileId)>,
}

/// One machine.
#[derive(Debug, Default)]
pub(super) struct Machine {
    files: Vec<Inode>,
    names: BTreeMap<String, FileId>,
    /// The names that survive a power cut.
    synced_names: BTreeMap<String, FileId>,
    processes: BTreeMap<Process, Life>,
    trouble: Option<Trouble>,
    handles: u64,
}

impl Machine {
    /// A machine with these files.
    pub(super) fn holding(files: &BTreeMap<String, Arc<Vec<u8>>>) -> Self {
        let mut machine = Self::default();
        for (name, bytes) in files {
            let id = machine.add(File::holding(bytes));
            machine.names.insert(name.clone(), id);
        }
        machine.synced_names = machine.names.clone();
        machine
    }

    /// What everybody reads now.
    pub(super) fn files(&self) -> BTreeMap<String, Arc<Vec<u8>>> {
        self.names.iter().map(|(name, id)| (name.clone(), Arc::clone(self.files[id.0].file.now()))).collect()
    }

    fn add(&mut self, file: File) -> FileId {
        self.files.push(Inode { file, ..Inode::default() });
        FileId(self.files.len() - 1)
    }

    fn inode(&mut self, open: &Open) -> &mut Inode {
        &mut self.files[open.file.0]
    }

    fn life(&mut self, process: Process) -> &mut Life {
        self.processes.entry(process).or_default()
    }

    // Processes.

    pub(super) fn is_dead(&self, process: Process) -> bool {
        self.processes.get(&process).is_some_and(|life| life.is_dead)
    }

    pub(super) fn operations(&self, process: Process) -> u64 {
        self.processes.get(&process).map_or(0, |life| life.operations)
    }

    pub(super) fn die_at(&mut self, process: Process, nth: u64, moment: Moment) {
        let life = self.life(process);
        life.dies_at = Some((life.operations + nth, moment));
    }

    pub(super) fn kill(&mut self, process: Process) {
        let life = self.life(process);
        life.is_dead = true;
        for (handle, file) in mem::take(&mut life.handles) {
            self.release(handle, file);
        }
    }

    pub(super) fn power_cut(&mut self, chance: &mut Chance<'_>) {
        let processes: Vec<_> = self.processes.keys().copied().collect();
        processes.into_iter().for_each(|process| self.kill(process));
        let former = mem::take(&mut self.synced_names);
        for (name, id) in mem::take(&mut self.names) {
            if former.get(&name) == Some(&id) || chance() % 2 == 1 {
                self.synced_names.insert(name, id);
            }
        }
        for (name, id) in former {
            if !self.synced_names.contains_key(&name) && chance().is_multiple_of(2) {
                self.synced_names.insert(name, id);
            }
        }
        self.names = self.synced_names.clone();
        for inode in &mut self.files {
            inode.file.power_cut(chance);
        }
    }

    // Troubles.

    pub(super) fn set_trouble(&mut self, trouble: Option<Trouble>) {
        self.trouble = trouble;
    }

    pub(super) fn set_trouble_of(&mut self, process: Process, trouble: Option<Trouble>) {
        self.life(process).trouble = trouble;
    }

    fn has(&self, process: Process, trouble: Trouble) -> bool {
        let own = self.processes.get(&process).and_then(|life| life.trouble);
        own == Some(trouble) || self.trouble == Some(trouble)
    }

    fn cannot_write(&self, process: Process) -> bool {
        self.has(process, Trouble::FailingWrites) || self.has(process, Trouble::ReadOnly)
    }

    // Names.

    /// Opens a file; who opens it with its log's index in mind asks for that later.
    pub(super) fn open(&mut self, process: Process, name: &str, access: OpenAccess) -> io::Result<Open> {
        self.alive(process)?;
        if access != OpenAccess::Read && self.has(process, Trouble::ReadOnly) {
            return Err(ErrorKind::PermissionDenied.into());
        }
        let file = match (self.names.get(name), access) {
            (Some(_), OpenAccess::CreateNew) => return Err(ErrorKind::AlreadyExists.into()),
            (Some(id), _) => *id,
            (None, OpenAccess::Create | OpenAccess::CreateNew) => {
                let id = self.add(File::default());
                self.names.insert(name.to_owned(), id);
                id
            }
            (None, OpenAccess::Read | OpenAccess::Write) => return Err(ErrorKind::NotFound.into()),
        };
        self.handles += 1;
        let handle = HandleId(self.handles);
        self.life(process).handles.push((handle, file));
        Ok(Open { handle, file, process })
    }

    pub(super) fn exists(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    pub(super) fn delete(&mut self, process: Process, name: &str) -> io::Result<()> {
        let dies = self.begin(process)?;
        if self.cannot_write(process) {
            return Err(broken("a name can't be removed"));
        }
        let removed = match dies {
            None | Some(Moment::After) => self.names.remove(name),
            Some(Moment::Before | Moment::During) => None,
        };
        match (dies, removed) {
            (Some(_), _) => Err(dead()),
            (None, None) => Err(ErrorKind::NotFound.into()),
            (None, Some(_)) => Ok(()),
        }
    }

    // What a handle does.

    pub(super) fn close(&mut self, open: &Open) {
        self.release(open.handle, open.file);
        self.life(open.process).handles.retain(|(handle, _)| *handle != open.handle);
    }

    fn release(&mut self, handle: HandleId, file: FileId) {
        let inode = &mut self.files[file.0];
        inode.locks.release(handle);
        inode.index.close(handle);
    }

    pub(super) fn len(&mut self, open: &Open) -> io::Result<usize> {
        self.alive(open.process)?;
        Ok(self.inode(open).file.len())
    }

    pub(super) fn read(&mut self, open: &Open, buf: &mut [u8], offset: usize) -> io::Result<()> {
        self.alive(open.process)?;
        if self.has(open.process, Trouble::FailingReads) {
            return Err(broken("a read"));
        }
        if self.inode(open).file.read(buf, offset) { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }

    pub(super) fn write(&mut self, open: &Open, bytes: &[u8], offset: usize) -> io::Result<()> {
        let dies = self.begin(open.process)?;
        if self.cannot_write(open.process) {
            return Err(broken("a write"));
        }
        let grows = offset + bytes.len() > self.inode(open).file.len();
        if grows && self.has(open.process, Trouble::Full) {
            // What sqlite-vfs tells the engine as a full disk.
            return Err(ErrorKind::WriteZero.into());
        }
        let reached = match dies {
            None | Some(Moment::After) => bytes.len(),
            Some(Moment::During) => bytes.len() / 2,
            Some(Moment::Before) => 0,
        };
        self.inode(open).file.write(&bytes[..reached], offset);
        unless_dead(dies)
    }

    /// Shortens the file. A greater length is a hint of what will be written, and changes nothing.
    pub(super) fn set_len(&mut self, open: &Open, length: usize) -> io::Result<()> {
        self.alive(open.process)?;
        if length >= self.inode(open).file.len() {
            return Ok(());
        }
        let dies = self.begin(open.process)?;
        if self.cannot_write(open.process) {
            return Err(broken("a change of length"));
        }
        if dies.is_none_or(|moment| moment == Moment::After) {
            self.inode(open).file.set_len(length);
        }
        unless_dead(dies)
    }

    pub(super) fn sync(&mut self, open: &Open) -> io::Result<()> {
        let dies = self.begin(open.process)?;
        if self.has(open.process, Trouble::FailingSyncs) {
            self.inode(open).file.fail_sync();
            return Err(broken("a sync"));
        }
        if dies.is_none_or(|moment| moment == Moment::After) {
            self.inode(open).file.sync();
            if self.synced_names != self.names {
                self.synced_names = self.names.clone();
            }
        }
        unless_dead(dies)
    }

    // Locks.

    pub(super) fn lock(&mut self, open: &Open, wanted: LockKind) -> io::Result<bool> {
        self.alive(open.process)?;
        let is_locked = self.has(open.process, Trouble::Locked);
        let locks = &mut self.inode(open).locks;
        if is_locked && wanted > locks.held_by(open.handle) {
            return Ok(false);
        }
        Ok(locks.change(open.handle, wanted))
    }

    pub(super) fn held(&mut self, open: &Open) -> LockKind {
        self.inode(open).locks.held_by(open.handle)
    }

    pub(super) fn reserved(&mut self, open: &Open) -> io::Result<bool> {
        self.alive(open.process)?;
        Ok(self.has(open.process, Trouble::Locked) || self.inode(open).locks.reserved())
    }

    // The log's index.

    /// The index of the log of a database, for a process that lives.
    pub(super) fn index(&mut self, open: &Open) -> io::Result<&mut Index> {
        self.alive(open.process)?;
        Ok(&mut self.inode(open).index)
    }

    pub(super) fn lock_index(&mut self, open: &Open, slots: Range<u8>, lock: WalIndexLock) -> io::Result<bool> {
        let is_locked = self.has(open.process, Trouble::Locked);
        let index = self.index(open)?;
        if is_locked && lock == WalIndexLock::Exclusive && slots.start < WRITER_SLOTS {
            return Ok(false);
        }
        Ok(index.lock(open.handle, slots, lock))
    }

    /// Also for a process that is dead.
    pub(super) fn close_index(&mut self, open: &Open) {
        self.inode(open).index.close(open.handle);
    }

    // Death.

    fn alive(&self, process: Process) -> io::Result<()> {
        if self.is_dead(process) { Err(dead()) } else { Ok(()) }
    }

    /// Counts an operation that changes something. If its process dies at it, it is dead from here on.
    fn begin(&mut self, process: Process) -> io::Result<Option<Moment>> {
        self.alive(process)?;
        let life = self.life(process);
        life.operations += 1;
        let moment = life.dies_at.and_then(|(at, moment)| (at == life.operations).then_some(moment));
        if moment.is_some() {
            self.kill(process);
        }
        Ok(moment)
    }
}

fn unless_dead(dies: Option<Moment>) -> io::Result<()> {
    if dies.is_some() { Err(dead()) } else { Ok(()) }
}

fn dead() -> io::Error {
    io::Error::other("this process is dead")
}

fn broken(what: &str) -> io::Error {
    io::Error::other(format!("{what} fails on this disk"))
}
