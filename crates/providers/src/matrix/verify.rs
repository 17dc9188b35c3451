//! Verifying each other with somebody: both sides compare a row of emoji, after which their clients tell our device from
//! an intruder's.
//!
//! Guarantee: nobody is verified unless whoever sits in front of it said that both rows are the same; and nothing that is
//! said to the bot meanwhile is lost, because our own cursor stays where it is.
//! <https://spec.matrix.org/v1.16/client-server-api/#short-authentication-string-sas-verification>

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use lastword_core::{ids, provider::ReceiveError};
use matrix_sdk::{
    config::SyncSettings,
    encryption::verification::{SasState, SasVerification, VerificationRequest, VerificationRequestState},
    ruma::{OwnedUserId, UserId, events::key::verification::VerificationMethod},
};
use tokio::sync::mpsc;

use super::{
    Link,
    convert::VERIFICATION,
    outcome::Failure,
    receive::{rooms, round},
    session,
    session::Session,
};
use crate::fields::Fields;

/// How long a sync waits for something to happen, and the end of it all for a sync.
const POLL_MAX: Duration = Duration::from_secs(3);
/// After a sync that failed, the next one is later.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// How many requests may wait until one of them is looked at.
const ASKED_MAX: usize = 100;

/// What clients go by is the identity, and not the device alone.
const NO_IDENTITY_HERE: &str = "This account has an identity that another device made, and its keys are not here: clients \
    will go on to warn of this one. Set recovery_key, or verify with that device first: --with this account's own user id.";

/// Whom a verification showed to be who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Whose device it is.
    pub user: String,
    /// The device on which they compared.
    pub device: String,
}

/// What both sides see, if nobody is between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortAuth {
    /// Who is at the other side.
    pub with: Verified,
    /// Seven emoji, each with its name; empty where the other side can't show them.
    pub emoji: Vec<(&'static str, &'static str)>,
    /// The same as three numbers, for those who can't show emoji.
    pub decimals: (u16, u16, u16),
}

/// Whoever sits in front of it.
#[async_trait]
pub trait Desk: Send + Sync {
    /// Who we are, once the homeserver knows us.
    fn begins(&self, us: &Verified);
    /// Something that they should know; it goes on.
    fn hears(&self, line: String);
    /// Whether the other side shows the same.
    async fn compares(&self, shown: ShortAuth) -> bool;
}

/// Why nobody was verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// There is no session.
    #[error("{0}")]
    Session(ReceiveError),
    /// It is no user id.
    #[error("`{0}` is no user id; write it as @you:example.org")]
    NoUser(String),
    /// There is nothing that could be compared with.
    #[error("{0} has no identity yet that could be verified; set encryption up in their client first")]
    NoIdentity(String),
    /// The rows differ.
    #[error("both sides were told that what they see differs; somebody may be listening, or it was the wrong person")]
    Differs,
    /// The other side ended it, or it took too long.
    #[error("it was cancelled: {0}")]
    Cancelled(String),
    /// Something else went wrong.
    #[error("{0}")]
    Failed(String),
}

impl From<matrix_sdk::Error> for VerifyError {
    fn from(error: matrix_sdk::Error) -> Self {
        Self::Failed(Failure::of(error).to_string())
    }
}

/// A request of somebody, as it came.
struct Asked {
    by: OwnedUserId,
    flow: String,
}

