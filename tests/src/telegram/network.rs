//! Everything the fake network knows, and how news of it reaches bots.
//!
//! Guarantee: every request is applied whole or not at all, under the one lock around this value.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant, UNIX_EPOCH},
};

use serde_json::{Value, json};

use super::{
    book::{Author, Book, Call, Message, Passing, Version, Waiting},
    chats::{Chat, ChatKey, Kind, Person, Standing, Topic},
    errors::Refusal,
    fault::Faults,
    limits::Limiter,
    queue::{Polls, Queue},
    settings::Settings,
    text::Formatted,
    validate::Violation,
};

/// The first bot's id; people begin far below.
const FIRST_BOT: i64 = 7_000_000_001;
const FIRST_PERSON: i64 = 1_001;
/// Supergroups and channels have ids below this.
const FIRST_SUPERGROUP: i64 = -1_000_000_000_001;
/// Updates begin at a large number, as real ones do.
const FIRST_UPDATE: i64 = 700_000_001;

/// A bot.
#[derive(Clone, Debug)]
pub struct Bot {
    /// The user's id.
    pub id: i64,
    /// What its requests carry; `None` once it is revoked and no new one was asked for.
    pub token: Option<String>,
    /// The username.
    pub username: String,
    /// The first name.
    pub first_name: String,
    /// Whether privacy mode is off.
    pub reads_all: bool,
    /// Whether it logged out of the cloud server.
    pub is_logged_out: bool,
    /// What waits for it.
    pub queue: Queue,
    /// Its polls.
    pub polls: Polls,
    /// The parameters of its webhook.
    pub webhook: Option<Value>,
    /// Commands by scope, as its canonical text, and language.
    pub commands: BTreeMap<(String, String), Value>,
    /// People who wrote to it or pressed start.
    pub started_by: BTreeSet<i64>,
    /// People who block it.
    pub blocked_by: BTreeSet<i64>,
    /// Buttons that were pressed and not answered yet.
    pub presses: BTreeSet<String>,
}

impl Bot {
    /// As `User`.
    #[must_use]
    pub fn shown(&self) -> Value {
        json!({ "id": self.id, "is_bot": true, "first_name": self.first_name, "username": self.username })
    }

    /// The messages that it has not confirmed.
    fn waiting(&self) -> impl Iterator<Item = Waiting> {
        self.queue.messages().filter_map(|message| {
            let (chat, message) = (message["chat"]["id"].as_i64()?, message["message_id"].as_i64()?);
            Some(Waiting { bot: self.id, chat, message })
        })
    }
}

/// A stored file.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The part of its address behind the token.
    pub path: String,
    /// The content.
    pub bytes: Vec<u8>,
    /// The size it claims.
    pub size_bytes: u64,
    /// The name.
    pub name: String,
    /// The type.
    pub mime: String,
}

/// The whole network.
#[derive(Debug)]
pub struct Network {
    /// Bots by id.
    pub bots: BTreeMap<i64, Bot>,
    /// People by id.
    pub people: BTreeMap<i64, Person>,
    /// Chats of many by id.
    pub chats: BTreeMap<i64, Chat>,
    /// Messages in the order in which they came.
    pub messages: Vec<Message>,
    /// Files by `file_id`.
    pub files: BTreeMap<String, Stored>,
    /// Actions and drafts.
    pub passing: Vec<Passing>,
    /// Requests.
    pub calls: Vec<Call>,
    /// What was sent against the documentation.
    pub violations: Vec<Violation>,
    /// Faults to come.
    pub faults: Faults,
    /// How it behaves.
    pub settings: Settings,
    /// What was sent lately.
    pub limiter: Limiter,
    started: Instant,
    order: u64,
    last_shared_message_id: i64,
    made: i64,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            bots: BTreeMap::new(),
            people: BTreeMap::new(),
            chats: BTreeMap::new(),
            messages: Vec::new(),
            files: BTreeMap::new(),
            passing: Vec::new(),
            calls: Vec::new(),
            violations: Vec::new(),
            faults: Faults::default(),
            settings: Settings::default(),
            limiter: Limiter::default(),
            started: Instant::now(),
            order: 0,
            last_shared_message_id: 0,
            made: 0,
        }
    }
}

impl Network {
    /// Milliseconds since the start.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Unix time in seconds, as messages carry it.
    #[must_use]
    pub fn date(&self) -> i64 {
        let since = UNIX_EPOCH.elapsed().unwrap_or(Duration::ZERO);
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    }

