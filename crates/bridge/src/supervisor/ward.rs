//! A process at the other end of a lifeline: heard, judged by its silence, and ended when it has to be, whether or not there is
//! a store to tell of it.

use std::{
    convert::Infallible,
    future::pending,
    io,
    os::unix::net::UnixStream as Socket,
    path::PathBuf,
    process::{ExitCode, ExitStatus},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use lastword_core::{alert::AlertCode, ids::Monotonic, store::Role};
use lastword_store::commit_holder;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    net::UnixStream,
    time::{Interval, MissedTickBehavior},
};

use super::{
    desk::{self, Desk},
    handover::Heir,
    process::{Inherited, Process},
    watch::{Act, Patience, ROUND_EVERY_MS, Watch},
};
use crate::{config::Config, process::lifeline::Word};

/// How much longer than its own grace a child may take to stop before it is killed.
const STOP_SLACK_MS: i64 = 10_000;

/// A child as a process, and what was heard of it.
pub(super) struct Ward {
    pub(super) role: Role,
    process: Process,
    /// Its lifeline: at the end of this value it ends, too.
    line: Arc<UnixStream>,
    is_line_open: bool,
    watch: Watch,
    rounds: Interval,
    begin: Instant,
    killed_at: Option<Instant>,
    database: PathBuf,
}

/// What was seen of one.
pub(super) enum Seen {
    /// It ended, and is reaped: certainly dead.
    Ended(ExitStatus),
    /// It spoke.
    Heard(Vec<Word>),
    /// A round went by; what was done about it, if anything was.
    Judged(Option<Trouble>),
}

/// What an operator has to hear of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) code: AlertCode,
    pub(super) detail: String,
}

impl Ward {
    /// From now on this process is looked after.
    pub(super) fn new(config: &Config, role: Role, process: Process, line: UnixStream) -> Self {
        let restart = config.restart;
        let patience = Patience {
            start_within_ms: restart.start_within_ms,
            hung_after_ms: restart.hung_after_ms,
            kill_after_ms: restart.kill_after_ms,
            stop_within_ms: config.shutdown_grace_ms + STOP_SLACK_MS,
        };
        let mut rounds = tokio::time::interval(Duration::from_millis(ROUND_EVERY_MS.unsigned_abs()));
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            role,
            process,
            line: Arc::new(line),
            is_line_open: true,
            watch: Watch::new(patience),
            rounds,
            begin: Instant::now(),
            killed_at: None,
            database: config.store_path.clone(),
        }
    }

    /// What is seen next. Cancel-safe; of one that has ended, its end again.
    pub(super) async fn next(&mut self) -> io::Result<Seen> {
        tokio::select! {
            // What was said is heard before silence is judged.
            biased;
            status = self.process.wait() => Ok(Seen::Ended(status?)),
            _ = self.line.readable(), if self.is_line_open => Ok(Seen::Heard(self.hear())),
            _ = self.rounds.tick() => Ok(Seen::Judged(self.round())),
        }
    }

    /// Its lifeline.
    pub(super) fn line(&self) -> &Arc<UnixStream> {
        &self.line
    }

    /// Since when it should be gone, because it was killed.
    pub(super) fn killed_at(&self) -> Option<Instant> {
        self.killed_at
    }

    /// Whether it was asked to end.
    pub(super) fn is_ending(&self) -> bool {
        self.watch.is_ending()
    }

    /// Asks it to end; asked again, nothing happens, because a second time would insist.
    pub(super) fn ask(&mut self, signal: Signal) {
        if self.watch.asked() {
            self.signal(signal);
        }
    }

    /// Asks one that makes room to stop with the whole deployment instead, and gives it the time for that.
    pub(super) fn ask_anew(&mut self) {
        self.watch.asked_anew();
        self.signal(Signal::SIGTERM);
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.process.id().and_then(|pid| i32::try_from(pid).ok()) {
            // It may be gone already; then there is nobody to ask.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    fn hear(&mut self) -> Vec<Word> {
        let mut said = [0; 256];
        match self.line.try_read(&mut said) {
            Ok(0) => self.is_line_open = false,
            Ok(length) => {
                self.watch.heard();
                return said[..length].iter().filter_map(|byte| Word::read(*byte)).collect();
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                tracing::warn!(role = self.role.as_str(), "can't be heard any more: {error}");
                self.is_line_open = false;
            }
        }
        Vec::new()
    }

    fn round(&mut self) -> Option<Trouble> {
        let pid = self.process.id();
        let now = Monotonic(i64::try_from(self.begin.elapsed().as_millis()).unwrap_or(i64::MAX));
        let act = self.watch.round(now, || pid.is_some() && commit_holder(&self.database) == pid);
        let silent_ms = self.watch.silent_ms();
        match act {
            Act::Wait => None,
            Act::Ask => {
                self.ask(Signal::SIGTERM);
                let detail = format!("silent for {silent_ms} ms; it is asked to end");
                Some(Trouble { code: AlertCode::ChildHung, detail })
            }
            Act::Kill => self.kill(AlertCode::ChildHung, &format!("silent for {silent_ms} ms, also when asked to end")),
            Act::KillHolder => {
                let why = format!("silent for {silent_ms} ms with the store's commit lock in hand");
                self.kill(AlertCode::ChildHung, &why)
            }
            Act::KillLate => self.kill(AlertCode::ChildLate, "it is heard, but does not end"),
        }
    }

    fn kill(&mut self, code: AlertCode, why: &str) -> Option<Trouble> {
        if self.killed_at.is_some() {
            return None;
        }
        self.killed_at = Some(Instant::now());
        if let Err(error) = self.process.start_kill() {
            tracing::error!(role = self.role.as_str(), "could not be killed: {error}");
        }
        Some(Trouble { code, detail: format!("{why}; it is killed") })
    }
}

