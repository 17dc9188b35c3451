//! Who may ask what of whom: the part of the configuration that decides about updates.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    alert::Messaging,
    ids::{AccountId, AgentId, ConversationId, UserId},
    store::OnLost,
    update::Update,
};

/// Everything that decides about an update.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The accounts, by name.
    pub accounts: BTreeMap<AccountId, AccountPolicy>,
    /// The agents that may answer, by name.
    pub agents: BTreeMap<AgentId, AgentPolicy>,
    /// Who answers where; the first match wins.
    pub routes: Vec<Route>,
    /// Who answers where no route matches.
    pub default_agent: Option<AgentId>,
    /// The operator's own commands.
    pub commands: Vec<CustomCommand>,
    /// The longest message that is accepted, in bytes.
    pub prompt_bytes_max: u64,
    /// How many turns may wait in one place.
    pub queue_max: u32,
    /// Whether somebody starts the processes again when they end.
    pub is_supervised: bool,
    /// How much admins are told unasked, unless one of them said otherwise.
    pub messaging: Messaging,
}

/// Who may talk to an account.
#[derive(Clone, Debug, Default)]
pub struct AccountPolicy {
    /// People who may.
    pub users: Allow<UserId>,
    /// Conversations in which everybody may.
    pub conversations: Allow<ConversationId>,
    /// People who may use commands for admins; they may always talk.
    pub admins: BTreeSet<UserId>,
}

/// A list of who is allowed; empty allows nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allow<T> {
    /// These.
    Only(BTreeSet<T>),
    /// Everybody: written out by the operator, never a default.
    Everybody,
}

impl<T> Default for Allow<T> {
    fn default() -> Self {
        Self::Only(BTreeSet::new())
    }
}

impl<T: Ord> Allow<T> {
    /// Whether this one is on the list.
    #[must_use]
    pub fn allows(&self, one: &T) -> bool {
        match self {
            Self::Only(list) => list.contains(one),
            Self::Everybody => true,
        }
    }
}

/// How an agent's turns are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentPolicy {
    /// What happens when a turn's worker is lost.
    pub on_lost: OnLost,
    /// Whether waiting turns may be answered together.
    pub may_collect: bool,
}

/// One line of `routes:`; what is `None` matches everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The account.
    pub account: Option<AccountId>,
    /// The conversation.
    pub conversation: Option<ConversationId>,
    /// The sender.
    pub sender: Option<UserId>,
    /// Who answers.
    pub agent: AgentId,
}

/// A command of the operator's own: an agent turn with a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomCommand {
    /// Its name.
    pub name: String,
    /// One line for `/help`.
    pub help: String,
    /// Who answers; `None` is who answers ordinary messages there.
    pub agent: Option<AgentId>,
    /// The prompt; `{args}` stands for what was typed behind the name.
    pub template: String,
    /// Whether only admins may use it.
    pub is_for_admins: bool,
}

impl CustomCommand {
    /// The prompt for these arguments.
    #[must_use]
    pub fn prompt(&self, args: &str) -> String {
        self.template.replace("{args}", args)
    }
}

impl Policy {
    /// Whether the sender may talk to the account here.
    #[must_use]
    pub fn allows(&self, update: &Update) -> bool {
        self.accounts.get(&update.place.account).is_some_and(|account| {
            account.users.allows(&update.sender.id)
                || account.conversations.allows(&update.place.conversation)
                || account.admins.contains(&update.sender.id)
        })
    }

    /// Whether the sender is one of the account's admins.
    #[must_use]
    pub fn is_admin(&self, update: &Update) -> bool {
        self.accounts.get(&update.place.account).is_some_and(|account| account.admins.contains(&update.sender.id))
    }

    /// Who answers this update; `None` where no route leads to an agent that is there.
    #[must_use]
    pub fn route(&self, update: &Update) -> Option<&AgentId> {
        let matches = |route: &&Route| {
            route.account.as_ref().is_none_or(|account| *account == update.place.account)
                && route.conversation.as_ref().is_none_or(|id| *id == update.place.conversation)
                && route.sender.as_ref().is_none_or(|id| *id == update.sender.id)
        };
        let agent = self.routes.iter().find(matches).map(|route| &route.agent);
        agent.or(self.default_agent.as_ref()).filter(|agent| self.agents.contains_key(*agent))
    }
}
