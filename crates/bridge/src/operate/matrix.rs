//! `lastword matrix`: what an account there needs by hand.

use std::{process::ExitCode, sync::Arc};

use anyhow::bail;
use async_trait::async_trait;
use clap::{Args, Subcommand};
use lastword_core::store::Clock;
use lastword_providers::matrix::{Desk, MatrixProvider, ShortAuth, Verified};
use lastword_store::{DeploymentLock, SystemClock};

use super::say;
use crate::{
    bridge::account,
    config::Config,
    process::{member::open_state, typed::next_line},
};

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Matrix {
    /// Has the account's device verified, so that clients do not warn of it: compare seven emoji with your own client. Stop
    /// Lastword first; what is said to the bot meanwhile is answered by the next start, if it has run before.
    Verify(VerifyArgs),
}

/// With whom.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The account, by its configured name; needed only where there are several on Matrix.
    #[arg(long)]
    account: Option<String>,
    /// Asks this user, such as `@you:example.org`, or the account's own other sessions by its own user id. Without it, the
    /// first who asks the bot is verified with.
    #[arg(long, value_name = "USER")]
    with: Option<String>,
}

pub(super) async fn run(what: &Matrix, config: &Config) -> anyhow::Result<ExitCode> {
    let Matrix::Verify(args) = what;
    let provider = provider(config, args.account.as_deref())?;
    open_state(config)?;
    let _alone = DeploymentLock::found(&config.store_path)?;
    let desk = Terminal { asked: args.with.clone() };
    let Verified { user, device } = provider.verify(args.with.as_deref(), &desk).await?;
    say(format_args!("Verified with {user} on device {device}."));
    Ok(ExitCode::SUCCESS)
}

/// The account that is meant.
fn provider(config: &Config, name: Option<&str>) -> anyhow::Result<MatrixProvider> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let accounts = config.accounts.iter();
    let mut on_matrix: Vec<_> =
        accounts.filter_map(|(id, account)| Some((id, account::matrix(config, id, account, &clock)?))).collect();
    let names: Vec<_> = on_matrix.iter().map(|(id, _)| id.to_string()).collect();
    let names = names.join(", ");
    let which = match name {
        Some(name) => on_matrix.iter().position(|(id, _)| id.as_str() == name),
        None if on_matrix.len() > 1 => bail!("several accounts are on Matrix; choose one by --account: {names}"),
        None => on_matrix.first().map(|_| 0),
    };
    match (which, names.is_empty()) {
        (Some(which), _) => Ok(on_matrix.swap_remove(which).1),
        (None, true) => bail!("no account of the configuration is on Matrix"),
        (None, false) => bail!("no account on Matrix has that name; there is: {names}"),
    }
}

/// Somebody at a terminal.
struct Terminal {
    /// Whom we ask; `None`: we wait.
    asked: Option<String>,
}

#[async_trait]
impl Desk for Terminal {
    fn begins(&self, us: &Verified) {
        let Verified { user, device } = us;
        say(match &self.asked {
            Some(asked) => format!(
                "This is {user} on device {device}. {asked} is asked; accept it in that client, and compare emoji."
            ),
            None => format!(
                "This is {user} on device {device}. Begin in your own client: choose the bot there, then Verify, then to \
                 compare emoji. Waiting; Ctrl-C ends it."
            ),
        });
    }

    fn hears(&self, line: String) {
        eprintln!("{line}");
    }

    async fn compares(&self, shown: ShortAuth) -> bool {
        say(row(&shown));
        loop {
            say("Does the other side show the same, in the same order? Type yes or no, within a minute.");
            // Whoever is not there says no.
            let Some(typed) = next_line().await else { return false };
            if let Some(answer) = answer(&typed) {
                return answer;
            }
        }
    }
}

fn answer(typed: &str) -> Option<bool> {
    match typed.trim().to_lowercase().as_str() {
        "yes" | "y" => Some(true),
        "no" | "n" => Some(false),
        _ => None,
    }
}

fn row(shown: &ShortAuth) -> String {
    let ShortAuth { with: Verified { user, device }, emoji, decimals: (one, two, three) } = shown;
    let row = match emoji.is_empty() {
        true => format!("{one} {two} {three}"),
        false => emoji.iter().map(|(symbol, name)| format!("{symbol} {name}")).collect::<Vec<_>>().join("   "),
    };
    format!("With {user} on device {device}:\n\n    {row}\n")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn the_account_is_found_or_the_names_are_told() {
        let config = |accounts: &str| {
            let yaml = format!("accounts:\n  web: {{ network: web }}\n{accounts}");
            let config = Config::parse(&yaml, None, &|_| None).unwrap();
            Config { state_dir: PathBuf::from("/nowhere"), ..config }
        };
        let told = |accounts: &str, name: Option<&str>| {
            provider(&config(accounts), name).err().map_or_else(|| "found".to_owned(), |error| error.to_string())
        };
        let ada = "  ada: { network: matrix, homeserver: 'http://127.0.0.1:1', token: a }\n";
        let bob = "  bob: { network: matrix, homeserver: 'http://127.0.0.1:1', token: b }\n";
        let both = format!("{ada}{bob}");
        insta::assert_snapshot!(
            [told(ada, None), told(&both, Some("bob")), told("", None), told(&both, None), told(ada, Some("web"))]
                .join("\n"),
            @"
        found
        found
        no account of the configuration is on Matrix
        several accounts are on Matrix; choose one by --account: ada, bob
        no account on Matrix has that name; there is: ada
        "
        );
    }

    #[test]
    fn emoji_stand_in_a_row_or_numbers_do() {
        let with = Verified { user: "@ada:x".into(), device: "D".into() };
        let shown = ShortAuth { with, emoji: vec![("🐶", "Dog"), ("🔒", "Lock")], decimals: (1, 2, 3) };
        assert_eq!(row(&shown), "With @ada:x on device D:\n\n    🐶 Dog   🔒 Lock\n");
        assert!(row(&ShortAuth { emoji: Vec::new(), ..shown }).contains("\n    1 2 3\n"));
        assert_eq!([answer(" Yes\n"), answer("n"), answer("maybe")], [Some(true), Some(false), None]);
    }
}
