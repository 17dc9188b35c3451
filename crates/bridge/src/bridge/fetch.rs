//! Files that came with messages, fetched into the working directories of their turns before an agent is asked.
//!
//! Guarantee: a turn waits until each of its files lies there whole, or is known not to be had; its own queue deadline
//! bounds the wait. A bridge that dies in between leaves the file wanted, and the next one fetches it.

use std::{collections::BTreeMap, fs::File, io, pin::pin, sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use lastword_core::{
    decide::backoff,
    file::{Fetched, plain_name},
    ids::{PlaceId, TurnId},
    provider::{FetchError, FileStream},
    reason::size,
    store::WantedFile,
};
use tokio::{io::AsyncWriteExt as _, task::JoinSet, time::Instant};

use super::account::Account;
use crate::{
    log::QUOTES,
    process::{
        blocking::blocking,
        folder::Folder,
        member::Member,
        patience::{Complaint, chance, until_answered},
        state_dir::{self, StateDir},
    },
};

/// How often to look without being told: what an earlier bridge left, and what is due again.
const POLL: Duration = Duration::from_secs(1);
/// How many files of an account are fetched at once.
const IN_FLIGHT_MAX: usize = 4;
/// How many wanted files are looked at.
const LOOKED_AT_MAX: usize = 1_000;
/// The longest that a network may say nothing in the middle of a file.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// After so many attempts a file can't be had.
const ATTEMPTS_MAX: u32 = 8;

/// Which file, and how often it failed.
type Failing = BTreeMap<(TurnId, u32), Failed>;

struct Failed {
    attempts: u32,
    again_at: Instant,
}

/// Fetches until the task is dropped.
pub(super) async fn fetch_all(member: Arc<Member>, account: Arc<Account>) {
    if account.provider.files().is_none() {
        return;
    }
    let (mut failing, mut in_flight) = (Failing::new(), Vec::new());
    let mut fetching = JoinSet::new();
    let mut complaint = Complaint::default();
    loop {
        let room = IN_FLIGHT_MAX - in_flight.len();
        // While the disk is full its room is for promises.
        let may_fetch = room > 0 && !member.is_disk_full();
        let wanted = if may_fetch { wanted(&member, &account, &mut complaint).await } else { None };
        if let Some(wanted) = &wanted {
            failing.retain(|which, _| wanted.iter().any(|wanted| (wanted.turn, wanted.n) == *which));
        }
        let due = wanted.unwrap_or_default().into_iter().filter(|wanted| {
            let which = (wanted.turn, wanted.n);
            let is_due = failing.get(&which).is_none_or(|failed| failed.again_at <= Instant::now());
            is_due && !in_flight.contains(&which)
        });
        for wanted in due.take(room).collect::<Vec<_>>() {
            in_flight.push((wanted.turn, wanted.n));
            fetching.spawn(fetch(Arc::clone(&member), Arc::clone(&account), wanted));
        }
        tokio::select! {
            biased;
            Some(ended) = fetching.join_next() => match ended {
                Ok((wanted, outcome)) => {
                    in_flight.retain(|which| *which != (wanted.turn, wanted.n));
                    record(&member, &account, &mut failing, &wanted, outcome).await;
                }
                Err(panic) => {
                    tracing::error!(account = %account.id, "fetching a file died: {panic}");
                    fetching.shutdown().await;
                    in_flight.clear();
                    tokio::time::sleep(POLL).await;
                }
            },
            () = account.files_wanted.notified() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

async fn wanted(member: &Member, account: &Account, complaint: &mut Complaint) -> Option<Vec<WantedFile>> {
    match member.store.wanted_files(&account.id, &member.incarnation, LOOKED_AT_MAX).await {
        Ok(wanted) => {
            complaint.over();
            Some(wanted)
        }
        Err(error) => {
            complaint.failed("wanted files could not be read", &error);
            None
        }
    }
}

/// Records what became of a file, or when it is due again.
async fn record(
    member: &Member,
    account: &Account,
    failing: &mut Failing,
    wanted: &WantedFile,
    outcome: Result<Fetched, FetchError>,
) {
    let which = (wanted.turn, wanted.n);
    let fetched = match outcome {
        Ok(fetched) => fetched,
        Err(FetchError::Never { why }) => Fetched::Failed { why },
        Err(FetchError::Again { after_ms, cause }) => {
            let attempts = failing.get(&which).map_or(0, |failed| failed.attempts) + 1;
            tracing::warn!(target: QUOTES, account = %account.id, turn = %wanted.turn, file = wanted.n, attempts, "not fetched yet: {cause}");
            if attempts < ATTEMPTS_MAX {
                let pause_ms = after_ms.unwrap_or_else(|| backoff::DELIVERY.pause_ms(attempts, chance()));
                let again_at = Instant::now() + Duration::from_millis(pause_ms.unsigned_abs());
                failing.insert(which, Failed { attempts, again_at });
                return;
            }
            Fetched::Failed { why: "it could not be fetched".into() }
        }
    };
    match &fetched {
        Fetched::Here { size_bytes, .. } => {
            tracing::debug!(account = %account.id, turn = %wanted.turn, file = wanted.n, size_bytes, "fetched");
        }
        Fetched::Failed { why } => {
            tracing::warn!(target: QUOTES, account = %account.id, turn = %wanted.turn, file = wanted.n, "can't be fetched: {why}");
        }
    }
    let done = until_answered("a fetched file", || member.store.file_fetched(wanted.turn, wanted.n, fetched.clone()));
    if let Err(error) = done.await {
        tracing::error!(account = %account.id, turn = %wanted.turn, file = wanted.n, "could not be recorded: {error}");
    }
}

async fn fetch(
    member: Arc<Member>,
    account: Arc<Account>,
    wanted: WantedFile,
) -> (WantedFile, Result<Fetched, FetchError>) {
    let outcome = attempt(&member, &account, &wanted).await;
    (wanted, outcome)
}

async fn attempt(member: &Member, account: &Account, wanted: &WantedFile) -> Result<Fetched, FetchError> {
    let never = |why: String| FetchError::Never { why };
    let files = account.provider.files().ok_or_else(|| never("files can't be fetched here".into()))?;
    let bytes_max = member.config.limits.file_bytes_max;
    if wanted.file.size_bytes.is_some_and(|bytes| bytes > bytes_max) {
        return Err(too_large(bytes_max));
    }
    let (state, place, session) = (member.state.clone(), wanted.place_id, wanted.session);
    let opening = blocking(move || Desk::open(&state, place, session));
    let desk = Arc::new(done(opening.await)?);
    let part = format!(".{}-{}.part", wanted.turn, wanted.n);
    let path = format!("{}-{}-{}", wanted.turn, wanted.n, plain_name(&wanted.file.name));
    let (folder, name) = (Arc::clone(&desk), part.clone());
    let file = done(blocking(move || folder.inbox.create(&name)).await)?;
    let written = write(files.fetch(&wanted.file), tokio::fs::File::from_std(file), bytes_max).await;
    let (folder, name) = (Arc::clone(&desk), path.clone());
    let finished = match written {
        Ok((file, size_bytes)) => {
            let name = part.clone();
            done(blocking(move || folder.finish(&file, &name, &path)).await).map(|()| size_bytes)
        }
        Err(failed) => Err(failed),
    };
    if finished.is_err() {
        // What is left behind would only take room.
        let _ = blocking(move || desk.inbox.remove(&part)).await;
    }
    finished.map(|size_bytes| Fetched::Here { path: format!("inbox/{name}"), size_bytes })
}

/// Writes what comes; the file and its size.
async fn write(pieces: FileStream, mut file: tokio::fs::File, bytes_max: u64) -> Result<(File, u64), FetchError> {
    let mut pieces = pin!(pieces);
    let mut size_bytes = 0;
    loop {
        let piece = tokio::time::timeout(SILENCE_MAX, pieces.next()).await;
        let piece = piece.map_err(|_| again("the network fell silent in the middle of it".into()))?;
        let Some(piece) = piece.transpose()? else { break };
        size_bytes += piece.len() as u64;
        if size_bytes > bytes_max {
            return Err(too_large(bytes_max));
        }
        file.write_all(&piece).await.map_err(unwritten)?;
    }
    file.flush().await.map_err(unwritten)?;
    Ok((file.into_std().await, size_bytes))
}

/// Where the files of a turn go.
struct Desk {
    inbox: Folder,
    /// The working directory, and what holds it: a new one must outlive a power cut, too.
    above: [Folder; 2],
}

impl Desk {
    fn open(state: &StateDir, place: PlaceId, session: u32) -> io::Result<Self> {
        let directory = Folder::open(&state.open_place(place, session)?)?;
        let inbox = directory.folder("inbox")?;
        Ok(Self { inbox, above: [directory, Folder::open(&state_dir::places(state.root()))?] })
    }

    /// Whole and durable before it has its name.
    fn finish(&self, file: &File, part: &str, name: &str) -> io::Result<()> {
        file.sync_all()?;
        self.inbox.rename(part, name)?;
        self.inbox.sync()?;
        self.above.iter().try_for_each(Folder::sync)
    }
}

fn too_large(bytes_max: u64) -> FetchError {
    FetchError::Never { why: format!("it is larger than {}", size(bytes_max)) }
}

fn done<T>(joined: Result<io::Result<T>, tokio::task::JoinError>) -> Result<T, FetchError> {
    joined.map_err(io::Error::other).flatten().map_err(unwritten)
}

fn unwritten(error: io::Error) -> FetchError {
    again(format!("it can't be written: {error}"))
}

fn again(cause: String) -> FetchError {
    FetchError::Again { after_ms: None, cause: cause.into() }
}
