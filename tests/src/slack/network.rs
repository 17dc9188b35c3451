//! Everything the fake network knows.
//!
//! Guarantee: every request is applied whole or not at all, under the one lock around this value.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    blocks,
    book::{Book, Call, Passing},
    fault::Faults,
    limits::Limiter,
    links::Links,
    message::{Author, Message, Version, ts_of},
    people::{App, Conversation, Install, Kind, Person, TokenState, Workspace},
    settings::Settings,
    text::{self, Shown},
    validate::Violation,
};

/// A file, whole or announced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// `F…`.
    pub id: String,
    /// The workspace.
    pub team: String,
    /// Who uploaded it.
    pub user: String,
    /// The name.
    pub name: String,
    /// The title.
    pub title: String,
    /// The type.
    pub mime: String,
    /// The size, which for people's files may be more than is there.
    pub size_bytes: u64,
    /// Where it was shared, as (channel, ts).
    pub shares: Vec<(String, String)>,
    /// Unix time in seconds.
    pub created: u64,
    /// The ticket of its upload, until it is completed.
    pub ticket: Option<String>,
    /// Whether the content arrived.
    pub is_uploaded: bool,
    #[serde(skip)]
    pub(super) bytes: Vec<u8>,
}

/// What a message is made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Content {
    /// The field `text`.
    pub text: String,
    /// Blocks, which are shown in the place of the text.
    pub blocks: Vec<Value>,
    /// Attachments, which are shown below.
    pub attachments: Vec<Value>,
    /// Whether marks of style in the text are words.
    pub is_unstyled: bool,
    /// Whether names in the text are linked.
    pub links_names: bool,
}

impl Content {
    /// Words alone.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

/// The whole network.
#[derive(Debug)]
pub struct Network {
    /// Its address.
    pub base: String,
    /// Workspaces in the order of their making.
    pub workspaces: Vec<Workspace>,
    /// People by id.
    pub people: BTreeMap<String, Person>,
    /// Apps by id.
    pub apps: BTreeMap<String, App>,
    /// Installations in the order of their making.
    pub installs: Vec<Install>,
    /// Conversations by id.
    pub conversations: BTreeMap<String, Conversation>,
    /// Messages in the order in which they came.
    pub messages: Vec<Message>,
    /// Files by id.
    pub files: BTreeMap<String, Stored>,
    /// Statuses, titles and prompts.
    pub passing: Vec<Passing>,
    /// Requests.
    pub calls: Vec<Call>,
    /// What was sent against the documentation.
    pub violations: Vec<Violation>,
    /// Faults to come.
    pub faults: Faults,
    /// How it behaves.
    pub settings: Settings,
    /// What was asked lately.
    pub limiter: Limiter,
    /// Sockets and what goes through them.
    pub links: Links,
    places: BTreeMap<(String, String), usize>,
    started: Instant,
    order: u64,
    made: u64,
}

impl Network {
    /// Nobody is in it.
    #[must_use]
    pub fn new(base: String) -> Self {
        Self {
            base,
            workspaces: Vec::new(),
            people: BTreeMap::new(),
            apps: BTreeMap::new(),
            installs: Vec::new(),
            conversations: BTreeMap::new(),
            messages: Vec::new(),
            files: BTreeMap::new(),
            passing: Vec::new(),
            calls: Vec::new(),
            violations: Vec::new(),
            faults: Faults::default(),
            settings: Settings::default(),
            limiter: Limiter::default(),
            links: Links::default(),
            places: BTreeMap::new(),
            started: Instant::now(),
            order: 0,
            made: 0,
        }
    }

    /// Milliseconds since the start.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Unix time in seconds.
    #[must_use]
    pub fn date(&self) -> u64 {
        UNIX_EPOCH.elapsed().unwrap_or(Duration::ZERO).as_secs()
    }

