//! The test's side: people who act, and a hand that breaks things. `POST /control/<deed>` with the deed's fields as JSON.
//!
//! A bot that is left out is the first; a chat that is left out is the person's private chat with the bot.

mod say;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::say::{File, Say};
use super::{
    chats::{ChatKey, Kind, Standing},
    network::Network,
    text,
};

/// What a test asks for. What it returns is a JSON object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Deed {
    /// Makes a bot with privacy mode on; returns `id`, `token` and `username`.
    Bot {
        /// The username.
        #[serde(default = "lastword_bot")]
        username: String,
        /// Whether privacy mode is off.
        #[serde(default)]
        reads_all: bool,
    },
    /// Makes a person, or finds them; returns `id`.
    Person {
        /// The username.
        name: String,
    },
    /// Makes a chat of many with every bot in it; returns `id`.
    Chat {
        /// `group`, `supergroup` or `channel`.
        kind: Kind,
        /// The title.
        #[serde(default = "kitchen")]
        title: String,
        /// Whether it has topics.
        #[serde(default)]
        is_forum: bool,
        /// Who made it and owns it.
        #[serde(default = "alice")]
        by: String,
    },
    /// Opens a topic; returns `thread`.
    Topic {
        /// The forum.
        chat: i64,
        /// Its name.
        name: String,
        /// Who opens it.
        #[serde(default = "alice")]
        by: String,
    },
    /// Closes or opens a topic.
    CloseTopic {
        /// The forum.
        chat: i64,
        /// The topic.
        thread: i64,
        /// Whether it is closed now.
        is_closed: bool,
    },
    /// Deletes a topic: nobody sees its messages any more.
    DeleteTopic {
        /// The forum.
        chat: i64,
        /// The topic.
        thread: i64,
    },
    /// A person says something; returns `chat_id`, `message_id`, the ledger's `id`, and `updates` as (bot, update).
    Say(Box<Say>),
    /// Telegram keeps none of the files any more that it has so far.
    LoseFiles {},
    /// A person edits what they said.
    Edit {
        /// Who.
        #[serde(default = "alice")]
        person: String,
        /// Which bot.
        #[serde(default)]
        bot: Option<i64>,
        /// Where.
        #[serde(default)]
        chat: Option<i64>,
        /// Which message.
        message: i64,
        /// The new text.
        text: String,
    },
    /// A person deletes a message, of which no bot hears.
    Delete {
        /// Who.
        #[serde(default = "alice")]
        person: String,
        /// Which bot.
        #[serde(default)]
        bot: Option<i64>,
        /// Where.
        #[serde(default)]
        chat: Option<i64>,
        /// Which message.
        message: i64,
    },
    /// A person presses a button; returns `id`.
    Press {
        /// Who.
        #[serde(default = "alice")]
        person: String,
        /// Which bot.
        #[serde(default)]
        bot: Option<i64>,
        /// Where.
        #[serde(default)]
        chat: Option<i64>,
        /// Below which message.
        message: i64,
        /// What the button says to the bot.
        data: String,
    },
    /// A person presses the button that stops a draft.
    StopDraft {
        /// Who.
        #[serde(default = "alice")]
        person: String,
        /// Which bot.
        #[serde(default)]
        bot: Option<i64>,
        /// Which draft.
        draft: i64,
    },
    /// A person blocks a bot, or lets it speak again.
    Block {
        /// Who.
        #[serde(default = "alice")]
        person: String,
        /// Which bot.
        #[serde(default)]
        bot: Option<i64>,
        /// Whether it is blocked now.
        is_blocked: bool,
    },
    /// An account of a person is gone.
    Deactivate {
        /// Whose.
        person: String,
    },
    /// Somebody puts a bot into a chat, out of it, or makes it an administrator.
    Standing {
        /// Where.
        chat: i64,
        /// Which bot.
        #[serde(default)]
        bot: Option<i64>,
        /// What it is now.
        standing: Standing,
        /// Who does it.
        #[serde(default = "alice")]
        by: String,
    },
    /// Makes a group a supergroup; returns `id`.
    Migrate {
        /// The group.
        chat: i64,
        /// Who does it.
        #[serde(default = "alice")]
        by: String,
    },
    /// Turns privacy mode on or off.
    Privacy {
        /// Which bot.
        #[serde(default)]
        bot: Option<i64>,
        /// Whether it is off.
        reads_all: bool,
    },
    /// Takes a bot's token away and makes a new one; returns `token`.
    Revoke {
        /// Which bot.
        #[serde(default)]
        bot: Option<i64>,
    },
    /// Forgets the updates that wait, as after a day.
    Expire {
        /// Which bot.
        #[serde(default)]
        bot: Option<i64>,
        /// Only those that wait this long already.
        #[serde(default)]
        waiting_ms: u64,
    },
    /// The next update gets this number, as after a week of silence.
    Renumber {
        /// Which bot.
        #[serde(default)]
        bot: Option<i64>,
        /// The number.
        next: i64,
    },
}

