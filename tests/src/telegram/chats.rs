//! Who there is and where they talk: people, private chats, groups, supergroups with topics, channels.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::errors::Refusal;

/// The topic that every forum has and no message names.
pub const GENERAL_TOPIC: i64 = 1;

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The user's id, which is also that of the private chat.
    pub id: i64,
    /// The username, by which tests know them.
    pub name: String,
    /// The first name.
    pub first_name: String,
    /// An IETF language tag.
    pub language_code: String,
    /// Whether the account is gone.
    pub is_deactivated: bool,
}

impl Person {
    /// As `User`.
    #[must_use]
    pub fn shown(&self) -> Value {
        json!({ "id": self.id, "is_bot": false, "first_name": self.first_name, "username": self.name,
                "language_code": self.language_code })
    }
}

/// A chat, as one bot knows it: private chats with two bots have one id and nothing else in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChatKey {
    /// The chat's id.
    pub id: i64,
    /// The bot, if the chat is private.
    pub bot: Option<i64>,
}

/// What kind of chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A basic group: its messages share their numbers with private chats, and it may become a supergroup.
    Group,
    /// A group with numbers of its own and, perhaps, topics.
    Supergroup,
    /// A channel.
    Channel,
}

impl Kind {
    /// As in `Chat.type`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Supergroup => "supergroup",
            Self::Channel => "channel",
        }
    }
}

/// What somebody is in a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The owner.
    Creator,
    /// An administrator.
    Administrator,
    /// A member.
    Member,
    /// Not there, or not any more.
    Left,
    /// Banned.
    Kicked,
}

impl Standing {
    /// Whether this is a member of any kind.
    #[must_use]
    pub fn is_in(self) -> bool {
        matches!(self, Self::Creator | Self::Administrator | Self::Member)
    }

    /// As `ChatMember`.
    #[must_use]
    pub fn shown(self, user: Value) -> Value {
        match self {
            Self::Creator => json!({ "status": "creator", "user": user, "is_anonymous": false }),
            Self::Administrator => json!({ "status": "administrator", "user": user, "can_be_edited": false,
                "is_anonymous": false, "can_manage_chat": true, "can_delete_messages": true,
                "can_manage_video_chats": true, "can_restrict_members": true, "can_promote_members": false,
                "can_change_info": true, "can_invite_users": true, "can_post_stories": false,
                "can_edit_stories": false, "can_delete_stories": false, "can_send_welcome_messages": false }),
            Self::Member => json!({ "status": "member", "user": user }),
            Self::Left => json!({ "status": "left", "user": user }),
            Self::Kicked => json!({ "status": "kicked", "user": user, "until_date": 0 }),
        }
    }
}

/// A topic of a forum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Whether only administrators may write.
    pub is_closed: bool,
}

/// A chat of many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chat {
    /// Its id, below zero.
    pub id: i64,
    /// What kind.
    pub kind: Kind,
    /// Its title.
    pub title: String,
    /// Whether it has topics.
    pub is_forum: bool,
    /// Topics by the id of the message that opened them.
    pub topics: BTreeMap<i64, Topic>,
    /// People and bots by id.
    pub members: BTreeMap<i64, Standing>,
    /// The supergroup it became.
    pub migrated_to: Option<i64>,
    /// The last number of its messages, if it counts them itself.
    pub last_message_id: i64,
    /// The bot that wrote last.
    pub last_bot: Option<i64>,
}

impl Chat {
    /// As `Chat`.
    #[must_use]
    pub fn shown(&self) -> Value {
        let mut shown = json!({ "id": self.id, "type": self.kind.as_str(), "title": self.title });
        if self.is_forum {
            shown["is_forum"] = true.into();
        }
        shown
    }

    /// What somebody is here.
    #[must_use]
    pub fn standing(&self, user: i64) -> Standing {
        self.members.get(&user).copied().unwrap_or(Standing::Left)
    }

    /// Whether a bot may write here.
    ///
    /// # Errors
    /// Telegram's words for why not.
    pub fn check_member(&self, bot: i64) -> Result<(), Refusal> {
        if let Some(to) = self.migrated_to {
            return Err(Refusal::migrated(to));
        }
        let kind = self.kind.as_str();
        match self.standing(bot) {
            Standing::Kicked => Err(Refusal::forbidden(format_args!("bot was kicked from the {kind} chat"))),
            Standing::Left => Err(Refusal::forbidden(format_args!("bot is not a member of the {kind} chat"))),
            Standing::Member if self.kind == Kind::Channel => {
                Err(Refusal::bad_request("need administrator rights in the channel chat"))
            }
            Standing::Creator | Standing::Administrator | Standing::Member => Ok(()),
        }
    }

    /// Whether a bot may write in this thread.
    ///
    /// # Errors
    /// When there is no such topic, or it is closed. The general topic must not be named by a message.
    pub fn check_thread(&self, thread: i64, bot: i64) -> Result<(), Refusal> {
        let topic = self.topics.get(&thread).filter(|_| self.is_forum);
        let topic = topic.ok_or_else(|| Refusal::bad_request("message thread not found"))?;
        let may_always = matches!(self.standing(bot), Standing::Creator | Standing::Administrator);
        if topic.is_closed && !may_always {
            return Err(Refusal::bad_request("TOPIC_CLOSED"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(kind: Kind) -> Chat {
        Chat {
            id: -5,
            kind,
            title: "Kitchen".into(),
            is_forum: kind == Kind::Supergroup,
            topics: BTreeMap::from([(7, Topic { name: "Fridge".into(), is_closed: false })]),
            members: BTreeMap::from([(1, Standing::Member), (2, Standing::Kicked)]),
            migrated_to: None,
            last_message_id: 0,
            last_bot: None,
        }
    }

    fn words(refused: Result<(), Refusal>) -> String {
        refused.unwrap_err().description
    }

    #[test]
    fn those_who_are_out_are_told_from_which_kind_of_chat() {
        assert_eq!(chat(Kind::Group).check_member(1), Ok(()));
        assert_eq!(words(chat(Kind::Group).check_member(2)), "Forbidden: bot was kicked from the group chat");
        let stranger = chat(Kind::Supergroup).check_member(3);
        assert_eq!(words(stranger), "Forbidden: bot is not a member of the supergroup chat");
    }

    #[test]
    fn a_group_that_moved_says_where_to() {
        let moved = Chat { migrated_to: Some(-1_000_000_000_009), ..chat(Kind::Group) };
        let refused = moved.check_member(1).unwrap_err();
        assert_eq!(refused.description, "Bad Request: group chat was upgraded to a supergroup chat");
        assert_eq!(refused.parameters, Some(json!({ "migrate_to_chat_id": -1_000_000_000_009_i64 })));
    }

    #[test]
    fn only_topics_that_are_there_and_open_take_messages() {
        let mut forum = chat(Kind::Supergroup);
        assert_eq!(forum.check_thread(7, 1), Ok(()));
        assert_eq!(words(forum.check_thread(GENERAL_TOPIC, 1)), "Bad Request: message thread not found");
        forum.topics.get_mut(&7).unwrap().is_closed = true;
        assert_eq!(words(forum.check_thread(7, 1)), "Bad Request: TOPIC_CLOSED");
        assert_eq!(words(chat(Kind::Group).check_thread(7, 1)), "Bad Request: message thread not found");
    }
}
