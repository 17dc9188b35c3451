//! What is wrong with a configuration, where, and what cures it.

use std::{fmt, path::PathBuf};

use crate::chat::clean::spelled_out;

/// One problem: a place in a file, what is wrong there, and the cure. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as the operator named it; `None` for the environment and the defaults.
    pub file: Option<PathBuf>,
    /// Where in the file; `None` where it is about the file as a whole.
    pub mark: Option<Mark>,
    /// What is wrong, beginning with the key it is about, and the cure: one line, which steers no terminal.
    pub text: String,
}

/// A position in a file, both counted from 1; the column counts characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}:", file.display())?;
            if let Some(mark) = self.mark {
                write!(f, "{}:{}:", mark.line, mark.column)?;
            }
            f.write_str(" ")?;
        }
        f.write_str(&self.text)
    }
}

/// Every problem of one configuration, in the order of the file; never empty.
///
/// Displayed with one problem a line and the count at the end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigProblems {
    /// The problems.
    pub problems: Vec<Problem>,
}

impl ConfigProblems {
    pub(super) fn one(file: Option<PathBuf>, text: String) -> Self {
        Self { problems: vec![Problem { file, mark: None, text }] }
    }
}

impl fmt::Display for ConfigProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        let count = self.problems.len();
        write!(f, "{count} problem{} in the configuration", if count == 1 { "" } else { "s" })
    }
}

/// Collects problems and warnings while a file is read.
#[derive(Debug, Default)]
pub(super) struct Findings {
    file: Option<PathBuf>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Findings {
    pub(super) fn of(file: Option<PathBuf>) -> Self {
        Self { file, ..Self::default() }
    }

    /// Something that must be cured before the bridge starts.
    pub(super) fn problem(&mut self, mark: Option<Mark>, text: String) {
        // Keys are in it as the file has them.
        let problem = Problem { file: self.file.clone(), mark, text: spelled_out(&text) };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Something that works, though perhaps not as meant.
    pub(super) fn warning(&mut self, mark: Option<Mark>, text: String) {
        self.warnings.push(Problem { file: self.file.clone(), mark, text: spelled_out(&text) });
    }

    /// The warnings, or every problem.
    pub(super) fn finish(mut self) -> Result<Vec<Problem>, ConfigProblems> {
        self.problems.sort_by_key(|problem| problem.mark);
        self.warnings.sort_by_key(|warning| warning.mark);
        if self.problems.is_empty() { Ok(self.warnings) } else { Err(ConfigProblems { problems: self.problems }) }
    }

    pub(super) fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }
}
