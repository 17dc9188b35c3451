//! Messages whose keys are not here yet.
//!
//! Guarantee: they are in the cursor until they were read or given up, so that a restart waits on. Whoever wrote one is
//! shown after [`MARKED_AFTER_MS`] that it can't be read, and it is counted; if its key comes later, it is answered.

use std::time::Duration;

use lastword_core::{
    ids::{ConversationId, MessageId, Place, Timestamp, UpdateId, UserId},
    update::{Sender, Update, UpdateKind},
};
use matrix_sdk::{
    Room,
    deserialized_responses::{TimelineEvent, TimelineEventKind},
    ruma::{EventId, OwnedTransactionId, RoomId},
};
use serde_json::json;
use tokio::time::Instant;

use super::hear::Ear;
use crate::{
    fields::Fields,
    matrix::{
        Link,
        cursor::{Seen, Waiting},
        outcome::{Failure, Means, meaning},
    },
};

/// After so long people are shown that a message can't be read.
const MARKED_AFTER_MS: i64 = 300_000;
/// After so long it is given up.
const GIVEN_UP_AFTER_MS: i64 = 86_400_000;
/// How often is looked where no key came: the backup of keys may have brought one.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// What stands below a message that can't be read.
const MARK: &str = "❓";

/// Reads what can be read by now; when was looked.
pub(super) async fn look(
    ear: &mut Ear<'_>,
    seen: &mut Seen,
    looked_at: Option<Instant>,
    keys_may_have_come: bool,
) -> Result<Option<Instant>, Failure> {
    let is_due = looked_at.is_none_or(|at| at.elapsed() >= LOOK_EVERY);
    if seen.waiting.is_empty() || !(is_due || keys_may_have_come) {
        return Ok(looked_at.or_else(|| Some(Instant::now())));
    }
    let mut waiting = Vec::new();
    for one in std::mem::take(&mut seen.waiting) {
        let room = RoomId::parse(&one.room).ok().and_then(|id| ear.session.client.get_room(&id));
        let Some(room) = room else {
            ear.updates.push(given_up(ear.link, &one, "undecryptable, and the room is gone"));
            continue;
        };
        match read(ear, &room, &one).await? {
            Look::Read(event) => {
                ear.locked.remove(&one.event);
                ear.hear(&room, vec![event]).await?;
            }
            Look::Gone => {
                ear.locked.remove(&one.event);
                ear.updates.push(given_up(ear.link, &one, "undecryptable, and gone"));
            }
            Look::Locked => waiting.extend(still_locked(ear, &room, one).await),
        }
    }
    // What was met in this round waits already; hearing one again that can't be read adds nothing.
    ear.waiting.clear();
    seen.waiting = waiting;
    Ok(Some(Instant::now()))
}

enum Look {
    Read(TimelineEvent),
    Locked,
    Gone,
}

async fn read(ear: &mut Ear<'_>, room: &Room, one: &Waiting) -> Result<Look, Failure> {
    if let Some(event) = ear.locked.get(&one.event) {
        // It was checked to be an encrypted one when it came.
        let found = room.decrypt_event(event.cast_ref_unchecked(), None).await.map_err(Failure::of)?;
        return Ok(match found.kind {
            TimelineEventKind::UnableToDecrypt { .. } => Look::Locked,
            _ => Look::Read(found),
        });
    }
    let Ok(id) = EventId::parse(&one.event) else { return Ok(Look::Gone) };
    match room.event(&id, None).await {
        Ok(found) => Ok(match found.kind {
            TimelineEventKind::UnableToDecrypt { event, .. } => {
                ear.locked.insert(one.event.clone(), event);
                Look::Locked
            }
            _ => Look::Read(found),
        }),
        Err(error) => match Failure::of(error) {
            Failure::Refused(refusal) if matches!(meaning(&refusal), Means::Gone | Means::Forbidden) => Ok(Look::Gone),
            failure => Err(failure),
        },
    }
}

/// Waits on, with a mark when it has waited for long; `None` when it is given up.
async fn still_locked(ear: &mut Ear<'_>, room: &Room, mut one: Waiting) -> Option<Waiting> {
    let Timestamp(now_ms) = ear.link.clock.now();
    let waited_ms = now_ms.saturating_sub(one.since_ms);
    if waited_ms >= GIVEN_UP_AFTER_MS {
        ear.locked.remove(&one.event);
        return None;
    }
    if waited_ms >= MARKED_AFTER_MS && !one.is_marked {
        one.is_marked = true;
        ear.updates.push(given_up(ear.link, &one, "undecryptable"));
        let sender = ear.locked.get(&one.event).and_then(|event| Fields::read(event.json().get()));
        let sender = sender.and_then(|event| event.get::<String>("sender")).unwrap_or_default();
        // Strangers get no sign of life.
        if ear.link.allows(&sender, &one.room) {
            mark(ear.link, room, &one).await;
        }
    }
    Some(one)
}

/// Shows below a message that it can't be read; best effort, and once.
async fn mark(link: &Link, room: &Room, one: &Waiting) {
    let content = json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": one.event, "key": MARK } });
    let key = OwnedTransactionId::from(format!("undecryptable.{}", one.event));
    if let Err(error) = room.send_raw("m.reaction", content).with_transaction_id(&key).await {
        tracing::debug!(account = %link.account, "a message that can't be read could not be marked: {}", Failure::of(error));
    }
}

/// Counted, with why.
pub(super) fn given_up(link: &Link, one: &Waiting, why: &str) -> Update {
    tracing::warn!(account = %link.account, room = %one.room, message = %MessageId::new(&one.event), "a message can't be read: its key is not here");
    Update {
        id: UpdateId::new(format!("undecryptable:{}", one.event)),
        place: Place { account: link.account.clone(), conversation: ConversationId::new(&one.room), thread: None },
        sender: Sender { id: UserId::new("none"), name: None, is_bot: false },
        sent_at: Timestamp(one.since_ms),
        kind: UpdateKind::Other { name: why.into() },
    }
}
