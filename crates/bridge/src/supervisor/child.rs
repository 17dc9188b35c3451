//! One child: started or inherited, and what becomes of what is seen of its process.

use std::{
    future::pending,
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as Socket},
    process::ExitStatus,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use lastword_core::{ids::IncarnationId, store::Role};
use nix::sys::signal::Signal;
use tokio::net::UnixStream;

use super::{
    Supervisor,
    handover::{Heir, Living},
    image::Image,
    process::Process,
    ward::{Inheritance, Seen, Trouble, Ward},
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

/// A running child.
pub(super) struct Child {
    pub(super) role: Role,
    pub(super) incarnation: IncarnationId,
    /// What it calls itself: also one that was inherited, and need not be of this supervisor's build.
    pub(super) build: String,
    pub(super) begin: Instant,
    /// Whether it lived long enough to count as well.
    pub(super) is_healthy: bool,
    supervisor: Arc<Supervisor>,
    image: Image,
    ward: Ward,
    /// Whether it was killed and does not go.
    is_stuck: bool,
    /// Whether it no longer speaks for its role.
    is_leaving: bool,
    /// When it said that it does its work.
    ready_since: Option<Instant>,
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
        let ward = Ward::new(&supervisor.config, role, Process::Started(process), line);
        let build = image.build().to_owned();
        let child = Self::of(supervisor, image, build, incarnation, ward);
        child.register(pid.unwrap_or_default());
        Ok(child)
    }

    /// Goes on with one that this supervisor started before it became this build. It does its work.
    pub(super) fn adopt(supervisor: &Arc<Supervisor>, Inheritance { heir, ward, troubles }: Inheritance) -> Self {
        let (role, incarnation) = (ward.role, heir.incarnation());
        tracing::info!(role = role.as_str(), pid = heir.pid, incarnation = %incarnation, "inherited");
        if heir.build != build() {
            tracing::warn!(role = role.as_str(), "it is of another build by now: {}", heir.build);
        }
        supervisor.board.send_modify(|board| {
            let part = board.part_mut(role);
            (part.who, part.ready) = (Some(incarnation.clone()), Some(heir.build.clone()));
        });
        let mut child = Self::of(supervisor, Image::Running, heir.build, incarnation, ward);
        child.ready_since = Some(Instant::now());
        child.register(heir.pid);
        for trouble in troubles {
            child.report(trouble);
        }
        child
    }

    /// Says that it lives, to whoever becomes another build.
    fn register(&self, pid: u32) {
        let heir = Heir::new(self.role, pid, &self.incarnation, &self.build);
        let living = Living { heir, line: Arc::downgrade(self.ward.line()) };
        self.supervisor.living.lock().unwrap_or_else(PoisonError::into_inner).push(living);
    }

    fn of(supervisor: &Arc<Supervisor>, image: Image, build: String, incarnation: IncarnationId, ward: Ward) -> Self {
        Self {
            role: ward.role,
            incarnation,
            build,
            begin: Instant::now(),
            is_healthy: false,
            supervisor: Arc::clone(supervisor),
            image,
            ward,
            is_stuck: false,
            is_leaving: false,
            ready_since: None,
            unready_since: Instant::now(),
        }
    }

    /// Watches over it until it ends or `until` returns.
    pub(super) async fn attend<T>(&mut self, until: impl Future<Output = T>) -> io::Result<Attended<T>> {
        let mut until = std::pin::pin!(until);
        loop {
            tokio::select! {
                biased;
                seen = self.ward.next() => match seen? {
                    Seen::Ended(status) => {
                        if std::mem::take(&mut self.is_stuck) {
                            self.supervisor.say_unstuck(self.role);
                        }
                        return Ok(Attended::Ended(status));
                    }
                    Seen::Heard(words) => self.hear(&words),
                    Seen::Judged(trouble) => self.round(trouble).await,
                },
                asked = &mut until => return Ok(Attended::Until(asked)),
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

    /// Whether it said that it does its work.
    pub(super) fn is_ready(&self) -> bool {
        self.ready_since.is_some()
    }

    /// Asks it to stop; asked again, nothing happens, because a second time would insist.
    pub(super) fn ask(&mut self) {
        self.ward.ask(Signal::SIGTERM);
    }

    /// From here on what it says is not about its role any more: its successor may speak.
    pub(super) fn leaves(&mut self) {
        self.is_leaving = true;
    }

    /// Asks one that makes room to stop with the whole deployment instead, and gives it the time for that.
    pub(super) fn ask_anew(&mut self) {
        self.ward.ask_anew();
    }

    /// Asks it to end because its successor waits.
    pub(super) fn ask_for_room(&mut self) {
        self.ward.ask(if self.role == Role::Bridge { MAKE_ROOM } else { Signal::SIGTERM });
    }

    fn hear(&mut self, words: &[Word]) {
        if words.contains(&Word::Waiting) {
            self.unready_since = Instant::now();
        }
        if words.contains(&Word::Ready) && !self.is_ready() && !self.is_leaving {
            self.ready_since = Some(Instant::now());
            self.supervisor.say_ready(self.role, &self.image);
        }
    }

    async fn round(&mut self, trouble: Option<Trouble>) {
        let is_well = trouble.is_none() && self.ward.killed_at().is_none();
        if let Some(trouble) = trouble {
            self.report(trouble);
        }
        let restart = self.supervisor.config.restart;
        let is_overdue = self.unready_since.elapsed() > ms(restart.start_within_ms);
        if self.image != Image::Running && !self.is_ready() && !self.is_leaving && is_overdue {
            self.ask();
        }
        if self.ward.killed_at().is_some_and(|killed| killed.elapsed() > ms(restart.kill_after_ms))
            && !std::mem::replace(&mut self.is_stuck, true)
        {
            self.supervisor.say_stuck(self.role);
        }
        if !self.is_leaving {
            let is_long = self.ready_since.is_some_and(|since| since.elapsed() >= ms(restart.healthy_after_ms));
            self.supervisor.say_proven(self.role, is_well && is_long && !self.ward.is_ending());
        }
        if !self.is_leaving && !self.is_healthy && is_well && self.begin.elapsed() >= ms(restart.healthy_after_ms) {
            self.is_healthy = true;
            self.supervisor.say_healthy(self.role).await;
        }
    }

    fn report(&self, Trouble { code, detail }: Trouble) {
        self.supervisor.alerts.raise(code, self.role.as_str(), detail);
    }
}

/// A configured length of time.
pub(super) fn ms(ms: i64) -> Duration {
    Duration::from_millis(ms.unsigned_abs())
}
