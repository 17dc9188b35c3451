//! Keeping one role filled: started, decided when it died, started again, until the supervisor stops or gives up.

use std::{os::unix::process::ExitStatusExt, process::ExitStatus, sync::Arc, time::Duration};

use lastword_core::{
    alert::AlertCode,
    decide::backoff::Backoff,
    ids::IncarnationId,
    store::{Role, StoreError},
};
use tokio::task::{JoinError, JoinSet};

use super::{
    Supervisor,
    breaker::Verdict,
    child::{Attended, Child},
    image::Image,
};
use crate::process::{
    decide_lost::decide_lost,
    exit::{EXIT_ADDRESS, EXIT_CONFIG, EXIT_STORE},
    patience::pause,
};

/// How long an end waits for a store that is out; the sweeps of the living, or the next start, go on with it.
const DECIDED_WITHIN: Duration = Duration::from_secs(5);

/// How keeping a role ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// The supervisor stops.
    Stopped,
    /// It can't begin as things are: the exit code that says why.
    CanNotBegin(u8),
    /// Its starts failed again and again.
    GaveUp,
}

/// Why a child is asked to end.
pub(super) enum Why {
    /// The supervisor stops.
    Stop,
    /// Another build takes its place, or somebody asked for a restart.
    MakesRoom,
}

/// Keeps one role filled, at first by a child that was `inherited`, if there is one. When it returns, every process that
/// it started is reaped, and decided as far as the store answers.
pub(super) async fn keep(
    supervisor: Arc<Supervisor>,
    role: Role,
    mut inherited: Option<Child>,
) -> anyhow::Result<Kept> {
    let restart = supervisor.config.restart;
    let backoff = Backoff { first_ms: restart.pause_ms, max_ms: restart.pause_ms_max };
    let mut deciding = JoinSet::new();
    let mut retired = JoinSet::new();
    let mut failures = 0;
    let mut was_ready = inherited.is_some();
    let kept = loop {
        if supervisor.stop.is_cancelled() {
            break Kept::Stopped;
        }
        // The first time it is started again at once: most deaths are a single stroke.
        if failures > 1 {
            rest(&supervisor, backoff, failures - 1).await;
            if supervisor.stop.is_cancelled() {
                break Kept::Stopped;
            }
        }
        while let Some(decided) = deciding.try_join_next() {
            report(decided);
        }
        let image = supervisor.image();
        let started = match inherited.take() {
            Some(child) => Ok(child),
            None => Child::start(&supervisor, role, image.clone(), !was_ready),
        };
        let mut child = match started {
            Ok(child) => child,
            Err(error) => {
                let detail = format!("build {} could not be started: {error}", image.build());
                supervisor.alerts.raise(AlertCode::ChildDied, role.as_str(), detail);
                failures += 1;
                match supervisor.failed(role, &image).await {
                    Verdict::Again => continue,
                    Verdict::GiveUp => break Kept::GaveUp,
                }
            }
        };
        let incarnation = child.incarnation.clone();
        let asked = match child.attend(supervisor.asks(role, &child.build.clone(), &incarnation)).await? {
            Attended::Ended(status) => Err(status),
            Attended::Until(why) => Ok(why),
        };
        supervisor.say_gone(role);
        was_ready |= child.is_ready();
        match asked {
            Ok(why) => {
                child.leaves();
                match why {
                    Why::Stop => {
                        child.ask();
                        child.attend_to_the_end().await?;
                        deciding.spawn(decide(Arc::clone(&supervisor), child.incarnation.clone()));
                        break Kept::Stopped;
                    }
                    // Its turns run on while its successor takes new ones.
                    Why::MakesRoom if role == Role::Worker => {
                        child.ask_for_room();
                        retired.spawn(retire(Arc::clone(&supervisor), child));
                    }
                    // Two bridges would be in each other's way.
                    Why::MakesRoom => {
                        child.ask_for_room();
                        if let Attended::Until(()) = child.attend(supervisor.stop.cancelled()).await? {
                            child.ask_anew();
                            child.attend_to_the_end().await?;
                        }
                        deciding.spawn(decide(Arc::clone(&supervisor), child.incarnation.clone()));
                    }
                }
                failures = 0;
            }
            Err(status) => {
                // Reaped, so certainly dead. Its successor does not wait for the decision: the store may be out.
                deciding.spawn(decide(Arc::clone(&supervisor), child.incarnation.clone()));
                if supervisor.stop.is_cancelled() {
                    break Kept::Stopped;
                }
                // One death is enough, whatever it is of, but for a store that is out.
                let is_tried = supervisor.board.borrow().is_tried(&image);
                let can_not_begin =
                    [EXIT_CONFIG, EXIT_ADDRESS].into_iter().find(|code| status.code() == Some((*code).into()));
                if let (false, Some(code)) = (was_ready || is_tried, can_not_begin) {
                    tracing::error!(role = role.as_str(), "it can't begin as things are; see above");
                    break Kept::CanNotBegin(code);
                }
                supervisor.alerts.raise(AlertCode::ChildDied, role.as_str(), epitaph(status));
                // Whether or not it can be decided now: the store may be out.
                supervisor.alerts.count_restart(role);
                failures = if child.is_healthy { 1 } else { failures + 1 };
                let has_failed = (is_tried || !child.is_healthy) && status.code() != Some(EXIT_STORE.into());
                // A new build that was ready once is kept: what it dies of is judged like any other death.
                let image = if child.is_ready() && !is_tried { &Image::Running } else { &image };
                if has_failed && supervisor.failed(role, image).await == Verdict::GiveUp {
                    break Kept::GaveUp;
                }
            }
        }
    };
    if kept != Kept::Stopped {
        supervisor.stop.cancel();
    }
    while let Some(ended) = retired.join_next().await {
        ended??;
    }
    let decided = async {
        while let Some(decided) = deciding.join_next().await {
            report(decided);
        }
    };
    if tokio::time::timeout(DECIDED_WITHIN, decided).await.is_err() {
        tracing::warn!("the store did not answer in time; the next start decides what is left");
    }
    Ok(kept)
}

/// Watches over a child that was asked to make room until it ends, and decides it then.
async fn retire(supervisor: Arc<Supervisor>, mut child: Child) -> std::io::Result<()> {
    child.attend_to_the_end().await?;
    let decided = decide(supervisor, child.incarnation.clone());
    if let Ok(Err(error)) = tokio::time::timeout(DECIDED_WITHIN, decided).await {
        tracing::error!("a child that made room could not be decided yet: {error}");
    }
    Ok(())
}

/// Decides a reaped child.
async fn decide(supervisor: Arc<Supervisor>, dead: IncarnationId) -> Result<(), StoreError> {
    decide_lost(&*supervisor.store, &supervisor.state, &supervisor.alerts, &dead).await?;
    supervisor.forget(&dead);
    Ok(())
}

/// Whether deciding failed: the sweeps of the living go on with it.
fn report(decided: Result<Result<(), StoreError>, JoinError>) {
    match decided {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!("a dead child could not be decided yet: {error}"),
        Err(panic) => tracing::error!("deciding a dead child died: {panic}"),
    }
}

/// Pauses before the next start, unless asked to stop.
async fn rest(supervisor: &Supervisor, backoff: Backoff, failures: u32) {
    let _ = tokio::time::timeout(pause(backoff, failures), supervisor.stop.cancelled()).await;
}

fn epitaph(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with exit code {code}"),
        (None, Some(signal)) => format!("it was killed by signal {signal}"),
        (None, None) => "it ended".to_owned(),
    }
}
