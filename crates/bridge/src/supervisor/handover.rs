//! Changing the supervisor itself: it becomes the build that its children are of, in place.
//!
//! The process stays the same, so its children stay its own; the deployment's lock and the children's lifelines go along,
//! through a socket that is its standard input from then on. Nobody is started again and no turn notices. Who asks to stop
//! meanwhile is heard by what it becomes.
//!
//! It happens only while all is quiet: both children are of one build and have done their work for a while, nobody else is on
//! the way out, nothing is on trial and no admin waits for anything. A supervisor that dies in the midst of it is one that dies: its
//! children's lifelines end, and the next start goes on.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{net::UnixStream, process::CommandExt},
    },
    path::PathBuf,
    sync::{Arc, Weak},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use lastword_core::{
    faults::{self, HandoverPoint},
    ids::IncarnationId,
    store::{Role, StoreError},
};
use lastword_store::DeploymentLock;
use rustix::{
    cmsg_space,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
        recvmsg, sendmsg,
    },
};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::SignalKind;

use super::{Supervisor, image::Image, stale, update, ward::Wards};
use crate::{
    build_id::build,
    config::Config,
    process::signals::{self, StopFlag},
};

/// The variable by which a supervisor tells what it becomes that there is something to inherit.
pub(super) const INHERITS_ENV: &str = "LASTWORD_INHERITS";
/// How often to look whether all is quiet; twice in a row is enough.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long it takes to write a line of the log.
const SAID_WITHIN: Duration = Duration::from_millis(100);
/// The lock, and a lifeline for each role.
const FDS: usize = 3;
/// The most bytes of what goes along with them.
const WILL_BYTES_MAX: usize = 4 << 10;

/// A child as the registry knows it, for as long as it lives.
pub(super) struct Living {
    pub(super) heir: Heir,
    /// Its lifeline; gone with the child.
    pub(super) line: Weak<tokio::net::UnixStream>,
}

/// A child that a supervisor leaves to what it becomes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Heir {
    role: String,
    pub(super) pid: u32,
    incarnation: String,
    /// What it is started from calls itself.
    pub(super) build: String,
}

impl Heir {
    pub(super) fn new(role: Role, pid: u32, incarnation: &IncarnationId, build: &str) -> Self {
        Self { role: role.as_str().into(), pid, incarnation: incarnation.as_str().into(), build: build.into() }
    }

    pub(super) fn role(&self) -> Option<Role> {
        Role::from_stored(&self.role)
    }

    pub(super) fn incarnation(&self) -> IncarnationId {
        IncarnationId::new(self.incarnation.clone())
    }
}

/// What goes along with the files.
#[derive(Debug, Serialize, Deserialize)]
struct Will {
    /// The file whose builds are looked for.
    program: Option<PathBuf>,
    children: Vec<Heir>,
}

/// What was inherited.
pub(super) struct Estate {
    pub(super) deployment: DeploymentLock,
    pub(super) program: Option<PathBuf>,
    pub(super) wards: Wards,
}

/// This program begins.
pub(super) fn begins() {
    if std::env::var_os(INHERITS_ENV).is_some() {
        faults::point_of_handover(HandoverPoint::BeforeAdoption);
    }
}

/// What the supervisor that this one was left, if it was one.
pub(super) fn inherit(config: &Config) -> anyhow::Result<Option<Estate>> {
    if std::env::var_os(INHERITS_ENV).is_none() {
        return Ok(None);
    }
    let stdin = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let (will, fds) = receive(&stdin).context("what the supervisor before left can't be read")?;
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    let Will { program, children } =
        serde_json::from_slice(&will).context("what the supervisor before left can't be read")?;
    ensure!(
        fds.len() == children.len() + 1,
        "the supervisor before left {} of {} files",
        fds.len(),
        children.len() + 1
    );
    let mut fds = fds.into_iter();
    let deployment = DeploymentLock::inherited(&config.store_path, fds.next().context("there is no lock")?)?;
    let children = children.into_iter().zip(fds.map(UnixStream::from)).collect();
    Ok(Some(Estate { deployment, program, wards: Wards::new(config, children)? }))
}

