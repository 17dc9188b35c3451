//! Where log lines go: standard error, as text for people or as JSON for machines.

use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};

/// Starts logging. `RUST_LOG` wins over the configured level.
pub fn init(log: &LogConfig) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(directives(log)));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A reader of the log that is gone must not take a process with it: a line that can't be written is lost, no more.
    let lines = lines.log_internal_errors(false);
    match log.format {
        LogFormat::Text => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init(),
        LogFormat::Json => lines.json().init(),
    }
}

fn directives(log: &LogConfig) -> String {
    let level = std::iter::once(log.level.as_str());
    level.chain(lastword_providers::QUIET_LOGS.iter().copied()).collect::<Vec<_>>().join(",")
}