fn alice() -> String {
    "alice".into()
}

fn kitchen() -> String {
    "Kitchen".into()
}

fn lastword_bot() -> String {
    "lastword_bot".into()
}

/// Does it.
///
/// # Errors
/// In words, when it can't be done.
pub fn carry_out(network: &mut Network, deed: Deed) -> Result<Value, String> {
    match deed {
        Deed::Bot { username, reads_all } => {
            let bot = network.add_bot(&username);
            bot.reads_all = reads_all;
            Ok(json!({ "id": bot.id, "token": bot.token, "username": bot.username }))
        }
        Deed::Person { name } => Ok(json!({ "id": network.person(&name) })),
        Deed::Chat { kind, title, is_forum, by } => {
            Ok(json!({ "id": make_chat(network, kind, &title, is_forum, &by) }))
        }
        Deed::Topic { chat, name, by } => {
            network.chats.get(&chat).filter(|chat| chat.is_forum).ok_or("no such forum")?;
            let by = network.person(&by);
            Ok(json!({ "thread": network.open_topic(chat, by, &name) }))
        }
        Deed::CloseTopic { chat, thread, is_closed } => {
            let topic = network.chats.get_mut(&chat).and_then(|chat| chat.topics.get_mut(&thread));
            topic.ok_or("no such topic")?.is_closed = is_closed;
            Ok(json!({}))
        }
        Deed::DeleteTopic { chat, thread } => {
            let removed = network.chats.get_mut(&chat).and_then(|chat| chat.topics.remove(&thread));
            removed.ok_or("no such topic")?;
            let inside = network.messages.iter_mut();
            inside.filter(|at| at.chat.id == chat && at.thread == Some(thread)).for_each(|at| at.is_deleted = true);
            Ok(json!({}))
        }
        Deed::Say(said) => say::say(network, *said),
        Deed::LoseFiles {} => {
            network.files.clear();
            Ok(json!({}))
        }
        Deed::Edit { person, bot, chat, message, text } => {
            let (chat, _) = place(network, &person, bot, chat)?;
            let fixed = text::fix(&text, Vec::new()).map_err(|refused| refused.description)?;
            let version = network.new_version(fixed);
            network.message_mut(chat, message).ok_or("no such message")?.versions.push(version);
            Ok(json!({ "updates": network.publish_edit(chat, message) }))
        }
        Deed::Delete { person, bot, chat, message } => {
            let (chat, _) = place(network, &person, bot, chat)?;
            network.message_mut(chat, message).ok_or("no such message")?.is_deleted = true;
            Ok(json!({}))
        }
        Deed::Press { person, bot, chat, message, data } => {
            let (chat, person) = place(network, &person, bot, chat)?;
            let bot = bot_or_first(network, bot)?;
            let shown =
                network.message(chat, message).map(|message| network.shown(message)).ok_or("no such message")?;
            let id = network.next_made().to_string();
            network.bots.entry(bot).and_modify(|bot| bot.presses.extend([id.clone()]));
            let body = json!({ "id": id, "from": network.user(person), "message": shown,
                               "chat_instance": chat.id.to_string(), "data": data });
            network.tell(bot, "callback_query", body);
            Ok(json!({ "id": id }))
        }
        Deed::StopDraft { person, bot, draft } => {
            let (chat, _) = place(network, &person, bot, None)?;
            let bot = bot_or_first(network, bot)?;
            let body = json!({ "chat": network.chat_shown(chat), "draft_id": draft });
            network.tell(bot, "stopped_message_generation", body);
            Ok(json!({}))
        }
        Deed::Block { person, bot, is_blocked } => {
            let (bot, person) = (bot_or_first(network, bot)?, network.person(&person));
            block(network, bot, person, is_blocked);
            Ok(json!({}))
        }
        Deed::Deactivate { person } => {
            let id = network.person(&person);
            network.people.entry(id).and_modify(|person| person.is_deactivated = true);
            Ok(json!({}))
        }
        Deed::Standing { chat, bot, standing, by } => {
            let (bot, by) = (bot_or_first(network, bot)?, network.person(&by));
            network.set_standing(chat, bot, by, standing);
            Ok(json!({}))
        }
        Deed::Migrate { chat, by } => {
            let by = network.person(&by);
            network.chats.get(&chat).filter(|chat| chat.kind == Kind::Group).ok_or("no such group")?;
            Ok(json!({ "id": network.migrate(chat, by) }))
        }
        Deed::Privacy { bot, reads_all } => {
            let bot = bot_or_first(network, bot)?;
            network.bots.entry(bot).and_modify(|bot| bot.reads_all = reads_all);
            Ok(json!({}))
        }
        Deed::Revoke { bot } => {
            let bot = bot_or_first(network, bot)?;
            let token = network.new_token(bot);
            network.bots.entry(bot).and_modify(|bot| bot.token = Some(token.clone()));
            Ok(json!({ "token": token }))
        }
        Deed::Expire { bot, waiting_ms } => {
            let bot = bot_or_first(network, bot)?;
            let before = (network.now_ms() + 1).saturating_sub(waiting_ms);
            network.bots.entry(bot).and_modify(|bot| bot.queue.expire(before));
            Ok(json!({}))
        }
        Deed::Renumber { bot, next } => {
            let bot = bot_or_first(network, bot)?;
            network.bots.entry(bot).and_modify(|bot| bot.queue.renumber(next));
            Ok(json!({}))
        }
    }
}