/// Becomes the children's build when all is quiet, and otherwise looks on until the task is dropped. A build that would not take
/// over is not asked again, and after one that could not be started it stays what it is.
pub(super) async fn when_quiet(supervisor: Arc<Supervisor>, deployment: Arc<DeploymentLock>, stop: StopFlag) {
    let (mut quiet, mut refused) = (0, None);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let next = match is_quiet(&supervisor).await {
            Ok(Some(next)) if refused.as_ref() != Some(&next) => next,
            Ok(_) | Err(_) => {
                quiet = 0;
                continue;
            }
        };
        quiet += 1;
        if quiet < 2 {
            continue;
        }
        let taken = takes_over(&supervisor, &next).await;
        supervisor.alerts.until_stored().await;
        if taken.is_ok() {
            tracing::info!(from = build(), to = next.build(), "the supervisor becomes the build of its children");
        }
        // What was said is written by a thread that ends with this program.
        tokio::time::sleep(SAID_WITHIN).await;
        if !matches!(is_quiet(&supervisor).await, Ok(Some(still)) if still == next) {
            quiet = 0;
            continue;
        }
        let (error, is_over) = match taken {
            Ok(()) => {
                // Whoever asks to stop from here on asks what this becomes.
                let _held = signals::hold();
                if stop.is_asked() {
                    quiet = 0;
                    continue;
                }
                faults::point_of_handover(HandoverPoint::BeforeExec);
                (become_build(&supervisor, &deployment, &next), true)
            }
            Err(error) => (error, false),
        };
        tracing::error!(
            build = next.build(),
            "the supervisor stays the build that it is until its next start: {error:#}"
        );
        if is_over {
            return;
        }
        refused = Some(next);
    }
}

/// Whether a build would take what this one leaves, with the configuration as it is now: one that is older than this can't,
/// and one that refuses the configuration would end, and the children with it.
async fn takes_over(supervisor: &Supervisor, next: &Image) -> anyhow::Result<()> {
    let mut command = next.command(&supervisor.config, "check")?;
    command.arg("--heir-of").arg(&supervisor.config.store_path);
    stale::run(command).await.map_err(|error| anyhow::anyhow!("it would not take over: {error}")).map(|_| ())
}

/// The build to become, if it is one and nothing is under way at the moment of the answer.
async fn is_quiet(supervisor: &Supervisor) -> Result<Option<Image>, StoreError> {
    if supervisor.board.borrow().to_become().is_none() || !supervisor.store.requests().await?.is_empty() {
        return Ok(None);
    }
    let next = supervisor.board.borrow().to_become();
    let is_free = !supervisor.stop.is_cancelled() && !update::is_under_way(supervisor);
    Ok(next.filter(|next| is_free && next.is_there() && supervisor.heirs(next.build()).is_some()))
}

/// Becomes another build; returns only if that failed, and says why.
fn become_build(supervisor: &Supervisor, deployment: &DeploymentLock, next: &Image) -> anyhow::Error {
    let left = || -> anyhow::Result<std::convert::Infallible> {
        let heirs = supervisor.heirs(next.build()).context("a child has just ended")?;
        let (ours, its) = UnixStream::pair()?;
        let children = heirs.iter().map(|(heir, _)| heir.clone()).collect();
        let will = serde_json::to_vec(&Will { program: supervisor.program.clone(), children })?;
        ensure!(will.len() <= WILL_BYTES_MAX, "there is too much to tell");
        let lines: Vec<_> = heirs.iter().map(|(_, line)| line.as_fd()).collect();
        let fds: Vec<_> = std::iter::once(deployment.as_fd()).chain(lines).collect();
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(FDS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        ensure!(control.push(SendAncillaryMessage::ScmRights(&fds)), "there are too many files");
        let sent = sendmsg(&ours, &[IoSlice::new(&will)], &mut control, SendFlags::empty())?;
        ensure!(sent == will.len(), "only a part of it was taken");
        let before = io::stdin().as_fd().try_clone_to_owned()?;
        rustix::stdio::dup2_stdin(&its)?;
        let error = next.itself(&supervisor.config)?.env(INHERITS_ENV, "1").exec();
        rustix::stdio::dup2_stdin(&before)?;
        // Trying has made a closed pipe deadly again. This can be mended once.
        let _ = tokio::signal::unix::signal(SignalKind::pipe())?;
        Err(error.into())
    };
    match left() {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

/// One message with its files.
fn receive(socket: &UnixStream) -> anyhow::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut will = vec![0; WILL_BYTES_MAX];
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(FDS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    // Closed in every child that is started from here.
    let received = recvmsg(socket, &mut [IoSliceMut::new(&mut will)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let fds = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds.collect::<Vec<_>>()),
        _ => None,
    });
    let fds = fds.flatten().collect();
    will.truncate(received.bytes);
    Ok((will, fds))
}
