//! The last gasp, seen from the supervisor: a process of its own image, after both children are dead.

use std::{
    os::{fd::OwnedFd, unix::net::UnixStream},
    time::Duration,
};

use lastword_core::alert::AlertCode;

use super::{GASP_SUBJECT, Supervisor, child::ms, desk::Desk, image::Image};
use crate::process::lifeline::LIFELINE_ENV;

/// How much longer than its own limit it may take before it is killed.
const SLACK: Duration = Duration::from_secs(10);

/// Runs it to its end, or until asked to stop.
pub(super) async fn run(supervisor: &Supervisor, desk: &mut Desk) {
    tracing::warn!("giving up: a last gasp delivers what is still to be said");
    desk.say_status("giving up: a last gasp delivers what is still to be said");
    let limit = ms(supervisor.config.restart.last_gasp_ms) + SLACK;
    let failed = |why: String| supervisor.alerts.raise(AlertCode::LastGasp, GASP_SUBJECT, why);
    match desk.attend(tokio::time::timeout(limit, gasp(supervisor))).await {
        None => tracing::warn!("asked to stop: the last gasp is cut off; the next start delivers what is left"),
        Some(Err(_)) => failed("it hung, and was killed".into()),
        Some(Ok(Err(error))) => failed(format!("it could not be run: {error}")),
        Some(Ok(Ok(status))) if status.success() => {}
        // It has said itself what it could not deliver, where it could.
        Some(Ok(Ok(status))) => tracing::warn!("the last gasp ended with {status}"),
    }
}

async fn gasp(supervisor: &Supervisor) -> std::io::Result<std::process::ExitStatus> {
    let (_lifeline, its) = UnixStream::pair()?;
    let mut command = Image::Running.command(&supervisor.config, "last-gasp")?;
    // Dropped, it is killed; should we die ourselves, its lifeline ends.
    command.env(LIFELINE_ENV, "stdin").stdin(OwnedFd::from(its)).process_group(0).kill_on_drop(true);
    let mut child = command.spawn()?;
    drop(command);
    child.wait().await
}
