//! What a test sets before the world begins, and the configuration that comes of it.

use std::{
    fmt::{self, Write as _},
    path::Path,
};

use super::{agent_script::SCRIPT, chat::Chat, town::ChatKind};

/// A network, by how it stops a repeated post from showing twice: the scripted one in any way, or a fake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// It deduplicates on our key.
    Native,
    /// Only edits may be repeated.
    EditOnly,
    /// Posts can be looked up.
    Findable,
    /// Nothing helps.
    Careless,
    /// The fake Telegram, where only edits may be repeated.
    Telegram,
    /// The fake Slack, where posts can be looked up, too.
    Slack,
    /// A real Synapse, which deduplicates on our key.
    Matrix,
}

/// What a test sets before the world begins.
#[derive(Clone, Debug)]
pub struct Settings {
    pub network: Network,
    /// Lines appended to the agent `sh`.
    pub agent: String,
    /// What the agent `sh` runs.
    pub script: &'static str,
    /// Further agents that run the same, and their lines.
    pub agents: Vec<(&'static str, String)>,
    /// Conversations of the account `net` that another agent than `sh` answers.
    pub routes: Vec<(&'static str, &'static str)>,
    /// The conversations that there are, where not every name is one: on the fakes.
    pub chats: Vec<(&'static str, ChatKind)>,
    /// Lines appended to the account `net`.
    pub account: String,
    /// The conversation in which admins are told of alerts.
    pub alerts_to: Option<&'static str>,
    /// The conversation in which the account shows every second that it works.
    pub canary_to: Option<&'static str>,
    /// Lines appended to the accounts.
    pub accounts: String,
    /// Top-level lines of the configuration.
    pub top: String,
    /// The environment of the supervisor.
    pub env: Vec<(&'static str, String)>,
    /// Whether the program is a copy of its own, which a test may remove.
    pub is_copied: bool,
    /// Whether the log goes into a pipe that nobody reads from once the bridge is ready.
    pub is_unheard: bool,
    /// The state directory is a disk of its own, of this size, which only the deployment sees.
    pub disk: Option<&'static str>,
}

/// The environment of processes of which the first that passes `point` for the `nth` time dies there, by `abort`, by
/// `panic`, or stops by `stop`. The file `once` is there until it did.
pub fn dying_at(point: &str, nth: u32, how: &str, once: &Path) -> Vec<(&'static str, String)> {
    std::fs::write(once, "").unwrap();
    vec![
        ("LASTWORD_CRASH_AT", format!("{point}:{nth}")),
        ("LASTWORD_CRASH_ONCE", once.display().to_string()),
        ("LASTWORD_CRASH_HOW", how.to_owned()),
    ]
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            network: Network::EditOnly,
            agent: String::new(),
            script: SCRIPT,
            agents: Vec::new(),
            routes: Vec::new(),
            chats: Vec::new(),
            account: String::new(),
            alerts_to: None,
            canary_to: None,
            accounts: String::new(),
            top: String::new(),
            env: Vec::new(),
            is_copied: false,
            is_unheard: false,
            disk: None,
        }
    }
}

impl Settings {
    /// The configuration of a deployment in `directory`, on this network.
    pub(super) fn config(&self, directory: &Path, port: u16, chat: &Chat) -> String {
        let Self { network, agent, account, accounts, top, agents, routes, .. } = self;
        let directory = directory.display();
        let mut text = format!(
            "state_dir: {directory}/state
http: {{ listen: '127.0.0.1:{port}' }}
accounts:
  web: {{ network: web }}
  net:
{net}{account}{alerts_to}{canary}
{accounts}
default_agent: sh
agents:
  demo: {{ kind: demo }}
",
            net = indent(&chat.account(*network), 4),
            account = indent(account, 4),
            alerts_to =
                self.alerts_to.map_or_else(String::new, |name| format!("    alerts_to: '{}'\n", chat.id_of(name))),
            canary = self.canary_to.map_or_else(String::new, |name| {
                format!("    canary_to: '{}'\n    canary_every: 1s\n", chat.id_of(name))
            }),
            accounts = indent(accounts, 2),
        );
        if routes.iter().any(|(_, agent)| *agent == "echo") {
            text.push_str("  echo: { kind: echo }\n");
        }
        for (name, lines) in [("sh", agent)].into_iter().chain(agents.iter().map(|(name, lines)| (*name, lines))) {
            text.push_str(&self.agent_text(&directory, name, lines));
        }
        text.push_str("routes:\n- { account: web, agent: demo }\n");
        for (conversation, agent) in routes {
            let conversation = chat.id_of(conversation);
            let _ = writeln!(text, "- {{ account: net, conversation: '{conversation}', agent: {agent} }}");
        }
        text.push_str(top);
        text.push('\n');
        let _ = writeln!(text, "log: {{ level: debug }}");
        text
    }

    fn agent_text(&self, directory: &impl fmt::Display, name: &str, lines: &str) -> String {
        format!(
            "  {name}:
    kind: command
    program: /bin/sh
    args:
    - -c
    - |
{script}
    env: {{ GATE: '{directory}/gate', NOTES: '{directory}/notes' }}
{lines}
",
            script = indent(self.script, 6),
            lines = indent(lines, 4),
        )
    }
}

fn indent(text: &str, by: usize) -> String {
    text.lines().map(|line| format!("{}{line}\n", " ".repeat(by))).collect()
}
