//! The web: a network that is our own HTTP API.
//!
//! Guarantee: a `POST` is answered with 202 only after its message is committed, and the reply is exactly what the
//! store elected, because people read the store's row itself. There is nothing to send and so nothing to doubt.
//!
//! * [`receive`](Provider::receive) yields what handlers push; postings that wait together become one batch
//! * [`send`](Provider::send) is delivered at once: the delivery's row is the message
//! * the router serves `docs/api.md`, behind [`guard`]

mod api;
mod capability;
mod convert;
mod guard;
mod receive;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use lastword_core::{
    capability::Capabilities,
    ids::{AccountId, ConversationId, Cursor, MessageId},
    outcome::SendOutcome,
    provider::{Provider, ReceiveError, SendRequest, UpdateStream},
    store::{Clock, Store},
};
use tokio_util::sync::CancellationToken;

use self::{api::Api, receive::Inlet};
pub use self::{
    guard::{GuardSettings, guard},
    settings::WebSettings,
};

/// The web account: what people say to the HTTP API, and how the bridge hears it.
pub struct WebProvider {
    account: AccountId,
    inlet: Arc<Inlet>,
}

impl WebProvider {
    /// The provider, and the guarded router that the bridge mounts at its root (all its paths begin with `/api/v1`).
    ///
    /// `clock` only stamps when a message was sent; the store orders. `closing` ends every open event stream and takes no
    /// new message, so that a server that drains its connections can end; watchers resume at the next bridge.
    pub fn new(
        account: AccountId,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        settings: WebSettings,
        closing: CancellationToken,
    ) -> (Arc<Self>, Router) {
        let inlet = Arc::new(Inlet::new());
        let guarded_by = settings.guard.clone();
        let api = Api::new(account.clone(), store, clock, inlet.clone(), closing, settings);
        let router = guard(api::router(api), guarded_by);
        (Arc::new(Self { account, inlet }), router)
    }
}

#[async_trait]
impl Provider for WebProvider {
    fn account(&self) -> &AccountId {
        &self.account
    }

    async fn identity(&self) -> Result<String, ReceiveError> {
        Ok(self.account.to_string())
    }

    fn capabilities(&self, _conversation: &ConversationId) -> Capabilities {
        capability::EVERYWHERE
    }

    fn receive(&self, _resume_from: Option<Cursor>) -> UpdateStream {
        self.inlet.stream()
    }

    /// Delivered under its key, always: the row that holds the delivery is what people read.
    async fn send(&self, request: &SendRequest) -> SendOutcome {
        SendOutcome::Delivered(MessageId::new(request.key.as_str()))
    }
}
