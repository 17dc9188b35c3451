//! The shim that every agent runs under: `lastword exec-agent -- program args…`.
//!
//! Guarantee: when the worker dies (by SIGKILL too), drops the run, or the agent ends, everything that the agent
//! started is killed and reaped before the shim exits. On Linux that holds for processes that left the group or the
//! session; elsewhere it holds for the process group.
//!
//! # How the worker and the shim talk
//!
//! The shim's stdin is one end of a socket pair, the *lifeline*. Nobody but the worker holds the other end, so it ends
//! with the worker, however that dies.
//!
//! * worker → shim: frames (`[u32 big-endian length][bytes]`) for the agent's stdin, a frame of length 0 to close it.
//!   Nothing runs before the first frame: the worker records the group, then sends. The end of the lifeline, and
//!   SIGTERM, SIGINT or SIGHUP to the shim, mean: kill everything.
//! * shim → worker: one last line, `exited <code>`, `killed <signal>` or `not-started <why>`. The agent does not
//!   inherit the lifeline and can't fake it. Without that line the shim itself was killed.
//!
//! stdout and stderr are the agent's own, straight to the worker.
//!
//! # One group for both
//!
//! The shim leads a process group of its own (so that a Ctrl-C in a terminal does not reach it), and the agent runs
//! *in that group*, not in one below it. So the group is known, and recorded, before the agent's program exists; a
//! kill of the group ends shim and agent together; and "gone" has one meaning even after the shim was SIGKILLed: no
//! process of that group is left, where the leader's start time tells it from a later group of the same number.
//! The shim itself kills its tree one by one, as child subreaper, and so survives to reap it and to report.
//! An agent that kills its own group (`kill 0`) ends the attempt with it, as that would end a shell's job.
//!
//! What leaves the group *and* loses its shim to a SIGKILL is found by a mark in its environment, see [`end_group`].
//! Nothing here contains a program that means to get away (one that forks faster than it can be found, or changes its
//! user): that is what a command's wrapper is for. A parent-death signal would reach only the direct child, and not across a set-user-id program: it is not used.

mod frame;
mod group;
mod run;
mod serve;
mod status;
mod table;
mod tree;

use std::{env, ffi::OsString, io, os::fd::AsFd, path::PathBuf, process::ExitCode};

pub use group::{end_group, group_of, is_gone};
pub(crate) use run::{Run, Start};
pub(crate) use status::Status;

use serve::Shim;

/// The command line that starts the shim of the running binary, up to where the agent's own begins: itself,
/// `exec-agent` and `--`.
///
/// On Linux the binary is named by `/proc/self/exe`, which stays this very build when an update replaces the file: a
/// draining worker never runs its agents under another build's shim.
pub fn command_line() -> io::Result<Vec<OsString>> {
    let me = if cfg!(target_os = "linux") { PathBuf::from("/proc/self/exe") } else { env::current_exe()? };
    Ok(vec![me.into(), "exec-agent".into(), "--".into()])
}

/// Runs the shim: the hidden subcommand `exec-agent`. `args` are the agent's program and its arguments; a leading `--`
/// is skipped. Must be called from a process with nothing else to do: it reaps every child and handles signals.
///
/// Exits with the agent's code; 128 + n for its signal n; 127 if it could not be started; 143 if it was ended. Those
/// are for whoever runs it by hand, the worker reads the lifeline.
pub fn exec_agent(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut argv: Vec<OsString> = args.into_iter().collect();
    if argv.first().is_some_and(|first| first == "--") {
        argv.remove(0);
    }
    match shepherd(argv) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("lastword exec-agent: {error}");
            tree::end_all();
            ExitCode::from(126)
        }
    }
}

fn shepherd(argv: Vec<OsString>) -> io::Result<u8> {
    let mut shim = Shim::new(argv, io::stdin().as_fd().try_clone_to_owned()?)?;
    let status = shim.serve()?;
    // Told before the leftovers are ended, because elsewhere than on Linux that ends us as well.
    shim.tell(&status);
    shim.end_agent();
    tree::end_all();
    Ok(status.exit_code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shim_is_this_very_binary() {
        let line = command_line().unwrap();
        assert_eq!(line[1..], ["exec-agent", "--"]);
        assert_eq!(std::fs::canonicalize(&line[0]).unwrap(), env::current_exe().unwrap().canonicalize().unwrap());
    }
}
