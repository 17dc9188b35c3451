//! What the shim tells the worker before it goes: one line, on the lifeline, which the agent does not inherit and so
//! can't fake.

use std::path::Path;

/// How the agent ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// By itself, with a code.
    Exited(i32),
    /// By a signal.
    Killed(i32),
    /// It never ran.
    NotStarted(String),
}

impl Status {
    /// That `program` could not be started.
    pub(crate) fn not_started(program: &Path, why: &std::io::Error) -> Self {
        Self::NotStarted(format!("{}: {why}", program.display()))
    }

    /// The line.
    pub(crate) fn to_line(&self) -> String {
        match self {
            Self::Exited(code) => format!("exited {code}\n"),
            Self::Killed(signal) => format!("killed {signal}\n"),
            Self::NotStarted(why) => format!("not-started {}\n", why.replace('\n', " ")),
        }
    }

    /// Reads the line; `None` for anything else, above all for a line that was cut off.
    pub(crate) fn from_line(line: &str) -> Option<Self> {
        let (word, rest) = line.strip_suffix('\n')?.split_once(' ')?;
        match word {
            "exited" => rest.parse().ok().map(Self::Exited),
            "killed" => rest.parse().ok().map(Self::Killed),
            "not-started" => Some(Self::NotStarted(rest.to_owned())),
            _ => None,
        }
    }

    /// The shim's own exit code, for whoever runs it by hand.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Exited(code) => u8::try_from(code & 0xff).unwrap_or(1),
            Self::Killed(signal) => u8::try_from(128 + (signal & 0x7f)).unwrap_or(255),
            Self::NotStarted(_) => 127,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn statuses() -> impl Strategy<Value = Status> {
        prop_oneof![
            any::<i32>().prop_map(Status::Exited),
            any::<i32>().prop_map(Status::Killed),
            "[\\PC\\pC]{0,40}".prop_map(Status::NotStarted),
        ]
    }

    proptest! {
        #[test]
        fn any_end_reads_back_and_no_part_of_its_line_does(status in statuses(), behind in "\\PC{1,9}") {
            let line = status.to_line();
            let read = Status::from_line(&line);
            match &status {
                // A line has no other end than its own.
                Status::NotStarted(why) => prop_assert_eq!(read, Some(Status::NotStarted(why.replace('\n', " ")))),
                Status::Exited(_) | Status::Killed(_) => prop_assert_eq!(read, Some(status)),
            }
            for (cut, _) in line.char_indices() {
                prop_assert_eq!(Status::from_line(&line[..cut]), None);
            }
            prop_assert_eq!(Status::from_line(&format!("{line}{behind}")), None);
        }

        #[test]
        fn any_line_is_an_end_or_none(line in "(exited|killed|not-started|\\PC{0,9})[ +-]{0,2}[0-9]{0,12}\\PC{0,9}\n?") {
            if let Some(status) = Status::from_line(&line) {
                prop_assert!(line.ends_with('\n'));
                let _ = status.exit_code();
                prop_assert_eq!(Status::from_line(&status.to_line()), Some(status));
            }
        }
    }

    #[test]
    fn lines_read_back_and_half_a_line_does_not() {
        for status in [Status::Exited(0), Status::Exited(255), Status::Killed(9), Status::NotStarted("x: no".into())] {
            let line = status.to_line();
            assert_eq!(Status::from_line(&line), Some(status));
            assert_eq!(Status::from_line(line.trim_end()), None);
        }
        assert_eq!(Status::from_line("exited well\n"), None);
    }
}
