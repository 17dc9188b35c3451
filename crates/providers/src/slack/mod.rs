//! Slack, by its Web API and Socket Mode: one app in one workspace.
//!
//! Guarantee: it keeps the provider contract. An envelope is acknowledged to Slack once what it brings is confirmed, and
//! by nothing else. A call is one request: nothing is repeated and nothing waits in here. The last word is an update of
//! a message whose timestamp is recorded, and the same update again changes nothing.
//!
//! Types of the Web API are slack-morphism's; requests and sockets are ours, because its own wait for ever on a peer
//! that says nothing, and acknowledge what they can't read. What comes in is read field by field: with its types one
//! odd field would cost the whole message.

mod capability;
mod client;
#[cfg(test)]
mod contract_data;
mod convert;
mod fetch;
mod find;
mod hosts;
mod manifest;
mod markdown;
mod me;
mod outcome;
mod pane;
#[cfg(test)]
mod prepared;
mod receive;
mod render;
mod send;
mod settings;
mod stream;
mod ts;
mod upload;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use lastword_core::{
    capability::Capabilities,
    file::RemoteFile,
    ids::{AccountId, ConversationId, Cursor, DeliveryKey, MessageId, Place},
    outcome::{Cause, SendOutcome},
    provider::{
        Edits, FileStream, Files, OpenFile, Presence, Provider, Receipts, ReceiveError, Reconcile, SendRequest,
        Streams, UpdateStream,
    },
    store::Clock,
};
use tokio::time::Instant;

use self::{client::Client, me::Me, pane::Threads};
pub use self::{
    manifest::{SlashCommand, manifest},
    settings::{API_URL, Edited, Prompt, SlackSettings, UPLOAD_BYTES_MAX},
};

/// An app in a workspace.
pub struct SlackProvider {
    link: Arc<Link>,
}

/// What everything that talks to Slack shares.
struct Link {
    account: AccountId,
    settings: SlackSettings,
    client: Client,
    /// Says how old a message is.
    clock: Arc<dyn Clock>,
    /// Who we are, as Slack said last.
    me: Mutex<Option<Me>>,
    threads: Mutex<Threads>,
    streams: Mutex<stream::Streams>,
    /// When all that was missed had been looked for.
    looked_at: Mutex<Option<Instant>>,
}

impl SlackProvider {
    /// The app whose tokens `settings` hold. Does no I/O.
    #[must_use]
    pub fn new(account: AccountId, settings: SlackSettings, clock: Arc<dyn Clock>) -> Self {
        let client = Client::new(&settings);
        let link = Link {
            account,
            settings,
            client,
            clock,
            me: Mutex::default(),
            threads: Mutex::default(),
            streams: Mutex::default(),
            looked_at: Mutex::default(),
        };
        Self { link: Arc::new(link) }
    }
}

impl Link {
    fn me(&self) -> Option<Me> {
        self.me.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_me(&self, me: Me) {
        *self.me.lock().unwrap_or_else(PoisonError::into_inner) = Some(me);
    }

    fn threads(&self) -> MutexGuard<'_, Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn streams(&self) -> MutexGuard<'_, stream::Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long ago all that was missed had been looked for.
    fn looked_for_missed_since(&self) -> Option<Duration> {
        self.looked_at.lock().unwrap_or_else(PoisonError::into_inner).map(|at| at.elapsed())
    }

    fn looked_for_missed(&self, at: Instant) {
        *self.looked_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }
}

#[async_trait]
impl Provider for SlackProvider {
    fn account(&self) -> &AccountId {
        &self.link.account
    }

    async fn identity(&self) -> Result<String, ReceiveError> {
        me::ask(&self.link).await.map(|me| me.identity())
    }

    async fn check(&self) -> Result<String, ReceiveError> {
        me::check(&self.link).await.map(|me| me.identity())
    }

    fn capabilities(&self, _: &ConversationId) -> Capabilities {
        capability::declared(&self.link.settings)
    }

    fn receive(&self, resume_from: Option<Cursor>) -> UpdateStream {
        receive::stream(Arc::clone(&self.link), resume_from)
    }

    async fn send(&self, request: &SendRequest) -> SendOutcome {
        send::post(&self.link, request).await
    }

    fn edits(&self) -> Option<&dyn Edits> {
        Some(self)
    }

    fn presence(&self) -> Option<&dyn Presence> {
        Some(self)
    }

    fn streams(&self) -> Option<&dyn Streams> {
        self.link.settings.streams.then_some(self as &dyn Streams)
    }

    fn receipts(&self) -> Option<&dyn Receipts> {
        self.link.settings.receipts.then_some(self as &dyn Receipts)
    }

    fn files(&self) -> Option<&dyn Files> {
        Some(self)
    }

    fn reconcile(&self) -> Option<&dyn Reconcile> {
        Some(self)
    }
}

#[async_trait]
impl Edits for SlackProvider {
    async fn edit(&self, target: &MessageId, request: &SendRequest) -> SendOutcome {
        stream::edit(&self.link, target, request).await
    }
}

#[async_trait]
impl Streams for SlackProvider {
    async fn open(&self, request: &SendRequest) -> SendOutcome {
        stream::open(&self.link, request).await
    }

    fn grows(&self, target: &MessageId) -> bool {
        self.link.streams().grows(target)
    }

    async fn append(&self, target: &MessageId, request: &SendRequest) -> SendOutcome {
        stream::append(&self.link, target, request).await
    }
}

#[async_trait]
impl Presence for SlackProvider {
    async fn working(&self, place: &Place) {
        pane::working(&self.link, place).await;
    }

    async fn rests(&self, place: &Place) {
        pane::rests(&self.link, place).await;
    }
}

#[async_trait]
impl Receipts for SlackProvider {
    async fn taken(&self, place: &Place, message: &MessageId) {
        send::taken(&self.link, place, message).await;
    }
}

#[async_trait]
impl Files for SlackProvider {
    async fn send_files(&self, request: &SendRequest, files: Vec<OpenFile>) -> SendOutcome {
        upload::post(&self.link, request, files).await
    }

    fn fetch(&self, file: &RemoteFile) -> FileStream {
        fetch::fetch(Arc::clone(&self.link), file)
    }
}

#[async_trait]
impl Reconcile for SlackProvider {
    async fn find(&self, place: &Place, key: &DeliveryKey) -> Result<Option<MessageId>, Cause> {
        find::find(&self.link, place, key).await
    }
}