    /// The next place in the order of everything.
    pub fn next_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    /// A number that nothing else has.
    pub fn next_made(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    /// An id of the real shape.
    pub fn next_id(&mut self, kind: &str) -> String {
        format!("{kind}0{:08}", self.next_made())
    }

    /// Everything that anybody could have seen.
    #[must_use]
    pub fn book(&self) -> Book {
        Book {
            workspaces: self.workspaces.clone(),
            people: self.people.values().cloned().collect(),
            apps: self.apps.values().cloned().collect(),
            installs: self.installs.clone(),
            conversations: self.conversations.values().cloned().collect(),
            messages: self.messages.clone(),
            files: self.files.values().cloned().collect(),
            passing: self.passing.clone(),
            calls: self.calls.clone(),
            sockets: self.links.sockets.clone(),
            deliveries: self.links.deliveries.clone(),
        }
    }

    // --- who there is --------------------------------------------------------------------------------------------

    /// A workspace by name or id, made if there is none; the first if it is not named.
    pub fn workspace(&mut self, named: Option<&str>) -> String {
        let is_meant = |known: &&Workspace| named.is_none_or(|named| known.name == named || known.id == named);
        if let Some(known) = self.workspaces.iter().find(is_meant) {
            return known.id.clone();
        }
        let id = self.next_id("T");
        self.workspaces.push(Workspace { id: id.clone(), name: named.unwrap_or("Home").to_owned() });
        id
    }

    /// The name of a workspace.
    #[must_use]
    pub fn workspace_name(&self, team: &str) -> String {
        self.workspaces.iter().find(|known| known.id == team).map(|known| known.name.clone()).unwrap_or_default()
    }

    /// A person of a workspace by name or id, made if there is none.
    pub fn person(&mut self, team: &str, named: &str) -> String {
        let is_meant = |known: &&Person| known.id == named || (known.team == team && known.name == named);
        if let Some(known) = self.people.values().find(is_meant) {
            return known.id.clone();
        }
        let id = self.next_id("U");
        let person = Person { id: id.clone(), team: team.to_owned(), name: named.to_owned(), is_deactivated: false };
        self.people.insert(id.clone(), person);
        id
    }

    /// A new app with these subscriptions.
    pub fn add_app(&mut self, name: &str, events: BTreeSet<String>) -> String {
        let id = self.next_id("A");
        let app_token = format!("xapp-1-{id}-{}-{:016x}", self.next_made(), fastrand::u64(..));
        let app = App { id: id.clone(), name: name.to_owned(), app_token, events, has_socket_mode: true };
        self.apps.insert(id.clone(), app);
        id
    }

    /// Installs an app in a workspace.
    pub fn install(&mut self, app: &str, team: &str, scopes: BTreeSet<String>) -> Install {
        let install = Install {
            app: app.to_owned(),
            team: team.to_owned(),
            user: self.next_id("U"),
            bot: self.next_id("B"),
            name: self.apps.get(app).map(|app| app.name.clone()).unwrap_or_default(),
            token: self.new_token(),
            scopes,
            state: TokenState::Live,
        };
        self.installs.push(install.clone());
        install
    }

    /// A bot token of the real shape.
    pub fn new_token(&mut self) -> String {
        format!("xoxb-{}-{}-{:016x}", self.next_made(), self.next_made(), fastrand::u64(..))
    }

    /// The installation whose bot user this is.
    #[must_use]
    pub fn install_of(&self, user: &str) -> Option<&Install> {
        self.installs.iter().find(|install| install.user == user)
    }

    /// The name of a user of either kind, or of a channel.
    #[must_use]
    pub fn name_of(&self, id: &str) -> Option<String> {
        let person = self.people.get(id).map(|person| person.name.clone());
        let bot = || self.install_of(id).map(|install| install.name.clone());
        person.or_else(bot).or_else(|| self.conversations.get(id).map(|known| known.name.clone()))
    }

    // --- conversations -------------------------------------------------------------------------------------------

    /// A new conversation.
    pub fn add_conversation(&mut self, team: &str, kind: Kind, name: &str, creator: &str) -> &mut Conversation {
        let id = self.next_id(if kind == Kind::Direct { "D" } else { "C" });
        let created = self.date();
        self.conversations.entry(id.clone()).or_insert(Conversation {
            id,
            team: team.to_owned(),
            kind,
            name: name.to_owned(),
            creator: creator.to_owned(),
            members: BTreeSet::from([creator.to_owned()]),
            is_archived: false,
            created,
            last_ts_us: 0,
        })
    }

    /// The direct conversation of exactly these users, made if there is none.
    pub fn direct(&mut self, team: &str, users: BTreeSet<String>) -> String {
        let kind = if users.len() > 2 { Kind::Group } else { Kind::Direct };
        if let Some(known) =
            self.conversations.values().find(|known| known.team == team && known.kind == kind && known.members == users)
        {
            return known.id.clone();
        }
        let names: Vec<_> = users.iter().filter_map(|user| self.name_of(user)).collect();
        let name = if kind == Kind::Group { format!("mpdm-{}-1", names.join("--")) } else { String::new() };
        let creator = users.first().cloned().unwrap_or_default();
        let conversation = self.add_conversation(team, kind, &name, &creator);
        conversation.members = users;
        conversation.id.clone()
    }

    // --- messages ------------------------------------------------------------------------------------------------

    /// The next `ts` of a conversation: the time, and never one it had already.
    pub fn next_ts(&mut self, channel: &str) -> String {
        let now = UNIX_EPOCH.elapsed().unwrap_or(Duration::ZERO).as_micros();
        let mut us = u64::try_from(now).unwrap_or(u64::MAX);
        if let Some(known) = self.conversations.get_mut(channel) {
            us = us.max(known.last_ts_us + 1);
            known.last_ts_us = us;
        }
        ts_of(us)
    }

    /// A message of everybody's that is still to be seen.
    #[must_use]
    pub fn message(&self, channel: &str, ts: &str) -> Option<&Message> {
        self.any_message(channel, ts).filter(|message| !message.is_deleted)
    }

    /// The same, to be changed.
    pub fn message_mut(&mut self, channel: &str, ts: &str) -> Option<&mut Message> {
        let n = *self.places.get(&(channel.to_owned(), ts.to_owned()))?;
        self.messages.get_mut(n).filter(|message| !message.is_deleted)
    }

    /// The same, be it deleted.
    #[must_use]
    pub fn any_message(&self, channel: &str, ts: &str) -> Option<&Message> {
        self.places.get(&(channel.to_owned(), ts.to_owned())).map(|n| &self.messages[*n])
    }

    /// What is to be seen in a thread below its root, oldest first.
    pub fn replies<'a>(&'a self, channel: &'a str, root: &'a str) -> impl Iterator<Item = &'a Message> {
        self.messages.iter().filter(move |message| {
            message.channel == channel
                && message.thread.as_deref() == Some(root)
                && !message.is_deleted
                && message.only_for.is_none()
        })
    }

