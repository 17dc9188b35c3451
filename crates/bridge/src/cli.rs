//! What can be typed behind `lastword`.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
    thread::available_parallelism,
    time::Duration,
};

use clap::{Args, Parser, Subcommand};
use lastword_core::{decide::intake::Logger, store::StoreError};
use lastword_store::{LockError, OpenError};

use crate::{
    bench,
    bridge::{self, ask::ask_networks},
    build_id::build,
    chat::{ChatOptions, chat},
    config::Config,
    log,
    operate::{self, Operate},
    process::{
        deployment,
        exit::{EXIT_CONFIG, EXIT_STORE},
        member::open_state,
        signals::{self, Held},
    },
    supervisor, worker,
};

/// How long one question waits for a bridge that can't be reached, for example because it restarts.
const CHAT_PATIENCE: Duration = Duration::from_secs(10);

/// How long threads may take to end.
const ENDING_MAX: Duration = Duration::from_millis(200);

/// A chat bridge for AI agents that always has the last word.
#[derive(Debug, Parser)]
#[command(name = "lastword", version = build(), arg_required_else_help = true)]
struct Cli {
    /// The configuration file.
    #[arg(long, global = true, env = "LASTWORD_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs everything: a supervisor with a bridge and a worker.
    Run,
    /// Runs a bridge alone, for containers: it talks to networks.
    Bridge,
    /// Runs a worker alone, for containers: it runs agents.
    Worker,
    /// Delivers what is still to be said and ends; the supervisor's last act when it gives up. Refused while anything
    /// else of the deployment runs.
    LastGasp,
    /// Checks the configuration and says everything that is wrong with it.
    Check {
        /// Also asks every network who its bot is: wrong tokens and servers that can't be reached come to light. Nothing is
        /// received or sent, and a bridge that runs is not disturbed.
        #[arg(long)]
        online: bool,
        /// Also whether `lastword run` of this build would take over from a supervisor whose database this is.
        #[arg(long, hide = true, value_name = "DATABASE")]
        heir_of: Option<PathBuf>,
    },
    /// Prints the JSON schema of the configuration, for editors.
    Schema,
    /// Prints the manifest of an app for Slack: what https://api.slack.com/apps?new_app=1 asks for.
    #[cfg(feature = "slack")]
    SlackManifest(crate::slack_manifest::Options),
    /// Talks to a running bridge from this terminal.
    Chat(ChatArgs),
    #[command(flatten)]
    Operate(Operate),
    /// Measures this machine: how fast promises are kept here.
    Bench {
        #[command(subcommand)]
        what: bench::Bench,
    },
}

#[derive(Debug, Args)]
struct ChatArgs {
    /// One message: prints its reply and exits, with 1 if that is an error. Without it, a conversation begins.
    message: Option<String>,
    /// Where to talk; others may be there.
    #[arg(long, default_value = "main")]
    conversation: String,
    /// The bridge's address; by default the one that it is configured to listen on.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

impl ChatArgs {
    fn options(self, config: &Config) -> ChatOptions {
        ChatOptions {
            url: self.url.unwrap_or_else(|| format!("http://{}", reachable(config.http.listen))),
            token: config.http.token.clone(),
            conversation: self.conversation,
            one_shot: self.message,
            history_file: Some(config.state_dir.join("chat-history")),
            patience: CHAT_PATIENCE,
        }
    }
}

/// Where a listener can be reached from this machine: one that listens everywhere listens on loopback, too.
fn reachable(listen: SocketAddr) -> SocketAddr {
    match listen.ip() {
        ip if !ip.is_unspecified() => listen,
        IpAddr::V4(_) => (Ipv4Addr::LOCALHOST, listen.port()).into(),
        IpAddr::V6(_) => (Ipv6Addr::LOCALHOST, listen.port()).into(),
    }
}

/// Reads the arguments and does what they say.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        Command::Schema => {
            println!("{:#}", Config::schema());
            ExitCode::SUCCESS
        }
        Command::Bench { what } => finish(bench::run(&what)),
        #[cfg(feature = "slack")]
        Command::SlackManifest(options) => {
            // Before there is an app there are no tokens for a configuration.
            let config = Config::load(cli.config.as_deref(), &|name| std::env::var(name).ok());
            println!("{:#}", crate::slack_manifest::of(&options, config.as_ref().ok()));
            if config.is_err() {
                eprintln!(
                    "Note: the configuration can't be read as it is, so your own commands are not in the manifest."
                );
            }
            ExitCode::SUCCESS
        }
        command => match Config::load(cli.config.as_deref(), &|name| std::env::var(name).ok()) {
            Ok(config) => with_config(command, config),
            Err(problems) => {
                eprintln!("{problems}");
                ExitCode::from(EXIT_CONFIG)
            }
        },
    }
}

