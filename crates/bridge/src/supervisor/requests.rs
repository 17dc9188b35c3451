//! What admins ask of the processes from the chat. A restart: whoever it names makes room, and once others do their work the
//! person is told. Whoever supervises then speaks that last word: also a later supervisor, if this one dies before.

use std::{fmt::Write, sync::Arc, time::Duration};

use lastword_core::{
    ids::{Attempt, Fence},
    reason::{Reason, span},
    store::{Clock, Elected, End, Operation, Request, Restart, StoreError, Topic, Verdict},
};
use lastword_store::SystemClock;

use super::{Supervisor, stale::takes_configuration};

/// How often to look without being woken.
const POLL: Duration = Duration::from_secs(1);

/// Carries requests out until the task is dropped.
pub(super) async fn serve(supervisor: Arc<Supervisor>) {
    let mut woken = supervisor.store.subscribe(Topic::Requests);
    let mut board = supervisor.board.subscribe();
    loop {
        // Everybody else reports a store that is out.
        if let Err(error) = carry_out(&supervisor).await {
            tracing::debug!("requests wait: {error}");
        }
        tokio::select! {
            () = woken.woken() => {}
            _ = board.changed() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

async fn carry_out(supervisor: &Supervisor) -> Result<(), StoreError> {
    for request in supervisor.store.requests().await? {
        // Another task's: it takes longer.
        let Operation::Restart(restart) = request.operation else { continue };
        match carry_out_one(supervisor, restart, &request).await {
            Err(error @ StoreError::Unavailable(_)) => return Err(error),
            // It keeps no other from being carried out.
            Err(error) => tracing::error!(turn = request.turn.0, "a restart can't be answered: {error}"),
            Ok(()) => {}
        }
    }
    Ok(())
}

async fn carry_out_one(supervisor: &Supervisor, restart: Restart, request: &Request) -> Result<(), StoreError> {
    let (successors, to_ask) = {
        let board = supervisor.board.borrow();
        (board.successors(restart, &request.replaces).map(|builds| written(&builds)), board.to_ask(&request.replaces))
    };
    if let Some(builds) = successors {
        return answer(supervisor, restart, request, &builds).await;
    }
    if to_ask.is_empty() {
        return Ok(());
    }
    // Who runs now does not read it again; who would be started has to.
    if let Err(why) = takes_configuration(supervisor, &supervisor.image()).await {
        tracing::error!(turn = request.turn.0, "nothing is restarted, because of the configuration: {why}");
        return speak(supervisor, request, End::Errored(Reason::RestartRefused), Reason::RestartRefused.last_word())
            .await;
    }
    tracing::info!(turn = request.turn.0, "restarting {}, as asked from the chat", restart.shown());
    supervisor.board.send_modify(|board| board.ask_away(to_ask));
    Ok(())
}

/// The last word of a restart that is done.
async fn answer(supervisor: &Supervisor, restart: Restart, request: &Request, builds: &str) -> Result<(), StoreError> {
    let took_ms = SystemClock.now().since_ms(request.accepted_at).max(0);
    let mut text = format!("Restarted {} in {}; {builds}.", restart.shown(), shown(took_ms));
    let mut old = 0;
    for replaced in &request.replaces {
        old += supervisor.store.running(replaced).await?.len();
    }
    let grace = span(supervisor.config.shutdown_grace_ms);
    // Writing to a String can't fail.
    match old {
        0 => {}
        1 => drop(write!(text, " One message is still worked on by the old worker, which has {grace} for it.")),
        n => drop(write!(text, " {n} messages are still worked on by the old worker, which has {grace} for them.")),
    }
    speak(supervisor, request, End::Answered, text).await
}

pub(super) async fn speak(
    supervisor: &Supervisor,
    request: &Request,
    end: End,
    text: String,
) -> Result<(), StoreError> {
    let fence = Fence { turn: request.turn, attempt: Attempt::NONE };
    let verdict = Verdict { fence, end, parts: vec![text], files: Vec::new(), if_progress: None };
    match supervisor.store.elect(verdict).await? {
        Elected::Won => tracing::info!(turn = request.turn.0, "what was asked of the processes has its last word"),
        Elected::Lost => {}
    }
    Ok(())
}

/// Which builds do the work now.
fn written(builds: &[(lastword_core::store::Role, &str)]) -> String {
    match builds {
        [(_, build)] => format!("build {build}"),
        [(_, one), (_, other)] if one == other => format!("build {one}"),
        _ => builds
            .iter()
            .map(|(role, build)| format!("{}: build {build}", role.as_str()))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// A length of time, to a tenth of a second where that is of interest.
pub(super) fn shown(ms: i64) -> String {
    match ms {
        0..10_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => span(ms),
    }
}

#[cfg(test)]
mod tests {
    use lastword_core::store::Role;

    use super::*;

    #[test]
    fn builds_are_named_once_if_they_are_the_same() {
        let (bridge, worker) = ((Role::Bridge, "1"), (Role::Worker, "1"));
        assert_eq!(written(&[bridge]), "build 1");
        assert_eq!(written(&[bridge, worker]), "build 1");
        assert_eq!(written(&[bridge, (Role::Worker, "2")]), "bridge: build 1, worker: build 2");
    }

    #[test]
    fn short_times_are_shown_to_a_tenth() {
        assert_eq!((shown(0), shown(849), shown(61_000)), ("0.0 s".into(), "0.8 s".into(), span(61_000)));
    }
}
