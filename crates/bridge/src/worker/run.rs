//! One attempt of one turn: the agent runs, its deadlines are kept, and one word is elected.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use lastword_core::{
    agent::{AgentOutcome, AgentRequest},
    capability::ReplyShape,
    decide::{split::split, sweep::Deadlines},
    faults::{self, Point},
    file::{FileLimits, OutFile},
    ids::Fence,
    reason::Reason,
    store::{Claim, Elected, End, OnLost, Verdict},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    agents::Agents,
    elect::elect,
    files::{self, Keeper, Left},
    reporter::{Heard, Reporter},
};
use crate::process::{blocking::blocking, member::Member};

/// How often the deadlines are looked at, at least and at most.
const ROUND_MIN: Duration = Duration::from_millis(1);
const ROUND_MAX: Duration = Duration::from_secs(1);
/// How long the state's disk may take to make a working directory, or to show what is in it.
const DISK_WITHIN: Duration = Duration::from_secs(10);
/// How long it may take to copy what an agent leaves.
const KEPT_WITHIN: Duration = Duration::from_secs(60);
/// How often it is shown meanwhile that the attempt goes on.
const MOVES_EVERY: Duration = Duration::from_secs(1);
/// How much of one round counts, however late it was woken.
const AWAKE_MAX: Duration = Duration::from_secs(3);

/// How an attempt is ended from outside.
#[derive(Clone)]
pub(super) struct Stop {
    /// Somebody else decided the turn: say nothing.
    pub(super) decided: CancellationToken,
    /// The worker ends: say so.
    pub(super) shut_down: CancellationToken,
}

/// Runs an attempt to its end. Whatever happens, the turn is decided, or left to who will certainly decide it.
pub(super) async fn run(member: Arc<Member>, agents: Arc<Agents>, claim: Claim, stop: Stop) {
    let fence = claim.fence;
    tracing::info!(turn = %fence.turn, attempt = %fence.attempt, agent = %claim.agent, "running");
    let Some((outcome, files)) = attempt(&member, &agents, &claim, &stop).await else { return };
    faults::point(Point::ElectBefore);
    let elected = elect(&member, verdict(fence, claim.shape, outcome, files)).await;
    faults::point(Point::ElectAfter);
    match elected {
        Ok(Elected::Won) => tracing::info!(turn = %fence.turn, attempt = %fence.attempt, "has its last word"),
        Ok(Elected::Lost) => tracing::info!(turn = %fence.turn, attempt = %fence.attempt, "was decided elsewhere"),
        Err(error) => {
            tracing::error!(turn = %fence.turn, attempt = %fence.attempt, "its last word can't be stored: {error}");
            give_up(member, fence).await;
        }
    }
}

/// The last word of a turn whose own task died, or whose answer can't be stored: an answer that was finished before is
/// in the journal, and stands.
pub(super) async fn give_up(member: Arc<Member>, fence: Fence) {
    let broken = || Verdict {
        fence,
        parts: vec![Reason::Broken.last_word()],
        end: End::Errored(Reason::Broken),
        files: Vec::new(),
        if_progress: None,
    };
    if let Err(error) = elect(&member, member.journal.kept(fence).unwrap_or_else(broken)).await {
        tracing::error!(turn = %fence.turn, attempt = %fence.attempt, "could not be decided: {error}");
    }
}

/// An outcome with the files that go with it, each entry one message.
type Said = (AgentOutcome, Vec<Vec<OutFile>>);

fn failed(reason: Reason) -> Said {
    (AgentOutcome::Failed(reason), Vec::new())
}

/// What to elect; `None` when somebody else decides the turn.
async fn attempt(member: &Member, agents: &Agents, claim: &Claim, stop: &Stop) -> Option<Said> {
    let Some(agent) = agents.get(&claim.agent) else {
        return Some(failed(Reason::AgentUnknown { agent: claim.agent.to_string() }));
    };
    if let Some(reason) = files::nothing_to_ask(&claim.prompt, &claim.files) {
        return Some(failed(reason));
    }
    let (state, place, session) = (member.state.clone(), claim.place_id, claim.session);
    let opened = on_disk(DISK_WITHIN, move || {
        let directory = state.open_place(place, session)?;
        Ok((files::in_outbox(&directory), directory))
    });
    // Before it is there nothing was done, and whoever ends the turn may do so at once.
    let opened = tokio::select! {
        biased;
        opened = opened => opened,
        () = stop.decided.cancelled() => return None,
    };
    let (left_before, directory) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let detail = format!("its working directory can't be made: {error}");
            return Some(failed(Reason::AgentNotStarted { detail }));
        }
    };
    let request = AgentRequest {
        fence: claim.fence,
        place: claim.place.clone(),
        prompt: files::prompt_with(&claim.prompt, &claim.files),
        sender_name: claim.sender_name.clone(),
        directory,
        about: agents.about().clone(),
    };
    let (mut reporter, heard) = Reporter::new(claim.fence, Arc::clone(&member.store));
    let deadlines = member.deadlines(&claim.agent);
    tokio::select! {
        // The agent last: however much it writes, it keeps nothing of its own limits from being seen.
        biased;
        () = stop.decided.cancelled() => None,
        () = stop.shut_down.cancelled() => match member.on_lost(&claim.agent) {
            OnLost::Error => Some(failed(Reason::ShutDown)),
            // Still ours when we leave, and so it goes back to the queue.
            OnLost::Replay { .. } => None,
        },
        reason = past_deadline(&heard, deadlines) => Some(failed(reason)),
        () = heard.write(claim.fence, &*member.store) => None,
        outcome = agent.run(&request, &mut reporter) => {
            Some(with_files(member, claim, outcome, request.directory.clone(), left_before).await)
        }
    }
}

