//! The binary `lastword`: supervisor, bridge, worker, and the tools around them.
//!
//! `lastword run` is a [`supervisor`] with two children: [`bridge`] talks to networks, [`worker`] runs agents. They
//! share a store and a wake-up, nothing else, and any of them may be killed at any instruction.

pub mod bench;
pub mod bridge;
pub mod build_id;
pub mod chat;
pub mod cli;
pub mod config;
mod http;
pub mod log;
pub mod operate;
pub mod process;
pub mod report;
#[cfg(feature = "slack")]
mod slack_manifest;
pub mod supervisor;
pub mod worker;

use std::process::ExitCode;

/// Runs the program with this process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    // Before anything else: these two run once per turn, and start at once.
    match args.next().as_deref().and_then(|arg| arg.to_str()) {
        Some("exec-agent") => lastword_agents::shim::exec_agent(args),
        Some("demo-agent") => lastword_agents::demo::demo_main(),
        _ => {
            // One TLS for everything here. Who is second has what it needs.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
            cli::main()
        }
    }
}