pub(super) async fn verify(link: &Arc<Link>, with: Option<&str>, desk: &dyn Desk) -> Result<Verified, VerifyError> {
    let with = with.map(|user| UserId::parse(user).map_err(|_| VerifyError::NoUser(user.to_owned()))).transpose()?;
    let session = link.session().await.map_err(VerifyError::Session)?.shared();
    let (asks, mut asked) = mpsc::channel(ASKED_MAX);
    let first = sync(link, &session, &asks, Duration::ZERO).await?;
    first.map_err(|failure| VerifyError::Failed(failure.to_string()))?;
    // The identity, and invitations: clients ask in a room of the two.
    rooms::tend(Arc::clone(link), Arc::clone(&session)).await;
    let status = session.client.encryption().cross_signing_status().await;
    if !status.is_some_and(|status| status.is_complete()) && with.as_ref() != Some(&session.user) {
        desk.hears(NO_IDENTITY_HERE.to_owned());
    }
    let device = session.client.device_id().map(ToString::to_string).unwrap_or_default();
    desk.begins(&Verified { user: session.user.to_string(), device });
    let verifying = async {
        let agreed = match with {
            Some(user) => agree(ask(&session, &user).await?).await?,
            None => be_asked(link, &session, &mut asked, desk).await?,
        };
        compare(agreed, desk).await
    };
    let is_over = AtomicBool::new(false);
    let syncing = keep_syncing(link, &session, &asks, desk, &is_over);
    tokio::pin!(verifying, syncing);
    let verified = tokio::select! {
        verified = &mut verifying => verified,
        failed = &mut syncing => return Err(failed.err().unwrap_or_else(|| VerifyError::Failed("it ended".into()))),
    };
    // A sync that is dropped in its midst has not signed yet what it found to be true, and what is signed goes out with the
    // next one.
    is_over.store(true, Ordering::Relaxed);
    syncing.await?;
    if let Err(failure) = sync(link, &session, &asks, Duration::ZERO).await? {
        desk.hears(format!("The homeserver may not know of it: {failure}"));
    }
    verified
}

/// Syncs until it is over; an error is one that nothing but an operator helps with.
async fn keep_syncing(
    link: &Arc<Link>,
    session: &Arc<Session>,
    asks: &mpsc::Sender<Asked>,
    desk: &dyn Desk,
    is_over: &AtomicBool,
) -> Result<(), VerifyError> {
    while !is_over.load(Ordering::Relaxed) {
        match sync(link, session, asks, POLL_MAX).await? {
            Ok(is_invited) if is_invited => {
                rooms::tend(Arc::clone(link), Arc::clone(session)).await;
            }
            Ok(_) => {}
            Err(failure) => {
                desk.hears(format!("The homeserver does not answer as it should, and is asked again: {failure}"));
                tokio::time::sleep(AGAIN_AFTER).await;
            }
        }
    }
    Ok(())
}

/// Syncs once, from where the SDK stands, and looks who asks for a verification; whether there is an invitation.
async fn sync(
    link: &Link,
    session: &Session,
    asks: &mpsc::Sender<Asked>,
    wait: Duration,
) -> Result<Result<bool, Failure>, VerifyError> {
    let settings = SyncSettings::new().filter(round::filter(true).into()).timeout(wait);
    let answer = match session.client.sync_once(settings).await.map_err(Failure::of) {
        Ok(answer) => answer,
        Err(failure) => {
            return match failure.logged_out() {
                Some(is_soft) => Err(VerifyError::Session(session::logged_out(link, is_soft))),
                None => Ok(Err(failure)),
            };
        }
    };
    let to_us = answer.to_device.iter().filter_map(|event| asked_of_device(event.as_raw().json().get()));
    let events = answer.rooms.joined.values().flat_map(|room| &room.timeline.events);
    let in_rooms = events.filter_map(|event| asked_in_room(event.raw().json().get(), &session.user));
    for one in to_us.chain(in_rooms) {
        // Whoever is one too many asks again.
        let _ = asks.try_send(one);
    }
    Ok(Ok(!answer.rooms.invited.is_empty()))
}

/// A request from device to device, with or without a word before it.
fn asked_of_device(event: &str) -> Option<Asked> {
    let event = Fields::read(event)?;
    let kind: String = event.get("type")?;
    if !matches!(kind.as_str(), VERIFICATION | "m.key.verification.start") {
        return None;
    }
    Some(Asked { by: event.get("sender")?, flow: event.object("content")?.get("transaction_id")? })
}

/// A request in a room, to us: others may be there, too.
fn asked_in_room(event: &str, us: &UserId) -> Option<Asked> {
    let event = Fields::read(event)?;
    let (kind, content) = (event.get::<String>("type")?, event.object("content")?);
    let is_request = kind == "m.room.message" && content.get::<String>("msgtype")? == VERIFICATION;
    let (by, flow) = (event.get("sender")?, event.get("event_id")?);
    (is_request && by != us && content.get::<String>("to")? == us.as_str()).then_some(Asked { by, flow })
}