    /// Whether there is a thread, or a message that may become its root.
    #[must_use]
    pub fn has_thread(&self, channel: &str, root: &str) -> bool {
        self.message(channel, root).is_some() || self.replies(channel, root).next().is_some()
    }

    /// A message ready to be filled in and added.
    pub fn new_message(&mut self, channel: &str, author: Author, content: Content) -> Message {
        let ts = self.next_ts(channel);
        let version = self.new_version(content);
        Message {
            channel: channel.to_owned(),
            ts,
            team: self.conversations.get(channel).map(|known| known.team.clone()).unwrap_or_default(),
            author,
            thread: None,
            subtype: None,
            order: version.order,
            versions: vec![version],
            metadata: None,
            files: Vec::new(),
            reactions: Vec::new(),
            only_for: None,
            stream: None,
            is_deleted: false,
            delivered_to: Vec::new(),
            addressed_to: Vec::new(),
            more: Value::Null,
        }
    }

    /// A content at this moment, with what people read of it.
    pub fn new_version(&mut self, content: Content) -> Version {
        let Shown { text: shown, pings, is_formatted } = self.read(&content);
        let Content { text, blocks, attachments, .. } = content;
        let (order, at_ms) = (self.next_order(), self.now_ms());
        Version { shown, text, blocks, attachments, pings, is_formatted, order, at_ms }
    }

    fn read(&self, content: &Content) -> Shown {
        let names = |id: &str| self.name_of(id);
        let mut shown = if content.blocks.is_empty() {
            let mut shown = text::mrkdwn(&content.text, !content.is_unstyled, &names);
            if content.links_names {
                shown.pings.extend(text::linked_pings(&content.text));
            }
            shown
        } else {
            blocks::read(&content.blocks, &names)
        };
        for attachment in &content.attachments {
            let field = |name: &str| attachment[name].as_str().filter(|text| !text.is_empty());
            for words in ["pretext", "title"].into_iter().filter_map(field).chain(field("text").or(field("fallback"))) {
                shown.push_line(text::mrkdwn(words, true, &names));
            }
            let inner = attachment["blocks"].as_array().map(Vec::as_slice).unwrap_or_default();
            shown.push_line(blocks::read(inner, &names));
        }
        shown
    }

    /// Adds a message; returns its place.
    pub fn add(&mut self, message: Message) -> usize {
        let n = self.messages.len();
        if message.only_for.is_none() {
            self.places.insert((message.channel.clone(), message.ts.clone()), n);
        }
        self.messages.push(message);
        n
    }
}
