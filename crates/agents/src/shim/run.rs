//! The worker's side of one shim: it is started, fed, listened to, and always reaped.
//!
//! Guarantee: dropping a [`Run`] ends everything it started. The drop itself only lets go of the lifeline; the task
//! that waits for the shim, owned by the agent's tracker, kills the group if the shim does not do it in time.

use std::{
    ffi::OsString,
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as StdUnixStream},
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use lastword_core::agent::ProcessGroup;
use tokio::{
    io::AsyncReadExt,
    net::UnixStream,
    process::{Child, ChildStderr, ChildStdout, Command},
    sync::oneshot,
    time::timeout,
};
use tokio_util::task::TaskTracker;

use super::{
    frame::{CLOSE, FRAME_BYTES_MAX, head},
    group::{end_group, group_of},
    status::Status,
    tree::GIVE_UP_AFTER_MS,
};

/// How long a shim may take to end its tree before it is ended itself.
const GRACE_MS: u64 = 6_000;
const _: () = assert!(GRACE_MS > GIVE_UP_AFTER_MS);
/// Longest last line of a shim that is read.
const STATUS_BYTES_MAX: u64 = 8 * 1024;

/// What to start.
pub(crate) struct Start<'a> {
    /// The program that is the shim, with its arguments.
    pub(crate) shim: &'a [OsString],
    /// The agent's program and arguments.
    pub(crate) argv: Vec<OsString>,
    /// The working directory of both.
    pub(crate) directory: &'a Path,
    /// The whole environment of both.
    pub(crate) env: Vec<(OsString, OsString)>,
}

/// A started shim. Its parts are used side by side.
pub(crate) struct Run {
    /// The group of the shim and its agent.
    pub(crate) group: ProcessGroup,
    /// The way to it, and what keeps it alive.
    pub(crate) lifeline: Lifeline,
    /// What the agent says.
    pub(crate) stdout: ChildStdout,
    /// What it says besides.
    pub(crate) stderr: ChildStderr,
    /// The shim's end.
    pub(crate) exit: Exit,
}

impl Run {
    /// Starts a shim, which starts nothing before it is fed.
    pub(crate) fn start(start: &Start<'_>, tracker: &TaskTracker) -> io::Result<Self> {
        let (program, args) = start.shim.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut child = Command::new(program)
            // What a person reads in the list of processes.
            .arg0("lastword")
            .args(args)
            .args(&start.argv)
            .current_dir(start.directory)
            .env_clear()
            .envs(start.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).ok_or(io::ErrorKind::NotFound)?;
        let group = group_of(pid);
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let (told, exit) = oneshot::channel();
        tracker.spawn(reap(child, group, told));
        Ok(Self { group, lifeline: Lifeline(UnixStream::from_std(ours)?), stdout, stderr, exit: Exit(exit) })
    }

    /// Ends everything and waits until it is so.
    pub(crate) async fn end(self) {
        let Self { lifeline, stdout, stderr, exit, .. } = self;
        drop((lifeline, stdout, stderr));
        let _ = timeout(Duration::from_millis(GRACE_MS), exit.0).await;
    }
}

/// Waits for a shim; one that was let go of may not take for ever.
async fn reap(mut child: Child, group: ProcessGroup, mut told: oneshot::Sender<Option<ExitStatus>>) {
    let in_time = tokio::select! {
        ended = child.wait() => Some(ended),
        () = told.closed() => timeout(Duration::from_millis(GRACE_MS), child.wait()).await.ok(),
    };
    let ended = match in_time {
        Some(ended) => ended,
        None => {
            tracing::warn!(group.pid = group.pid, "an agent's shim did not end in time; its group is killed");
            end_group(group);
            child.wait().await
        }
    };
    let ended = ended.ok();
    if ended.is_none_or(|status| status.code().is_none()) {
        // Killed from outside: it could not end what it started.
        end_group(group);
    }
    let _ = told.send(ended);
}

/// Our end of the lifeline.
pub(crate) struct Lifeline(UnixStream);

impl Lifeline {
    /// Sends `bytes` to the agent's stdin, as fast as it reads; the first call starts it.
    pub(crate) async fn feed(&self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(FRAME_BYTES_MAX) {
            self.write(&head(piece.len())).await?;
            self.write(piece).await?;
        }
        Ok(())
    }

    /// Ends the agent's stdin, and starts it if nothing was sent.
    pub(crate) async fn close(&self) -> io::Result<()> {
        self.write(&CLOSE).await
    }

    async fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.0.writable().await?;
            match self.0.try_write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What the shim said last; `None` if it was killed before it could. Call when it has ended.
    pub(crate) async fn last_line(&mut self) -> Option<Status> {
        let mut line = Vec::new();
        // A reset after the line is how a socket says that we had sent more than was read.
        let _ = (&mut self.0).take(STATUS_BYTES_MAX).read_to_end(&mut line).await;
        Status::from_line(&String::from_utf8_lossy(&line))
    }
}

/// The end of a shim, once.
pub(crate) struct Exit(oneshot::Receiver<Option<ExitStatus>>);

impl Exit {
    /// Waits for it; `None` if the system would not say how it ended.
    pub(crate) async fn wait(&mut self) -> Option<ExitStatus> {
        (&mut self.0).await.ok().flatten()
    }
}
