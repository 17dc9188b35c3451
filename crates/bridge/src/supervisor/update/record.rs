//! How far an update is: a small file in the state directory, read by whichever build starts next.

use std::{fs, io, path::PathBuf};

use lastword_core::ids::TurnId;
use serde::{Deserialize, Serialize};

use crate::process::{state_dir::StateDir, whole_file::write_whole};

/// The file in the state directory.
const FILE: &str = "update.json";

/// How far one request is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Record {
    /// Its turn.
    pub(super) turn: i64,
    pub(super) stage: Stage,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// The program is what it was; something else may be made and tried out. Begun so many times.
    Preparing { begun: u32 },
    /// The program is one or the other: `from` while there is a file that may take its place, then `to`.
    Swapping(Change),
    /// The program becomes `from` again.
    PuttingBack { change: Change, why: String },
    /// What is to be said is known.
    Over(Outcome),
}

/// From one build to another.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Change {
    /// The program's file.
    pub(super) program: PathBuf,
    pub(super) from: String,
    pub(super) to: String,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// The other build proved itself.
    Changed { from: String, to: String },
    /// There is no other build.
    Same { build: String },
    /// No other build was tried in its place.
    NotUpdated { why: String },
    /// The other build did not prove itself.
    PutBack { build: String, runs: String, why: String },
}

/// Where the record is.
#[derive(Clone, Debug)]
pub(super) struct Shelf {
    path: PathBuf,
}

impl Shelf {
    pub(super) fn of(state: &StateDir) -> Self {
        Self { path: state.root().join(FILE) }
    }

    /// What is recorded, of whichever request; what can't be read counts as nothing.
    pub(super) fn read(&self) -> Option<Record> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::error!("{} can't be read: {error}", self.path.display());
                return None;
            }
        };
        let record = serde_json::from_slice(&text);
        record.inspect_err(|error| tracing::error!("{} is ignored: {error}", self.path.display())).ok()
    }

    /// Onto the disk.
    pub(super) fn write(&self, turn: TurnId, stage: &Stage) -> io::Result<()> {
        let record = Record { turn: turn.0, stage: stage.clone() };
        write_whole(&self.path, &serde_json::to_vec_pretty(&record)?)
    }

    /// What is recorded was said.
    pub(super) fn clear(&self) {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("{} stays behind: {error}", self.path.display());
            }
            Ok(()) | Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_reads_back_and_anything_else_counts_as_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf { path: folder.path().join(FILE) };
        let change = Change { program: "/opt/lastword".into(), from: "1".into(), to: "2".into() };
        let (build, runs, why) = ("2".to_owned(), "1".to_owned(), "it died".to_owned());
        let over = [
            Outcome::Changed { from: "1".into(), to: "2".into() },
            Outcome::Same { build: "1".into() },
            Outcome::NotUpdated { why: why.clone() },
            Outcome::PutBack { build, runs, why: why.clone() },
        ];
        let mut stages = vec![Stage::Preparing { begun: 2 }, Stage::Swapping(change.clone())];
        stages.push(Stage::PuttingBack { change, why });
        stages.extend(over.map(Stage::Over));
        assert_eq!(shelf.read(), None);
        for stage in stages {
            shelf.write(TurnId(7), &stage).unwrap();
            assert_eq!(shelf.read(), Some(Record { turn: 7, stage }));
        }
        for text in ["", "{", "[]", "{\"turn\": 7, \"stage\": \"flying\"}"] {
            fs::write(&shelf.path, text).unwrap();
            assert_eq!(shelf.read(), None, "{text}");
        }
        shelf.clear();
        shelf.clear();
        assert_eq!(shelf.read(), None);
    }
}
