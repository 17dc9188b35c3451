//! The log's index: memory that all processes with the log open share, and the locks on it.
//!
//! Each handle has a copy of its own, which sqlite-vfs takes when it locks and gives back when it unlocks. What is
//! given back is what the handle changed since, so that nobody undoes what another did in between.

use std::{ops::Range, sync::Arc};

use sqlite_vfs::wip::WalIndexLock;

use super::machine::HandleId;

/// What the engine maps at once.
pub(super) const REGION_BYTES: usize = 32_768;
/// The parts of it that can be locked.
const SLOTS: usize = 8;
/// The first slots: who writes, who checkpoints and who recovers. The rest is for readers.
pub(super) const WRITER_SLOTS: u8 = 3;
/// What the engine reads and writes at once.
const WORD_BYTES: usize = 4;

pub(super) type Region = [u8; REGION_BYTES];

/// The index of one database's log.
#[derive(Debug, Default)]
pub(super) struct Index {
    regions: Vec<Arc<Region>>,
    slots: [Slot; SLOTS],
    users: Vec<HandleId>,
}

#[derive(Debug, Default)]
struct Slot {
    exclusive: Option<HandleId>,
    shared: Vec<HandleId>,
}

impl Index {
    pub(super) fn open(&mut self, handle: HandleId) {
        if !self.users.contains(&handle) {
            self.users.push(handle);
        }
    }

    /// Releases what the handle holds. When nobody has the index open it is gone.
    pub(super) fn close(&mut self, handle: HandleId) {
        self.users.retain(|user| *user != handle);
        for slot in &mut self.slots {
            slot.release(handle);
        }
        if self.users.is_empty() {
            self.regions.clear();
        }
    }

    /// A region as it is, made of zeros if it is new.
    pub(super) fn region(&mut self, region: usize) -> &Arc<Region> {
        while self.regions.len() <= region {
            self.regions.push(Arc::new([0; REGION_BYTES]));
        }
        &self.regions[region]
    }

    /// Takes over what is in `data` and was not in `base`, and returns what the handle knows now.
    pub(super) fn merge(&mut self, region: usize, base: Arc<Region>, data: &Region) -> Arc<Region> {
        if *base == *data {
            return base;
        }
        let known = Arc::new(*data);
        let there = self.region(region);
        if Arc::ptr_eq(there, &base) {
            self.regions[region] = Arc::clone(&known);
            return known;
        }
        let mut merged = **there;
        let words = merged.chunks_exact_mut(WORD_BYTES).zip(base.chunks_exact(WORD_BYTES));
        for ((merged, base), data) in words.zip(data.chunks_exact(WORD_BYTES)) {
            if base != data {
                merged.copy_from_slice(data);
            }
        }
        self.regions[region] = Arc::new(merged);
        known
    }

    /// Whether the handle may have the lock on all of `slots`; it has it from here on.
    pub(super) fn lock(&mut self, handle: HandleId, slots: Range<u8>, lock: WalIndexLock) -> bool {
        let slots = &mut self.slots[usize::from(slots.start)..usize::from(slots.end)];
        let granted = slots.iter().all(|slot| slot.grants(handle, lock));
        if granted {
            for slot in slots {
                slot.release(handle);
                match lock {
                    WalIndexLock::None => {}
                    WalIndexLock::Shared => slot.shared.push(handle),
                    WalIndexLock::Exclusive => slot.exclusive = Some(handle),
                }
            }
        }
        granted
    }
}

impl Slot {
    fn grants(&self, handle: HandleId, lock: WalIndexLock) -> bool {
        let nobody_writes = self.exclusive.is_none_or(|holder| holder == handle);
        match lock {
            WalIndexLock::None => true,
            WalIndexLock::Shared => nobody_writes,
            WalIndexLock::Exclusive => nobody_writes && self.shared.iter().all(|holder| *holder == handle),
        }
    }

    fn release(&mut self, handle: HandleId) {
        self.exclusive = self.exclusive.filter(|holder| *holder != handle);
        self.shared.retain(|holder| *holder != handle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_undoes_what_another_did() {
        let mut index = Index::default();
        let (one, two) = (Arc::clone(index.region(0)), Arc::clone(index.region(0)));
        let (mut by_one, mut by_two) = (*one, *two);
        by_one[100] = 1;
        by_two[200] = 2;
        index.merge(0, one, &by_one);
        let known = index.merge(0, two, &by_two);
        assert_eq!((index.region(0)[100], index.region(0)[200]), (1, 2));
        assert_eq!((known[100], known[200]), (0, 2));
    }

    #[test]
    fn an_exclusive_lock_keeps_the_others_out_until_its_holder_is_gone() {
        let (one, two) = (HandleId(1), HandleId(2));
        let mut index = Index::default();
        index.open(one);
        index.open(two);
        index.merge(0, Arc::new([0; REGION_BYTES]), &[1; REGION_BYTES]);
        assert!(index.lock(one, 0..2, WalIndexLock::Exclusive));
        assert!(!index.lock(two, 1..2, WalIndexLock::Shared));
        index.close(one);
        assert!(index.lock(two, 1..2, WalIndexLock::Shared));
        assert!(!index.lock(one, 1..2, WalIndexLock::Exclusive));
        assert_eq!(index.region(0)[0], 1, "somebody has it open");
        index.close(two);
        assert_eq!(index.region(0)[0], 0, "it is gone with its last user");
    }
}