/// Asks somebody: in a direct room, or from device to device where it is our own account.
async fn ask(session: &Session, user: &UserId) -> Result<VerificationRequest, VerifyError> {
    let identity = session.client.encryption().request_user_identity(user).await?;
    let identity = identity.ok_or_else(|| VerifyError::NoIdentity(user.to_string()))?;
    let request = identity.request_verification_with_methods(vec![VerificationMethod::SasV1]).await;
    request.map_err(|error| VerifyError::Failed(error.to_string()))
}

/// What both sides agreed to do.
struct Agreed {
    sas: SasVerification,
    /// What becomes of the request that it follows from, where there was one: when both sides begin at once, another
    /// comparison takes its place.
    changes: BoxStream<'static, VerificationRequestState>,
}

/// Waits until somebody asks who may.
async fn be_asked(
    link: &Link,
    session: &Session,
    asked: &mut mpsc::Receiver<Asked>,
    desk: &dyn Desk,
) -> Result<Agreed, VerifyError> {
    let encryption = session.client.encryption();
    while let Some(Asked { by, flow }) = asked.recv().await {
        if by != session.user && !link.allows_person(&ids::UserId::new(by.as_str())) {
            desk.hears(format!("{by} asked to be verified, and is not among those who may talk to this account."));
            continue;
        }
        let request = encryption.get_verification_request(&by, &flow).await;
        if let Some(request) = request.filter(|one| !one.is_done() && !one.is_cancelled() && !one.is_passive()) {
            return agree(request).await;
        }
        // Some begin without a word; with others this is how they go on.
        match encryption.get_verification(&by, &flow).await.and_then(|one| one.sas()) {
            Some(sas) if sas.started_from_request() => {}
            Some(sas) => return Ok(Agreed { sas, changes: stream::pending().boxed() }),
            None => {
                // Whose device is not known is not understood: it is, the next time.
                let _ = encryption.request_user_identity(&by).await;
                desk.hears(format!("{by} asked, but it is over, or their device was not known here yet; ask again."));
            }
        }
    }
    Err(VerifyError::Failed("nobody listens any more".into()))
}

/// Until both sides know that they will compare emoji. Whoever asked begins.
async fn agree(request: VerificationRequest) -> Result<Agreed, VerifyError> {
    let can_not = || VerifyError::Failed("the other side can't compare emoji".into());
    let mut changes = request.changes().boxed();
    if !request.we_started() {
        if request.their_supported_methods().is_some_and(|methods| !methods.contains(&VerificationMethod::SasV1)) {
            request.cancel().await?;
            return Err(can_not());
        }
        request.accept_with_methods(vec![VerificationMethod::SasV1]).await?;
    }
    let mut state = request.state();
    loop {
        match state {
            VerificationRequestState::Ready { .. } if request.we_started() => {
                request.start_sas().await?.ok_or_else(can_not)?;
            }
            VerificationRequestState::Transitioned { verification } => {
                return Ok(Agreed { sas: verification.sas().ok_or_else(can_not)?, changes });
            }
            VerificationRequestState::Cancelled(info) => {
                return Err(VerifyError::Cancelled(info.reason().to_owned()));
            }
            VerificationRequestState::Done => return Err(can_not()),
            VerificationRequestState::Created { .. }
            | VerificationRequestState::Requested { .. }
            | VerificationRequestState::Ready { .. } => {}
        }
        state = changes.next().await.ok_or_else(|| VerifyError::Failed("the request is gone".into()))?;
    }
}

/// Compares until one comparison is not replaced by another.
async fn compare(Agreed { mut sas, mut changes }: Agreed, desk: &dyn Desk) -> Result<Verified, VerifyError> {
    loop {
        let replaced = async {
            loop {
                match changes.next().await {
                    Some(VerificationRequestState::Transitioned { verification }) => break verification.sas(),
                    Some(_) => {}
                    None => std::future::pending().await,
                }
            }
        };
        tokio::select! {
            biased;
            compared = compare_once(&sas, desk) => return compared,
            other = replaced => sas = other.ok_or_else(|| VerifyError::Failed("it was replaced".into()))?,
        }
    }
}

