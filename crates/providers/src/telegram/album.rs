//! Albums: what people send at once, Telegram sends as one update for each file.
//!
//! Guarantee: the parts that come in one batch are one message, under the number of the first; the others are still
//! updates of their own, so that each is counted and nothing is heard twice. Telegram marks no part as the last: an album
//! that is torn between two batches is two messages.

use lastword_core::update::{Message, Update, UpdateKind};

/// What makes a message a part of an album.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// `media_group_id`: the same for all parts in one chat.
    pub(super) album: String,
    /// Whether its caption is a command for another bot.
    pub(super) is_for_another: bool,
}

/// Makes one message of each album's parts.
pub(super) fn joined(parts: Vec<(Update, Option<Part>)>) -> Vec<Update> {
    let mut updates: Vec<Update> = Vec::with_capacity(parts.len());
    // Where in `updates` an album began, and whether any of it is for another bot.
    let mut albums: Vec<(usize, Part)> = Vec::new();
    for (mut update, part) in parts {
        if let (UpdateKind::Posted(message), Some(part)) = (&mut update.kind, part) {
            let place = &update.place;
            let begun = albums.iter_mut().find(|(at, begun)| begun.album == part.album && updates[*at].place == *place);
            match begun {
                Some((at, begun)) => {
                    begun.is_for_another |= part.is_for_another;
                    if let UpdateKind::Posted(first) = &mut updates[*at].kind {
                        take(first, message);
                    }
                    update.kind = UpdateKind::Other { name: "album part".into() };
                }
                None => albums.push((updates.len(), part)),
            }
        }
        updates.push(update);
    }
    for (at, _) in albums.iter().filter(|(_, part)| part.is_for_another) {
        if let UpdateKind::Posted(message) = &mut updates[*at].kind {
            message.is_addressed = false;
        }
    }
    updates
}

fn take(first: &mut Message, part: &mut Message) {
    first.files.append(&mut part.files);
    first.is_addressed |= part.is_addressed;
    if !part.text.is_empty() {
        if !first.text.is_empty() {
            first.text.push_str("\n\n");
        }
        first.text.push_str(&part.text);
    }
}