fn bot_or_first(network: &Network, bot: Option<i64>) -> Result<i64, String> {
    let known =
        bot.map_or_else(|| network.bots.keys().next().copied(), |id| network.bots.contains_key(&id).then_some(id));
    known.ok_or_else(|| "no such bot".to_owned())
}

/// The chat and the person, who are made if there are none.
fn place(network: &mut Network, person: &str, bot: Option<i64>, chat: Option<i64>) -> Result<(ChatKey, i64), String> {
    let person = network.person(person);
    let Some(chat) = chat else {
        let bot = bot_or_first(network, bot)?;
        return Ok((ChatKey { id: person, bot: Some(bot) }, person));
    };
    let known = network.chats.get_mut(&chat).ok_or("no such chat")?;
    if known.migrated_to.is_some() {
        return Err("the group moved".to_owned());
    }
    known.members.entry(person).or_insert(Standing::Member);
    Ok((ChatKey { id: chat, bot: None }, person))
}

fn make_chat(network: &mut Network, kind: Kind, title: &str, is_forum: bool, by: &str) -> i64 {
    let by = network.person(by);
    let chat = network.add_chat(kind, title, is_forum);
    chat.members.insert(by, Standing::Creator);
    let id = chat.id;
    let standing = if kind == Kind::Channel { Standing::Administrator } else { Standing::Member };
    for bot in network.bots.keys().copied().collect::<Vec<_>>() {
        network.set_standing(id, bot, by, standing);
        if kind != Kind::Channel {
            let user = network.user(bot);
            network.service(id, by, None, json!({ "new_chat_members": [user] }));
        }
    }
    id
}

fn block(network: &mut Network, bot: i64, person: i64, is_blocked: bool) {
    let Some(known) = network.bots.get_mut(&bot) else { return };
    let has_changed = if is_blocked { known.blocked_by.insert(person) } else { known.blocked_by.remove(&person) };
    if has_changed {
        let (member, kicked) = (Standing::Member.shown(known.shown()), Standing::Kicked.shown(known.shown()));
        let (old, new) = if is_blocked { (member, kicked) } else { (kicked, member) };
        let chat = network.chat_shown(ChatKey { id: person, bot: Some(bot) });
        let body = json!({ "chat": chat, "from": network.user(person), "date": network.date(),
                           "old_chat_member": old, "new_chat_member": new });
        network.tell(bot, "my_chat_member", body);
    }
}