/// Exchanges keys, has what follows from them compared, and waits until the other side said the same.
async fn compare_once(sas: &SasVerification, desk: &dyn Desk) -> Result<Verified, VerifyError> {
    let mut changes = sas.changes();
    let device = sas.other_device();
    let with = Verified { user: device.user_id().to_string(), device: device.device_id().to_string() };
    // Nothing, unless it was they who began to compare.
    sas.accept().await?;
    let (mut state, mut is_compared) = (sas.state(), false);
    loop {
        match state {
            SasState::KeysExchanged { emojis, decimals } if !is_compared => {
                is_compared = true;
                let emoji = emojis.map(|row| row.emojis.map(|one| (one.symbol, one.description)).to_vec());
                let shown = ShortAuth { with: with.clone(), emoji: emoji.unwrap_or_default(), decimals };
                let is_same = tokio::select! {
                    is_same = desk.compares(shown) => is_same,
                    why = cancelled(sas) => return Err(VerifyError::Cancelled(why)),
                };
                if !is_same {
                    sas.mismatch().await?;
                    return Err(VerifyError::Differs);
                }
                sas.confirm().await?;
            }
            SasState::Done { verified_devices, verified_identities } => {
                if verified_devices.is_empty() && verified_identities.is_empty() {
                    return Err(VerifyError::Failed(
                        "the keys of the other side are not those that were compared".into(),
                    ));
                }
                return Ok(with);
            }
            SasState::Cancelled(info) => return Err(VerifyError::Cancelled(info.reason().to_owned())),
            SasState::Created { .. }
            | SasState::Started { .. }
            | SasState::Accepted { .. }
            | SasState::KeysExchanged { .. }
            | SasState::Confirmed => {}
        }
        state = changes.next().await.ok_or_else(|| VerifyError::Failed("the comparison is gone".into()))?;
    }
}

/// Why it was cancelled, once it is.
async fn cancelled(sas: &SasVerification) -> String {
    let mut changes = sas.changes();
    loop {
        if let Some(info) = sas.cancel_info() {
            return info.reason().to_owned();
        }
        if changes.next().await.is_none() {
            return std::future::pending().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn requests_are_found_wherever_they_are_made() {
        let us = <&UserId>::try_from("@bot:x").unwrap();
        let to_us = |kind: &str| {
            let event = json!({ "type": kind, "sender": "@ada:x", "content": { "transaction_id": "t" } });
            asked_of_device(&event.to_string()).map(|one| (one.by.to_string(), one.flow))
        };
        let by_ada = |flow: &str| Some(("@ada:x".to_owned(), flow.to_owned()));
        assert_eq!(to_us("m.key.verification.request"), by_ada("t"));
        assert_eq!(to_us("m.key.verification.start"), by_ada("t"));
        assert_eq!(to_us("m.key.verification.key"), None);
        let in_room_to = |by: &str, msgtype: &str, to: &str| {
            let event = json!({
                "type": "m.room.message", "event_id": "$1", "sender": by,
                "content": { "msgtype": msgtype, "to": to },
            });
            asked_in_room(&event.to_string(), us).map(|one| (one.by.to_string(), one.flow))
        };
        let in_room = |by: &str, msgtype: &str| in_room_to(by, msgtype, "@bot:x");
        assert_eq!(in_room("@ada:x", "m.key.verification.request"), by_ada("$1"));
        assert_eq!(in_room_to("@ada:x", "m.key.verification.request", "@bob:x"), None, "it is somebody else's");
        assert_eq!(in_room("@ada:x", "m.text"), None);
        assert_eq!(in_room("@bot:x", "m.key.verification.request"), None, "it is our own, of another session");
        assert_eq!(asked_of_device("{").map(|one| one.flow), None);
    }
}