    /// The next place in the order of everything.
    pub fn next_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    /// A number that nothing else has.
    pub fn next_made(&mut self) -> i64 {
        self.made += 1;
        self.made
    }

    /// Everything that anybody could have seen.
    #[must_use]
    pub fn book(&self) -> Book {
        Book {
            people: self.people.values().cloned().collect(),
            chats: self.chats.values().cloned().collect(),
            messages: self.messages.clone(),
            passing: self.passing.clone(),
            calls: self.calls.clone(),
            waiting: self.bots.values().flat_map(Bot::waiting).collect(),
        }
    }

    // --- who there is --------------------------------------------------------------------------------------------

    /// A new bot with privacy mode on.
    pub fn add_bot(&mut self, username: &str) -> &mut Bot {
        let id = FIRST_BOT + self.bots.len() as i64;
        let token = self.new_token(id);
        self.bots.entry(id).or_insert(Bot {
            id,
            token: Some(token),
            username: username.to_owned(),
            first_name: username.to_owned(),
            reads_all: false,
            is_logged_out: false,
            queue: Queue::new(FIRST_UPDATE),
            polls: Polls::default(),
            webhook: None,
            commands: BTreeMap::new(),
            started_by: BTreeSet::new(),
            blocked_by: BTreeSet::new(),
            presses: BTreeSet::new(),
        })
    }

    /// A token of the real shape.
    pub fn new_token(&mut self, bot: i64) -> String {
        format!("{bot}:AAF{:032}", self.next_made())
    }

    /// The bot that a token belongs to.
    #[must_use]
    pub fn bot_of(&self, token: &str) -> Option<&Bot> {
        self.bots.values().find(|bot| bot.token.as_deref() == Some(token))
    }

    /// A person by name, made if there is none.
    pub fn person(&mut self, name: &str) -> i64 {
        if let Some(known) = self.people.values().find(|person| person.name == name) {
            return known.id;
        }
        let id = FIRST_PERSON + self.people.len() as i64;
        let mut letters = name.chars();
        let first = letters.next().map(|c| c.to_uppercase().chain(letters).collect());
        let first_name = first.unwrap_or_default();
        let person =
            Person { id, name: name.to_owned(), first_name, language_code: "en".into(), is_deactivated: false };
        self.people.insert(id, person);
        id
    }

    /// A new chat of many.
    pub fn add_chat(&mut self, kind: Kind, title: &str, is_forum: bool) -> &mut Chat {
        let count = self.chats.len() as i64;
        let id = if kind == Kind::Group { -5_001 - count } else { FIRST_SUPERGROUP - count };
        self.chats.entry(id).or_insert(Chat {
            id,
            kind,
            title: title.to_owned(),
            is_forum,
            topics: BTreeMap::new(),
            members: BTreeMap::new(),
            migrated_to: None,
            last_message_id: 0,
            last_bot: None,
        })
    }

    /// A user of either kind as `User`.
    #[must_use]
    pub fn user(&self, id: i64) -> Value {
        let person = self.people.get(&id).map(Person::shown);
        person.or_else(|| self.bots.get(&id).map(Bot::shown)).unwrap_or(Value::Null)
    }

    // --- where a bot may do something ----------------------------------------------------------------------------

    /// The chat that a request names, whether or not the bot may write there.
    ///
    /// # Errors
    /// When the bot can't know such a chat.
    pub fn find_chat(&self, bot: i64, named: &str) -> Result<ChatKey, Refusal> {
        if named.is_empty() {
            return Err(Refusal::bad_request("chat_id is empty"));
        }
        let lost = || Refusal::bad_request("chat not found");
        let id: i64 = named.parse().map_err(|_| lost())?;
        if self.chats.contains_key(&id) {
            return Ok(ChatKey { id, bot: None });
        }
        let is_met = |id: &i64| {
            self.bots[&bot].started_by.contains(id)
                || self.chats.values().any(|chat| chat.members.contains_key(id) && chat.standing(bot).is_in())
        };
        self.people.get(&id).map(|person| person.id).filter(is_met).ok_or_else(lost)?;
        Ok(ChatKey { id, bot: Some(bot) })
    }

