//! A dead worker's journal, for whoever decides its turns.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use lastword_core::{ids::IncarnationId, store::Verdict};

use super::{
    move_aside, owner_of,
    record::{self, Record},
    remove,
};

/// What a dead worker's journal holds.
#[derive(Debug, Default)]
pub struct Replay {
    /// Its answers whose election is not known to be decided.
    pub answers: Vec<Verdict>,
    /// Files of which something can't be read, and why.
    pub damaged: Vec<(PathBuf, String)>,
    /// Files of another store: one that a restore has replaced. Nothing in them is about turns of this one.
    pub foreign: Vec<PathBuf>,
    whole: Vec<PathBuf>,
}

/// What a file that is there and can't be read means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Nothing yet: the whole is an `Err`.
    IsNoAnswer,
    /// That it is damaged; the others count.
    IsDamage,
}

impl Replay {
    /// Reads every file of `dead` that is about the store `deployment`. Blocks. That there is none is an empty replay;
    /// `Err` if nobody knows.
    pub fn read(directory: &Path, dead: &IncarnationId, deployment: &str, unreadable: Unreadable) -> io::Result<Self> {
        let mut replay = Self::default();
        let mut answers = BTreeMap::new();
        for path in files_of(directory, dead)? {
            let text = match fs::read(&path) {
                Ok(text) => text,
                // Somebody else has decided everything already.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                // It may pass, as a lack of descriptors does.
                Err(error) if unreadable == Unreadable::IsNoAnswer => {
                    let why = format!("{}: {error}", path.display());
                    return Err(io::Error::new(error.kind(), why));
                }
                Err(error) => {
                    replay.damaged.push((path, error.to_string()));
                    continue;
                }
            };
            let (records, damaged) = record::read(&text);
            let is_foreign =
                |record: &Record| matches!(record, Record::Answer { deployment: of, .. } if of != deployment);
            if records.iter().any(is_foreign) {
                replay.foreign.push(path);
                continue;
            }
            let mut settled = BTreeSet::new();
            for record in records {
                match record {
                    Record::Answer { verdict, .. } => drop(answers.insert(verdict.fence, verdict)),
                    Record::Settled(fence) => drop(settled.insert(fence)),
                }
            }
            answers.retain(|fence, _| !settled.contains(fence));
            match damaged {
                0 => replay.whole.push(path),
                n => replay.damaged.push((path, format!("{n} of its records can't be read"))),
            }
        }
        replay.answers = answers.into_values().collect();
        Ok(replay)
    }

    /// Some of it could not be stored: nothing of it is removed.
    pub fn distrust(&mut self, why: &str) {
        self.damaged.extend(self.whole.drain(..).map(|path| (path, why.to_owned())));
    }

    /// Removes what was read. What can't be read, or is another store's, is moved aside, never deleted. Call it when
    /// everything is decided.
    pub fn forget(&self) -> io::Result<()> {
        for path in &self.whole {
            remove(path)?;
        }
        for (path, _) in &self.damaged {
            move_aside(path, "damaged")?;
        }
        for path in &self.foreign {
            move_aside(path, "foreign")?;
        }
        Ok(())
    }
}

/// Whose journals there are. Blocks.
pub fn owners(directory: &Path) -> io::Result<BTreeSet<IncarnationId>> {
    let mut owners = BTreeSet::new();
    for entry in fs::read_dir(directory)? {
        owners.extend(entry?.file_name().to_str().and_then(owner_of));
    }
    Ok(owners)
}

/// In the order in which they were written: what a later one says of an answer counts.
fn files_of(directory: &Path, owner: &IncarnationId) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        if name.to_str().and_then(owner_of).as_ref() == Some(owner) {
            files.push((number_of(&name), directory.join(name)));
        }
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// The `2` of `worker.2.journal`; the first file has none.
pub(super) fn number_of(name: &OsStr) -> u32 {
    name.to_str().and_then(|name| name.split('.').nth(1)?.parse().ok()).unwrap_or(0)
}
