//! Being asked to stop: the first SIGTERM, Ctrl-C or closed terminal asks, the second insists. A terminal that closes
//! asks nothing of whoever was started to outlive it (`nohup`).

use std::{
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use nix::sys::signal;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Asks a bridge to make room for its successor: unlike at the end of a deployment, no running turn is waited for.
pub const MAKE_ROOM: signal::Signal = signal::Signal::SIGUSR1;

/// Listens for requests to stop.
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Option<Signal>,
}

impl StopSignals {
    /// Starts to listen; from here on the signals no longer end the process by themselves.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: if is_ignored(signal::Signal::SIGHUP) { None } else { Some(signal(SignalKind::hangup())?) },
        })
    }

    /// Returns when asked to stop. Cancel-safe.
    pub async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            () = hung_up(self.hangup.as_mut()) => {}
        }
    }
}

/// What asks to stop.
const ASKING: [signal::Signal; 3] = [signal::Signal::SIGTERM, signal::Signal::SIGINT, signal::Signal::SIGHUP];

/// Knows of a request to stop at once, before anybody has come to hear it.
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Starts to listen.
    pub fn listen() -> std::io::Result<Self> {
        let is_asked = Arc::new(AtomicBool::new(false));
        for signal in ASKING.into_iter().filter(|signal| !is_ignored(*signal)) {
            signal_hook::flag::register(signal as i32, Arc::clone(&is_asked))?;
        }
        Ok(Self(is_asked))
    }

    /// Whether anybody has asked.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// While this lives, requests to stop wait, for the thread that made it and for those that it starts; across an exec, too.
#[must_use]
pub struct Held(PhantomData<*const ()>);

/// Lets requests to stop wait.
pub fn hold() -> Held {
    // It can't fail but for a wrong argument.
    let _ = ASKING.into_iter().collect::<signal::SigSet>().thread_block();
    Held(PhantomData)
}

/// Lets requests to stop wait, for this thread, for good: another one hears them.
pub fn hold_for_good() {
    std::mem::forget(hold());
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = ASKING.into_iter().collect::<signal::SigSet>().thread_unblock();
    }
}

async fn hung_up(hangup: Option<&mut Signal>) {
    match hangup {
        Some(hangup) => drop(hangup.recv().await),
        None => std::future::pending().await,
    }
}

/// Whether this process was started with a signal ignored. Known on Linux only.
fn is_ignored(signal: signal::Signal) -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores(&status, signal))
}

/// The same, by the text of a process's `status`: a mask in hexadecimal, the lowest bit for signal 1.
fn ignores(status: &str, signal: signal::Signal) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal as i32 - 1) & 1 == 1)
}

/// Listens for [`MAKE_ROOM`].
pub struct RoomSignal(Signal);

impl RoomSignal {
    /// Starts to listen.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self(signal(SignalKind::from_raw(MAKE_ROOM as i32))?))
    }

    /// Returns when asked to make room. Cancel-safe.
    pub async fn asked(&mut self) {
        self.0.recv().await;
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::Signal::{SIGHUP, SIGINT};

    use super::*;

    #[test]
    fn an_ignored_signal_is_seen_in_the_mask() {
        let status = "Name:\tlastword\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\nSigCgt:\t0\n";
        assert!(ignores(status, SIGHUP) && !ignores(status, SIGINT));
        assert!(!ignores("SigIgn:\t0000000000001000\n", SIGHUP));
        assert!(!ignores("", SIGHUP));
    }
}
