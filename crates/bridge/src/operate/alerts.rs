//! `lastword alerts`: what needs an operator.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use lastword_core::store::Oversight;

use crate::{
    config::Config,
    report::{Zone, alerts_json, alerts_text, json_text},
};

/// The most alerts that are listed.
const LISTED_MAX: usize = 500;

/// How to list, or what is done.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AlertsArgs {
    #[command(subcommand)]
    change: Option<Change>,
    /// Those that are resolved, too.
    #[arg(long)]
    all: bool,
    /// As JSON, times in milliseconds since the Unix epoch.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Change {
    /// Says that the cause of an alert is gone.
    Resolve {
        /// Its number, as `lastword alerts` shows it.
        id: i64,
    },
}

pub(super) async fn run(args: &AlertsArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let store = super::open(config)?;
    if let Some(Change::Resolve { id }) = args.change {
        let was_open = store.resolve_numbered(id).await?;
        if was_open {
            super::say(format_args!("Alert #{id} is resolved."));
            return Ok(ExitCode::SUCCESS);
        }
        anyhow::bail!("no alert #{id} is open; `lastword alerts` lists those that are");
    }
    let alerts = store.alerts(args.all, LISTED_MAX).await?;
    if args.json {
        super::say(json_text(&serde_json::Value::Array(alerts_json(&alerts))));
    } else {
        super::say(alerts_text(&alerts, &[], &Zone::local()));
    }
    Ok(ExitCode::SUCCESS)
}
