//! `lastword bench`: the numbers of the design, measured on this machine beside a baseline in the same run.
//!
//! Figures are for comparing within one run: machines are shared, and only ratios hold.

mod deployment;
mod faults;
mod figures;
mod path;
mod store;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};

/// What to measure.
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// Durable turns per second at the store: accepted, claimed and elected, beside one commit per step.
    Store(BenchArgs),
    /// The whole path: supervisor, bridge and worker, HTTP in, an agent that does nothing, HTTP out.
    Path(BenchArgs),
    /// How soon a death is made good: agent, worker and bridge killed, and a start over what a dead worker left.
    Faults(faults::FaultArgs),
}

/// How to measure.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// How many turns.
    #[arg(long, default_value_t = 20_000)]
    turns: u32,
    /// How many places talk at once.
    #[arg(long, default_value_t = 64)]
    places: u32,
    /// Where the database is made: on the disk that is to be measured. It is removed afterwards.
    #[arg(long, default_value = ".", value_name = "DIRECTORY")]
    on: PathBuf,
}

/// Measures and prints.
pub fn run(bench: &Bench) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match bench {
            Bench::Store(args) => store::measure(args).await,
            Bench::Path(args) => path::measure(args).await,
            Bench::Faults(args) => faults::measure(args).await,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// A directory that is gone when the bench is over.
struct Scratch(PathBuf);

impl Scratch {
    fn new(on: &Path) -> std::io::Result<Self> {
        let directory = on.canonicalize()?.join(format!("lastword-bench-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir(&directory)?;
        Ok(Self(directory))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("{} could not be removed: {error}", self.0.display());
        }
    }
}
