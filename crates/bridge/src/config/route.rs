//! Routes, ready for use.

use lastword_core::{
    decide::policy::Route,
    ids::{AccountId, AgentId, ConversationId, UserId},
};

use super::file::RouteFile;

pub(super) fn read(file: RouteFile) -> Route {
    Route {
        account: file.account.map(AccountId::new),
        conversation: file.conversation.map(|id| ConversationId::new(id.0)),
        sender: file.sender.map(|id| UserId::new(id.0)),
        agent: AgentId::new(file.agent),
    }
}
