//! `/update` and `/rollback`: another build is made or found, tried out beside the one that runs, put into its place, and
//! put back if it does not prove itself there. One at a time, one after the other.
//!
//! How far it is stands on the disk before each step, so that whichever build is started next goes on: the last word comes
//! from the one that survives.
//!
//! * `record`: how far it is
//! * `files`: the program's file, the next one and the one before
//! * `run`: what is run on the way
//! * `prepare`, `fetch`, `rehearse`: everything before the program's file is touched

mod fetch;
mod files;
mod prepare;
mod record;
mod rehearse;
mod run;

use std::{future::pending, path::Path, sync::Arc, time::Duration};

use lastword_core::{
    faults::{UpdatePoint, point_of_update},
    ids::TurnId,
    reason::Reason,
    store::{Clock, End, Operation, Request, StoreError, Topic},
};
use lastword_store::SystemClock;

use self::{
    files::Files,
    prepare::{Prepared, prepare, remove_leftovers},
    record::{Change, Outcome, Shelf, Stage},
};
use super::{
    Supervisor,
    board::Trial,
    child::ms,
    image::{Identity, Image},
    requests::{shown, speak},
    stale::build_of,
};
use crate::{build_id::build, process::blocking::blocking};

/// How often to look without being woken.
const POLL: Duration = Duration::from_secs(1);
/// How often to ask whether something was delivered.
const DELIVERED_POLL: Duration = Duration::from_millis(100);
/// How often one that is interrupted is begun again before that is said.
const BEGUN_MAX: u32 = 3;
/// How long a supervisor that gives up tries to say so.
const SPOKEN_WITHIN: Duration = Duration::from_secs(5);