/// Does something with the state's disk, on a thread of its own, within a limit.
async fn on_disk<T: Send + 'static>(
    within: Duration,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match tokio::time::timeout(within, blocking(work)).await {
        Ok(done) => done.map_err(io::Error::other)?,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "its disk does not answer")),
    }
}

/// The answer with the files that its agent left.
async fn with_files(
    member: &Member,
    claim: &Claim,
    outcome: AgentOutcome,
    directory: PathBuf,
    before: io::Result<files::Outbox>,
) -> Said {
    let bytes_max = member.config.limits.file_bytes_max;
    let limits = claim
        .shape
        .files
        .map(|limits| FileLimits { upload_bytes_max: limits.upload_bytes_max.min(bytes_max), ..limits });
    let (state, place, session, fence) = (member.state.clone(), claim.place_id, claim.session, claim.fence);
    let keeping = move || Keeper { state: &state, place, session, fence, limits }.keep_new(&directory, &before?);
    let left = while_it_moves(member, fence, on_disk(KEPT_WITHIN, keeping)).await.unwrap_or_else(|error| {
        tracing::error!(turn = %fence.turn, attempt = %fence.attempt, "what is in its outbox can't be kept: {error}");
        Left::unknown(&error)
    });
    left.go_with(outcome, limits)
}

/// Shows that an attempt goes on for as long as `work` takes: a sweep must not end what is nearly done. The work waits
/// for no store: what it comes to may have to go into the journal.
async fn while_it_moves<T>(member: &Member, fence: Fence, work: impl Future<Output = T>) -> T {
    let moving = async {
        loop {
            tokio::time::sleep(MOVES_EVERY).await;
            if let Err(error) = member.store.progress(fence, None).await {
                tracing::debug!(turn = %fence.turn, attempt = %fence.attempt, "progress could not be recorded: {error}");
            }
        }
    };
    tokio::select! {
        biased;
        done = work => done,
        () = moving => unreachable!("it goes on for ever"),
    }
}

/// Returns when the agent is past its idle or total deadline, in time that this process was awake.
///
/// After a freeze (a suspended laptop, a stopped process) the agent's output may be waiting unread: what was slept
/// through counts as one ordinary round. An agent that waits to be started is not slow: until its group is recorded,
/// the clocks stand still.
async fn past_deadline(heard: &Heard, deadlines: Deadlines) -> Reason {
    let ms = |ms: i64| Duration::from_millis(ms.unsigned_abs());
    let (idle_max, total_max) = (ms(deadlines.idle_ms), ms(deadlines.total_ms));
    let (mut idle, mut total) = (Duration::ZERO, Duration::ZERO);
    let mut last = heard.last();
    loop {
        let begin = Instant::now();
        let left = idle_max.saturating_sub(idle).min(total_max.saturating_sub(total));
        tokio::time::sleep(left.clamp(ROUND_MIN, ROUND_MAX)).await;
        let Some(began) = heard.began() else {
            (idle, total) = (Duration::ZERO, Duration::ZERO);
            continue;
        };
        let passed = begin.elapsed().min(AWAKE_MAX).min(began.elapsed());
        total += passed;
        idle += passed;
        if heard.last() != last {
            last = heard.last();
            idle = last.elapsed().min(passed);
        }
        if total >= total_max {
            return Reason::TooSlow { after_ms: deadlines.total_ms };
        }
        if idle >= idle_max {
            return Reason::Idle { after_ms: deadlines.idle_ms };
        }
    }
}

fn verdict(fence: Fence, shape: ReplyShape, outcome: AgentOutcome, files: Vec<Vec<OutFile>>) -> Verdict {
    match outcome {
        AgentOutcome::Answered(text) => {
            Verdict { fence, end: End::Answered, parts: split(&text, shape.text_max), files, if_progress: None }
        }
        AgentOutcome::Failed(reason) => {
            tracing::warn!(turn = %fence.turn, attempt = %fence.attempt, reason = reason.code(), "{}", reason.for_operator());
            let parts = split(&reason.last_word(), shape.text_max);
            Verdict { fence, end: End::Errored(reason), parts, files, if_progress: None }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINES: Deadlines = Deadlines { queue_ms: 0, idle_ms: 50, total_ms: 60_000 };
    const LONG: Duration = Duration::from_millis(300);

    #[tokio::test]
    async fn the_clocks_of_an_agent_begin_when_it_may_act() {
        for deadlines in [DEADLINES, Deadlines { idle_ms: 60_000, total_ms: 50, ..DEADLINES }] {
            let heard = Heard::new();
            heard.waits();
            let mut deadline = std::pin::pin!(past_deadline(&heard, deadlines));
            tokio::time::timeout(LONG, &mut deadline).await.unwrap_err();
            heard.begins();
            let began = Instant::now();
            deadline.await;
            assert!(began.elapsed() >= Duration::from_millis(50));
        }
    }
}
