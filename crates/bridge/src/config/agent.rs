//! Agents, ready for use.

use std::{collections::BTreeMap, fmt, path::Path};

use lastword_agents::command::PromptBy;
use lastword_core::{decide::sweep::Deadlines, store::OnLost};
use secrecy::SecretString;

use super::file::{AgentFile, KindFile, OnLostFile, PromptVia};

/// How often a turn is tried in all under `on_lost: replay`, where nothing else is said.
pub const MAX_ATTEMPTS: u32 = 3;

/// One agent.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// What kind of agent, with its settings.
    pub kind: AgentKind,
    /// What happens to a running turn whose worker is lost.
    pub on_lost: OnLost,
    /// Whether messages that wait in the same place are answered together.
    pub collect: bool,
    /// Its deadlines, with the top level's where it has none of its own.
    pub deadlines: Deadlines,
}

/// What kind of agent.
#[derive(Clone, Debug)]
pub enum AgentKind {
    /// The built-in one, for trying everything out.
    Demo,
    /// The one that says what it was asked.
    Echo,
    /// A program.
    Command(ProgramConfig),
}

/// A program that is started for each turn.
#[derive(Clone)]
pub struct ProgramConfig {
    /// The program: a name on the PATH, or a path.
    pub program: String,
    /// Its arguments. They may hold secrets.
    pub args: Vec<String>,
    /// How the message reaches it.
    pub prompt: PromptBy,
    /// The words in front of the program. They may hold secrets.
    pub wrapper: Vec<String>,
    /// Environment variables for it.
    pub env: BTreeMap<String, SecretString>,
    /// Variables of our own environment that it gets; no others.
    pub env_allow: Vec<String>,
}

impl fmt::Debug for ProgramConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProgramConfig")
            .field("program", &self.program)
            .field("args", &format_args!("[{} hidden]", self.args.len()))
            .field("prompt", &self.prompt)
            .field("wrapper", &format_args!("[{} hidden]", self.wrapper.len()))
            .field("env", &self.env.keys())
            .field("env_allow", &self.env_allow)
            .finish()
    }
}

impl AgentConfig {
    /// The agent that is there when none is configured.
    #[must_use]
    pub fn demo(deadlines: Deadlines) -> Self {
        Self { kind: AgentKind::Demo, on_lost: OnLost::Error, collect: false, deadlines }
    }

    /// `beside` is where the path of a program that is relative begins; a bare name is looked up on the PATH.
    pub(super) fn read(file: AgentFile, top: Deadlines, beside: &Path) -> Self {
        let kind = match file.kind {
            KindFile::Demo {} => AgentKind::Demo,
            KindFile::Echo {} => AgentKind::Echo,
            KindFile::Command { program, args, prompt, wrapper, env, env_allow } => {
                let prompt = match prompt {
                    PromptVia::Stdin => PromptBy::Stdin,
                    PromptVia::Argument => PromptBy::Argument,
                };
                let program = located(program, beside);
                AgentKind::Command(ProgramConfig { program, args, prompt, wrapper, env, env_allow })
            }
        };
        let own = file.deadlines;
        Self {
            kind,
            on_lost: match file.on_lost {
                OnLostFile::Error => OnLost::Error,
                OnLostFile::Replay => OnLost::Replay { max_attempts: file.max_attempts.unwrap_or(MAX_ATTEMPTS) },
            },
            collect: file.collect,
            deadlines: Deadlines {
                queue_ms: own.queue_ms.unwrap_or(top.queue_ms),
                idle_ms: own.idle_ms.unwrap_or(top.idle_ms),
                total_ms: own.total_ms.unwrap_or(top.total_ms),
            },
        }
    }
}

/// An agent runs in a directory of its own, where a relative path would lead nowhere.
fn located(program: String, beside: &Path) -> String {
    if program.contains('/') && Path::new(&program).is_relative() {
        std::path::absolute(beside.join(&program)).map_or(program, |path| path.to_string_lossy().into_owned())
    } else {
        program
    }
}