/// Carries them out until the task is dropped.
pub(super) async fn serve(supervisor: Arc<Supervisor>) {
    let mut woken = supervisor.store.subscribe(Topic::Requests);
    loop {
        // Everybody else reports a store that is out.
        if let Err(error) = carry_out(&supervisor).await {
            tracing::debug!("an update waits: {error}");
        }
        tokio::select! {
            () = woken.woken() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

async fn carry_out(supervisor: &Supervisor) -> Result<(), StoreError> {
    let shelf = Shelf::of(&supervisor.state);
    let requests = supervisor.store.requests().await?;
    let Some(request) = requests.iter().find(|request| is_ours(request)) else {
        shelf.clear();
        // One that was answered by somebody else is over, too.
        supervisor.board.send_if_modified(|board| board.trial.take().is_some());
        return Ok(());
    };
    let update = Update { supervisor, request, shelf };
    let outcome = update.carry_out(update.stage()).await;
    point_of_update(UpdatePoint::BeforeLastWord);
    update.say(outcome).await?;
    update.shelf.clear();
    Ok(())
}

/// Whether one is somewhere between its beginning and its end, as far as the disk says.
pub(super) fn is_under_way(supervisor: &Supervisor) -> bool {
    Shelf::of(&supervisor.state).read().is_some()
}

fn is_ours(request: &Request) -> bool {
    matches!(request.operation, Operation::Update | Operation::Rollback)
}

/// What an earlier supervisor left on trial is on trial here, from the first start of a process on.
pub(super) fn recall(supervisor: &Supervisor) {
    remove_leftovers(supervisor.state.root());
    let Some(Stage::Swapping(change)) = Shelf::of(&supervisor.state).read().map(|record| record.stage) else { return };
    let files = Files::of(change.program.clone());
    if !files.next().exists() {
        begin_trial(supervisor, &change, &files);
    }
}

/// The processes are started from it, and go back to the one before as soon as one of them dies.
fn begin_trial(supervisor: &Supervisor, change: &Change, files: &Files) {
    let wanted = image(&change.to, files.program());
    let before = image(&change.from, &files.previous());
    supervisor.board.send_modify(|board| {
        board.trial = Some(Trial { build: change.to.clone(), before });
        board.wanted = wanted;
        board.is_behind = false;
    });
}

/// A build that is on trial while the supervisor gives up is put back, and that is said.
pub(super) async fn give_up(supervisor: &Supervisor) {
    let shelf = Shelf::of(&supervisor.state);
    let Some(record) = shelf.read() else { return };
    let files = |change: &Change| Files::of(change.program.clone());
    let (change, why) = match record.stage {
        Stage::Swapping(change) if !files(&change).next().exists() => {
            (change, "its processes do not stay up".to_owned())
        }
        Stage::PuttingBack { change, why } => (change, why),
        Stage::Preparing { .. } | Stage::Swapping(_) | Stage::Over(_) => return,
    };
    // Whatever the store says.
    let stage = Stage::PuttingBack { change: change.clone(), why: why.clone() };
    if let Err(error) = shelf.write(TurnId(record.turn), &stage) {
        tracing::error!("how far the update is can't be written: {error}");
    }
    let putting = files(&change);
    if let Ok(Err(error)) = blocking(move || putting.put_back()).await {
        tracing::error!("the program's file can't be put back: {error}");
    }
    let said = async {
        let requests = supervisor.store.requests().await?;
        let Some(request) = requests.iter().find(|request| request.turn.0 == record.turn) else { return Ok(()) };
        let update = Update { supervisor, request, shelf };
        let outcome = update.carry_out(Stage::PuttingBack { change, why }).await;
        update.say(outcome).await
    };
    match tokio::time::timeout(SPOKEN_WITHIN, said).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!("how the update ended is said by the next start: {error}"),
        Err(_) => tracing::error!("how the update ended is said by the next start: the store does not answer"),
    }
}

/// One request that is carried out.
struct Update<'a> {
    supervisor: &'a Supervisor,
    request: &'a Request,
    shelf: Shelf,
}

impl Update<'_> {
    /// Where an earlier supervisor left it.
    fn stage(&self) -> Stage {
        let record = self.shelf.read().filter(|record| record.turn == self.request.turn.0);
        record.map_or(Stage::Preparing { begun: 0 }, |record| record.stage)
    }

    /// Goes on to its end.
    async fn carry_out(&self, mut stage: Stage) -> Outcome {
        loop {
            stage = match stage {
                Stage::Preparing { begun: BEGUN_MAX.. } => {
                    refused("it was interrupted again and again; the log of the supervisor says by what")
                }
                Stage::Preparing { begun } => match self.write(&Stage::Preparing { begun: begun + 1 }) {
                    Ok(()) => match prepare(self).await {
                        Ok(Prepared::Change(change)) => Stage::Swapping(change),
                        Ok(Prepared::Same(build)) => Stage::Over(Outcome::Same { build }),
                        Err(why) => refused(why),
                    },
                    Err(why) => refused(why),
                },
                Stage::Swapping(change) => self.swap(change).await,
                Stage::PuttingBack { change, why } => self.put_back(change, why).await,
                Stage::Over(outcome) => {
                    // Only now: without it, who reads that it was to be swapped takes it for done.
                    self.discard();
                    return outcome;
                }
            };
            if let Err(why) = self.write(&stage) {
                tracing::error!("{why}");
                // Nothing is swapped that the next start would not know of.
                if matches!(stage, Stage::Swapping(_)) {
                    stage = refused(why);
                    let _ = self.write(&stage);
                }
            }
        }
    }

    fn write(&self, stage: &Stage) -> Result<(), String> {
        let written = self.shelf.write(self.request.turn, stage);
        written.map_err(|error| format!("how far it is can't be written into the state directory: {error}"))
    }

    fn discard(&self) {
        let program = self.supervisor.program.as_ref().and_then(|program| program.canonicalize().ok());
        program.into_iter().for_each(|program| Files::of(program).discard());
    }

    /// Puts the next file into the program's place, unless that is done, and lets it prove itself there.
    async fn swap(&self, change: Change) -> Stage {
        let files = Files::of(change.program.clone());
        if files.next().exists() {
            let swapping = files.clone();
            let swapped = blocking(move || swapping.swap()).await;
            let swapped = swapped.map_err(|panic| panic.to_string()).and_then(|done| done.map_err(|e| e.to_string()));
            match swapped {
                Err(why) if files.next().exists() => {
                    return refused(format!("the program's file can't be replaced: {why}"));
                }
                Err(why) => tracing::warn!("the program's file is replaced, but may not be on the disk yet: {why}"),
                Ok(()) => {}
            }
            tracing::info!(from = change.from, to = change.to, "changing to another build, as asked from the chat");
            begin_trial(self.supervisor, &change, &files);
        } else if let Ok(found) = build_of(files.program()).await
            && found != change.to
        {
            // It was never swapped, or somebody put another one there. One that does not answer is judged by what it does.
            let change = Change { from: found, ..change };
            self.end_trial(&change, files.program());
            return refused(format!("it was interrupted, and the program's file is {}", change.from));
        }
        let within = self.supervisor.config.update.confirm_within_ms;
        let proven = tokio::select! {
            proven = tokio::time::timeout(ms(within), self.proven(&change.to)) => match proven {
                Ok(proven) => proven,
                Err(_) => Err(format!("it did not show within {} s that it works", within / 1_000)),
            },
            // The next start goes on, with what is on the disk.
            () = self.supervisor.stop.cancelled() => pending().await,
        };
        match proven {
            Ok(()) => {
                self.supervisor.board.send_modify(|board| board.trial = None);
                Stage::Over(Outcome::Changed { from: change.from, to: change.to })
            }
            Err(why) => {
                tracing::error!(build = change.to, "the new build is put back: {why}");
                Stage::PuttingBack { change, why }
            }
        }
    }

    /// That both processes do their work, and that the network takes what this build posts.
    async fn proven(&self, to: &str) -> Result<(), String> {
        let Supervisor { board, store, .. } = self.supervisor;
        let mut board = board.subscribe();
        let settled = board.wait_for(|board| board.does_its_work(to) || board.wanted.build() != to).await;
        let does_its_work = settled.is_ok_and(|board| board.does_its_work(to));
        if !does_its_work {
            return Err("one of its processes ended before it did its work".into());
        }
        point_of_update(UpdatePoint::OnTrial);
        let said = loop {
            match store.say_how_far(self.request.turn, format!("Build {to} runs now.")).await {
                Ok(said) => break said,
                Err(error) => tracing::debug!("a build on trial waits for the store: {error}"),
            }
            tokio::time::sleep(DELIVERED_POLL).await;
        };
        let Some(said) = said else { return Ok(()) };
        loop {
            if board.borrow().wanted.build() != to {
                return Err("one of its processes ended soon after it began".into());
            }
            if let Ok(true) = store.is_delivered(said).await
                && board.borrow().does_its_work(to)
            {
                return Ok(());
            }
            tokio::time::sleep(DELIVERED_POLL).await;
        }
    }

    /// Makes the program what it was, and the processes too.
    async fn put_back(&self, change: Change, mut why: String) -> Stage {
        let files = Files::of(change.program.clone());
        let (putting, previous) = (files.clone(), files.previous());
        let done = blocking(move || putting.put_back()).await;
        let done = done.map_err(|panic| panic.to_string()).and_then(|done| done.map_err(|error| error.to_string()));
        let is_back = done.is_ok();
        if let Err(error) = done {
            tracing::error!("{} can't be put back: {error}", files.program().display());
            why = format!("{why}, but its file stays where it is ({error}), so the next start may run it again");
        }
        self.end_trial(&change, if is_back { files.program() } else { &previous });
        Stage::Over(Outcome::PutBack { build: change.to, runs: change.from, why })
    }

    /// The processes are of the build before again, which is at `file`.
    fn end_trial(&self, change: &Change, file: &Path) {
        let wanted = image(&change.from, file);
        self.supervisor.board.send_modify(|board| {
            board.trial = None;
            board.wanted = wanted;
            board.is_behind = file != change.program;
        });
    }

    async fn say(&self, outcome: Outcome) -> Result<(), StoreError> {
        let (end, text) = match outcome {
            Outcome::Changed { from, to } => (End::Answered, self.changed(&from, &to)),
            Outcome::Same { build } => (End::Answered, format!("Nothing to do: build {build} runs already.")),
            Outcome::NotUpdated { why } => errored(Reason::NotUpdated { why }),
            Outcome::PutBack { build, runs, why } => errored(Reason::PutBack { build, runs, why }),
        };
        speak(self.supervisor, self.request, end, text).await
    }

    fn changed(&self, from: &str, to: &str) -> String {
        let done = match self.request.operation {
            Operation::Rollback => "Went back",
            Operation::Update | Operation::Restart(_) => "Updated",
        };
        let took = shown(SystemClock.now().since_ms(self.request.accepted_at).max(0));
        format!("{done} from {from} to {to} in {took}.")
    }
}

fn refused(why: impl Into<String>) -> Stage {
    Stage::Over(Outcome::NotUpdated { why: why.into() })
}

fn errored(reason: Reason) -> (End, String) {
    let text = reason.last_word();
    (End::Errored(reason), text)
}

/// What a build is started from that is at `file`.
fn image(named: &str, file: &Path) -> Image {
    match Identity::of(file) {
        Some(identity) if named != build() => {
            Image::OnDisk { path: file.to_owned(), identity, build: named.to_owned() }
        }
        _ => Image::Running,
    }
}
