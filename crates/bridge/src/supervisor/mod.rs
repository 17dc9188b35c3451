//! The supervisor: starts bridge and worker, sees their ends at once, decides what they left behind, starts them again;
//! ends them when they hang, changes them when their build is stale, and gives up when nothing helps.
//!
//! Killing any process loses nothing: a dead child's turns are decided here within milliseconds, a dead supervisor's
//! children end by their lifelines and the next start decides.
//!
//! * `watch`, `breaker`, `board`: what to do, as pure decisions
//! * `process`, `ward`, `child`, `keep`: one process, as the system knows it, as it is looked after and as we know it, and one
//!   role
//! * `image`, `stale`: which build
//! * `requests`, `update`: what admins ask of it from the chat
//! * `handover`: how it becomes another build itself
//! * `memory`, `gasp`: what is left when it gives up
//! * `desk`: what comes from outside, signals and the service manager

mod board;
mod breaker;
mod child;
mod desk;
mod gasp;
mod handover;
mod image;
mod keep;
mod memory;
mod process;
mod requests;
mod stale;
mod update;
mod ward;
mod watch;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use lastword_core::{
    alert::AlertCode,
    ids::IncarnationId,
    store::{Oversight, Role, Store},
};
use lastword_store::{DeploymentLock, IncarnationLock, LockError, SqliteStore};
use tokio::{net::UnixStream, sync::watch as latest, task::JoinSet};
use tokio_util::sync::CancellationToken;

use self::{
    board::Board,
    breaker::Verdict,
    child::Child,
    desk::Desk,
    handover::{Estate, Heir, Living},
    image::Image,
    keep::{Kept, Why},
    memory::Memory,
    ward::Wards,
};
use crate::{
    config::Config,
    process::{
        alerts::Alerts,
        decide_lost::decide_all_lost,
        deployment::open_outliving_its_disk,
        exit::EXIT_GAVE_UP,
        herald,
        member::{keep_to_ourselves, new_incarnation, open_state},
        program,
        signals::{Held, StopFlag},
        state_dir::StateDir,
        webhook::{self, Whose},
    },
};

/// What the alerts of a last gasp are about.
pub(crate) const GASP_SUBJECT: &str = "deployment";
/// How long a start waits for the children of a supervisor that was killed.
const LINGERING_MAX: Duration = Duration::from_secs(5);
/// How often it looks whether they are gone.
const LINGERING_POLL: Duration = Duration::from_millis(50);

/// How long the store may take to open before that is said.
const OPENED_WITHIN: Duration = Duration::from_secs(2);
/// How long it may take at the end to say what is left.
const LEFT_WITHIN: Duration = Duration::from_secs(5);

/// What a supervisor keeps in hand.
pub struct Supervisor {
    config: Config,
    store: Arc<dyn Store>,
    alerts: Arc<Alerts>,
    state: StateDir,
    stop: CancellationToken,
    memory: Memory,
    board: latest::Sender<Board>,
    /// The file that it was started from.
    program: Option<PathBuf>,
    /// Every child that lives, also those on their way out.
    living: Mutex<Vec<Living>>,
}

