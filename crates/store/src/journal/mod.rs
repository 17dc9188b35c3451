//! The journal: what has to outlive a process while the store is out. Here a worker's finished answers; what a bridge
//! has acknowledged is in [`inbound`].
//!
//! Guarantee: an answer that [`Journal::flush`] wrote with `Ok` survives the death of its worker, and whoever decides
//! that worker's turns finds it by [`Replay`]. The journal keeps answers; it never delivers them. While the store is
//! well, there is no file and no sync.

mod durable;
pub mod inbound;
mod record;
mod replay;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use lastword_core::{
    ids::{Fence, IncarnationId},
    store::Verdict,
};

#[cfg(feature = "testing")]
pub use self::durable::power_cut;
use self::record::{Record, line};
pub use self::replay::{Replay, Unreadable, owners};
use crate::reserve;

/// How a journal's file ends.
const SUFFIX: &str = ".journal";

/// One worker's journal. It makes no file before there is something to keep.
#[derive(Debug)]
pub struct Journal {
    directory: PathBuf,
    owner: IncarnationId,
    deployment: String,
    reserve: PathBuf,
    open: Mutex<BTreeMap<Fence, Verdict>>,
    files: Mutex<Files>,
}

/// What is on the disk.
#[derive(Debug, Default)]
struct Files {
    current: Option<(PathBuf, File)>,
    /// What `current` surely holds.
    written: BTreeSet<Fence>,
    /// Files that were not trusted any more; removed when a whole one is written.
    abandoned: Vec<PathBuf>,
    next: u32,
}

impl Journal {
    /// The journal of `owner` in `directory`, for turns of the store `deployment`. Where the disk of `database` is full,
    /// its reserve makes room.
    #[must_use]
    pub fn new(directory: &Path, owner: &IncarnationId, deployment: &str, database: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            owner: owner.clone(),
            deployment: deployment.to_owned(),
            reserve: reserve::path_for(&crate::real_path::real_path(database)),
            open: Mutex::default(),
            files: Mutex::default(),
        }
    }

    /// Takes an answer into memory; [`Journal::flush`] writes it.
    pub fn keep(&self, verdict: &Verdict) {
        lock(&self.open).insert(verdict.fence, verdict.clone());
    }

    /// The answer that is kept for this attempt.
    #[must_use]
    pub fn kept(&self, fence: Fence) -> Option<Verdict> {
        lock(&self.open).get(&fence).cloned()
    }

    /// Every answer that is kept.
    #[must_use]
    pub fn answers(&self) -> Vec<Verdict> {
        lock(&self.open).values().cloned().collect()
    }

    /// The election of this answer is decided; [`Journal::flush`] forgets it.
    pub fn settle(&self, fence: Fence) {
        lock(&self.open).remove(&fence);
    }

    /// Settles every answer but those of which `is_open` says that they are not decided; whether there were any.
    pub fn settle_all_but(&self, is_open: impl Fn(Fence) -> bool) -> bool {
        let mut open = lock(&self.open);
        let before = open.len();
        open.retain(|fence, _| is_open(*fence));
        open.len() < before
    }

    /// Makes the disk hold what is kept, and nothing when nothing is. Blocks.
    ///
    /// After an `Err` the file is not trusted any more: the next call writes everything anew into a fresh one.
    pub fn flush(&self) -> io::Result<()> {
        let mut files = lock(&self.files);
        let open = lock(&self.open).clone();
        let flushed = match self.write(&mut files, &open) {
            Err(error) if is_full(&error) && reserve::release(&self.reserve, &self.directory).is_ok() => {
                files.abandon();
                self.write(&mut files, &open)
            }
            flushed => flushed,
        };
        if flushed.is_err() {
            files.abandon();
        }
        flushed
    }

    fn write(&self, files: &mut Files, open: &BTreeMap<Fence, Verdict>) -> io::Result<()> {
        if open.is_empty() {
            files.abandon();
            files.remove_abandoned();
            return Ok(());
        }
        let mut lines = Vec::new();
        for fence in files.written.iter().filter(|fence| !open.contains_key(fence)) {
            lines.extend(line(&Record::Settled(*fence))?);
        }
        let is_new = |fence: &&Fence| !files.written.contains(fence);
        let new: Vec<Fence> = open.keys().filter(is_new).copied().collect();
        for fence in &new {
            let (deployment, verdict) = (self.deployment.clone(), open[fence].clone());
            lines.extend(line(&Record::Answer { deployment, verdict })?);
        }
        if lines.is_empty() {
            return Ok(());
        }
        let is_fresh = files.current.is_none();
        let file = match &mut files.current {
            Some((_, file)) => file,
            none => &mut none.insert(create(&self.directory, &self.owner, files.next)?).1,
        };
        file.write_all(&lines)?;
        // Only answers are waited for: one that was settled loses its election if it is replayed.
        if !new.is_empty() {
            durable::sync(file)?;
        }
        if is_fresh {
            durable::sync_names(&self.directory)?;
            files.remove_abandoned();
        }
        files.written = open.keys().copied().collect();
        Ok(())
    }
}

impl Files {
    /// Trusts the current file no more. One that never surely held an answer goes at once: on a disk that stays full,
    /// each attempt makes a file.
    fn abandon(&mut self) {
        let is_relied_on = !std::mem::take(&mut self.written).is_empty();
        if let Some((path, _)) = self.current.take()
            && (is_relied_on || remove(&path).is_err())
        {
            self.abandoned.push(path);
            self.next += 1;
        }
    }

    /// What can't be removed now is tried again later; whoever replays it only loses.
    fn remove_abandoned(&mut self) {
        self.abandoned.retain(|path| remove(path).is_err());
    }
}

/// Makes a file that only its owner may touch. One that is there already is another's.
fn create(directory: &Path, owner: &IncarnationId, n: u32) -> io::Result<(PathBuf, File)> {
    let name = if n == 0 { format!("{owner}{SUFFIX}") } else { format!("{owner}.{n}{SUFFIX}") };
    let path = directory.join(name);
    let file = durable::create(&path)?;
    Ok((path, file))
}

/// The incarnation whose journal this file is.
fn owner_of(name: &str) -> Option<IncarnationId> {
    owner_in(name, SUFFIX)
}

/// Whose a file is that ends like this.
fn owner_in(name: &str, suffix: &str) -> Option<IncarnationId> {
    let owner = name.strip_suffix(suffix)?.split('.').next()?;
    (!owner.is_empty()).then(|| IncarnationId::new(owner))
}

fn move_aside(path: &Path, extension: &str) -> io::Result<()> {
    match fs::rename(path, path.with_extension(extension)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
