//! Programs that an update runs: to their end, with whatever they started, and no longer than the supervisor.

use std::{
    convert::Infallible,
    ffi::OsString,
    fs::{File, OpenOptions},
    future::pending,
    io::{self, Write},
    os::{fd::OwnedFd, unix::fs::OpenOptionsExt, unix::net::UnixStream},
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use futures_util::FutureExt;
use lastword_agents::shim;
use tokio::process::Child;

use crate::{
    process::program,
    supervisor::{handover::INHERITS_ENV, image::MANAGER_ENV},
};

/// The file in the state directory that has what they print.
pub(super) const LOG: &str = "update.log";
/// How long one that is ended may take to be gone: longer than its shim tries.
const GONE_WITHIN: Duration = Duration::from_secs(6);

/// Runs one that should end well within a time; what it prints is added to the file `log`. Says how it ended otherwise.
pub(super) async fn run(argv: &[OsString], folder: &Path, log: &Path, within: Duration) -> Result<(), String> {
    match end_or(pending::<Infallible>(), argv, folder, log, within).await? {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(epitaph(status)),
        None => Err(format!("was not done within {} s", within.as_secs())),
    }
}

/// Runs one that should go on until it is `ready`, and ends it then.
pub(super) async fn run_until(
    ready: impl Future<Output = ()>,
    argv: &[OsString],
    folder: &Path,
    log: &Path,
    within: Duration,
) -> Result<(), String> {
    let mut is_ready = false;
    match end_or(ready.map(|()| is_ready = true), argv, folder, log, within).await? {
        Some(status) => Err(epitaph(status)),
        None if is_ready => Ok(()),
        None => Err(format!("was not ready within {} s", within.as_secs())),
    }
}

/// Runs one until something else is, for so long at most: how it ended, if it did by itself.
async fn end_or<T>(
    other: impl Future<Output = T>,
    argv: &[OsString],
    folder: &Path,
    log: &Path,
    within: Duration,
) -> Result<Option<ExitStatus>, String> {
    let (mut child, lifeline) = start(argv, folder, log).map_err(|error| format!("could not be started: {error}"))?;
    let group = child.id().and_then(|pid| i32::try_from(pid).ok()).map(shim::group_of);
    let ended = tokio::select! {
        ended = child.wait() => Some(ended),
        _ = other => None,
        () = tokio::time::sleep(within) => None,
    };
    // With it ends whatever is left, if the shim lives to see to it.
    drop(lifeline);
    let gone = match &ended {
        Some(Ok(status)) => Some(*status),
        Some(Err(_)) => None,
        None => tokio::time::timeout(GONE_WITHIN, child.wait()).await.ok().and_then(Result::ok),
    };
    if gone.is_none_or(|status| status.code().is_none()) {
        group.into_iter().for_each(shim::end_group);
    }
    ended.transpose().map_err(|error| format!("could not be waited for: {error}"))
}

/// Begins the file anew, for this user only.
pub(super) fn begin_log(folder: &Path) -> io::Result<PathBuf> {
    let path = folder.join(LOG);
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    Ok(path)
}

/// Under the agents' shim: it begins with the first frame, here an empty input, and ends with the lifeline.
fn start(argv: &[OsString], folder: &Path, log: &Path) -> io::Result<(Child, UnixStream)> {
    let mut log: File = OpenOptions::new().append(true).open(log)?;
    writeln!(log, "$ {}", argv.iter().map(|arg| arg.to_string_lossy()).collect::<Vec<_>>().join(" "))?;
    let (mut lifeline, its) = UnixStream::pair()?;
    let shim = shim::command_line()?;
    let (this, args) = shim.split_first().ok_or(io::ErrorKind::NotFound)?;
    let mut command = program::call(Path::new(this));
    command.args(args).args(argv).current_dir(folder).stdin(OwnedFd::from(its)).process_group(0);
    command.stdout(log.try_clone()?).stderr(log);
    for name in MANAGER_ENV.iter().chain([&INHERITS_ENV]) {
        command.env_remove(name);
    }
    let child = command.spawn()?;
    lifeline.write_all(&0_u32.to_be_bytes())?;
    Ok((child, lifeline))
}

fn epitaph(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("ended with exit code {code}"),
        None => "was killed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_begins_anew_and_belongs_to_its_user() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(LOG), "from before").unwrap();
        std::fs::remove_file(folder.path().join(LOG)).unwrap();
        let log = begin_log(folder.path()).unwrap();
        std::fs::write(&log, "from before").unwrap();
        begin_log(folder.path()).unwrap();
        let found = std::fs::metadata(&log).unwrap();
        assert_eq!((found.len(), found.permissions().mode() & 0o777), (0, 0o600));
    }
}