/// Runs bridge and worker until asked to stop, or until they can't be kept up. Requests to stop are `held` until they can be heard.
pub async fn supervise(config: Config, held: Option<Held>) -> anyhow::Result<ExitCode> {
    keep_to_ourselves()?;
    handover::begins();
    let board = latest::Sender::new(Board::new());
    let mut desk = Desk::open(board.subscribe())?;
    let stop_flag = StopFlag::listen()?;
    drop(held);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let state = open_state(&config)?;
    let (deployment, program, mut wards) = match handover::inherit(&config)? {
        Some(Estate { deployment, program, wards }) => (deployment, program, wards),
        None => match desk.attend(found(&config)).await {
            Some(deployment) => (deployment?, program::started_from(), Wards::default()),
            None => return Ok(ExitCode::SUCCESS),
        },
    };
    let deployment = Arc::new(deployment);
    let memory = Memory::open(&state, &config);
    // Whoever has children keeps them up.
    if wards.is_empty() && !cool_down(&memory, &mut desk).await {
        return Ok(ExitCode::SUCCESS);
    }
    let store = match wards.meanwhile(open_store(&config, &state, &mut desk)).await {
        Ok(Some(store)) => store,
        // Without a store, or asked to stop before there was one.
        without => {
            if !wards.is_empty() {
                if let Err(error) = &without {
                    tracing::error!("there is no store: {error:#}");
                }
                say_stopping(&config);
            }
            desk.say_stopping();
            let code = wards.end(&mut desk).await;
            return without.map(|_| code);
        }
    };
    let listeners = herald::listeners(&config);
    let telling = herald::keep_telling(store.clone(), listeners, config.alerts.messaging.into());
    let alerts = Arc::new(Alerts::new(store.clone()));
    let oversight: Arc<dyn Oversight> = store.clone();
    let posting = webhook::keep_posting(&config, &oversight, &alerts, Whose::All);
    let supervisor = Arc::new(Supervisor {
        config,
        alerts,
        store,
        state,
        stop: CancellationToken::new(),
        memory,
        board,
        program,
        living: Mutex::default(),
    });
    update::recall(&supervisor);
    let mut house = JoinSet::new();
    house.spawn(Arc::clone(&supervisor.alerts).keep_storing());
    house.spawn(telling);
    house.spawn(posting);
    house.spawn(stale::look(Arc::clone(&supervisor)));
    house.spawn(requests::serve(Arc::clone(&supervisor)));
    let updating = house.spawn(update::serve(Arc::clone(&supervisor)));
    house.spawn(decide_predecessors(Arc::clone(&supervisor)));
    house.spawn(handover::when_quiet(Arc::clone(&supervisor), deployment, stop_flag));
    let mut adopted = BTreeMap::new();
    for inherited in wards.into_iter() {
        let child = Child::adopt(&supervisor, inherited);
        adopted.insert(child.role.as_str(), child);
    }
    let mut roles = JoinSet::new();
    for role in [Role::Worker, Role::Bridge] {
        roles.spawn(keep::keep(Arc::clone(&supervisor), role, adopted.remove(role.as_str())));
    }
    let mut worst = Kept::Stopped;
    loop {
        match desk.attend(roles.join_next()).await {
            None if desk.asked() > 1 => return Ok(desk::insisted()),
            None => {
                say_stopping(&supervisor.config);
                supervisor.stop.cancel();
            }
            Some(None) => break,
            Some(Some(ended)) => match ended.context("a task of the supervisor died")?? {
                Kept::Stopped => {}
                other => worst = other,
            },
        }
        if supervisor.stop.is_cancelled() {
            desk.say_stopping();
        }
    }
    let code = match worst {
        Kept::Stopped => ExitCode::SUCCESS,
        Kept::CanNotBegin(code) => ExitCode::from(code),
        Kept::GaveUp => {
            if desk.asked() > 0 {
                tracing::warn!("asked to stop: no last gasp; the next start delivers what is left");
            } else {
                supervisor.alerts.until_stored().await;
                updating.abort();
                update::give_up(&supervisor).await;
                gasp::run(&supervisor, &mut desk).await;
            }
            ExitCode::from(EXIT_GAVE_UP)
        }
    };
    // Two who store alerts at once might count one twice.
    house.shutdown().await;
    supervisor.alerts.store_last().await;
    if matches!(worst, Kept::GaveUp) {
        webhook::post_last(&supervisor.config, &*oversight, &supervisor.alerts).await;
    }
    report_left(&*supervisor.store).await;
    Ok(code)
}

impl Supervisor {
    /// Returns when a child is to end.
    async fn asks(&self, role: Role, build: &str, who: &IncarnationId) -> Why {
        let mut board = self.board.subscribe();
        tokio::select! {
            () = self.stop.cancelled() => Why::Stop,
            _ = board.wait_for(|board| board.is_stale(role, build) || board.is_asked_away(who)) => Why::MakesRoom,
        }
    }

    /// The children, if there are two, one for each role, and both of this build; with their lifelines.
    fn heirs(&self, build: &str) -> Option<Vec<(Heir, Arc<UnixStream>)>> {
        let mut living = self.living.lock().unwrap_or_else(PoisonError::into_inner);
        living.retain(|living| living.line.strong_count() > 0);
        let heirs: Vec<_> =
            living.iter().filter_map(|living| Some((living.heir.clone(), living.line.upgrade()?))).collect();
        let fills = |role| heirs.iter().any(|(heir, _)| heir.role() == Some(role) && heir.build == build);
        (heirs.len() == 2 && fills(Role::Bridge) && fills(Role::Worker)).then_some(heirs)
    }

    /// What a child is started from now.
    fn image(&self) -> Image {
        let wanted = self.board.borrow().wanted.clone();
        if wanted.is_there() {
            return wanted;
        }
        tracing::warn!(build = wanted.build(), "the new build is no longer on the disk; going back to the running one");
        stale::withdraw(self, &wanted);
        Image::Running
    }

    /// A start failed: with a new build the running one is tried again, otherwise it counts.
    async fn failed(&self, role: Role, image: &Image) -> Verdict {
        if *image != Image::Running || self.board.borrow().is_tried(image) {
            tracing::error!(
                role = role.as_str(),
                build = image.build(),
                "the new build does not get ready; going back to the one before until its file changes"
            );
            stale::withdraw(self, image);
            return Verdict::Again;
        }
        let verdict = self.memory.failed(role).await;
        if verdict == Verdict::GiveUp {
            let detail = format!(
                "{} starts failed within {} s, or the one after a cooldown",
                self.config.restart.failures_max,
                self.config.restart.window_ms / 1_000
            );
            self.alerts.raise(AlertCode::BreakerOpen, role.as_str(), detail);
        }
        verdict
    }