/// Who was inherited, until there is a store.
///
/// Nobody else looks after them: one that is silent with the store's lock in hand would keep it from ever being opened.
#[derive(Default)]
pub(super) struct Wards(Vec<Inheritance>);

/// One of them.
pub(super) struct Inheritance {
    pub(super) heir: Heir,
    pub(super) ward: Ward,
    /// What nobody could be told yet.
    pub(super) troubles: Vec<Trouble>,
}

impl Wards {
    /// Looks after them from now on.
    pub(super) fn new(config: &Config, children: Vec<(Heir, Socket)>) -> io::Result<Self> {
        let inherit = |(heir, line): (Heir, Socket)| {
            let Some(role) = heir.role() else { return Ok(None) };
            line.set_nonblocking(true)?;
            let process = Process::Inherited(Inherited::new(heir.pid)?);
            let mut ward = Ward::new(config, role, process, UnixStream::from_std(line)?);
            // It did its work: its silence is that of one who has spoken.
            ward.watch.heard();
            Ok(Some(Inheritance { heir, ward, troubles: Vec::new() }))
        };
        Ok(Self(children.into_iter().filter_map(|child| inherit(child).transpose()).collect::<io::Result<_>>()?))
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Looks after them until `work` is done.
    pub(super) async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> T {
        let looking = async {
            join_all(self.0.iter_mut().map(Inheritance::until_ended)).await;
            pending::<Infallible>().await
        };
        tokio::select! {
            biased;
            done = work => done,
            never = looking => match never {},
        }
    }

    /// Ends them as at the end of a deployment: their turns may finish. Asked twice to stop, at once.
    pub(super) async fn end(mut self, desk: &mut Desk) -> ExitCode {
        let ending = join_all(self.0.iter_mut().map(|inherited| {
            inherited.ward.ask(Signal::SIGTERM);
            inherited.until_ended()
        }));
        let mut ending = std::pin::pin!(ending);
        loop {
            match desk.attend(&mut ending).await {
                Some(_) => return ExitCode::SUCCESS,
                None if desk.asked() > 1 => return desk::insisted(),
                None => {}
            }
        }
    }

    /// They get a keeper each.
    pub(super) fn into_iter(self) -> impl Iterator<Item = Inheritance> {
        self.0.into_iter()
    }
}

impl Inheritance {
    async fn until_ended(&mut self) {
        loop {
            match self.ward.next().await {
                Ok(Seen::Ended(_)) => return,
                Ok(Seen::Heard(_) | Seen::Judged(None)) => {}
                Ok(Seen::Judged(Some(trouble))) => {
                    tracing::warn!(role = self.ward.role.as_str(), "there is no store yet, and {}", trouble.detail);
                    self.troubles.push(trouble);
                }
                Err(error) => {
                    tracing::error!(role = self.ward.role.as_str(), "can't be looked after: {error}");
                    return;
                }
            }
        }
    }
}
