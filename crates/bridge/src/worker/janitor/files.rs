//! Old files of agents, removed without following a link.

use std::{fs, io, path::Path, time::SystemTime};

use lastword_core::{ids::IncarnationId, store::IdleSession};

use crate::process::state_dir::{self, StateDir};

/// How deep a folder in an inbox or an outbox is looked through.
const DEPTH_MAX: u32 = 32;

/// Removes the working directories of sessions that are over, and of current ones only what is old in `inbox/` and
/// `outbox/`, or was left to be sent. Returns how many files and directories went. One that can't be removed keeps nobody from removing the
/// others; the first such failure is returned.
pub(super) fn remove_old(places: &Path, sessions: &[IdleSession], before: SystemTime) -> io::Result<u64> {
    let (mut removed, mut failed) = (0, Ok(()));
    for IdleSession { place, session, is_current } in sessions {
        let done = if *is_current {
            let directory = state_dir::place(places, *place, *session);
            if !is_directory(places) || !is_directory(&directory) {
                continue;
            }
            let spool = state_dir::spool_beside(places).join(StateDir::session_name(*place, *session));
            let folders = [directory.join("inbox"), directory.join("outbox"), spool];
            folders.iter().map(|folder| empty(folder, before, DEPTH_MAX)).sum()
        } else {
            state_dir::remove_place(places, *place, *session).map(u64::from)
        };
        match done {
            Ok(count) => removed += count,
            Err(error) => failed = failed.and(Err(error)),
        }
    }
    failed.map(|()| removed)
}

/// Removes files last written before `before`, and folders that this leaves empty; the folder itself stays. As above,
/// what can't be removed keeps nothing else.
fn empty(folder: &Path, before: SystemTime, depth: u32) -> io::Result<u64> {
    let (mut removed, mut failed) = (0, Ok(()));
    if depth == 0 || !is_directory(folder) {
        return Ok(removed);
    }
    for entry in fs::read_dir(folder)? {
        match entry.and_then(|entry| remove_if_old(&entry.path(), before, depth)) {
            Ok(count) => removed += count,
            Err(error) => failed = failed.and(Err(error)),
        }
    }
    failed.map(|()| removed)
}

fn remove_if_old(path: &Path, before: SystemTime, depth: u32) -> io::Result<u64> {
    // Of the link itself, never of what it leads to.
    let found = fs::symlink_metadata(path)?;
    let is_old = found.modified()? < before;
    if found.is_dir() {
        let removed = empty(path, before, depth - 1)?;
        if is_old && fs::read_dir(path)?.next().is_none() {
            fs::remove_dir(path)?;
        }
        return Ok(removed);
    }
    if is_old {
        fs::remove_file(path)?;
    }
    Ok(u64::from(is_old))
}

/// The incarnations whose lock files were made before `before`.
pub(super) fn old_locks(directory: &Path, before: SystemTime) -> io::Result<Vec<IncarnationId>> {
    let mut old = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        // One that goes away meanwhile is somebody else's success.
        let Ok(modified) = entry.metadata().and_then(|found| found.modified()) else { continue };
        let name = entry.file_name();
        if let Some(id) = name.to_str().and_then(|name| name.strip_suffix(".lock")).filter(|_| modified < before) {
            old.push(IncarnationId::new(id));
        }
    }
    Ok(old)
}

fn is_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, path::PathBuf, time::Duration};

    use lastword_core::ids::PlaceId;

    use super::*;

    const BEFORE: SystemTime = SystemTime::UNIX_EPOCH;

    fn session(session: u32, is_current: bool) -> IdleSession {
        IdleSession { place: PlaceId(1), session, is_current }
    }

    fn write(path: PathBuf, is_old: bool) -> PathBuf {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = fs::File::create(&path).unwrap();
        let hours = Duration::from_secs(3_600);
        file.set_modified(if is_old { BEFORE - hours } else { BEFORE + hours }).unwrap();
        path
    }

    #[test]
    fn a_session_that_is_over_goes_and_a_current_one_keeps_all_but_its_old_files() {
        let root = tempfile::tempdir().unwrap();
        let places = root.path();
        let over = write(places.join("1-0/notes"), false);
        let old = write(places.join("1-1/outbox/sub/old.txt"), true);
        let new = write(places.join("1-1/outbox/sub/new.txt"), false);
        let own = write(places.join("1-1/memory.txt"), true);
        fs::create_dir(places.join("1-1/inbox")).unwrap();
        let other = write(places.join("2-0/outbox/old.txt"), true);
        assert_eq!(remove_old(places, &[session(0, false), session(1, true)], BEFORE).unwrap(), 2);
        assert!(!over.exists() && !old.exists());
        assert!(new.exists() && own.exists() && other.exists());
        assert_eq!(remove_old(places, &[session(0, false), session(1, true)], BEFORE).unwrap(), 0);
    }

    #[test]
    fn what_can_not_be_removed_keeps_nothing_else() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let outbox = root.path().join("1-1/outbox");
        let mut files = Vec::new();
        for name in ["a", "b", "c", "d"] {
            files.push(write(outbox.join(name).join("old.txt"), true));
        }
        let locked = outbox.join("b");
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o500)).unwrap();
        let done = remove_old(root.path(), &[session(1, true)], BEFORE);
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o700)).unwrap();
        let left: Vec<_> = files.iter().filter(|file| file.exists()).collect();
        // Root may remove everything.
        assert_eq!(left.len(), usize::from(done.is_err()), "{left:?}");
    }

    #[test]
    fn what_links_lead_to_stays() {
        let root = tempfile::tempdir().unwrap();
        let (places, elsewhere) = (root.path().join("places"), root.path().join("elsewhere"));
        let precious = write(elsewhere.join("precious.txt"), true);
        fs::create_dir_all(places.join("1-1/inbox")).unwrap();
        symlink(&elsewhere, places.join("1-1/outbox")).unwrap();
        symlink(&elsewhere, places.join("1-1/inbox/link")).unwrap();
        symlink(&elsewhere, places.join("1-0")).unwrap();
        remove_old(&places, &[session(0, false), session(1, true)], BEFORE).unwrap();
        assert!(precious.exists());
    }
}
