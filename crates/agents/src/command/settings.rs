//! What an operator says about a command agent.

use std::{collections::BTreeMap, ffi::OsString, fmt};

use lastword_core::ids::AgentId;
use serde::{Deserialize, Serialize};

/// The names passed on from our own environment unless an operator says otherwise: none of them holds a secret.
pub const ENV_ALLOWED: [&str; 11] =
    ["PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TERM", "TZ", "TMPDIR", "USER", "LOGNAME", "SHELL"];

/// How much an agent may write to stdout unless an operator says otherwise.
pub const OUTPUT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// How the prompt reaches the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptBy {
    /// On stdin, which is closed after it.
    #[default]
    Stdin,
    /// As one argument: in the place of each argument that is exactly `{prompt}`, or else as the last one. stdin is
    /// empty. Other users of the machine can read it in the list of processes, and it can't be longer than
    /// [`ARGUMENT_BYTES_MAX`](super::ARGUMENT_BYTES_MAX). Where it begins with `-` and no `--` stands before it, a
    /// space is put in front, so that nobody in a chat can pass options.
    Argument,
}

/// A program and how it is run.
#[derive(Clone)]
pub struct CommandSettings {
    /// The configured name.
    pub id: AgentId,
    /// The program: a path, or a name that the agent's own `PATH` leads to.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// What is put in front of it, such as `bwrap` and its arguments.
    pub wrapper: Vec<String>,
    /// How the prompt reaches it.
    pub prompt: PromptBy,
    /// The names passed on from our own environment.
    pub env_allow: Vec<String>,
    /// What is set besides, and before all else.
    pub env: BTreeMap<String, String>,
    /// How much it may write to stdout; then it is ended.
    pub output_bytes_max: u64,
    /// Whether the facts of [`AgentRequest::about`](lastword_core::agent::AgentRequest::about) are passed to it, as
    /// `LASTWORD_ABOUT_<NAME>`.
    pub tell_about: bool,
    /// What starts the shim: a program and arguments, to which the agent's are appended. Normally this very binary,
    /// `exec-agent` and `--`.
    pub shim: Vec<OsString>,
}

impl CommandSettings {
    /// Settings for `program` with everything else as it is by default.
    #[must_use]
    pub fn new(id: AgentId, program: impl Into<String>, shim: Vec<OsString>) -> Self {
        Self {
            id,
            program: program.into(),
            args: Vec::new(),
            wrapper: Vec::new(),
            prompt: PromptBy::default(),
            env_allow: ENV_ALLOWED.map(str::to_owned).to_vec(),
            env: BTreeMap::new(),
            output_bytes_max: OUTPUT_BYTES_MAX,
            tell_about: false,
            shim,
        }
    }

    /// Everything that keeps such an agent from ever starting, one sentence each, for the operator.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let id = &self.id;
        let mut problems = Vec::new();
        if self.program.is_empty() {
            problems.push(format!("agent {id}: `program` is empty"));
        }
        if self.shim.is_empty() {
            problems.push(format!("agent {id}: nothing to run it under"));
        }
        if self.output_bytes_max == 0 {
            problems.push(format!("agent {id}: may write nothing"));
        }
        let words = self.wrapper.iter().chain([&self.program]).chain(&self.args);
        if words.into_iter().any(|word| word.contains('\0')) {
            problems.push(format!("agent {id}: its command line holds a NUL character"));
        }
        for (name, value) in &self.env {
            if name.is_empty() || name.contains(['=', '\0']) {
                problems.push(format!("agent {id}: {name:?} can't be the name of a variable"));
            }
            if value.contains('\0') {
                problems.push(format!("agent {id}: the value of {name:?} holds a NUL character"));
            }
        }
        problems
    }
}

/// Values of variables are often keys: only their names are shown.
impl fmt::Debug for CommandSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandSettings")
            .field("id", &self.id)
            .field("program", &self.program)
            .field("args", &self.args)
            .field("wrapper", &self.wrapper)
            .field("prompt", &self.prompt)
            .field("env_allow", &self.env_allow)
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("output_bytes_max", &self.output_bytes_max)
            .field("tell_about", &self.tell_about)
            .field("shim", &self.shim)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> CommandSettings {
        CommandSettings::new(AgentId::new("a"), "cat", vec!["lastword".into(), "exec-agent".into(), "--".into()])
    }

    #[test]
    fn all_problems_are_named_at_once() {
        assert!(settings().problems().is_empty());
        let mut wrong = settings();
        wrong.program.clear();
        wrong.args = vec!["a\0b".into()];
        wrong.env = [("A=B".to_owned(), "x\0".to_owned())].into();
        assert_eq!(
            wrong.problems(),
            [
                "agent a: `program` is empty",
                "agent a: its command line holds a NUL character",
                "agent a: \"A=B\" can't be the name of a variable",
                "agent a: the value of \"A=B\" holds a NUL character",
            ]
        );
    }

    #[test]
    fn a_key_in_the_environment_is_not_shown() {
        let mut with_key = settings();
        with_key.env = [("API_KEY".to_owned(), "s3cret".to_owned())].into();
        let shown = format!("{with_key:?}");
        assert!(shown.contains("API_KEY") && !shown.contains("s3cret"));
    }
}
