//! The scripted network of the tests: an HTTP ledger in another process, with faults on demand.
//!
//! Guarantee: it keeps the provider contract with whatever idempotency its settings declare, so that every path of the
//! delivery can be driven without a real network. Only with the feature `testing`; it talks to loopback only.

mod capability;
mod client;
mod convert;
mod outcome;
mod receive;
mod send;
mod settings;

use std::sync::Arc;

use async_trait::async_trait;
use lastword_core::{
    capability::Capabilities,
    ids::{AccountId, ConversationId, Cursor, DeliveryKey, MessageId, Place},
    outcome::{Cause, SendOutcome},
    provider::{Edits, Provider, ReceiveError, Reconcile, SendRequest, UpdateStream},
};

use self::client::Client;
pub use self::settings::{Repeats, ScriptedSettings};

/// An account on the scripted network.
pub struct ScriptedProvider {
    account: AccountId,
    settings: ScriptedSettings,
    client: Arc<Client>,
}

impl ScriptedProvider {
    /// An account on the ledger that `settings.url` names. Does no I/O.
    #[must_use]
    pub fn new(account: AccountId, settings: ScriptedSettings) -> Self {
        let client = Arc::new(Client::new(&settings.url));
        Self { account, settings, client }
    }
}

#[async_trait]
impl Provider for ScriptedProvider {
    fn account(&self) -> &AccountId {
        &self.account
    }

    async fn identity(&self) -> Result<String, ReceiveError> {
        receive::identity(&self.client).await
    }

    fn capabilities(&self, _conversation: &ConversationId) -> Capabilities {
        capability::declared(&self.settings)
    }

    fn receive(&self, resume_from: Option<Cursor>) -> UpdateStream {
        receive::stream(self.client.clone(), self.account.clone(), resume_from)
    }

    async fn send(&self, request: &SendRequest) -> SendOutcome {
        send::post(&self.client, request).await
    }

    fn edits(&self) -> Option<&dyn Edits> {
        self.settings.can_edit().then_some(self as &dyn Edits)
    }

    fn reconcile(&self) -> Option<&dyn Reconcile> {
        (self.settings.repeats == Repeats::Findable).then_some(self as &dyn Reconcile)
    }
}

#[async_trait]
impl Edits for ScriptedProvider {
    async fn edit(&self, target: &MessageId, request: &SendRequest) -> SendOutcome {
        send::edit(&self.client, target, request).await
    }
}

#[async_trait]
impl Reconcile for ScriptedProvider {
    async fn find(&self, place: &Place, key: &DeliveryKey) -> Result<Option<MessageId>, Cause> {
        send::find(&self.client, place, key).await
    }
}
