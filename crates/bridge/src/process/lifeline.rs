//! The lifeline between a supervisor and its child: the child's standard input, a socket both ways.
//!
//! The supervisor keeps its end open and never writes. However it dies, the system closes that end, and the child exits
//! at once; what it leaves behind is decided by the next start. The child says [`Word`]s, the beat from its own runtime:
//! they prove that the runtime runs, whatever the store does. Whether anybody listens never holds the child up.

use std::{
    io::{self, ErrorKind, Read, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use tokio::{sync::watch as latest, task::JoinSet};

use super::{exit::EXIT_ORPHANED, join::Waiting};

/// The variable by which a supervisor tells a child that its standard input is a lifeline.
pub const LIFELINE_ENV: &str = "LASTWORD_LIFELINE";
/// How often a child is heard.
const BEAT_EVERY: Duration = Duration::from_millis(500);

/// Whether a supervisor started this process, and will see its siblings die.
#[must_use]
pub fn has_supervisor() -> bool {
    #[cfg(feature = "testing")]
    if super::simulated::is_simulated() {
        return true;
    }
    std::env::var_os(LIFELINE_ENV).is_some()
}

/// The variable by which a supervisor tells a child that it carries out what admins ask of the processes, and tells them of
/// alerts: one of an earlier build does less, or neither, and may have started this child all the same.
pub const SERVES_ADMINS_ENV: &str = "LASTWORD_SERVES_ADMINS";
/// All that can be asked: to restart, to update and to roll back.
pub const SERVES_ADMINS: &str = "2";

/// Whether a supervisor started this process that does so.
#[must_use]
pub fn has_supervisor_for_admins() -> bool {
    has_supervisor() && std::env::var_os(SERVES_ADMINS_ENV).is_some_and(|serves| serves == SERVES_ADMINS)
}

/// What a child says, one byte each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Its runtime runs.
    Beat,
    /// The same, and it does its work: the bridge serves, the worker claims.
    Ready,
    /// The same, and it can't begin, because the store is out.
    Waiting,
}

impl Word {
    /// What a byte means; newer children may say more.
    #[must_use]
    pub fn read(byte: u8) -> Option<Self> {
        match byte {
            b'.' => Some(Self::Beat),
            b'r' => Some(Self::Ready),
            b'w' => Some(Self::Waiting),
            _ => None,
        }
    }

    fn byte(self) -> u8 {
        match self {
            Self::Beat => b'.',
            Self::Ready => b'r',
            Self::Waiting => b'w',
        }
    }
}

/// A child's end. It beats for as long as the value lives.
pub struct Lifeline {
    line: Option<Arc<Line>>,
    _beating: JoinSet<()>,
}

struct Line {
    socket: UnixStream,
    is_ready: AtomicBool,
    waiting: latest::Receiver<Option<String>>,
}

impl Lifeline {
    /// Ends this process when its supervisor is gone, and beats; does neither in a process that has no supervisor.
    ///
    /// The end is seen by a thread of its own, so that a busy or wedged runtime can't outlive its supervisor.
    /// While `waiting` holds why, it says that this process waits for the store.
    pub fn hold(waiting: &Waiting) -> io::Result<Self> {
        let mut beating = JoinSet::new();
        if !has_supervisor() {
            return Ok(Self { line: None, _beating: beating });
        }
        let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        socket.set_nonblocking(true)?;
        let line = Arc::new(Line { socket, is_ready: AtomicBool::new(false), waiting: waiting.subscribe() });
        {
            let line = Arc::clone(&line);
            std::thread::Builder::new().name("lifeline".into()).spawn(move || {
                until_cut(&line.socket);
                // Without a word: standard error may be gone with the supervisor.
                std::process::exit(EXIT_ORPHANED.into());
            })?;
        }
        {
            let line = Arc::clone(&line);
            beating.spawn(async move {
                let mut beats = tokio::time::interval(BEAT_EVERY);
                beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
                loop {
                    beats.tick().await;
                    line.beat();
                }
            });
        }
        Ok(Self { line: Some(line), _beating: beating })
    }

    /// Whether this process has a supervisor.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.line.is_some()
    }

    /// Tells the supervisor that this process does its work from now on.
    pub fn ready(&self) {
        if let Some(line) = &self.line {
            line.is_ready.store(true, Ordering::Relaxed);
            line.beat();
        }
    }
}

impl Line {
    /// Every beat says how far we are: one that nobody took is made good by the next.
    fn beat(&self) {
        let word = if self.is_ready.load(Ordering::Relaxed) {
            Word::Ready
        } else if self.waiting.borrow().is_some() {
            Word::Waiting
        } else {
            Word::Beat
        };
        say(&self.socket, word);
    }
}

/// A supervisor that does not read is none of the child's trouble; one that is gone is the thread's.
fn say(mut line: &UnixStream, word: Word) {
    let _ = line.write(&[word.byte()]);
}

fn until_cut(mut line: &UnixStream) {
    let mut byte = [0];
    loop {
        match poll(&mut [PollFd::new(line.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR | Errno::EAGAIN) => {}
            Err(_) => return,
        }
        match line.read(&mut byte) {
            Ok(1) => {}
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
            Ok(_) | Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for word in [Word::Beat, Word::Ready, Word::Waiting] {
            assert_eq!(Word::read(word.byte()), Some(word));
        }
        assert_eq!(Word::read(b'?'), None);
    }

    #[test]
    fn a_supervisor_that_does_not_read_holds_nobody_up() {
        let (child, supervisor) = UnixStream::pair().unwrap();
        child.set_nonblocking(true).unwrap();
        for _ in 0..10_000 {
            say(&child, Word::Beat);
        }
        drop(supervisor);
        say(&child, Word::Beat);
        until_cut(&child);
    }
}
