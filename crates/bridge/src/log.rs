//! Where log lines go: standard error, as text for people or as JSON for machines; and, as text and without single steps, a
//! file of the process in the state directory, which is what `/logs` shows.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, IsTerminal as _, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use lastword_core::decide::intake::Logger;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, filter_fn},
    fmt,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::{
    config::{Config, LogFormat},
    process::state_dir,
};

/// How many lines may wait for a disk that does not answer; more are left out of the file.
const WAITING_MAX: usize = 10_000;

/// The target of lines that hold what a network said of a delivery: it may quote what people or agents wrote, and is not kept.
pub const QUOTES: &str = "lastword::quotes";
/// The target of lines that are only kept: standard error has them in another form.
const KEPT: &str = "lastword::kept";

/// Writes what waits for the file when it is dropped.
static WRITING: Mutex<Option<WorkerGuard>> = Mutex::new(None);

/// Starts logging. `RUST_LOG` wins over the configured level, but for the file.
///
/// What is returned writes what waits for the file when it is dropped, also while a panic takes the process with it.
///
/// The file is only kept where the state directory is: one that was made in the place of a lost disk would hide that.
#[must_use]
pub fn init(config: &Config, who: Logger) -> Flush {
    let log = &config.log;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(directives(log.level.as_str())));
    // A reader of the log that is gone must not take a process with it: a line that can't be written is lost, no more.
    let lines = fmt::layer().with_writer(io::stderr).with_target(false).log_internal_errors(false);
    let lines = match log.format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    let lines = lines.with_filter(filter.and(filter_fn(|line| line.target() != KEPT)));
    let opened = (log.keep_bytes > 0)
        .then(|| KeptLog::open(state_dir::log_file(&config.state_dir, who), log.keep_bytes))
        .transpose();
    let file = opened.as_ref().err().map(ToString::to_string);
    let kept = opened.ok().flatten().map(|kept| {
        let (writer, guard) = NonBlockingBuilder::default().buffered_lines_limit(WAITING_MAX).finish(kept);
        *WRITING.lock().unwrap_or_else(PoisonError::into_inner) = Some(guard);
        let lines = fmt::layer().with_writer(writer).with_target(false).with_ansi(false).log_internal_errors(false);
        lines.with_filter(EnvFilter::new(directives("info")).and(filter_fn(|line| line.target() != QUOTES)))
    });
    tracing_subscriber::registry().with(lines).with(kept).init();
    if let Some(error) = file {
        tracing::warn!("this log is not kept for /logs: {error}");
    }
    let said = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        said(panic);
        // Without what it says, which may be anybody's.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(target: KEPT, "a panic at {place}");
    }));
    Flush
}

/// Calls [`flush`] when it is dropped.
pub struct Flush;

impl Drop for Flush {
    fn drop(&mut self) {
        flush();
    }
}

/// Keeps why a process ends, which is printed for people as well.
pub fn keep_end(why: &anyhow::Error) {
    tracing::error!(target: KEPT, "it ends: {why:#}");
}

/// Writes what waits for the file: for whoever ends the process at once. Nothing is kept after it.
pub fn flush() {
    drop(WRITING.lock().unwrap_or_else(PoisonError::into_inner).take());
}

fn directives(level: &str) -> String {
    let level = std::iter::once(level);
    level.chain(lastword_providers::QUIET_LOGS.iter().copied()).collect::<Vec<_>>().join(",")
}

/// A file that begins anew when it is large, and the one before it. Two processes of one role may write it for a moment: each
/// line goes to its end as a whole.
struct KeptLog {
    path: PathBuf,
    file: File,
    bytes: u64,
    bytes_max: u64,
}

impl KeptLog {
    fn open(path: PathBuf, bytes_max: u64) -> io::Result<Self> {
        // Not its parents: see `init`.
        match fs::create_dir(path.parent().unwrap_or(Path::new(""))) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let file = append(&path)?;
        Ok(Self { bytes: file.metadata()?.len(), file, path, bytes_max })
    }
}

impl Write for KeptLog {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.bytes >= self.bytes_max {
            fs::rename(&self.path, state_dir::log_before(&self.path))?;
            self.file = append(&self.path)?;
            self.bytes = 0;
        }
        self.file.write_all(line)?;
        self.bytes += line.len() as u64;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_kept_up_to_its_size_and_goes_on_with_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = state_dir::log_file(folder.path(), Logger::Bridge);
        let write = |lines: std::ops::Range<u32>| {
            let mut log = KeptLog::open(path.clone(), 100).unwrap();
            lines.for_each(|n| log.write_all(format!("line number {n:>3}\n").as_bytes()).unwrap());
        };
        write(0..3);
        write(3..20);
        let kept = fs::read_to_string(&path).unwrap();
        let before = fs::read_to_string(state_dir::log_before(&path)).unwrap();
        assert!(kept.ends_with("line number  19\n") && kept.len() <= 116 && before.len() <= 116, "{before}{kept}");
        let number = |line: &str| -> u32 { line[12..].trim().parse().unwrap() };
        let numbers: Vec<u32> = before.lines().chain(kept.lines()).map(number).collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1) && numbers.len() > 6, "{numbers:?}");
    }

    #[test]
    fn no_state_directory_is_made_for_a_log() {
        let folder = tempfile::tempdir().unwrap();
        let lost = folder.path().join("lost");
        assert!(KeptLog::open(state_dir::log_file(&lost, Logger::Worker), 100).is_err() && !lost.exists());
    }
}
