//! One child process: started, heard, and ended when it is silent for too long or does not go when asked.

use std::{
    future::pending,
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as Socket},
    process::ExitStatus,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use lastword_core::{
    alert::AlertCode,
    ids::{IncarnationId, Monotonic},
    store::Role,
};
use lastword_store::commit_holder;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{net::UnixStream, time::MissedTickBehavior};

use super::{
    Supervisor,
    handover::{Heir, Living},
    image::Image,
    process::{Inherited, Process},
    watch::{Act, Patience, ROUND_EVERY_MS, Watch},
};
use crate::{
    bridge::banner::BANNER_ENV,
    build_id::build,
    process::{
        lifeline::{LIFELINE_ENV, SERVES_ADMINS, SERVES_ADMINS_ENV, Word},
        member::{INCARNATION_ENV, new_incarnation},
        signals::MAKE_ROOM,
    },
};

/// How much longer than its own grace a child may take to stop before it is killed.
const STOP_SLACK_MS: i64 = 10_000;

/// A running child.
pub(super) struct Child {
    pub(super) role: Role,
    pub(super) incarnation: IncarnationId,
    pub(super) image: Image,
    pub(super) begin: Instant,
    /// Whether it said that it does its work.
    pub(super) is_ready: bool,
    /// Whether it lived long enough to count as well.
    pub(super) is_healthy: bool,
    supervisor: Arc<Supervisor>,
    process: Process,
    /// Its lifeline: at the end of this value it ends, too.
    line: Arc<UnixStream>,
    is_line_open: bool,
    watch: Watch,
    killed_at: Option<Instant>,
    /// Whether it was killed and does not go.
    is_stuck: bool,
    /// Whether it no longer speaks for its role.
    is_leaving: bool,
    /// When it was last heard to wait for the store, or began: who waits is not late.
    unready_since: Instant,
}

/// Why [`Child::attend`] returned.
pub(super) enum Attended<T> {
    /// It ended, and is reaped: certainly dead.
    Ended(ExitStatus),
    /// Something else happened first.
    Until(T),
}

impl Child {
    /// Starts one.
    pub(super) fn start(supervisor: &Arc<Supervisor>, role: Role, image: Image, is_first: bool) -> io::Result<Self> {
        let incarnation = new_incarnation();
        let (ours, its) = Socket::pair()?;
        ours.set_nonblocking(true)?;
        let line = UnixStream::from_std(ours)?;
        let mut command = image.child(&supervisor.config, role)?;
        if is_first {
            command.env(BANNER_ENV, "1");
        }
        supervisor.board.send_modify(|board| board.part_mut(role).who = Some(incarnation.clone()));
        let process = command
            .env(LIFELINE_ENV, "stdin")
            .env(SERVES_ADMINS_ENV, SERVES_ADMINS)
            .env(INCARNATION_ENV, incarnation.as_str())
            .stdin(OwnedFd::from(its))
            // A group of its own: Ctrl-C in a terminal asks the supervisor, and the supervisor asks its children.
            .process_group(0)
            .spawn()?;
        tracing::info!(role = role.as_str(), pid = process.id(), incarnation = %incarnation, build = image.build(), "started");
        let pid = process.id();
        let child = Self::of(supervisor, role, image, incarnation, Process::Started(process), line);
        child.register(pid.unwrap_or_default());
        Ok(child)
    }

    /// Goes on with one that this supervisor started before it became this build. It does its work.
    pub(super) fn adopt(supervisor: &Arc<Supervisor>, role: Role, heir: &Heir, line: Socket) -> io::Result<Self> {
        line.set_nonblocking(true)?;
        let line = UnixStream::from_std(line)?;
        let incarnation = heir.incarnation();
        tracing::info!(role = role.as_str(), pid = heir.pid, incarnation = %incarnation, "inherited");
        supervisor.board.send_modify(|board| {
            let part = board.part_mut(role);
            (part.who, part.ready) = (Some(incarnation.clone()), Some(build().to_owned()));
        });
        let process = Process::Inherited(Inherited::new(heir.pid)?);
        let mut child = Self::of(supervisor, role, Image::Running, incarnation, process, line);
        child.is_ready = true;
        child.register(heir.pid);
        Ok(child)
    }

    /// Says that it lives, to whoever becomes another build.
    fn register(&self, pid: u32) {
        let heir = Heir::new(self.role, pid, &self.incarnation, self.image.build());
        let living = Living { heir, line: Arc::downgrade(&self.line) };
        self.supervisor.living.lock().unwrap_or_else(PoisonError::into_inner).push(living);
    }

    fn of(
        supervisor: &Arc<Supervisor>,
        role: Role,
        image: Image,
        incarnation: IncarnationId,
        process: Process,
        line: UnixStream,
    ) -> Self {
        let restart = supervisor.config.restart;
        let patience = Patience {
            start_within_ms: restart.start_within_ms,
            hung_after_ms: restart.hung_after_ms,
            kill_after_ms: restart.kill_after_ms,
            stop_within_ms: supervisor.config.shutdown_grace_ms + STOP_SLACK_MS,
        };
        Self {
            role,
            incarnation,
            image,
            begin: Instant::now(),
            is_ready: false,
            is_healthy: false,
            supervisor: Arc::clone(supervisor),
            process,
            line: Arc::new(line),
            is_line_open: true,
            watch: Watch::new(patience),
            killed_at: None,
            is_stuck: false,
            is_leaving: false,
            unready_since: Instant::now(),
        }
    }

