//! Being asked to stop: the first SIGTERM, Ctrl-C or closed terminal asks, the second insists.

use nix::sys::signal;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Asks a bridge to make room for its successor: unlike at the end of a deployment, no running turn is waited for.
pub const MAKE_ROOM: signal::Signal = signal::Signal::SIGUSR1;

/// Listens for requests to stop.
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl StopSignals {
    /// Starts to listen; from here on the signals no longer end the process by themselves.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Returns when asked to stop. Cancel-safe.
    pub async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
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
