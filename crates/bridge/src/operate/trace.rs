//! `lastword trace`: one message's life.

use std::{process::ExitCode, str::FromStr};

use anyhow::Context;
use clap::Args;
use lastword_core::{
    ids::{AccountId, TurnId, UpdateId},
    store::{Oversight, TraceOf},
};

use crate::{
    config::Config,
    report::{Zone, json_text, trace_json, trace_text},
};

/// Whose life.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// A turn's number, or `<account>/<the network's id of an update>`.
    message: Wanted,
    /// As JSON, times in milliseconds since the Unix epoch.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted(TraceOf);

impl FromStr for Wanted {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let of = match text.split_once('/') {
            Some((account, update)) if !account.is_empty() && !update.is_empty() => {
                TraceOf::Update(AccountId::new(account), UpdateId::new(update))
            }
            Some(_) => return Err("write <account>/<update id>"),
            None => TraceOf::Turn(TurnId(
                text.trim_start_matches('#').parse().map_err(|_| "write a turn's number, or <account>/<update id>")?,
            )),
        };
        Ok(Self(of))
    }
}

pub(super) async fn run(args: &TraceArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let store = super::open(config)?;
    let trace = store.trace(&args.message.0).await?;
    let trace = trace.context("the store knows nothing of it: it was never here, or is past `retention`")?;
    if args.json {
        super::say(json_text(&trace_json(&trace)));
    } else {
        super::say(trace_text(&trace, &Zone::local()));
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_named_is_what_is_looked_up(turn in any::<i64>(), hash in "#{0,2}", account in "[^/]{1,12}", update in "[\\PC\\pC]{1,12}") {
            prop_assert_eq!(format!("{hash}{turn}").parse(), Ok(Wanted(TraceOf::Turn(TurnId(turn)))));
            let named = TraceOf::Update(AccountId::new(account.as_str()), UpdateId::new(update.as_str()));
            prop_assert_eq!(format!("{account}/{update}").parse(), Ok(Wanted(named)));
        }

        #[test]
        fn anything_else_says_what_to_write(text in "[\\PC\\pC]{0,20}") {
            if let Err(why) = text.parse::<Wanted>() {
                prop_assert!(why.starts_with("write ") && why.contains("<account>/<update id>"));
            }
        }
    }

    #[test]
    fn a_message_is_named_by_its_turn_or_by_its_update() {
        assert_eq!("12".parse(), Ok(Wanted(TraceOf::Turn(TurnId(12)))));
        assert_eq!("#12".parse(), Ok(Wanted(TraceOf::Turn(TurnId(12)))));
        let update = TraceOf::Update(AccountId::new("net"), UpdateId::new("a/b"));
        assert_eq!("net/a/b".parse(), Ok(Wanted(update)));
        for wrong in ["", "net", "/7", "net/"] {
            assert!(wrong.parse::<Wanted>().is_err(), "{wrong}");
        }
    }
}
