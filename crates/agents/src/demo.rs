//! The demo agent: a program like any other, for trying the bridge without a key.
//!
//! Guarantee: it needs nothing but its prompt, and says nothing about the bridge that is not so. It runs under the shim
//! like every command, so that what it shows (an answer that streams, a crash, a silence, a flood) is the real thing.

mod answer;
mod long;
mod wish;

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    io::{self, Read, Write},
    path::Path,
    process::ExitCode,
    thread,
    time::Duration,
};

use lastword_core::ids::AgentId;
use nix::{
    sys::signal::{Signal, kill},
    unistd::getpid,
};

use crate::command::CommandSettings;
use wish::Wish;

/// The fact ([`AgentRequest::about`](lastword_core::agent::AgentRequest::about)) that names the version.
pub const FACT_VERSION: &str = "version";
/// The fact that says where messages and answers are stored.
pub const FACT_DATA: &str = "data";
/// The fact that names the configuration file.
pub const FACT_CONFIG: &str = "config";
/// The fact that is the address of the operator's page.
pub const FACT_PAGE: &str = "page";

/// Longest prompt that is read.
const PROMPT_BYTES_MAX: u64 = 1024 * 1024;
/// Pause between two words of a stream.
const WORD_MS: u64 = 60;

/// Settings that run the demo agent of the binary `current_exe` under the shim of the same binary: its hidden
/// subcommands `demo-agent` and `exec-agent`.
#[must_use]
pub fn demo_settings(id: AgentId, current_exe: &Path) -> CommandSettings {
    let shim: Vec<OsString> = vec![current_exe.into(), "exec-agent".into(), "--".into()];
    let mut settings = CommandSettings::new(id, current_exe.to_string_lossy(), shim);
    settings.args = vec!["demo-agent".to_owned()];
    settings.tell_about = true;
    settings
}

/// Runs the demo agent: the hidden subcommand `demo-agent`. Reads the prompt from stdin to its end and answers on
/// stdout; its first word may be a wish, see the answer to `help`.
pub fn demo_main() -> ExitCode {
    let mut prompt = Vec::new();
    if let Err(error) = io::stdin().take(PROMPT_BYTES_MAX).read_to_end(&mut prompt) {
        eprintln!("the demo agent can't read its prompt: {error}");
        return ExitCode::FAILURE;
    }
    match grant(&Wish::of(&String::from_utf8_lossy(&prompt)), &mut io::stdout()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("the demo agent can't write its answer: {error}");
            ExitCode::FAILURE
        }
    }
}

fn grant(wish: &Wish, out: &mut impl Write) -> io::Result<ExitCode> {
    match wish {
        Wish::Slow { seconds } => slow(*seconds, out)?,
        Wish::Stream => stream(answer::STREAMED, out)?,
        Wish::Long => say(&long::long(), out)?,
        Wish::Ask(about) => say(&answer::answer(about, &facts(), &variable), out)?,
        Wish::Crash => {
            say("I feel fine, I was about to say something, and then\n", out)?;
            kill(getpid(), Signal::SIGKILL)?;
        }
        Wish::Fail => {
            eprintln!("the demo agent failed because you asked it to. Say `help` for what else it can do.");
            return Ok(ExitCode::FAILURE);
        }
        Wish::Hang => {
            say("I say nothing more from here on; the idle deadline will end me.\n", out)?;
            loop {
                thread::park();
            }
        }
        Wish::Flood => loop {
            say("This never ends by itself: the limit on output ends it.\n", out)?;
        },
    }
    Ok(ExitCode::SUCCESS)
}

fn slow(seconds: u64, out: &mut impl Write) -> io::Result<()> {
    for second in 1..=seconds {
        thread::sleep(Duration::from_secs(1));
        if second < seconds {
            say(&format!("still at it, {second} of {seconds} s\n"), out)?;
        }
    }
    say(&format!("Done, after {seconds} s.\n"), out)
}

fn stream(text: &str, out: &mut impl Write) -> io::Result<()> {
    for word in text.split_inclusive(' ') {
        say(word, out)?;
        thread::sleep(Duration::from_millis(WORD_MS));
    }
    say("\n", out)
}

fn say(text: &str, out: &mut impl Write) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// What the bridge told about itself.
fn facts() -> BTreeMap<&'static str, String> {
    let named = |name: &'static str| Some((name, variable(&format!("LASTWORD_ABOUT_{}", name.to_uppercase()))?));
    [FACT_VERSION, FACT_DATA, FACT_CONFIG, FACT_PAGE].into_iter().filter_map(named).collect()
}
