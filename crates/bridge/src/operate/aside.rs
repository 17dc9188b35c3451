//! What a restore takes out of the way: files of a time that the restored store does not know.
//!
//! Numbers given out after the backup are given again. A journal of answers of that time would answer another turn, and an
//! agent's directory would belong to another conversation. Nothing is removed: everything keeps its name below
//! `before-restore-<n>` in the state directory.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context;
use lastword_core::ids::PlaceId;
use lastword_store::journal::inbound::is_inbound;

use crate::process::state_dir::{StateDir, places};

/// Moves what a store with these current sessions does not know; says where to, if there was anything.
pub(super) fn set_aside(state: &StateDir, sessions: &BTreeMap<PlaceId, u32>) -> anyhow::Result<Option<PathBuf>> {
    let strange = strangers(state, sessions).context("the state directory can't be looked through")?;
    if strange.is_empty() {
        return Ok(None);
    }
    let aside = free_name(state.root());
    let moved = move_all(state.root(), &strange, &aside);
    moved.with_context(|| format!("files could not be set aside; what was moved is in {}", aside.display()))?;
    Ok(Some(aside))
}

/// Journals of answers, and the working directories of places or sessions that are not among `sessions`.
fn strangers(state: &StateDir, sessions: &BTreeMap<PlaceId, u32>) -> io::Result<Vec<PathBuf>> {
    let mut strange = entries(&state.journals())?;
    // What was heard has no numbers: it is answered as if it were new.
    strange.retain(|path| !is_inbound(path));
    let is_known = |path: &PathBuf| {
        let (place, session) = path.file_name()?.to_str()?.split_once('-')?;
        let current = sessions.get(&PlaceId(place.parse().ok()?))?;
        (session.parse::<u32>().ok()? <= *current).then_some(())
    };
    strange.extend(entries(&places(state.root()))?.into_iter().filter(|path| is_known(path).is_none()));
    Ok(strange)
}

fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(directory) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn free_name(root: &Path) -> PathBuf {
    let mut n = 1;
    loop {
        let name = root.join(format!("before-restore-{n}"));
        if name.symlink_metadata().is_err() {
            return name;
        }
        n += 1;
    }
}

/// On the disk when it returns, so that no power cut brings them back beside the restored store.
fn move_all(root: &Path, strange: &[PathBuf], aside: &Path) -> io::Result<()> {
    let mut folders = vec![root.to_owned()];
    for path in strange {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { continue };
        let to = aside.join(folder.file_name().unwrap_or_default());
        fs::create_dir_all(&to)?;
        fs::rename(path, to.join(name))?;
        for touched in [folder.to_owned(), to] {
            if !folders.contains(&touched) {
                folders.push(touched);
            }
        }
    }
    folders.push(aside.to_owned());
    folders.iter().try_for_each(|folder| fs::File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_restored_store_knows_stays() {
        let parent = tempfile::tempdir().unwrap();
        let state = StateDir::open(&parent.path().join("state")).unwrap();
        for (place, session) in [(1, 1), (1, 2), (1, 3), (2, 1)] {
            state.open_place(PlaceId(place), session).unwrap();
        }
        fs::create_dir_all(state.journals()).unwrap();
        fs::write(state.journals().join("a.journal"), "an answer").unwrap();
        let sessions = BTreeMap::from([(PlaceId(1), 2)]);
        let aside = set_aside(&state, &sessions).unwrap().unwrap();
        assert!(aside.ends_with("before-restore-1"));
        let left = |folder: &Path| {
            let mut names: Vec<_> =
                entries(folder).unwrap().iter().map(|path| path.file_name().unwrap().to_owned()).collect();
            names.sort();
            names
        };
        assert_eq!(left(&places(state.root())), ["1-1", "1-2"]);
        assert_eq!(left(&aside.join("places")), ["1-3", "2-1"]);
        assert_eq!(left(&aside.join("journal")), ["a.journal"]);
        assert!(left(&state.journals()).is_empty());
        assert_eq!(set_aside(&state, &sessions).unwrap(), None);
    }
}
