//! Our device on the homeserver: logging in, and its stores.
//!
//! Guarantee: a restart is the same device, and its keys are never deleted here. The SDK resumes where *our* cursor
//! stands, whatever it saved itself: [`Resume::At`].

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
};

use lastword_core::provider::ReceiveError;
use matrix_sdk::{
    Client, EncryptionState, Room, SessionMeta, SessionTokens, SqliteCryptoStore, SqliteStateStore, SqliteStoreConfig,
    authentication::matrix::MatrixSession,
    config::{RequestConfig, StoreConfig},
    cross_process_lock::CrossProcessLockConfig,
    encryption::{BackupDownloadStrategy, EncryptionSettings},
    reqwest::{Client as HttpClient, redirect::Policy},
    ruma::{OwnedRoomId, OwnedUserId, UserId},
    store::{RoomLoadSettings, StateStoreDataKey, StateStoreDataValue},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Mutex as Alone, OwnedMutexGuard};

use super::{
    Link,
    folder::{Device, Folder, FolderError},
    outcome::{Failure, lost},
    settings::Login,
    whoami,
};
use crate::http::{self, ANSWER_MAX, CONNECT_MAX};

/// What people see of our device in their lists.
const DEVICE_NAME: &str = "Lastword";
/// What it is made of.
const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// How long the name of a device of ours is.
const DEVICE_CHARS: usize = 10;

/// An open session. There is one at a time: two with one store would break the keys of both.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) user: OwnedUserId,
    /// Whether its identity and its backup are in order, as far as that can be.
    pub(super) is_prepared: AtomicBool,
    /// Who sends into an encrypted room now.
    sending: Mutex<BTreeMap<OwnedRoomId, Arc<Alone<()>>>>,
}

impl Session {
    /// Waits until nobody else sends into the room. In an encrypted one the SDK looks whether its key has been used often
    /// enough, and uses it, in two steps: of two who send at once one would find it expired, and panic.
    pub(super) async fn alone_in(&self, room: &Room) -> Option<OwnedMutexGuard<()>> {
        if matches!(room.encryption_state(), EncryptionState::NotEncrypted) {
            return None;
        }
        let alone = {
            let mut sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(sending.entry(room.room_id().to_owned()).or_default())
        };
        Some(alone.lock_owned().await)
    }
}

/// Where the SDK goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resume {
    /// Where it was: nothing is received.
    AsItWas,
    /// After this token of a sync; `None`: from the beginning.
    At(Option<String>),
}

/// Opens the session, and logs in where that is needed.
pub(super) async fn open(link: &Link, resume: Resume) -> Result<Session, ReceiveError> {
    let folder = Folder::of(&link.settings);
    let device = ours(link, &folder).await?;
    let client = client(link, &folder).await?;
    if let Resume::At(token) = resume {
        resume_at(&client, token).await?;
    }
    let device = match token(link, &device) {
        Some(token) => restore(&client, &folder, device, token).await?,
        None => log_in(link, &client, &folder, device).await?,
    };
    let user = device.user.as_deref().and_then(|user| UserId::parse(user).ok());
    let user = user.ok_or_else(|| lost("the homeserver gave us a name that is none".into()))?;
    Ok(Session { client, user, is_prepared: AtomicBool::new(false), sending: Mutex::default() })
}

/// The device that we are, as it is kept or as the token says.
async fn ours(link: &Link, folder: &Folder) -> Result<Device, ReceiveError> {
    let settings = &link.settings;
    let kept = folder.device().map_err(told)?;
    match &settings.login {
        Login::Token(token) => {
            let owner =
                whoami::owner(&link.http, settings, token).await.map_err(|failure| match failure.logged_out() {
                    Some(is_soft) if kept.is_some() => logged_out(link, is_soft),
                    _ => whoami::told(failure, "token"),
                })??;
            let found = Device {
                homeserver: settings.homeserver.clone(),
                user: Some(owner.user),
                device: owner.device,
                access_token: None,
            };
            match kept {
                Some(kept) if kept.user != found.user || kept.device != found.device => {
                    Err(other_device(folder, &kept, &found))
                }
                // A password was used before, for the same device.
                Some(kept) if kept.access_token.is_none() => Ok(kept),
                _ => {
                    folder.keep_device(&found).map_err(told)?;
                    Ok(found)
                }
            }
        }
        Login::Password { user, .. } => match kept {
            Some(kept) if !is_same_user(kept.user.as_deref(), user) => {
                let kept_user = kept.user.unwrap_or_default();
                Err(operator(format!(
                    "user: {} holds the keys of {kept_user}, and the account is {user} now; give each account a \
                     name of its own, or move that folder away",
                    folder.path().display()
                )))
            }
            // The token was another homeserver's, or its address changed: it goes nowhere else.
            Some(kept) if kept.homeserver != settings.homeserver => {
                Ok(Device { homeserver: settings.homeserver.clone(), access_token: None, ..kept })
            }
            Some(kept) => Ok(kept),
            None => {
                let device = Device {
                    homeserver: settings.homeserver.clone(),
                    user: None,
                    device: new_name()?,
                    access_token: None,
                };
                // Before the homeserver hears of it: a crash after the login finds the same device.
                folder.keep_device(&device).map_err(told)?;
                Ok(device)
            }
        },
    }
}

