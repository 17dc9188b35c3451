//! A child as the system knows it: started by this program, or by what this process was before it became this build.

use std::{io, os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};

use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};
use tokio::{
    process,
    signal::unix::{self, SignalKind, signal},
};

/// How often to look after one whose end may have been missed.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// One process that is ours to reap.
pub(super) enum Process {
    /// Started by this program.
    Started(process::Child),
    /// Started before this process became this program.
    Inherited(Inherited),
}

impl Process {
    /// Its number; `None` once it is reaped.
    pub(super) fn id(&self) -> Option<u32> {
        match self {
            Self::Started(child) => child.id(),
            Self::Inherited(Inherited { status: Some(_), .. }) => None,
            Self::Inherited(inherited) => u32::try_from(inherited.pid.as_raw()).ok(),
        }
    }

    /// Returns when it has ended, and is reaped. Cancel-safe; asked again, it says the same.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        match self {
            Self::Started(child) => child.wait().await,
            Self::Inherited(inherited) => inherited.wait().await,
        }
    }

    /// Kills it, without waiting for its end.
    pub(super) fn start_kill(&mut self) -> io::Result<()> {
        match self {
            Self::Started(child) => child.start_kill(),
            Self::Inherited(Inherited { status: Some(_), .. }) => Ok(()),
            Self::Inherited(inherited) => Ok(kill(inherited.pid, Signal::SIGKILL)?),
        }
    }
}

/// A child from before.
pub(super) struct Inherited {
    pid: Pid,
    ends: unix::Signal,
    status: Option<ExitStatus>,
}

impl Inherited {
    pub(super) fn new(pid: u32) -> io::Result<Self> {
        let pid = i32::try_from(pid).map_err(io::Error::other)?;
        Ok(Self { pid: Pid::from_raw(pid), ends: signal(SignalKind::child())?, status: None })
    }

    async fn wait(&mut self) -> io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.status {
                return Ok(status);
            }
            self.status = match waitpid(self.pid, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(_, code)) => Some(ExitStatus::from_raw((code & 0xff) << 8)),
                Ok(WaitStatus::Signaled(_, signal, _)) => Some(ExitStatus::from_raw(signal as i32)),
                Ok(_) | Err(Errno::EINTR) => None,
                // Somebody else has reaped it: it is dead, and how it died is not known.
                Err(Errno::ECHILD) if kill(self.pid, None) == Err(Errno::ESRCH) => Some(ExitStatus::from_raw(0)),
                Err(error) => return Err(error.into()),
            };
            if self.status.is_none() {
                let _ = tokio::time::timeout(LOOK_EVERY, self.ends.recv()).await;
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::zombie_processes, reason = "they are reaped as inherited ones")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_child_from_before_is_reaped_like_any_other() {
        for (script, expected) in [("exit 7", ExitStatus::from_raw(7 << 8)), ("kill -9 $$", ExitStatus::from_raw(9))] {
            let started = std::process::Command::new("sh").args(["-c", script]).spawn().unwrap();
            let mut process = Process::Inherited(Inherited::new(started.id()).unwrap());
            assert_eq!(process.wait().await.unwrap(), expected);
            assert_eq!((process.id(), process.wait().await.unwrap()), (None, expected));
        }
    }

    #[tokio::test]
    async fn a_child_from_before_is_killed_when_it_has_to_be() {
        let started = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let mut process = Process::Inherited(Inherited::new(started.id()).unwrap());
        assert_eq!(process.id(), Some(started.id()));
        process.start_kill().unwrap();
        assert_eq!(process.wait().await.unwrap(), ExitStatus::from_raw(9));
    }
}
