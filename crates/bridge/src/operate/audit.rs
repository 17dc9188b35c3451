//! `lastword audit`: whether the promise was kept.

use std::process::ExitCode;

use clap::Args;
use lastword_core::store::Oversight;

use crate::{
    config::Config,
    report::{audit_json, audit_text, json_text},
};

/// The exit code when nobody can tell.
pub(super) const EXIT_UNREADABLE: u8 = 2;

/// How to say it.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &AuditArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let store = super::open(config)?;
    let audit = store.audit().await?;
    if args.json {
        super::say(json_text(&audit_json(&audit)));
    } else {
        super::say(audit_text(&audit));
    }
    Ok(if audit.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
