//! Telegram, by its Bot API: one bot.
//!
//! Guarantee: it keeps the provider contract. An update is confirmed to Telegram by the poll that follows its commit, and
//! by nothing else. A call is one request: nothing is repeated and nothing waits in here. The last word is an edit of
//! a message whose id is recorded, and "message is not modified" is its success.
//!
//! Types and methods are teloxide's; requests and the polling are ours, because its own wait on server errors and
//! confirm updates that are still in hand. What comes in is read by small types of ours: one new field or kind of
//! entity, and teloxide's would lose the whole message.

mod address;
mod album;
mod capability;
mod chats;
mod client;
mod commands;
#[cfg(test)]
mod contract_data;
mod convert;
mod draft;
mod fetch;
mod markdown;
mod outcome;
mod receive;
mod render;
mod send;
mod settings;
mod upload;
mod wire;

use std::sync::{Arc, Mutex, PoisonError, atomic::AtomicBool};

use async_trait::async_trait;
use lastword_core::{
    capability::Capabilities,
    file::RemoteFile,
    ids::{AccountId, ConversationId, Cursor, MessageId, Place, TurnId},
    outcome::{Cause, SendOutcome},
    provider::{
        Backlog, DraftOutcome, Drafts, Edits, FileStream, Files, OpenFile, Presence, Provider, Receipts, ReceiveError,
        SendRequest, UpdateStream,
    },
};

pub use self::settings::{API_URL, BotCommandSettings, Edited, TelegramSettings, UPLOAD_BYTES_MAX};
use self::{chats::Chats, client::Client, wire::Me};

/// A bot on Telegram.
pub struct TelegramProvider {
    link: Arc<Link>,
}

/// What everything that talks to Telegram shares.
struct Link {
    account: AccountId,
    settings: TelegramSettings,
    client: Client,
    chats: Chats,
    /// Who we are, as Telegram said last.
    me: Mutex<Option<Me>>,
    /// Whether another receiver was met, and no poll that waited has ended well since.
    is_contended: AtomicBool,
}

impl TelegramProvider {
    /// The bot whose token `settings` hold. Does no I/O.
    #[must_use]
    pub fn new(account: AccountId, settings: TelegramSettings) -> Self {
        let client = Client::new(&settings);
        let link = Link {
            account,
            settings,
            client,
            chats: Chats::default(),
            me: Mutex::default(),
            is_contended: AtomicBool::new(false),
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
}

#[async_trait]
impl Provider for TelegramProvider {
    fn account(&self) -> &AccountId {
        &self.link.account
    }

    async fn identity(&self) -> Result<String, ReceiveError> {
        receive::identity(&self.link).await.map(|me| me.id.to_string())
    }

    fn capabilities(&self, conversation: &ConversationId) -> Capabilities {
        capability::declared(conversation, &self.link.settings)
    }

    fn receive(&self, resume_from: Option<Cursor>) -> UpdateStream {
        receive::stream(Arc::clone(&self.link), resume_from)
    }

    async fn send(&self, request: &SendRequest) -> SendOutcome {
        send::post(&self.link, request).await
    }

    fn presence(&self) -> Option<&dyn Presence> {
        Some(self)
    }

    fn drafts(&self) -> Option<&dyn Drafts> {
        self.link.settings.drafts.then_some(self as &dyn Drafts)
    }

    fn receipts(&self) -> Option<&dyn Receipts> {
        self.link.settings.receipts.then_some(self as &dyn Receipts)
    }

    fn edits(&self) -> Option<&dyn Edits> {
        Some(self)
    }

    fn files(&self) -> Option<&dyn Files> {
        Some(self)
    }

    fn backlog(&self) -> Option<&dyn Backlog> {
        Some(self)
    }
}

#[async_trait]
impl Backlog for TelegramProvider {
    async fn pending(&self) -> Result<u64, Cause> {
        receive::pending(&self.link).await
    }
}

#[async_trait]
impl Files for TelegramProvider {
    async fn send_files(&self, request: &SendRequest, files: Vec<OpenFile>) -> SendOutcome {
        upload::post(&self.link, request, files).await
    }

    fn fetch(&self, file: &RemoteFile) -> FileStream {
        fetch::fetch(Arc::clone(&self.link), file)
    }
}

#[async_trait]
impl Edits for TelegramProvider {
    async fn edit(&self, target: &MessageId, request: &SendRequest) -> SendOutcome {
        send::edit(&self.link, target, request).await
    }
}

#[async_trait]
impl Presence for TelegramProvider {
    async fn working(&self, place: &Place) {
        send::working(&self.link, place).await;
    }
}

#[async_trait]
impl Drafts for TelegramProvider {
    async fn draft(&self, place: &Place, turn: TurnId, text: &str) -> DraftOutcome {
        draft::show(&self.link, place, turn, text).await
    }
}

#[async_trait]
impl Receipts for TelegramProvider {
    async fn taken(&self, place: &Place, message: &MessageId) {
        send::taken(&self.link, place, message).await;
    }
}
