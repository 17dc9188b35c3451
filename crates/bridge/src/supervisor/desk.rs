//! What comes to the supervisor from outside: requests to stop, and the service manager that wants to know how it is.
//!
//! The manager is told that it lives only while its own loop goes round, and not while a killed child does not go.

use std::{future::pending, process::ExitCode};

use sd_notify::NotifyState;
use tokio::{
    sync::watch as latest,
    time::{Interval, MissedTickBehavior},
};

use super::board::Board;
use crate::process::signals::StopSignals;

/// The supervisor's ear, and its voice to a service manager.
pub(super) struct Desk {
    signals: StopSignals,
    asked: u32,
    board: latest::Receiver<Board>,
    said_ready: bool,
    said_stopping: bool,
    status: String,
    watchdog: Option<Interval>,
}

impl Desk {
    /// From here on signals no longer end the process by themselves.
    pub(super) fn open(board: latest::Receiver<Board>) -> std::io::Result<Self> {
        let period = sd_notify::watchdog_enabled().map(|within| within / 2).filter(|period| !period.is_zero());
        let watchdog = period.map(|period| {
            let mut watchdog = tokio::time::interval(period);
            watchdog.set_missed_tick_behavior(MissedTickBehavior::Delay);
            watchdog
        });
        Ok(Self {
            signals: StopSignals::listen()?,
            asked: 0,
            board,
            said_ready: false,
            said_stopping: false,
            status: String::new(),
            watchdog,
        })
    }

    /// Goes on with `work` and with everything else; `None` when asked to stop first. Drops `work` then.
    pub(super) async fn attend<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Some(done),
                () = self.signals.asked() => {
                    self.asked += 1;
                    return None;
                }
                Ok(()) = self.board.changed() => self.tell(),
                () = due(&mut self.watchdog) => {
                    if self.board.borrow().is_well() {
                        say(&[NotifyState::Watchdog]);
                    }
                }
            }
        }
    }

    /// How often anybody asked to stop.
    pub(super) fn asked(&self) -> u32 {
        self.asked
    }

    /// What it does now, in a few words.
    pub(super) fn say_status(&mut self, status: &str) {
        if self.status != status {
            status.clone_into(&mut self.status);
            say(&[NotifyState::Status(status)]);
        }
    }

    /// It ends.
    pub(super) fn say_stopping(&mut self) {
        if !self.said_stopping {
            self.said_stopping = true;
            say(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
        }
    }

    fn tell(&mut self) {
        let (is_ready, status) = {
            let board = self.board.borrow_and_update();
            (board.is_ready(), board.to_string())
        };
        if self.said_stopping {
            return;
        }
        if is_ready && !self.said_ready {
            self.said_ready = true;
            say(&[NotifyState::Ready]);
        }
        self.say_status(&status);
    }
}

async fn due(watchdog: &mut Option<Interval>) {
    match watchdog {
        Some(watchdog) => drop(watchdog.tick().await),
        None => pending().await,
    }
}

/// Asked to stop while it stops already.
pub(super) fn insisted() -> ExitCode {
    tracing::warn!("asked twice to stop: ending at once; the next start decides what is left");
    ExitCode::FAILURE
}

/// Does nothing without a service manager. Everything goes on without one that does not listen.
fn say(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("the service manager was not told: {error}");
    }
}
