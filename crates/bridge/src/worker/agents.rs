//! The configured agents.

use std::{collections::BTreeMap, ffi::OsString, io, path::Path, sync::Arc};

use lastword_agents::{
    command::{CommandAgent, CommandSettings},
    demo::{FACT_CONFIG, FACT_DATA, FACT_PAGE, FACT_VERSION, demo_settings},
    echo::EchoAgent,
    shim::command_line,
};
use lastword_core::{agent::Agent, ids::AgentId};
use secrecy::ExposeSecret;

use crate::{
    build_id::build,
    config::{AgentKind, Config, ProgramConfig},
    process::program,
};

/// Every agent that this worker can run, and what is told to those that may know about the bridge.
pub(super) struct Agents {
    by_id: BTreeMap<AgentId, Arc<dyn Agent>>,
    about: BTreeMap<String, String>,
}

impl Agents {
    /// The configured agents, each started under this very build's shim.
    pub(super) fn of(config: &Config) -> io::Result<Self> {
        let (program, shim) = (program::running()?, command_line()?);
        let by_id =
            config.agents.iter().map(|(id, agent)| (id.clone(), make(id, &agent.kind, config, &program, &shim)));
        Ok(Self { by_id: by_id.collect(), about: facts(config) })
    }

    /// These very ones.
    #[cfg(feature = "testing")]
    pub(super) fn given(agents: Vec<Arc<dyn Agent>>) -> Self {
        Self { by_id: agents.into_iter().map(|agent| (agent.id().clone(), agent)).collect(), about: BTreeMap::new() }
    }

    /// One by name.
    pub(super) fn get(&self, id: &AgentId) -> Option<Arc<dyn Agent>> {
        self.by_id.get(id).map(Arc::clone)
    }

    /// Facts about the bridge.
    pub(super) fn about(&self) -> &BTreeMap<String, String> {
        &self.about
    }
}

/// The registry of agents: one arm each.
fn make(id: &AgentId, kind: &AgentKind, config: &Config, program: &Path, shim: &[OsString]) -> Arc<dyn Agent> {
    let output_bytes_max = config.limits.output_bytes_max;
    match kind {
        AgentKind::Demo => {
            let settings = CommandSettings { output_bytes_max, ..demo_settings(id.clone(), program) };
            Arc::new(CommandAgent::new(settings))
        }
        AgentKind::Echo => Arc::new(EchoAgent::new(id.clone())),
        AgentKind::Command(command) => {
            let settings = CommandSettings { output_bytes_max, ..command_settings(id, command, shim) };
            Arc::new(CommandAgent::new(settings))
        }
    }
}

fn command_settings(id: &AgentId, command: &ProgramConfig, shim: &[OsString]) -> CommandSettings {
    CommandSettings {
        args: command.args.clone(),
        wrapper: command.wrapper.clone(),
        prompt: command.prompt,
        env_allow: command.env_allow.clone(),
        env: command.env.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned())).collect(),
        ..CommandSettings::new(id.clone(), command.program.clone(), shim.to_vec())
    }
}

fn facts(config: &Config) -> BTreeMap<String, String> {
    let file = config.file.as_ref().map(|file| file.display().to_string());
    let facts = [
        (FACT_VERSION, Some(build().to_owned())),
        (FACT_DATA, Some(config.state_dir.display().to_string())),
        (FACT_CONFIG, file),
        (FACT_PAGE, Some(format!("http://{}", config.http.listen))),
    ];
    facts.into_iter().filter_map(|(name, fact)| Some((name.to_owned(), fact?))).collect()
}
