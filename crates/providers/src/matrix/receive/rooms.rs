//! Invitations and upgrades of rooms.
//!
//! Guarantee: an invitation is accepted if whoever sent it may talk to us, and declined otherwise; a room that was upgraded
//! is followed. What fails is tried again, also by the next process: the SDK's store knows what is open.

use std::sync::{Arc, atomic::Ordering};

use lastword_core::ids::UserId;
use matrix_sdk::{
    Room, RoomState,
    ruma::{OwnedRoomOrAliasId, api::client::sync::sync_events::v3::InvitedRoom},
};

use crate::{
    fields::Fields,
    matrix::{
        Link,
        convert::membership,
        keys,
        outcome::{Failure, Means, meaning},
        session::Session,
    },
};

/// Answers every open invitation and follows every upgrade; whether nothing is left to be tried again.
pub(in crate::matrix) async fn tend(link: Arc<Link>, session: Arc<Session>) -> bool {
    let mut is_done = true;
    if !session.is_prepared.load(Ordering::Relaxed) {
        is_done = keys::prepare(&link, &session).await;
        session.is_prepared.store(is_done, Ordering::Relaxed);
        take_limits(&link, &session).await;
    }
    for room in session.client.invited_rooms() {
        is_done &= answer(&link, &room).await;
    }
    for room in session.client.joined_rooms() {
        is_done &= follow(&link, &session, &room).await;
    }
    is_done
}

async fn answer(link: &Link, room: &Room) -> bool {
    let inviter = match room.invite_details().await {
        Ok(invite) => invite.inviter_id,
        Err(error) => {
            tracing::warn!(account = %link.account, room = %room.room_id(), "an invitation says not who sent it: {error}");
            return true;
        }
    };
    let is_welcome = link.allows(inviter.as_str(), room.room_id().as_str());
    let answered = if is_welcome { room.join().await } else { room.leave().await };
    match answered.map_err(Failure::of) {
        Ok(()) => {
            let what = if is_welcome { "accepted" } else { "declined" };
            tracing::info!(account = %link.account, room = %room.room_id(), "an invitation of {} was {what}", UserId::new(inviter.as_str()));
            true
        }
        Err(failure) => {
            tracing::warn!(account = %link.account, room = %room.room_id(), "an invitation could not be answered: {failure}");
            is_for_good(&failure)
        }
    }
}

/// The homeserver may take smaller files than we would send.
/// <https://spec.matrix.org/v1.16/client-server-api/#get_matrixclientv1mediaconfig>
async fn take_limits(link: &Link, session: &Session) {
    if let Ok(max) = session.client.load_or_fetch_max_upload_size().await {
        link.upload_bytes_max.store(max.into(), Ordering::Relaxed);
    }
}

/// <https://spec.matrix.org/v1.16/client-server-api/#room-upgrades>
async fn follow(link: &Link, session: &Session, room: &Room) -> bool {
    let Some(successor) = room.successor_room() else { return true };
    let known = session.client.get_room(&successor.room_id).map(|room| room.state());
    // Who was put out there, or left, does not come back by itself.
    if known.is_some_and(|state| state != RoomState::Invited) {
        return true;
    }
    let via = room.route().await.unwrap_or_default();
    let to = OwnedRoomOrAliasId::from(successor.room_id.clone());
    match session.client.join_room_by_id_or_alias(&to, &via).await.map_err(Failure::of) {
        Ok(_) => {
            tracing::info!(account = %link.account, room = %room.room_id(), "followed an upgrade to {to}");
            true
        }
        Err(failure) => {
            tracing::warn!(account = %link.account, room = %room.room_id(), "an upgrade could not be followed: {failure}");
            is_for_good(&failure)
        }
    }
}

fn is_for_good(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::Refused(refusal) if matches!(meaning(refusal), Means::Gone | Means::Forbidden | Means::Invalid)
    )
}

/// Who invited us, as an invitation itself says.
pub(super) fn inviter(session_user: &str, invited: &InvitedRoom) -> Option<String> {
    invited.invite_state.events.iter().find_map(|event| {
        let event = Fields::read(event.json().get())?;
        let is_ours = event.get::<String>("type").as_deref() == Some("m.room.member")
            && event.get::<String>("state_key").as_deref() == Some(session_user)
            && membership(&event) == "invite";
        is_ours.then(|| event.get("sender"))?
    })
}
