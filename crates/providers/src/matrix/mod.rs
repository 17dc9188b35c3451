//! Matrix, by its client-server API: one account on a homeserver, with end-to-end encryption.
//!
//! Guarantee: it keeps the provider contract. Our cursor is committed with the updates, and the SDK resumes there,
//! whatever it saved itself. A call is one attempt. The last word is one event under the delivery's key as transaction
//! id, which the homeserver takes once.
//!
//! The SDK is used for its requests, its stores and its encryption. Its send queue, its event handlers and its retries
//! are not: two outboxes can't keep one promise, and handlers run after it has saved where it is.
//!
//! # Killed between the SDK's save and our commit
//! The SDK saves a sync's token, room state and keys before we see its answer. Killed then, the next start writes our
//! older token into its store before the session opens, and the homeserver tells the same again:
//!
//! * *Timelines* are told again, and the inbox drops what it has.
//! * *Messages between devices*, which bring the keys of rooms, are kept by the homeserver until a sync *begins* at a token
//!   behind them. Ours does so only after they were saved by the SDK. Told again, they are recognised by their hash and
//!   dropped; the keys are there.
//! * *Within one process* the SDK drops an answer whose token it holds in memory, so a stream that begins elsewhere than
//!   where the SDK stands opens the session anew (`Link::session_at`).
//!
//! A power failure may take the last moments of the SDK's stores with it, which are synced less strictly than ours; keys
//! lost so are waited for like any others, and the backup of keys has them.

mod capability;
mod convert;
mod cursor;
mod fetch;
mod folder;
mod keys;
mod media;
mod outcome;
mod receive;
mod render;
mod send;
mod session;
mod settings;
mod thumbnail;
mod upload;
mod verify;
mod whoami;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use lastword_core::{
    capability::Capabilities,
    file::RemoteFile,
    ids::{AccountId, ConversationId, Cursor, MessageId, Place, UserId},
    outcome::SendOutcome,
    provider::{
        Edits, FileStream, Files, OpenFile, Presence, Provider, Receipts, ReceiveError, SendRequest, UpdateStream,
    },
    store::Clock,
};
use matrix_sdk::ruma::OwnedRoomId;
use tokio::{
    sync::{RwLock, RwLockReadGuard},
    time::Instant,
};

use self::session::{Resume, Session};
pub use self::{
    settings::{Edited, Login, MatrixSettings, UPLOAD_BYTES_MAX},
    verify::{Desk, ShortAuth, Verified, VerifyError},
};
use crate::http;

/// The SDK's own lines: every refusal is one, also where it is no trouble.
pub(crate) const QUIET_LOG: &str = "matrix_sdk=off";
/// How many of our own events are remembered, to recognise answers to them.
const OWN_MAX: usize = 2_000;
/// A typing notice that was shown longer ago than that is gone by itself.
const TYPING_GONE: Duration = Duration::from_secs(15);

/// An account on a homeserver.
pub struct MatrixProvider {
    link: Arc<Link>,
}

/// What everything that talks to the homeserver shares.
struct Link {
    account: AccountId,
    settings: MatrixSettings,
    /// For what needs no session.
    http: reqwest_012::Client,
    clock: Arc<dyn Clock>,
    /// The session, once it is open. Whoever uses it holds it: it is opened anew only when nobody does.
    held: RwLock<Option<Arc<Session>>>,
    /// The token of the last sync that the SDK processed whole; `None`: nobody knows how far it is.
    synced: Mutex<Option<String>>,
    own: Mutex<Own>,
    typing: Mutex<BTreeMap<OwnedRoomId, Instant>>,
    upload_bytes_max: AtomicU64,
}

/// The latest events of our own.
#[derive(Debug, Default)]
struct Own {
    ids: BTreeSet<String>,
    order: VecDeque<String>,
}

/// The session while it is used.
struct InUse<'a>(RwLockReadGuard<'a, Option<Arc<Session>>>);

impl MatrixProvider {
    /// The account that `settings` hold. Does no I/O.
    #[must_use]
    pub fn new(account: AccountId, settings: MatrixSettings, clock: Arc<dyn Clock>) -> Self {
        let link = Link {
            account,
            http: http::client(&settings.homeserver),
            upload_bytes_max: AtomicU64::new(settings.upload_bytes_max),
            settings,
            clock,
            held: RwLock::default(),
            synced: Mutex::default(),
            own: Mutex::default(),
            typing: Mutex::default(),
        };
        Self { link: Arc::new(link) }
    }

    /// Verifies somebody, and is verified by them: `with` is asked, or else whoever asks first and may talk to the account,
    /// from any of their devices or another one of our own. Nothing else may use the account's folder meanwhile.
    ///
    /// # Errors
    /// What is wrong with the session or with `with`; that the other side ended it, or that the two rows differ.
    pub async fn verify(&self, with: Option<&str>, desk: &dyn Desk) -> Result<Verified, VerifyError> {
        verify::verify(&self.link, with, desk).await
    }
}

