//! `lastword forget`: a person's data.

use std::{
    collections::BTreeSet,
    io::{IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::Args;
use lastword_core::{
    ids::{AccountId, TurnId, UserId},
    store::{Oversight, SessionOf},
};

use super::say;
use crate::{chat::clean::clean, config::Config, process::state_dir};

/// How many turns are erased in one commit.
const TURNS_PER_COMMIT: usize = 200;
/// How long it is tried to get what was erased out of the store's log while somebody reads it.
const SHORTEN_FOR: Duration = Duration::from_secs(5);
/// Between two tries.
const SHORTEN_EVERY: Duration = Duration::from_millis(100);

/// Whose.
#[derive(Debug, Args)]
pub struct ForgetArgs {
    /// The account that they wrote to.
    #[arg(long)]
    account: String,
    /// The person, as the network names them.
    #[arg(long)]
    user: String,
    /// Without asking again.
    #[arg(long)]
    yes: bool,
}

/// What was done.
#[derive(Default)]
struct Done {
    emptied: u64,
    hints: u64,
    left: BTreeSet<TurnId>,
    was_forgotten: bool,
}

impl Done {
    fn is_nothing(&self) -> bool {
        self.emptied == 0 && self.hints == 0 && self.left.is_empty()
    }
}

pub(super) async fn run(args: &ForgetArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let store = super::open(config)?;
    let (account, user) = (AccountId::new(&*args.account), UserId::new(&*args.user));
    if !args.yes && !is_confirmed(args)? {
        say("Nothing was erased.");
        return Ok(ExitCode::FAILURE);
    }
    let done = erase(&store, &account, &user).await?;
    let is_gone = is_log_shortened(&store).await?;
    let sessions = store.sessions_of(&account, &user).await?;
    // Also where something is left: a repeat may find less, never more.
    let files = remove_files(config, &sessions);
    ensure!(
        !done.is_nothing() || done.was_forgotten,
        "there is nobody by the name {} on the account {}, or everything of them is past `retention`",
        clean(&args.user),
        clean(&args.account)
    );
    say(told(&done, is_gone, &files, &clean(&args.user)));
    if let Some(error) = files.failed {
        return Err(error.context("run this again when they can be removed"));
    }
    Ok(if done.left.is_empty() && is_gone { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn erase(store: &impl Oversight, account: &AccountId, user: &UserId) -> anyhow::Result<Done> {
    let mut done = Done::default();
    loop {
        let forgotten = store.forget(account, user, TURNS_PER_COMMIT).await?;
        done.emptied += forgotten.emptied;
        done.hints += forgotten.hints;
        done.left.extend(forgotten.left);
        done.was_forgotten |= forgotten.was_forgotten;
        if !forgotten.has_more {
            return Ok(done);
        }
    }
}

fn told(done: &Done, is_gone: bool, files: &Files, user: &str) -> String {
    let mut text = if done.is_nothing() {
        format!("There is nobody by the name {user} any more: whoever was forgotten is gone.")
    } else {
        format!("Erased what {user} wrote and was answered: {} turns.", done.emptied)
    };
    text.push_str(&format!("\nRemoved {} working directories that agents had for this person alone.", files.removed));
    if !files.unsure.is_empty() {
        let names: Vec<_> = files.unsure.iter().map(|path| path.display().to_string()).collect();
        text.push_str(&format!(
            "\nLeft, because turns that were removed by age may have been somebody else's there: {}. Remove what is \
             only theirs.",
            names.join(", ")
        ));
    }
    if !done.left.is_empty() {
        let left: Vec<_> = done.left.iter().map(|turn| turn.0.to_string()).collect();
        text.push_str(&format!(
            "\nLeft, because their last words are still owed or on their way: turns {}, and the files of agents that \
             may be at work there. Run this again when they are delivered.",
            left.join(", ")
        ));
    }
    if !is_gone {
        text += "\nThe store's files may still hold it: somebody reads it as of an earlier time (a backup, an audit). \
                 Run this again when they are done.";
    }
    text + "\nBackups made earlier still hold it, and so does what an agent kept elsewhere."
}

/// Whether what was erased is nowhere in the store's files.
async fn is_log_shortened(store: &impl Oversight) -> anyhow::Result<bool> {
    let begin = Instant::now();
    loop {
        if store.shorten_log().await? {
            return Ok(true);
        }
        if begin.elapsed() >= SHORTEN_FOR {
            return Ok(false);
        }
        tokio::time::sleep(SHORTEN_EVERY).await;
    }
}

fn is_confirmed(args: &ForgetArgs) -> anyhow::Result<bool> {
    ensure!(std::io::stdin().is_terminal(), "this erases for good: say --yes where nobody can be asked");
    print!(
        "Erase for good what {} wrote to account {} and was answered? [y/N] ",
        clean(&args.user),
        clean(&args.account)
    );
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// What became of agents' working directories.
#[derive(Default)]
struct Files {
    removed: usize,
    /// Those of which nobody can tell whose they are.
    unsure: Vec<PathBuf>,
    /// The first that could not be removed; the others were.
    failed: Option<anyhow::Error>,
}

fn remove_files(config: &Config, sessions: &[SessionOf]) -> Files {
    let places = state_dir::places(&config.state_dir);
    let mut files = Files::default();
    for &SessionOf { place, session, is_whole } in sessions {
        let directory = state_dir::place(&places, place, session);
        if !is_whole {
            if directory.symlink_metadata().is_ok() {
                files.unsure.push(directory);
            }
            continue;
        }
        match state_dir::remove_place(&places, place, session) {
            Ok(was_there) => files.removed += usize::from(was_there),
            Err(error) => {
                let error = Err::<(), _>(error).with_context(|| format!("{} can't be removed", directory.display()));
                files.failed = files.failed.or(error.err());
            }
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use lastword_core::ids::PlaceId;

    use super::*;

    #[test]
    fn one_directory_that_stays_keeps_no_other_and_a_shared_one_is_named() {
        let root = tempfile::tempdir().unwrap();
        let config = Config::defaults(root.path().into());
        let places = state_dir::places(root.path());
        let of = |place, is_whole| SessionOf { place: PlaceId(place), session: 1, is_whole };
        for place in [1, 2] {
            std::fs::create_dir_all(state_dir::place(&places, PlaceId(place), 1)).unwrap();
        }
        let files = remove_files(&config, &[of(1, false), of(2, true), of(3, true), of(4, false)]);
        assert_eq!((files.removed, files.unsure.len()), (1, 1));
        let told = told(&Done { emptied: 3, ..Done::default() }, false, &files, "bob");
        for part in ["bob wrote and was answered: 3 turns", "places/1-1", "somebody reads it"] {
            assert!(told.contains(part), "{part} is missing: {told}");
        }
    }
}