fn with_config(command: Command, config: Config) -> ExitCode {
    match command {
        Command::Check { online, heir_of } => finish(check(&config, online, heir_of.as_deref())),
        Command::Chat(args) => finish(runtime(false).map(|runtime| runtime.block_on(chat(args.options(&config))))),
        Command::Operate(what) => finish(runtime(false).map(|runtime| {
            let done = runtime.block_on(operate::run(&what, &config));
            // Nobody has to type what nobody waits for any more.
            runtime.shutdown_timeout(ENDING_MAX);
            done
        })),
        Command::Run | Command::Bridge | Command::Worker | Command::LastGasp => {
            if matches!(command, Command::Run) {
                // Whoever starts the others makes it; what is wrong with it is said where it is used.
                let _ = open_state(&config);
            }
            // Nobody but the main thread of a supervisor hears who asks to stop, and not before it can.
            let held = matches!(command, Command::Run).then(signals::hold);
            let _flush = log::init(&config, logger(&command));
            finish(serve(&command, config, held).inspect_err(log::keep_end))
        }
        #[cfg(feature = "slack")]
        Command::SlackManifest(_) => unreachable!("done without a configuration"),
        Command::Schema | Command::Bench { .. } => unreachable!("done without a configuration"),
    }
}

fn logger(command: &Command) -> Logger {
    match command {
        Command::Worker => Logger::Worker,
        Command::Bridge | Command::LastGasp => Logger::Bridge,
        _ => Logger::Supervisor,
    }
}

fn serve(command: &Command, config: Config, held: Option<Held>) -> anyhow::Result<ExitCode> {
    let runtime = runtime(!matches!(command, Command::Run))?;
    let ended = match command {
        Command::Bridge => runtime.block_on(bridge::run(config)),
        Command::Worker => runtime.block_on(worker::run(config)),
        Command::LastGasp => runtime.block_on(bridge::last_gasp(config)),
        _ => runtime.block_on(supervisor::supervise(config, held)),
    };
    // A thread that waits for a lock or a disk must not hold up the end.
    runtime.shutdown_timeout(ENDING_MAX);
    ended
}

fn check(config: &Config, is_online: bool, heir_of: Option<&Path>) -> anyhow::Result<ExitCode> {
    if let Some(database) = heir_of.filter(|database| *database != config.store_path) {
        anyhow::bail!("the database is {} now, no longer {}", config.store_path.display(), database.display());
    }
    match &config.file {
        Some(file) => println!("{} is fine.", file.display()),
        None => println!("There is no configuration file; the defaults are fine."),
    }
    for warning in &config.warnings {
        println!("Warning: {warning}");
    }
    println!("State: {}", config.state_dir.display());
    println!("Web API: http://{}", config.http.listen);
    if !is_online {
        return Ok(ExitCode::SUCCESS);
    }
    let mut are_fine = true;
    for (account, answer) in runtime(false)?.block_on(ask_networks(config)) {
        are_fine &= answer.is_ok();
        match answer {
            Ok(bot) => println!("Account {account}: its network knows it as {bot}."),
            Err(why) => println!("Account {account}: {why}"),
        }
    }
    Ok(if are_fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn runtime(is_multi_threaded: bool) -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = if is_multi_threaded {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        // On a machine with one core, one task that is slow to yield must not silence the beats.
        builder.worker_threads(available_parallelism().map_or(2, |cores| cores.get().max(2)));
        builder
    } else {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        // Signals are the main thread's.
        builder.on_thread_start(signals::hold_for_good);
        builder
    };
    Ok(builder.enable_all().build()?)
}

fn finish(result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        eprintln!("Error: {error:#}");
        if error.chain().any(is_store_out) { ExitCode::from(EXIT_STORE) } else { ExitCode::FAILURE }
    })
}

/// Whether trying again later may help without anybody changing anything.
fn is_store_out(cause: &(dyn std::error::Error + 'static)) -> bool {
    matches!(cause.downcast_ref(), Some(StoreError::Unavailable(_)))
        || matches!(cause.downcast_ref(), Some(LockError::Unusable { .. }))
        || cause.downcast_ref().is_some_and(OpenError::may_heal)
        || cause.downcast_ref().is_some_and(deployment::NotOpened::may_heal)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