impl Link {
    /// The session, for as long as it is held: opened where the SDK was, if nobody has opened it yet.
    async fn session(&self) -> Result<InUse<'_>, ReceiveError> {
        let held = self.held.read().await;
        if held.is_some() {
            return Ok(InUse(held));
        }
        drop(held);
        let mut held = self.held.write().await;
        if held.is_none() {
            *held = Some(Arc::new(session::open(self, Resume::AsItWas).await?));
        }
        Ok(InUse(held.downgrade()))
    }

    /// The session, with the SDK standing at this token. Opened anew unless it certainly stands there.
    async fn session_at(&self, since: Option<&str>) -> Result<Arc<Session>, ReceiveError> {
        let mut held = self.held.write().await;
        if let Some(session) = held.as_ref().filter(|_| since.is_some() && self.synced().as_deref() == since) {
            return Ok(Arc::clone(session));
        }
        // The old one first: two with one store would break each other's keys.
        *held = None;
        *self.synced() = None;
        let session = Arc::new(session::open(self, Resume::At(since.map(str::to_owned))).await?);
        *self.synced() = since.map(str::to_owned);
        *held = Some(Arc::clone(&session));
        Ok(session)
    }

    fn synced(&self) -> MutexGuard<'_, Option<String>> {
        self.synced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An event of ours was sent or seen.
    fn is_own(&self, event: &str) {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if own.ids.insert(event.to_owned()) {
            own.order.push_back(event.to_owned());
        }
        if own.order.len() > OWN_MAX
            && let Some(oldest) = own.order.pop_front()
        {
            own.ids.remove(&oldest);
        }
    }

    fn was_own(&self, event: &str) -> bool {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).ids.contains(event)
    }

    /// Notes whether we are typing in a room now; whether that was shown before.
    fn notes_typing(&self, room: &OwnedRoomId, is_typing: bool) -> bool {
        let mut typing = self.typing.lock().unwrap_or_else(PoisonError::into_inner);
        typing.retain(|_, since| since.elapsed() < TYPING_GONE);
        if is_typing { typing.insert(room.clone(), Instant::now()).is_some() } else { typing.remove(room).is_some() }
    }

    /// Whether somebody may talk to us there.
    fn allows(&self, user: &str, room: &str) -> bool {
        self.allows_person(&UserId::new(user)) || self.settings.allowed.conversations.allows(&ConversationId::new(room))
    }

    /// Whether somebody may talk to us anywhere.
    fn allows_person(&self, user: &UserId) -> bool {
        let allowed = &self.settings.allowed;
        allowed.users.allows(user) || allowed.admins.contains(user)
    }
}

impl InUse<'_> {
    /// The session itself, for whoever keeps it longer than this guard: only where nobody opens it anew.
    fn shared(&self) -> Arc<Session> {
        Arc::clone(self.0.as_ref().expect("it is made with a session in it"))
    }
}

impl std::ops::Deref for InUse<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.0.as_ref().expect("it is made with a session in it")
    }
}

#[async_trait]
impl Provider for MatrixProvider {
    fn account(&self) -> &AccountId {
        &self.link.account
    }

    async fn identity(&self) -> Result<String, ReceiveError> {
        session::identity(&self.link).await
    }

    async fn check(&self) -> Result<String, ReceiveError> {
        session::check(&self.link).await
    }

    fn capabilities(&self, _: &ConversationId) -> Capabilities {
        capability::declared(&self.link.settings, self.link.upload_bytes_max.load(Ordering::Relaxed))
    }

    fn receive(&self, resume_from: Option<Cursor>) -> UpdateStream {
        receive::stream(Arc::clone(&self.link), resume_from)
    }

    async fn send(&self, request: &SendRequest) -> SendOutcome {
        send::post(&self.link, request).await
    }

    fn edits(&self) -> Option<&dyn Edits> {
        self.link.settings.edits.then_some(self as &dyn Edits)
    }

    fn presence(&self) -> Option<&dyn Presence> {
        Some(self)
    }

    fn receipts(&self) -> Option<&dyn Receipts> {
        self.link.settings.receipts.then_some(self as &dyn Receipts)
    }

    fn files(&self) -> Option<&dyn Files> {
        Some(self)
    }
}

#[async_trait]
impl Edits for MatrixProvider {
    async fn edit(&self, target: &MessageId, request: &SendRequest) -> SendOutcome {
        send::edit(&self.link, target, request).await
    }
}

#[async_trait]
impl Presence for MatrixProvider {
    async fn working(&self, place: &Place) {
        send::typing(&self.link, place, true).await;
    }

    async fn rests(&self, place: &Place) {
        send::typing(&self.link, place, false).await;
    }
}

#[async_trait]
impl Receipts for MatrixProvider {
    async fn taken(&self, place: &Place, message: &MessageId) {
        send::taken(&self.link, place, message).await;
    }
}

#[async_trait]
impl Files for MatrixProvider {
    async fn send_files(&self, request: &SendRequest, files: Vec<OpenFile>) -> SendOutcome {
        upload::post(&self.link, request, files).await
    }

    fn fetch(&self, file: &RemoteFile) -> FileStream {
        fetch::fetch(Arc::clone(&self.link), file)
    }
}
