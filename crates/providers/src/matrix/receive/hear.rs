//! From a room's events to updates, asking the homeserver where an event alone does not say enough.

use lastword_core::{
    ids::{ThreadId, Timestamp},
    update::{Update, UpdateKind},
};
use matrix_sdk::{
    Room,
    deserialized_responses::{TimelineEvent, TimelineEventKind},
    ruma::{EventId, UserId},
};

use super::Locked;
use crate::{
    fields::Fields,
    matrix::{
        Link,
        convert::{self, Heard},
        cursor::Waiting,
        outcome::{Failure, Means, meaning},
        session::Session,
    },
};

/// What is heard in one round.
pub(super) struct Ear<'a> {
    pub(super) link: &'a Link,
    pub(super) session: &'a Session,
    pub(super) updates: Vec<Update>,
    /// What could not be decrypted.
    pub(super) waiting: Vec<Waiting>,
    pub(super) locked: Locked,
}

impl Ear<'_> {
    /// Hears what happened in a room, in order; whether the conversation moved.
    pub(super) async fn hear(&mut self, room: &Room, events: Vec<TimelineEvent>) -> Result<bool, Failure> {
        if events.is_empty() {
            return Ok(false);
        }
        let mut has_moved = false;
        let my_name = self.name(room, self.session.user.as_str()).await;
        let is_direct = is_direct(room).await;
        for event in events {
            has_moved |= self.event(room, event, my_name.as_deref(), is_direct).await?;
        }
        Ok(has_moved)
    }

    async fn event(
        &mut self,
        room: &Room,
        event: TimelineEvent,
        my_name: Option<&str>,
        is_direct: bool,
    ) -> Result<bool, Failure> {
        let Some(fields) = Fields::read(event.raw().json().get()) else { return Ok(false) };
        self.note_own(&fields);
        let place = convert::Room {
            account: &self.link.account,
            id: room.room_id().as_str(),
            me: self.session.user.as_str(),
            my_name,
            is_direct,
            edited: self.link.settings.edited,
        };
        let update = match place.read(&fields) {
            Heard::Nothing => return Ok(false),
            Heard::Moved { to, by } => {
                tracing::info!(account = %self.link.account, room = %room.room_id(), "{by} moved the conversation to {to}");
                return Ok(true);
            }
            Heard::Locked { event: id } => {
                self.wait(room, id, event);
                return Ok(false);
            }
            Heard::Update(update) => update,
            Heard::Answer { mut update, answered } => {
                if self.is_ours(room, &answered).await?
                    && let UpdateKind::Posted(message) = &mut update.kind
                {
                    (message.is_addressed, message.goes_on) = (true, false);
                }
                update
            }
            Heard::Edit { update, original } => match self.edited(room, update, &original).await? {
                Some(update) => update,
                None => return Ok(false),
            },
        };
        self.push(room, update).await;
        Ok(false)
    }

    fn note_own(&self, event: &Fields) {
        if event.get::<String>("sender").as_deref() == Some(self.session.user.as_str())
            && let Some(id) = event.get::<String>("event_id")
        {
            self.link.is_own(&id);
        }
    }

    fn wait(&mut self, room: &Room, id: String, event: TimelineEvent) {
        if let TimelineEventKind::UnableToDecrypt { event, .. } = event.kind {
            self.locked.insert(id.clone(), event);
        }
        let Timestamp(since_ms) = self.link.clock.now();
        self.waiting.push(Waiting { room: room.room_id().to_string(), event: id, since_ms, is_marked: false });
    }

    async fn push(&mut self, room: &Room, mut update: Update) {
        if matches!(update.kind, UpdateKind::Posted(_)) {
            update.sender.name = self.name(room, update.sender.id.as_str()).await;
        }
        self.updates.push(update);
    }

    /// Whether an event is our own.
    async fn is_ours(&self, room: &Room, id: &str) -> Result<bool, Failure> {
        if self.link.was_own(id) {
            return Ok(true);
        }
        let found = fetch(room, id).await?;
        Ok(found.is_some_and(|found| found.get::<String>("sender").as_deref() == Some(self.session.user.as_str())))
    }

    /// An edit of a question: it stands where the question does, and is the same person's.
    async fn edited(&self, room: &Room, mut update: Update, original: &str) -> Result<Option<Update>, Failure> {
        let Some(before) = fetch(room, original).await? else { return Ok(None) };
        let content = before.object("content").unwrap_or_default();
        let is_theirs = before.get::<String>("sender").as_deref() == Some(update.sender.id.as_str());
        if !is_theirs {
            return Ok(None);
        }
        let relation = content.object("m.relates_to").unwrap_or_default();
        update.place.thread = convert::thread(&relation).map(ThreadId::new);
        Ok(Some(update))
    }

    /// What somebody is called in a room, as far as we know.
    async fn name(&self, room: &Room, user: &str) -> Option<String> {
        let user = UserId::parse(user).ok()?;
        let member = room.get_member_no_sync(&user).await.ok()??;
        member.display_name().map(str::to_owned)
    }
}

/// An event of a room; `None` where it is not to be had.
pub(super) async fn fetch(room: &Room, id: &str) -> Result<Option<Fields>, Failure> {
    let Ok(id) = EventId::parse(id) else { return Ok(None) };
    match room.event(&id, None).await {
        Ok(event) => Ok(Fields::read(event.raw().json().get())),
        Err(error) => match Failure::of(error) {
            Failure::Refused(refusal)
                if matches!(meaning(&refusal), Means::Gone | Means::Forbidden | Means::Invalid) =>
            {
                Ok(None)
            }
            failure => Err(failure),
        },
    }
}

/// Whether all that is said in a room is said to us: it is a direct one, or nobody else is there.
async fn is_direct(room: &Room) -> bool {
    (1..=2).contains(&room.active_members_count()) || room.is_direct().await.unwrap_or(false)
}
