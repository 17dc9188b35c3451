//! One sync, and everything that has to be asked to make updates of it.

use std::{sync::Arc, time::Duration};

use lastword_core::{
    ids::{ConversationId, Place, Timestamp, UpdateId, UserId},
    provider::ReceiveError,
    update::{Sender, Update, UpdateKind},
};
use matrix_sdk::{
    config::SyncSettings,
    ruma::{
        api::client::{
            filter::{Filter as EventFilter, FilterDefinition, LazyLoadOptions, RoomEventFilter, RoomFilter},
            sync::sync_events::v3::{Filter, InvitedRoom},
        },
        presence::PresenceState,
        uint,
    },
};
use tokio::time::Instant;

use super::{Locked, Round, gap, hear::Ear, locked, rooms};
use crate::matrix::{
    Link,
    cursor::Seen,
    outcome::Failure,
    session::{self, Session},
};

/// How many events of a room one sync brings; more are fetched as a gap.
const TIMELINE_MAX: u32 = 50;

/// Syncs once, from where we are.
pub(super) async fn round(
    link: Arc<Link>,
    session: Arc<Session>,
    (seen, locked, looked_at): (Option<Seen>, Locked, Option<Instant>),
    wait: Duration,
) -> Result<Round, ReceiveError> {
    sync(&link, &session, seen, locked, looked_at, wait).await.map_err(|failure| match failure.logged_out() {
        Some(is_soft) => {
            // The next session needs another token.
            *link.synced() = None;
            session::logged_out(&link, is_soft)
        }
        None => failure.into_receive_error(),
    })
}

async fn sync(
    link: &Link,
    session: &Session,
    seen: Option<Seen>,
    locked: Locked,
    looked_at: Option<Instant>,
    wait: Duration,
) -> Result<Round, Failure> {
    let settings = SyncSettings::new()
        .filter(Filter::from(filter(seen.is_some())))
        .set_presence(PresenceState::Online)
        .timeout(wait);
    let settings = match &seen {
        Some(seen) => settings.token(seen.since.clone()),
        None => settings.token(matrix_sdk::config::SyncToken::NoToken),
    };
    // From here until it is processed nobody knows how far the SDK is.
    *link.synced() = None;
    let answer = match session.client.sync_once(settings).await {
        Ok(answer) => answer,
        Err(error) => {
            if matches!(error, matrix_sdk::Error::Http(_)) {
                // There was no answer that it could have processed.
                *link.synced() = seen.map(|seen| seen.since);
            }
            return Err(Failure::of(error));
        }
    };
    let next = answer.next_batch;
    let mut ear = Ear { link, session, updates: Vec::new(), waiting: Vec::new(), locked };
    let mut is_to_tend = seen.is_none() || !answer.rooms.invited.is_empty();
    if let Some(seen) = &seen {
        for (id, update) in answer.rooms.joined {
            let Some(room) = session.client.get_room(&id) else { continue };
            let events = gap::whole(session, &room, update.timeline, &seen.since).await?;
            is_to_tend |= ear.hear(&room, events).await?;
        }
        for (id, update) in answer.rooms.left {
            let Some(room) = session.client.get_room(&id) else { continue };
            ear.hear(&room, update.timeline.events).await?;
        }
        for (id, invited) in &answer.rooms.invited {
            ear.updates.extend(refused(link, session, id.as_str(), invited, &next));
        }
    }
    let mut now = Seen { waiting: seen.map(|seen| seen.waiting).unwrap_or_default(), ..Seen::at(next.clone()) };
    for waiting in std::mem::take(&mut ear.waiting) {
        if let Some(oldest) = now.wait(waiting) {
            ear.updates.push(locked::given_up(link, &oldest, "undecryptable, and too many wait"));
        }
    }
    let looked_at = locked::look(&mut ear, &mut now, looked_at, !answer.to_device.is_empty()).await?;
    *link.synced() = Some(next);
    Ok(Round { seen: now, updates: ear.updates, locked: ear.locked, looked_at, is_to_tend })
}

/// What we want to hear of. The very first sync asks for no more than what there is.
/// <https://spec.matrix.org/v1.16/client-server-api/#filtering>
pub(in crate::matrix) fn filter(has_begun: bool) -> FilterDefinition {
    let mut timeline = RoomEventFilter::default();
    timeline.limit = Some(if has_begun { TIMELINE_MAX.into() } else { uint!(1) });
    timeline.lazy_load_options = LazyLoadOptions::Enabled { include_redundant_members: false };
    let mut state = RoomEventFilter::default();
    state.lazy_load_options = LazyLoadOptions::Enabled { include_redundant_members: false };
    let mut room = RoomFilter::default();
    room.timeline = timeline;
    room.state = state;
    // Who types and who has read what is nothing to us.
    room.ephemeral = RoomEventFilter::ignore_all();
    let mut filter = FilterDefinition::default();
    filter.room = room;
    filter.presence = EventFilter::ignore_all();
    filter
}

/// An invitation of somebody who may not talk to us is counted, and answered with a no.
fn refused(link: &Link, session: &Session, room: &str, invited: &InvitedRoom, next: &str) -> Option<Update> {
    let inviter = rooms::inviter(session.user.as_str(), invited)?;
    (!link.allows(&inviter, room)).then(|| Update {
        id: UpdateId::new(format!("invited:{room}:{next}")),
        place: Place { account: link.account.clone(), conversation: ConversationId::new(room), thread: None },
        sender: Sender { id: UserId::new(inviter), name: None, is_bot: false },
        sent_at: Timestamp(0),
        kind: UpdateKind::Other { name: "invitation refused".into() },
    })
}