    /// Watches over it until it ends or `until` returns.
    pub(super) async fn attend<T>(&mut self, until: impl Future<Output = T>) -> io::Result<Attended<T>> {
        let mut until = std::pin::pin!(until);
        let mut rounds = tokio::time::interval(Duration::from_millis(ROUND_EVERY_MS.unsigned_abs()));
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // What was said is heard before silence is judged.
                biased;
                status = self.process.wait() => {
                    if std::mem::take(&mut self.is_stuck) {
                        self.supervisor.say_unstuck(self.role);
                    }
                    return Ok(Attended::Ended(status?));
                }
                _ = self.line.readable(), if self.is_line_open => self.hear(),
                asked = &mut until => return Ok(Attended::Until(asked)),
                _ = rounds.tick() => self.round().await,
            }
        }
    }

    /// Watches over it until it ends.
    pub(super) async fn attend_to_the_end(&mut self) -> io::Result<ExitStatus> {
        match self.attend(pending::<std::convert::Infallible>()).await? {
            Attended::Ended(status) => Ok(status),
            Attended::Until(never) => match never {},
        }
    }

    /// Asks it to stop; asked again, nothing happens, because a second time would insist.
    pub(super) fn ask(&mut self) {
        self.ask_by(Signal::SIGTERM);
    }

    /// From here on what it says is not about its role any more: its successor may speak.
    pub(super) fn leaves(&mut self) {
        self.is_leaving = true;
    }

    /// Asks one that makes room to stop with the whole deployment instead, and gives it the time for that.
    pub(super) fn ask_anew(&mut self) {
        self.watch.asked_anew();
        self.signal(Signal::SIGTERM);
    }

    /// Asks it to end because its successor waits.
    pub(super) fn ask_for_room(&mut self) {
        self.ask_by(if self.role == Role::Bridge { MAKE_ROOM } else { Signal::SIGTERM });
    }

    fn ask_by(&mut self, signal: Signal) {
        if self.watch.asked() {
            self.signal(signal);
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.process.id().and_then(|pid| i32::try_from(pid).ok()) {
            // It may be gone already; then there is nobody to ask.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    fn hear(&mut self) {
        let mut said = [0; 256];
        match self.line.try_read(&mut said) {
            Ok(0) => self.is_line_open = false,
            Ok(length) => {
                self.watch.heard();
                let words: Vec<_> = said[..length].iter().filter_map(|byte| Word::read(*byte)).collect();
                if words.contains(&Word::Waiting) {
                    self.unready_since = Instant::now();
                }
                if words.contains(&Word::Ready) && !self.is_ready && !self.is_leaving {
                    self.is_ready = true;
                    self.supervisor.say_ready(self.role, &self.image);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                tracing::warn!(role = self.role.as_str(), "can't be heard any more: {error}");
                self.is_line_open = false;
            }
        }
    }

    async fn round(&mut self) {
        let pid = self.process.id();
        let database = &self.supervisor.config.store_path;
        let act = self.watch.round(self.supervisor.now(), || pid.is_some() && commit_holder(database) == pid);
        let silent_ms = self.watch.silent_ms();
        match act {
            Act::Wait => {}
            Act::Ask => {
                self.report(AlertCode::ChildHung, &format!("silent for {silent_ms} ms; it is asked to end"));
                self.ask();
            }
            Act::Kill => {
                self.kill(AlertCode::ChildHung, &format!("silent for {silent_ms} ms, also when asked to end"));
            }
            Act::KillHolder => {
                let why = format!("silent for {silent_ms} ms with the store's commit lock in hand");
                self.kill(AlertCode::ChildHung, &why);
            }
            Act::KillLate => self.kill(AlertCode::ChildLate, "it is heard, but does not end"),
        }
        let restart = self.supervisor.config.restart;
        let is_overdue = self.unready_since.elapsed() > ms(restart.start_within_ms);
        if self.image != Image::Running && !self.is_ready && !self.is_leaving && is_overdue {
            self.ask();
        }
        if self.killed_at.is_some_and(|killed| killed.elapsed() > ms(restart.kill_after_ms))
            && !std::mem::replace(&mut self.is_stuck, true)
        {
            self.supervisor.say_stuck(self.role);
        }
        if !self.is_leaving
            && !self.is_healthy
            && act == Act::Wait
            && self.begin.elapsed() >= ms(restart.healthy_after_ms)
        {
            self.is_healthy = true;
            self.supervisor.say_healthy(self.role).await;
        }
    }

    fn kill(&mut self, code: AlertCode, why: &str) {
        if self.killed_at.is_none() {
            self.killed_at = Some(Instant::now());
            self.report(code, &format!("{why}; it is killed"));
            if let Err(error) = self.process.start_kill() {
                tracing::error!(role = self.role.as_str(), "could not be killed: {error}");
            }
        }
    }

    fn report(&self, code: AlertCode, why: &str) {
        self.supervisor.alerts.raise(code, self.role.as_str(), why);
    }
}

impl Supervisor {
    /// The time since this supervisor began.
    fn now(&self) -> Monotonic {
        Monotonic(i64::try_from(self.begin.elapsed().as_millis()).unwrap_or(i64::MAX))
    }
}

/// A configured length of time.
pub(super) fn ms(ms: i64) -> Duration {
    Duration::from_millis(ms.unsigned_abs())
}