fn token(link: &Link, device: &Device) -> Option<SecretString> {
    match &link.settings.login {
        Login::Token(token) => Some(token.clone()),
        Login::Password { .. } => device.access_token.clone().map(SecretString::from),
    }
}

/// A client on the account's own stores, which has asked for nothing yet.
async fn client(link: &Link, folder: &Folder) -> Result<Client, ReceiveError> {
    let settings = &link.settings;
    let key = folder.store_key(settings.store_key.as_ref()).map_err(told)?;
    let path = folder.open().map_err(told)?;
    let files = SqliteStoreConfig::with_low_memory_config(path).key(Some(&key));
    let cant_open = |error: &dyn std::fmt::Display| {
        operator(format!(
            "the stores in {} can't be opened ({error}); is `store_key` the one that they were made with? Without it \
             they can't be read: then move that folder away, and a new device begins",
            path.display()
        ))
    };
    let state = SqliteStateStore::open_with_config(&files).await.map_err(|error| cant_open(&error))?;
    let keys = SqliteCryptoStore::open_with_config(&files).await.map_err(|error| cant_open(&error))?;
    let stores = StoreConfig::new(CrossProcessLockConfig::SingleProcess).state_store(state).crypto_store(keys);
    http::install_tls();
    let mut client =
        HttpClient::builder().redirect(Policy::none()).connect_timeout(CONNECT_MAX).user_agent(http::USER_AGENT);
    if http::is_loopback(&settings.homeserver) {
        client = client.no_proxy();
    }
    let client = client.build().map_err(|error| lost(error.to_string()))?;
    let built = Client::builder()
        .homeserver_url(&settings.homeserver)
        .http_client(client)
        // One call is one attempt: what is repeated, and when, is decided above.
        .request_config(RequestConfig::new().disable_retry().timeout(ANSWER_MAX))
        .respect_login_well_known(false)
        .with_enable_share_history_on_invite(false)
        .with_encryption_settings(EncryptionSettings {
            auto_enable_cross_signing: false,
            backup_download_strategy: BackupDownloadStrategy::AfterDecryptionFailure,
            auto_enable_backups: false,
        })
        .cross_process_store_config(CrossProcessLockConfig::SingleProcess)
        .store_config(stores)
        .build();
    built.await.map_err(|error| lost(error.to_string()))
}

/// Sets where the SDK goes on. It drops an answer that it believes to have, by the token that it saved; ours counts.
async fn resume_at(client: &Client, token: Option<String>) -> Result<(), ReceiveError> {
    let store = client.state_store();
    let set = match token {
        Some(token) => store.set_kv_data(StateStoreDataKey::SyncToken, StateStoreDataValue::SyncToken(token)).await,
        None => store.remove_kv_data(StateStoreDataKey::SyncToken).await,
    };
    set.map_err(|error| lost(format!("the account's stores: {error}")))
}

async fn restore(
    client: &Client,
    folder: &Folder,
    device: Device,
    token: SecretString,
) -> Result<Device, ReceiveError> {
    let user = device.user.as_deref().and_then(|user| UserId::parse(user).ok());
    let user_id = user.ok_or_else(|| told(FolderError::Damaged(folder.path().to_owned())))?;
    let meta = SessionMeta { user_id, device_id: device.device.as_str().into() };
    let tokens = SessionTokens { access_token: token.expose_secret().to_owned(), refresh_token: None };
    let (auth, session) = (client.matrix_auth(), MatrixSession { meta, tokens });
    let restored = auth.restore_session(session, RoomLoadSettings::default()).await;
    restored.map_err(|error| not_ours(folder, &error))?;
    Ok(device)
}

async fn log_in(link: &Link, client: &Client, folder: &Folder, device: Device) -> Result<Device, ReceiveError> {
    let Login::Password { user, password } = &link.settings.login else {
        return Err(lost("there is neither a token nor a password".into()));
    };
    let auth = client.matrix_auth();
    let login = auth.login_username(user, password.expose_secret()).device_id(&device.device);
    let answer = login.initial_device_display_name(DEVICE_NAME).send().await;
    let answer = answer.map_err(|error| match error {
        matrix_sdk::Error::Http(error) => whoami::told(Failure::of_http(*error), "password"),
        error => not_ours(folder, &error),
    })?;
    let device = Device {
        user: Some(answer.user_id.to_string()),
        device: answer.device_id.to_string(),
        access_token: Some(answer.access_token),
        ..device
    };
    folder.keep_device(&device).map_err(told)?;
    tracing::info!(account = %link.account, device = %device.device, "logged in");
    Ok(device)
}

