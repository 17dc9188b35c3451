//! The shim's one loop: frames in, bytes out to the agent, and an eye on who died.
//!
//! Guarantee: the end of the lifeline is noticed whatever the agent does or does not read, because a hang-up is polled
//! for apart from data, and data is taken from the worker only when the agent took what came before.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
    process::{Command, Stdio},
};

use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{Signal, kill},
        wait::WaitStatus,
    },
    unistd::{Pid, getpid},
};
use signal_hook::{
    consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM},
    low_level::pipe,
};

use super::{
    frame::{Found, FrameReader},
    group::{MARK, group_of, mark},
    status::Status,
    tree,
};

/// Largest piece taken from the worker before the agent has taken the last one.
const PIECE_BYTES: usize = 64 * 1024;
/// The worker is gone or has dropped the run, or somebody asked the shim to stop.
const ABANDONED: Status = Status::Killed(SIGTERM);

/// What comes in while the agent runs.
pub(crate) struct Shim {
    argv: Vec<OsString>,
    lifeline: File,
    quit: UnixStream,
    child: UnixStream,
    frames: FrameReader,
    agent: Option<Agent>,
}

struct Agent {
    pid: i32,
    stdin: Option<File>,
    pending: Vec<u8>,
    written: usize,
    is_closing: bool,
}

impl Shim {
    /// Gets ready: from here on signals and dead children are noticed.
    pub(crate) fn new(argv: Vec<OsString>, lifeline: OwnedFd) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        nix::sys::prctl::set_child_subreaper(true)?;
        let (quit, quit_end) = UnixStream::pair()?;
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            pipe::register(signal, quit_end.try_clone()?)?;
        }
        let (child, child_end) = UnixStream::pair()?;
        pipe::register(SIGCHLD, child_end)?;
        child.set_nonblocking(true)?;
        Ok(Self { argv, lifeline: lifeline.into(), quit, child, frames: FrameReader::default(), agent: None })
    }

    /// Runs the agent to its end, or to ours.
    pub(crate) fn serve(&mut self) -> io::Result<Status> {
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let ready = self.wait()?;
            if ready.quit {
                return Ok(ABANDONED);
            }
            if ready.child
                && let Some(status) = self.reap()
            {
                return Ok(status);
            }
            // After the children: an agent that is done and a worker that leaves at once are no race.
            if ready.hangup {
                return Ok(ABANDONED);
            }
            if let Some(agent) = &mut self.agent {
                agent.feed();
            }
            if ready.input {
                let read = match self.lifeline.read(&mut piece) {
                    Ok(0) => return Ok(ABANDONED),
                    Ok(read) => read,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error),
                };
                if let Some(status) = self.take(&piece[..read]) {
                    return Ok(status);
                }
            }
        }
    }

    fn wait(&self) -> io::Result<Ready> {
        let pending = self.agent.as_ref().and_then(Agent::waits_for);
        let input = if pending.is_none() { PollFlags::POLLIN } else { PollFlags::empty() };
        let mut fds = vec![
            PollFd::new(self.lifeline.as_fd(), input),
            PollFd::new(self.quit.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.child.as_fd(), PollFlags::POLLIN),
        ];
        if let Some(stdin) = pending {
            fds.push(PollFd::new(stdin.as_fd(), PollFlags::POLLOUT));
        }
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let saw = |at: usize, flags| fds[at].revents().is_some_and(|seen| seen.intersects(flags));
        Ok(Ready {
            hangup: saw(0, PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL),
            input: saw(0, PollFlags::POLLIN),
            quit: saw(1, PollFlags::POLLIN),
            child: saw(2, PollFlags::POLLIN),
        })
    }

    /// Hands one piece of the stream on, starting the agent at its first frame; a status if it can't be started.
    fn take(&mut self, mut piece: &[u8]) -> Option<Status> {
        while let Some(found) = self.frames.next(&mut piece) {
            if self.agent.is_none() {
                match self.start() {
                    Ok(agent) => self.agent = Some(agent),
                    Err(error) => {
                        let program = self.argv.first().cloned().unwrap_or_default();
                        return Some(Status::not_started(Path::new(&program), &error));
                    }
                }
            }
            let agent = self.agent.as_mut()?;
            match found {
                Found::Head => {}
                Found::Bytes(bytes) => agent.pending.extend_from_slice(bytes),
                Found::Close => agent.is_closing = true,
            }
        }
        self.agent.as_mut()?.feed();
        None
    }

    fn start(&self) -> io::Result<Agent> {
        let (program, args) = self.argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut child = Command::new(program)
            .args(args)
            .env(MARK, mark(group_of(getpid().as_raw())))
            .stdin(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take().map(|stdin| File::from(OwnedFd::from(stdin)));
        if let Some(stdin) = &stdin {
            // Only our end: the agent's own end is another file description.
            fcntl(stdin, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        Ok(Agent { pid, stdin, pending: Vec::new(), written: 0, is_closing: false })
    }

    /// Reaps whoever died, adopted ones too; a status if the agent is among them.
    fn reap(&mut self) -> Option<Status> {
        let mut scratch = [0; 64];
        while matches!(self.child.read(&mut scratch), Ok(1..)) {}
        let agent = self.agent.as_ref().map(|agent| agent.pid);
        let mut ended = None;
        tree::reap(|status| match status {
            WaitStatus::Exited(pid, code) if Some(pid.as_raw()) == agent => ended = Some(Status::Exited(code)),
            WaitStatus::Signaled(pid, signal, _) if Some(pid.as_raw()) == agent => {
                ended = Some(Status::Killed(signal as i32));
            }
            _ => {}
        });
        if ended.is_some() {
            self.agent = None;
        }
        ended
    }

    /// Kills the agent, if it was not reaped: the process table may not show one of our own that can't be read.
    pub(crate) fn end_agent(&self) {
        if let Some(agent) = &self.agent {
            let _ = kill(Pid::from_raw(agent.pid), Signal::SIGKILL);
        }
    }

    /// Tells the worker; if it is gone nobody needs to know.
    pub(crate) fn tell(&mut self, status: &Status) {
        let _ = self.lifeline.write_all(status.to_line().as_bytes());
    }
}

impl Agent {
    /// Its stdin, if something waits to be read there.
    fn waits_for(&self) -> Option<&File> {
        self.stdin.as_ref().filter(|_| self.written < self.pending.len())
    }

    /// Writes what its stdin takes now. What comes after a closed stdin is thrown away.
    fn feed(&mut self) {
        while let Some(mut stdin) = self.waits_for() {
            match stdin.write(&self.pending[self.written..]) {
                Ok(written) => self.written += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.stdin = None,
            }
        }
        self.pending.clear();
        self.written = 0;
        if self.is_closing {
            self.stdin = None;
        }
    }
}

/// What one wait saw.
struct Ready {
    hangup: bool,
    input: bool,
    quit: bool,
    child: bool,
}
