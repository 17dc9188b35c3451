//! What an operator does beside a deployment, whether it runs or not: look, resolve, forget, back up.
//!
//! These open the store without taking part in the deployment: they neither keep a supervisor from starting nor need
//! one. Only a restore takes the deployment's lock, because it puts another file in the store's place, and what works with
//! an account's own keys, because they are one process's. Opening brings
//! the schema up to date, as a start would: migrations only add, so a deployment of an older build goes on.

mod alerts;
mod aside;
mod audit;
mod backup;
mod canary;
mod forget;
#[cfg(feature = "matrix")]
mod matrix;
mod owner;
mod trace;

use std::{
    fmt::Display,
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context, ensure};
use clap::Subcommand;
use lastword_store::{SqliteOptions, SqliteStore, SystemClock};

pub(crate) use self::canary::PREFIX as CANARY_PREFIX;
use crate::config::Config;

/// What an operator can do.
#[derive(Debug, Subcommand)]
pub enum Operate {
    /// Lists what needs an operator, or says that something is done.
    Alerts(alerts::AlertsArgs),
    /// Shows what happened to one message, from its arrival to the network's confirmation.
    Trace(trace::TraceArgs),
    /// Checks that nothing is lost and nothing is doubled; exits with 1 if a rule is broken, 2 if nobody can tell.
    Audit(audit::AuditArgs),
    /// Erases what one person wrote and was answered.
    Forget(forget::ForgetArgs),
    /// Writes everything into one file, while everybody goes on.
    Backup(backup::BackupArgs),
    /// Puts a backup in the place of the store, which is kept under another name. Nothing may run meanwhile.
    Restore(backup::RestoreArgs),
    /// Tries whether this build could take over: on a copy of the store, and by asking every network who its bot is. What
    /// `/update` runs before it changes anything.
    Canary,
    /// What an account on Matrix needs by hand. Nothing may run meanwhile.
    #[cfg(feature = "matrix")]
    #[command(subcommand)]
    Matrix(matrix::Matrix),
}

/// Does it; the exit code says how it went.
pub async fn run(what: &Operate, config: &Config) -> ExitCode {
    if let Err(error) = owner::must_be_ours(config) {
        eprintln!("Error: {error:#}");
        return if matches!(what, Operate::Audit(_)) {
            ExitCode::from(audit::EXIT_UNREADABLE)
        } else {
            ExitCode::FAILURE
        };
    }
    let (done, exit_broken) = match what {
        Operate::Alerts(args) => (alerts::run(args, config).await, ExitCode::FAILURE),
        Operate::Trace(args) => (trace::run(args, config).await, ExitCode::FAILURE),
        Operate::Audit(args) => (audit::run(args, config).await, ExitCode::from(audit::EXIT_UNREADABLE)),
        Operate::Forget(args) => (forget::run(args, config).await, ExitCode::FAILURE),
        Operate::Backup(args) => (backup::back_up(args, config), ExitCode::FAILURE),
        Operate::Restore(args) => (backup::restore(args, config), ExitCode::FAILURE),
        Operate::Canary => (canary::run(config).await, ExitCode::FAILURE),
        #[cfg(feature = "matrix")]
        Operate::Matrix(what) => (matrix::run(what, config).await, ExitCode::FAILURE),
    };
    done.unwrap_or_else(|error| {
        eprintln!("Error: {error:#}");
        exit_broken
    })
}

/// Prints what a tool has to say. Whoever stopped reading it (`| head`) knows enough.
fn say(text: impl Display) {
    if let Err(error) = writeln!(io::stdout(), "{text}")
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        eprintln!("Error: this can't be printed: {error}");
    }
}

/// Opens the store that the configuration names. A look never makes one.
fn open(config: &Config) -> anyhow::Result<SqliteStore> {
    let path = &config.store_path;
    let is_there = path.try_exists();
    let is_there = is_there.with_context(|| format!("the store {} can't be looked at by this user", path.display()))?;
    ensure!(
        is_there,
        "there is no store at {} yet; `lastword run` makes it, or name the configuration it runs with by --config",
        path.display()
    );
    Ok(SqliteStore::open(SqliteOptions::new(path, Arc::new(SystemClock)))?)
}
