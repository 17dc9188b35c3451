//! Who holds which lock on a file: the engine's five kinds, per handle.

use sqlite_vfs::LockKind;

use super::machine::HandleId;

/// The locks on one file.
#[derive(Debug, Default)]
pub(super) struct Locks(Vec<(HandleId, LockKind)>);

impl Locks {
    /// Which lock the handle holds.
    pub(super) fn held_by(&self, handle: HandleId) -> LockKind {
        self.0.iter().find(|(holder, _)| *holder == handle).map_or(LockKind::None, |(_, kind)| *kind)
    }

    /// Whether anybody is about to write.
    pub(super) fn reserved(&self) -> bool {
        self.0.iter().any(|(_, kind)| *kind >= LockKind::Reserved)
    }

    /// Whether the handle may have the lock; it has it from here on. Who asks for the exclusive one in vain while
    /// others only read keeps new readers out.
    pub(super) fn change(&mut self, handle: HandleId, wanted: LockKind) -> bool {
        let held = self.held_by(handle);
        if wanted <= held {
            self.set(handle, wanted);
            return true;
        }
        let highest = self.0.iter().filter(|(holder, _)| *holder != handle).map(|(_, kind)| *kind);
        let highest = highest.fold(LockKind::None, |highest, kind| if kind > highest { kind } else { highest });
        let granted = match wanted {
            LockKind::None => true,
            LockKind::Shared => highest < LockKind::Pending,
            LockKind::Reserved | LockKind::Pending => highest < LockKind::Reserved,
            LockKind::Exclusive => highest == LockKind::None,
        };
        if granted {
            self.set(handle, wanted);
        } else if wanted == LockKind::Exclusive && highest == LockKind::Shared {
            self.set(handle, LockKind::Pending);
        }
        granted
    }

    /// Releases what the handle holds.
    pub(super) fn release(&mut self, handle: HandleId) {
        self.0.retain(|(holder, _)| *holder != handle);
    }

    fn set(&mut self, handle: HandleId, kind: LockKind) {
        self.release(handle);
        if kind != LockKind::None {
            self.0.push((handle, kind));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_writes_when_nobody_reads() {
        let (one, two) = (HandleId(1), HandleId(2));
        let mut locks = Locks::default();
        assert!(locks.change(one, LockKind::Shared) && locks.change(two, LockKind::Shared));
        assert!(locks.change(one, LockKind::Reserved) && !locks.change(two, LockKind::Reserved));
        assert!(!locks.change(one, LockKind::Exclusive), "somebody reads");
        assert!(locks.change(two, LockKind::None) && !locks.change(two, LockKind::Shared), "a writer waits");
        assert!(locks.change(one, LockKind::Exclusive) && locks.reserved());
        locks.release(one);
        assert!(locks.change(two, LockKind::Shared) && !locks.reserved());
    }
}