/// The token is not valid any more. With a password and a device that stands, the next session logs in again.
pub(super) fn logged_out(link: &Link, is_soft: bool) -> ReceiveError {
    let folder = Folder::of(&link.settings);
    match (&link.settings.login, is_soft) {
        (Login::Password { .. }, true) => {
            let forgotten = folder.device().and_then(|device| match device {
                Some(device) => folder.keep_device(&Device { access_token: None, ..device }),
                None => Ok(()),
            });
            match forgotten {
                Ok(()) => lost("the homeserver wants us to log in again".into()),
                Err(error) => told(error),
            }
        }
        (Login::Password { .. }, false) => operator(format!(
            "the homeserver has logged this device out and forgotten its keys; move {} away, and a new device begins",
            folder.path().display()
        )),
        (Login::Token(_), true) => operator(
            "token: it has expired; log in again with the same device id (POST login with `device_id`) and put the \
             new token in its place"
                .into(),
        ),
        (Login::Token(_), false) => operator(format!(
            "token: the homeserver does not know it any more, and has forgotten its device; put a new token in its \
             place and move {} away, which holds the keys of the old device",
            folder.path().display()
        )),
    }
}

/// A name for a new device, which nobody has.
fn new_name() -> Result<String, ReceiveError> {
    let mut bytes = [0; DEVICE_CHARS];
    getrandom::fill(&mut bytes).map_err(|error| lost(error.to_string()))?;
    Ok(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect())
}

/// Whether a kept user is the configured one, of which only the local part may be written.
fn is_same_user(kept: Option<&str>, written: &str) -> bool {
    let local = |user: &str| user.trim_start_matches('@').split(':').next().unwrap_or_default().to_lowercase();
    kept.is_none_or(|kept| {
        if written.contains(':') { kept.eq_ignore_ascii_case(written) } else { local(kept) == local(written) }
    })
}

fn other_device(folder: &Folder, kept: &Device, found: &Device) -> ReceiveError {
    let user = |device: &Device| device.user.clone().unwrap_or_default();
    operator(format!(
        "token: it belongs to {} on device {}, but {} holds the keys of {} on device {}; put the old token in its \
         place, or move that folder away to begin with the new device",
        user(found),
        found.device,
        folder.path().display(),
        user(kept),
        kept.device
    ))
}

/// The stores are of another device, or can't be read.
fn not_ours(folder: &Folder, error: &matrix_sdk::Error) -> ReceiveError {
    operator(format!(
        "the stores in {} do not fit this account: {error}; put back the files that belong to it, or move the folder \
         away, and a new device begins",
        folder.path().display()
    ))
}

fn told(error: FolderError) -> ReceiveError {
    match error {
        FolderError::Io { .. } => lost(error.to_string()),
        FolderError::Damaged(_) => operator(error.to_string()),
    }
}

/// Nothing but an operator helps.
fn operator(cause: String) -> ReceiveError {
    ReceiveError::Unauthorized { cause: cause.into() }
}

/// Who we are: what is known, or else what the homeserver says.
pub(super) async fn identity(link: &Link) -> Result<String, ReceiveError> {
    if let Some(session) = link.held.read().await.as_ref() {
        return Ok(session.user.to_string());
    }
    let device = ours(link, &Folder::of(&link.settings)).await?;
    match (token(link, &device), device.user) {
        (Some(_), Some(user)) => Ok(user),
        // Only a login tells.
        _ => Ok(link.session().await?.user.to_string()),
    }
}

/// Whether we may log in, and as whom; opens nothing and leaves nothing behind.
pub(super) async fn check(link: &Link) -> Result<String, ReceiveError> {
    let folder = Folder::of(&link.settings);
    let kept = folder.device().map_err(told)?.and_then(|device| device.access_token).map(SecretString::from);
    whoami::check(&link.http, &link.settings, kept.as_ref()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_may_be_written_short() {
        assert!(is_same_user(None, "ada"));
        assert!(is_same_user(Some("@ada:example.org"), "ada"));
        assert!(is_same_user(Some("@ada:example.org"), "@ada:example.org"));
        assert!(!is_same_user(Some("@ada:example.org"), "@ada:example.com"));
        assert!(!is_same_user(Some("@ada:example.org"), "bob"));
    }
}
