//! The part of the configuration that decides about updates, as core understands it.

use lastword_core::decide::policy::{AccountPolicy, AgentPolicy, CustomCommand, Policy};

use crate::{
    config::{Access, Config},
    process::lifeline::has_supervisor_for_admins,
};

/// Takes from the configuration what decides about updates.
#[must_use]
pub fn policy_of(config: &Config) -> Policy {
    Policy {
        accounts: config
            .accounts
            .iter()
            .map(|(id, account)| {
                let policy = AccountPolicy {
                    users: account.users.clone(),
                    conversations: account.conversations.clone(),
                    admins: account.admins.clone(),
                };
                (id.clone(), policy)
            })
            .collect(),
        agents: config
            .agents
            .iter()
            .map(|(id, agent)| (id.clone(), AgentPolicy { on_lost: agent.on_lost, may_collect: agent.collect }))
            .collect(),
        routes: config.routes.clone(),
        default_agent: config.default_agent.clone(),
        commands: config
            .commands
            .iter()
            .map(|(name, command)| CustomCommand {
                name: name.clone(),
                help: command.help.clone(),
                agent: command.agent.clone(),
                template: command.prompt.clone(),
                is_for_admins: command.access == Access::Admins,
            })
            .collect(),
        prompt_bytes_max: config.limits.prompt_bytes_max,
        queue_max: config.limits.queue_max,
        is_supervised: has_supervisor_for_admins(),
        messaging: config.alerts.messaging.into(),
    }
}
