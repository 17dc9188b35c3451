//! `lastword forget`: a person's data.

use std::{
    collections::BTreeSet,
    io::{IsTerminal, Write},
    process::ExitCode,
};

use anyhow::{Context, ensure};
use clap::Args;
use lastword_core::{
    ids::{AccountId, PlaceId, TurnId, UserId},
    store::Oversight,
};

use crate::{chat::clean::clean, config::Config, process::state_dir};

/// How many turns are erased in one commit.
const TURNS_PER_COMMIT: usize = 200;

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
    left: BTreeSet<TurnId>,
    places: BTreeSet<(PlaceId, u32)>,
}

pub(super) async fn run(args: &ForgetArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let store = super::open(config)?;
    let (account, user) = (AccountId::new(&*args.account), UserId::new(&*args.user));
    if !args.yes && !is_confirmed(args)? {
        println!("Nothing was erased.");
        return Ok(ExitCode::FAILURE);
    }
    let mut done = Done::default();
    loop {
        let forgotten = store.forget(&account, &user, TURNS_PER_COMMIT).await?;
        done.emptied += forgotten.emptied;
        done.left.extend(forgotten.left);
        done.places.extend(forgotten.places);
        if !forgotten.has_more {
            break;
        }
    }
    println!("Erased what {} wrote and was answered: {} turns.", clean(&args.user), done.emptied);
    if !done.left.is_empty() {
        // Their agents may be at work in those directories.
        let left: Vec<_> = done.left.iter().map(|turn| turn.0.to_string()).collect();
        println!(
            "Left, because their last words are still owed or on their way: turns {}. Files of agents were left, too. \
             Run this again when they are delivered.",
            left.join(", ")
        );
        return Ok(ExitCode::FAILURE);
    }
    let removed = remove_files(config, &done.places)?;
    println!("Removed {removed} working directories that agents had for this person alone.");
    println!("Backups made earlier still hold it, and so does what an agent kept elsewhere.");
    Ok(ExitCode::SUCCESS)
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

fn remove_files(config: &Config, places: &BTreeSet<(PlaceId, u32)>) -> anyhow::Result<usize> {
    let places_dir = state_dir::places(&config.state_dir);
    let mut removed = 0;
    for (place, session) in places {
        let was_there = state_dir::remove_place(&places_dir, *place, *session)
            .with_context(|| format!("the working directory of place {place}, session {session} can't be removed"))?;
        removed += usize::from(was_there);
    }
    Ok(removed)
}
