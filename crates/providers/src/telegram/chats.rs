//! Groups that became supergroups: another chat for Telegram, the same conversation for us.
//!
//! A conversation keeps the id under which it was first heard, so that its session, its routes and who may talk there
//! stay. What updates said of moves is kept in the cursor, in the transaction of the batch that told it.
//! <https://core.telegram.org/bots/api#responseparameters>, `migrate_to_chat_id` of <https://core.telegram.org/bots/api#message>.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use lastword_core::ids::{ConversationId, Cursor, MessageId};

/// How many moves are remembered; the ids are small, and a bot sees few.
const MOVES_MAX: usize = 500;

/// Where conversations are by now.
#[derive(Debug, Default)]
pub(super) struct Chats(Mutex<Moves>);

#[derive(Debug, Default)]
struct Moves {
    /// By conversation; told by updates.
    followed: BTreeMap<i64, i64>,
    /// By chat; told by refusals of what we sent.
    refused: BTreeMap<i64, i64>,
}

impl Chats {
    /// The chat that a conversation is in now; `None` for what no conversation of Telegram is called.
    pub(super) fn chat(&self, conversation: &ConversationId) -> Option<i64> {
        let first: i64 = conversation.as_str().parse().ok()?;
        let moves = self.moves();
        let chat = moves.followed.get(&first).copied().unwrap_or(first);
        Some(moves.refused.get(&chat).copied().unwrap_or(chat))
    }

    /// The conversation that a chat belongs to.
    pub(super) fn conversation(&self, chat: i64) -> ConversationId {
        let moves = self.moves();
        let first = moves.followed.iter().find(|(_, now)| **now == chat).map_or(chat, |(first, _)| *first);
        ConversationId::new(first.to_string())
    }

    /// An update told of a move.
    pub(super) fn follow(&self, from: i64, to: i64) {
        let mut moves = self.moves();
        let first = moves.followed.iter().find(|(_, now)| **now == from).map_or(from, |(first, _)| *first);
        if moves.followed.len() < MOVES_MAX && first != to {
            moves.followed.insert(first, to);
        }
    }

    /// A refusal told of a move.
    pub(super) fn refused(&self, from: i64, to: i64) {
        let mut moves = self.moves();
        if moves.refused.len() < MOVES_MAX && from != to {
            moves.refused.insert(from, to);
        }
    }

    /// Where to resume behind `update`, with what is known of moves.
    pub(super) fn cursor(&self, update: i64) -> Cursor {
        let mut cursor = update.to_string();
        for (first, now) in &self.moves().followed {
            cursor.push_str(&format!(" {first}>{now}"));
        }
        Cursor::new(cursor)
    }

    /// Takes up a cursor: the last update that is surely committed.
    pub(super) fn resume(&self, cursor: &Cursor) -> Option<i64> {
        let mut words = cursor.as_str().split(' ');
        let update = words.next()?.parse().ok()?;
        for (first, now) in words.filter_map(|word| word.split_once('>')) {
            if let (Ok(first), Ok(now)) = (first.parse(), now.parse()) {
                self.moves().followed.insert(first, now);
            }
        }
        Some(update)
    }

    fn moves(&self) -> MutexGuard<'_, Moves> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name of a message: a supergroup counts from the start again, so what is not in the conversation's first chat
/// is named with its chat.
pub(super) fn message_id(conversation: &ConversationId, chat: i64, message: i64) -> MessageId {
    if conversation.as_str().parse() == Ok(chat) {
        MessageId::new(message.to_string())
    } else {
        MessageId::new(format!("{chat}:{message}"))
    }
}

/// The chat and the number behind a name that [`message_id`] gave.
pub(super) fn read_message_id(conversation: &ConversationId, id: &MessageId) -> Option<(i64, i32)> {
    match id.as_str().split_once(':') {
        Some((chat, message)) => Some((chat.parse().ok()?, message.parse().ok()?)),
        None => Some((conversation.as_str().parse().ok()?, id.as_str().parse().ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_moved_is_the_same_conversation() {
        let (chats, group) = (Chats::default(), ConversationId::new("-5"));
        chats.follow(-5, -1_005);
        assert_eq!(chats.chat(&group), Some(-1_005));
        assert_eq!(chats.conversation(-1_005), group);
        assert_eq!(chats.conversation(-6), ConversationId::new("-6"));
        let (next, cursor) = (Chats::default(), chats.cursor(77));
        assert_eq!(cursor, Cursor::new("77 -5>-1005"));
        assert_eq!(next.resume(&cursor), Some(77));
        assert_eq!(next.conversation(-1_005), group);
        assert_eq!(Chats::default().resume(&Cursor::new("nonsense")), None);
    }

    #[test]
    fn a_move_that_only_a_refusal_told_of_is_followed_by_what_we_send() {
        let (chats, group) = (Chats::default(), ConversationId::new("-5"));
        chats.refused(-5, -1_005);
        assert_eq!(chats.chat(&group), Some(-1_005));
        assert_eq!(chats.conversation(-1_005), ConversationId::new("-1005"), "its routes are its own");
        assert_eq!(chats.cursor(1), Cursor::new("1"));
    }

    #[test]
    fn a_message_of_the_new_chat_is_not_taken_for_one_of_the_old() {
        let group = ConversationId::new("-5");
        assert_eq!(message_id(&group, -5, 9), MessageId::new("9"));
        assert_eq!(message_id(&group, -1_005, 9), MessageId::new("-1005:9"));
        assert_eq!(read_message_id(&group, &MessageId::new("9")), Some((-5, 9)));
        assert_eq!(read_message_id(&group, &MessageId::new("-1005:9")), Some((-1_005, 9)));
        assert_eq!(read_message_id(&group, &MessageId::new("x")), None);
    }
}
