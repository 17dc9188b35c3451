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
    use super::*;

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