    /// The chat that a request names, if the bot may write there.
    ///
    /// # Errors
    /// Telegram's words for why not.
    pub fn writable_chat(&self, bot: i64, named: &str) -> Result<ChatKey, Refusal> {
        let chat = self.find_chat(bot, named)?;
        if let Some(shared) = self.chats.get(&chat.id) {
            shared.check_member(bot)?;
        } else if self.people[&chat.id].is_deactivated {
            return Err(Refusal::forbidden("user is deactivated"));
        } else if self.bots[&bot].blocked_by.contains(&chat.id) {
            return Err(Refusal::forbidden("bot was blocked by the user"));
        } else if !self.bots[&bot].started_by.contains(&chat.id) {
            return Err(Refusal::forbidden("bot can't initiate conversation with a user"));
        }
        Ok(chat)
    }

    // --- messages ------------------------------------------------------------------------------------------------

    /// A message that is still to be seen.
    #[must_use]
    pub fn message(&self, chat: ChatKey, id: i64) -> Option<&Message> {
        self.messages.iter().find(|message| message.chat == chat && message.id == id && !message.is_deleted)
    }

    /// The same, to be changed.
    pub fn message_mut(&mut self, chat: ChatKey, id: i64) -> Option<&mut Message> {
        self.messages.iter_mut().find(|message| message.chat == chat && message.id == id && !message.is_deleted)
    }

    /// A message of nobody yet, with its number, ready to be filled in and added.
    pub fn new_message(&mut self, chat: ChatKey, author: Author, text: Formatted) -> Message {
        let id = match self.chats.get_mut(&chat.id) {
            Some(chat) if chat.kind != Kind::Group => {
                chat.last_message_id += 1;
                chat.last_message_id
            }
            _ => {
                self.last_shared_message_id += 1;
                self.last_shared_message_id
            }
        };
        let version = self.new_version(text);
        Message {
            id,
            chat,
            thread: None,
            author,
            reply_to: None,
            date: self.date(),
            order: version.order,
            versions: vec![version],
            attachment: None,
            album: None,
            service: None,
            is_deleted: false,
            reactions: Vec::new(),
            delivered_to: Vec::new(),
            addressed_to: Vec::new(),
        }
    }

    /// A text at this moment.
    pub fn new_version(&mut self, text: Formatted) -> Version {
        let Formatted { text, entities } = text;
        Version { text, entities, markup: None, date: self.date(), order: self.next_order(), at_ms: self.now_ms() }
    }

    /// Adds a bot's message.
    pub fn post(&mut self, message: Message) {
        if let (Author::Bot(bot), Some(chat)) = (message.author, self.chats.get_mut(&message.chat.id)) {
            chat.last_bot = Some(bot);
        }
        self.messages.push(message);
    }

    /// Adds a message of somebody else and sends it to the bots that may read it; returns the ids of the updates.
    pub fn publish(&mut self, mut message: Message) -> Vec<(i64, i64)> {
        let readers = self.readers(&message);
        message.addressed_to = readers.iter().filter(|bot| self.speaks_to(&message, **bot)).copied().collect();
        message.delivered_to.clone_from(&readers);
        let is_channel = matches!(message.author, Author::Channel(_));
        let kind = if is_channel { "channel_post" } else { "message" };
        let (chat, id) = (message.chat, message.id);
        self.messages.push(message);
        let shown = self.message(chat, id).map(|message| self.shown(message)).unwrap_or_default();
        readers.into_iter().filter_map(|bot| Some((bot, self.tell(bot, kind, shown.clone())?))).collect()
    }

    /// Sends the present state of a message again, as edited.
    pub fn publish_edit(&mut self, chat: ChatKey, id: i64) -> Vec<(i64, i64)> {
        let Some(message) = self.message(chat, id) else { return Vec::new() };
        let is_channel = matches!(message.author, Author::Channel(_));
        let kind = if is_channel { "edited_channel_post" } else { "edited_message" };
        let (readers, shown) = (self.readers(message), self.shown(message));
        readers.into_iter().filter_map(|bot| Some((bot, self.tell(bot, kind, shown.clone())?))).collect()
    }

    /// Puts an update into a bot's queue.
    pub fn tell(&mut self, bot: i64, kind: &str, body: Value) -> Option<i64> {
        let now = self.now_ms();
        self.bots.get_mut(&bot)?.queue.push(kind, body, now)
    }