    fn say_ready(&self, role: Role, image: &Image) {
        tracing::info!(role = role.as_str(), build = image.build(), "ready");
        self.board.send_modify(|board| board.part_mut(role).ready = Some(image.build().to_owned()));
        if self.board.borrow().is_current(image.build()) {
            self.alerts.resolve(AlertCode::ChildStale, role.as_str());
        }
    }

    fn say_gone(&self, role: Role) {
        self.board.send_modify(|board| {
            let part = board.part_mut(role);
            (part.ready, part.is_proven) = (None, false);
        });
    }

    fn say_stuck(&self, role: Role) {
        self.board.send_modify(|board| board.part_mut(role).stuck += 1);
    }

    fn say_unstuck(&self, role: Role) {
        self.board.send_modify(|board| board.part_mut(role).stuck -= 1);
    }

    /// Whether a child has done its work for long enough, and goes on with it.
    fn say_proven(&self, role: Role, is_proven: bool) {
        self.board.send_if_modified(|board| {
            let part = board.part_mut(role);
            std::mem::replace(&mut part.is_proven, is_proven) != is_proven
        });
    }

    /// A child lived long enough: whatever was wrong before is over.
    async fn say_healthy(&self, role: Role) {
        self.memory.healthy(role).await;
        for code in [AlertCode::ChildDied, AlertCode::ChildHung, AlertCode::ChildLate, AlertCode::BreakerOpen] {
            self.alerts.resolve(code, role.as_str());
        }
        if role == Role::Bridge {
            self.alerts.resolve(AlertCode::LastGasp, GASP_SUBJECT);
        }
    }

    /// Removes the lock file of a process that is dead and decided.
    fn forget(&self, dead: &IncarnationId) {
        if let Err(error) = IncarnationLock::forget(&self.state.incarnations(), dead) {
            tracing::debug!("a lock file stays behind: {error}");
        }
    }
}

fn say_stopping(config: &Config) {
    tracing::info!("stopping: running turns may finish within {} s", config.shutdown_grace_ms / 1_000);
}

/// Waits out an open breaker. `false`: asked to stop meanwhile.
async fn cool_down(memory: &Memory, desk: &mut Desk) -> bool {
    let wait = memory.wait();
    if wait.is_zero() {
        return true;
    }
    let seconds = wait.as_secs_f64();
    tracing::warn!("the last supervisor gave up; waiting {seconds:.1} s before trying once more (`restart.cooldown`)");
    desk.say_status("waiting before it tries once more: the last supervisor gave up");
    desk.attend(tokio::time::sleep(wait)).await.is_some()
}

/// Opens the store away from our own thread, which must hear who asks to stop. `None`: asked to stop meanwhile.
async fn open_store(config: &Config, state: &StateDir, desk: &mut Desk) -> anyhow::Result<Option<Arc<SqliteStore>>> {
    let (wanted, state) = (config.clone(), state.clone());
    let opening = tokio::task::spawn_blocking(move || open_outliving_its_disk(&wanted, &state, &new_incarnation()));
    let mut opening = std::pin::pin!(opening);
    let Some(in_time) = desk.attend(tokio::time::timeout(OPENED_WITHIN, &mut opening)).await else { return Ok(None) };
    if let Ok(opened) = in_time {
        return Ok(Some(Arc::new(opened??)));
    }
    tracing::warn!(store = %config.store_path.display(), "the store does not answer yet; is its disk stuck, or a lock held?");
    desk.say_status("waiting for the store");
    match desk.attend(opening).await {
        Some(opened) => Ok(Some(Arc::new(opened??))),
        None => Ok(None),
    }
}

/// Decides what the processes of an earlier start left behind, once their locks prove them gone.
async fn decide_predecessors(supervisor: Arc<Supervisor>) {
    if let Err(error) = decide_all_lost(&*supervisor.store, &supervisor.state, &supervisor.alerts, None).await {
        tracing::error!("what earlier processes left behind is not decided yet; the sweeps go on: {error}");
    }
}

/// Takes the deployment's lock, after a moment for the children of a supervisor that was killed.
async fn found(config: &Config) -> anyhow::Result<DeploymentLock> {
    let mut waited = Duration::ZERO;
    loop {
        match DeploymentLock::found(&config.store_path) {
            Err(LockError::InUse { .. }) if waited < LINGERING_MAX => {
                tokio::time::sleep(LINGERING_POLL).await;
                waited += LINGERING_POLL;
            }
            found => return Ok(found?),
        }
    }
}

async fn report_left(store: &dyn Store) {
    let Ok(counts) = tokio::time::timeout(LEFT_WITHIN, store.counts()).await else {
        return tracing::warn!("stopped; the store did not say in time what is left");
    };
    match counts {
        Ok(counts) if counts.queued + counts.running + counts.deliveries_open == 0 => {
            tracing::info!("stopped; nothing is owed");
        }
        Ok(counts) => tracing::info!(
            queued = counts.queued,
            running = counts.running,
            deliveries = counts.deliveries_open,
            "stopped; what is left is kept and goes on with the next start"
        ),
        Err(error) => tracing::warn!("stopped; the store did not say what is left: {error}"),
    }
}
