//! `lastword canary`: whether this build could take over, tried on a copy of the store.

use std::{process::ExitCode, sync::Arc};

use anyhow::{Context, ensure};
use lastword_core::store::{Incarnation, Oversight, Role, Standing, Store};
use lastword_store::{SqliteOptions, SqliteStore, SystemClock};

use crate::{bridge::ask::ask_networks, build_id::build, config::Config, process::member::new_incarnation};

/// How the folder begins in which the copy is.
pub const PREFIX: &str = "canary-";

/// Changes nothing: neither the store nor what networks keep for a bridge that runs.
pub(super) async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    super::say(format_args!("Build {}", build()));
    store_works(config).await?;
    super::say("Store: a copy of it is brought up to date, written and read.");
    let mut are_fine = true;
    for (account, answer) in ask_networks(config).await {
        are_fine &= answer.is_ok();
        match answer {
            Ok(bot) => super::say(format_args!("Account {account}: its network knows it as {bot}.")),
            Err(why) => super::say(format_args!("Account {account}: {why}")),
        }
    }
    Ok(if are_fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A round trip through a copy: migrations, a write and a read by the paths of a process that starts.
async fn store_works(config: &Config) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&config.state_dir);
    let folder = folder.with_context(|| format!("no folder can be made in {}", config.state_dir.display()))?;
    let copy = folder.path().join("lastword.db");
    let (database, to) = (config.store_path.clone(), copy.clone());
    tokio::task::spawn_blocking(move || SqliteStore::backup(&database, &to)).await?.context("copying the store")?;
    let options = SqliteOptions::new(&copy, Arc::new(SystemClock));
    let store = tokio::task::spawn_blocking(move || SqliteStore::open(options)).await?.context("opening the copy")?;
    let id = new_incarnation();
    let pid = std::process::id();
    let incarnation = Incarnation { id: id.clone(), role: Role::Bridge, pid, build: build().to_owned(), beats: 0 };
    store.register(&incarnation).await.context("writing to the copy")?;
    ensure!(store.beat(&id).await? == Standing::Current, "what was written to the copy does not count");
    let living = store.living().await.context("reading the copy")?;
    ensure!(living.iter().any(|other| other.id == id), "what was written to the copy can't be read");
    store.audit().await.context("reading all of the copy")?;
    Ok(())
}
