//! `lastword slack-manifest`: an app for Slack, ready to be pasted.

use clap::Args;
use lastword_core::decide::command::{Access, BuiltIn};
use lastword_providers::slack::{SlashCommand, manifest};
use serde_json::Value;

use crate::config::Config;

/// What is to be in the manifest.
#[derive(Debug, Args)]
pub struct Options {
    /// The name of the app and its bot.
    #[arg(long, default_value = "Lastword")]
    name: String,
    /// What the commands begin with, so that two apps in one workspace do not have the same; by default the name. `""`
    /// is nothing.
    #[arg(long)]
    prefix: Option<String>,
}

/// The manifest, with the operator's own commands where there is a configuration.
#[must_use]
pub fn of(options: &Options, config: Option<&Config>) -> Value {
    let prefix = slug(options.prefix.as_deref().unwrap_or(&options.name));
    let named =
        |name: &str| if prefix.is_empty() { name.to_lowercase() } else { format!("{prefix}-{}", name.to_lowercase()) };
    let built_in = BuiltIn::ALL.iter().map(|command| SlashCommand {
        name: named(command.name()),
        help: match command.access() {
            Access::Everyone => command.help().to_owned(),
            Access::Admins => format!("{} (admins)", command.help()),
        },
        arguments: command.usage().split_once(' ').map(|(_, arguments)| arguments.to_owned()),
    });
    let own = config.into_iter().flat_map(|config| &config.commands).map(|(name, command)| SlashCommand {
        name: named(name),
        help: command.help.clone(),
        arguments: command.prompt.contains("{args}").then(|| "…".to_owned()),
    });
    manifest(&options.name, &built_in.chain(own).collect::<Vec<_>>())
}

/// As a command may be called: small letters and digits.
fn slug(name: &str) -> String {
    name.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_has_a_prefix_before_every_command() {
        let options = Options { name: "Ada & Co.".into(), prefix: None };
        let made = of(&options, None);
        let commands: Vec<_> =
            made["features"]["slash_commands"].as_array().unwrap().iter().map(|one| one["command"].clone()).collect();
        assert_eq!(commands.first().unwrap(), "/adaco-help");
        assert_eq!(commands.len(), BuiltIn::ALL.len());
        let bare = of(&Options { name: "Ada".into(), prefix: Some(String::new()) }, None);
        assert_eq!(bare["features"]["slash_commands"][0]["command"], "/help");
        assert_eq!(bare["settings"]["socket_mode_enabled"], true);
    }
}
