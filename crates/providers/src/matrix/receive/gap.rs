//! What a sync left out of a room, and what of it is ours to answer.
//!
//! Guarantee: everything that was said between the committed token and now, while we were in the room or invited to it, and
//! nothing that was said before. <https://spec.matrix.org/v1.16/client-server-api/#syncing>

use matrix_sdk::{Room, deserialized_responses::TimelineEvent, room::MessagesOptions, ruma::uint, sync::Timeline};

use crate::{
    fields::Fields,
    matrix::{
        convert::{before, membership},
        outcome::Failure,
        session::Session,
    },
};

/// How many pages of one room are looked through; a page has a hundred events.
const PAGES_MAX: usize = 50;

/// The events of a room since `since`, oldest first, without the history that is not ours.
pub(super) async fn whole(
    session: &Session,
    room: &Room,
    timeline: Timeline,
    since: &str,
) -> Result<Vec<TimelineEvent>, Failure> {
    let mut events = timeline.events;
    if let Some(from) = timeline.prev_batch.filter(|_| timeline.limited) {
        let mut missed = missed(room, from, since).await?;
        missed.append(&mut events);
        events = missed;
    }
    let read: Vec<_> = events.iter().map(|event| Fields::read(event.raw().json().get()).unwrap_or_default()).collect();
    let ours = ours(&read, session.user.as_str(), follows_ours(session, room));
    Ok(events.into_iter().zip(ours).filter_map(|(event, is_ours)| is_ours.then_some(event)).collect())
}

/// What was left out, oldest first.
async fn missed(room: &Room, mut from: String, since: &str) -> Result<Vec<TimelineEvent>, Failure> {
    let mut missed = Vec::new();
    for _ in 0..PAGES_MAX {
        let mut options = MessagesOptions::backward().from(from.as_str());
        options.to = Some(since.to_owned());
        options.limit = uint!(100);
        let page = room.messages(options).await.map_err(Failure::of)?;
        missed.extend(page.chunk);
        match page.end {
            Some(end) if end != from => from = end,
            _ => {
                missed.reverse();
                return Ok(missed);
            }
        }
    }
    tracing::warn!(room = %room.room_id(), "more was missed than is looked through; what is older is not answered");
    missed.reverse();
    Ok(missed)
}

/// Whether a room takes the place of one that we were in: then all of it is ours.
fn follows_ours(session: &Session, room: &Room) -> bool {
    room.predecessor_room().is_some_and(|old| session.client.get_room(&old.room_id).is_some())
}

/// Which of these events happened while we were in the room or invited to it.
fn ours(events: &[Fields], me: &str, was_always_ours: bool) -> Vec<bool> {
    let is_standing = |event: &Fields| {
        event.get::<String>("type").as_deref() == Some("m.room.member")
            && event.get::<String>("state_key").as_deref() == Some(me)
    };
    let first = events.iter().find(|event| is_standing(event));
    let mut is_in = was_always_ours || first.is_none_or(|first| is_inside(&before(first)));
    let mut ours = Vec::with_capacity(events.len());
    for event in events {
        let is_ours_itself = is_standing(event);
        if is_ours_itself {
            is_in = is_inside(&membership(event));
        }
        ours.push(is_in || is_ours_itself);
    }
    ours
}

fn is_inside(membership: &str) -> bool {
    matches!(membership, "join" | "invite")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// `x` is something said, and the rest is what became of our membership.
    fn kept(story: &str, was_always_ours: bool) -> String {
        let mut membership = None;
        let events: Vec<_> = story
            .split(' ')
            .map(|word| {
                let event = match word {
                    "x" => json!({ "type": "m.room.message", "sender": "@b:x" }),
                    now => {
                        let before = membership.replace(now);
                        json!({
                            "type": "m.room.member", "state_key": "@me:x", "content": { "membership": now },
                            "unsigned": { "prev_content": before.map(|before| json!({ "membership": before })) },
                        })
                    }
                };
                Fields::read(&event.to_string()).unwrap()
            })
            .collect();
        let ours = ours(&events, "@me:x", was_always_ours);
        story.split(' ').zip(ours).map(|(word, is_ours)| if is_ours { word } else { "-" }).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_was_said_before_we_came_is_not_ours() {
        insta::assert_snapshot!(
            ["x x", "x invite x join x", "x join x", "join x leave x invite x join x", "x ban x"].map(|story| kept(story, false)).join("\n"),
            @r"
        x x
        - invite x join x
        - join x
        join x leave - invite x join x
        - ban -
        "
        );
        assert_eq!(kept("x join x", true), "x join x");
    }
}