    /// The bots that get a message: all in private, in channels and for service messages; in groups by privacy mode.
    ///
    /// <https://core.telegram.org/bots/features#privacy-mode>
    fn readers(&self, message: &Message) -> Vec<i64> {
        if let Some(bot) = message.chat.bot {
            return if self.bots[&bot].blocked_by.contains(&message.chat.id) { Vec::new() } else { vec![bot] };
        }
        let chat = &self.chats[&message.chat.id];
        let reads = |bot: &&Bot| {
            let standing = chat.standing(bot.id);
            let sees_all = bot.reads_all || standing == Standing::Administrator || chat.kind == Kind::Channel;
            standing.is_in() && (sees_all || message.service.is_some() || self.speaks_to(message, bot.id))
        };
        self.bots.values().filter(reads).map(|bot| bot.id).collect()
    }

    /// Whether a message is meant for a bot: in private, by a command, a mention, or as a reply to the bot.
    fn speaks_to(&self, message: &Message, bot: i64) -> bool {
        if message.chat.bot == Some(bot) {
            return true;
        }
        let Some(chat) = self.chats.get(&message.chat.id) else { return false };
        let at_bot = format!("@{}", self.bots[&bot].username).to_lowercase();
        let text = message.now();
        let units: Vec<u16> = text.text.encode_utf16().collect();
        let is_named = text.entities.iter().any(|entity| {
            let begin = entity["offset"].as_u64().unwrap_or_default() as usize;
            let length = entity["length"].as_u64().unwrap_or_default() as usize;
            let words = String::from_utf16_lossy(&units[begin..begin + length]).to_lowercase();
            match entity["type"].as_str() {
                Some("mention") => words == at_bot,
                Some("bot_command") if words.contains('@') => words.ends_with(&at_bot),
                // A command that names nobody goes to the bot that wrote last.
                Some("bot_command") => chat.last_bot.is_none_or(|last| last == bot),
                Some("text_mention") => entity["user"]["id"].as_i64() == Some(bot),
                _ => false,
            }
        });
        let replied = message.reply_to.and_then(|id| self.message(message.chat, id));
        is_named || replied.is_some_and(|replied| replied.author == Author::Bot(bot))
    }

    // --- what changes in chats -----------------------------------------------------------------------------------

    /// Sets what somebody is in a chat; a bot hears of itself.
    pub fn set_standing(&mut self, chat: i64, user: i64, by: i64, standing: Standing) {
        let Some(known) = self.chats.get_mut(&chat) else { return };
        let before = known.members.insert(user, standing).unwrap_or(Standing::Left);
        let (shown, date) = (known.shown(), self.date());
        if self.bots.contains_key(&user) && before != standing {
            let (old, new) = (before.shown(self.user(user)), standing.shown(self.user(user)));
            let body = json!({ "chat": shown, "from": self.user(by), "date": date, "old_chat_member": old,
                               "new_chat_member": new });
            self.tell(user, "my_chat_member", body);
        }
    }

    /// A service message of a person, with these fields.
    pub fn service(&mut self, chat: i64, by: i64, thread: Option<i64>, fields: Value) -> i64 {
        let key = ChatKey { id: chat, bot: None };
        let mut message = self.new_message(key, Author::Person(by), Formatted::default());
        message.thread = thread;
        message.service = Some(fields);
        let id = message.id;
        self.publish(message);
        id
    }

    /// Opens a topic in a forum; returns its id.
    pub fn open_topic(&mut self, chat: i64, by: i64, name: &str) -> i64 {
        let id = self.chats[&chat].last_message_id + 1;
        let topic = Topic { name: name.to_owned(), is_closed: false };
        self.chats.entry(chat).and_modify(|known| drop(known.topics.insert(id, topic)));
        let fields = json!({ "forum_topic_created": { "name": name, "icon_color": 7_322_096 } });
        self.service(chat, by, Some(id), fields)
    }

    /// Makes a group a supergroup; returns its new id.
    pub fn migrate(&mut self, chat: i64, by: i64) -> i64 {
        let Some(old) = self.chats.get(&chat).cloned() else { return chat };
        let new = self.add_chat(Kind::Supergroup, &old.title, false);
        new.members.clone_from(&old.members);
        let to = new.id;
        self.service(chat, by, None, json!({ "migrate_to_chat_id": to }));
        self.chats.entry(chat).and_modify(|old| old.migrated_to = Some(to));
        self.service(to, by, None, json!({ "migrate_from_chat_id": chat }));
        to
    }
}
