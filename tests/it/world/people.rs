//! People on Matrix, whose clients are matrix-nio's: one process for all of them, and the test's side of it.

use std::{collections::BTreeMap, fs::File, path::Path, process::Stdio, time::Instant};

use lastword_tests::matrix::room::{Event, Message, messages};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::Mutex,
};

use super::{LOOK_EVERY, PATIENCE};

/// The process, and what it has told.
pub struct People {
    link: Mutex<Link>,
    heard: Mutex<BTreeMap<String, Heard>>,
}

struct Link {
    _child: Child,
    says: ChildStdin,
    hears: Lines<BufReader<ChildStdout>>,
}

/// What one person's client has heard.
#[derive(Default)]
struct Heard {
    count: u64,
    events: BTreeMap<u64, Event>,
}

impl People {
    /// They may start before they know where the homeserver is.
    pub(super) fn start(python: &Path, directory: &Path, secret: &str) -> Self {
        std::fs::create_dir_all(directory).unwrap();
        let said = File::create(directory.join("said")).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/matrix/people.py");
        let mut child = Command::new(python)
            .arg(script)
            .args([directory.to_str().unwrap(), secret])
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(said)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (says, hears) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let link = Link { _child: child, says, hears: BufReader::new(hears).lines() };
        Self { link: Mutex::new(link), heard: Mutex::default() }
    }

    /// Says where the homeserver is, once.
    pub(super) async fn go_to(&self, home: &str) {
        self.link.lock().await.says.write_all(format!("{home}\n").as_bytes()).await.unwrap();
    }

    /// Has something done, and returns what came of it.
    pub(super) async fn does(&self, deed: Value) -> Value {
        self.tries(deed.clone()).await.unwrap_or_else(|why| panic!("{deed}: {why}"))
    }

    /// The same, where it may be refused.
    async fn tries(&self, deed: Value) -> Result<Value, String> {
        let mut link = self.link.lock().await;
        link.says.write_all(format!("{deed}\n").as_bytes()).await.unwrap();
        let line = tokio::time::timeout(PATIENCE, link.hears.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("nobody answers to {deed}")).unwrap();
        let mut answer: Value = serde_json::from_str(&line.expect("the people's process runs")).unwrap();
        match answer["error"].as_str() {
            Some(why) => Err(why.to_owned()),
            None => Ok(answer["is"].take()),
        }
    }

    /// Somebody who has an account logs in, as a device of their own.
    pub(super) async fn person(&self, name: &str, password: &str) -> Person<'_> {
        let login = json!({ "do": "log_in", "who": name, "password": password });
        self.does(login).await;
        self.of_name(name)
    }

    /// Somebody who is logged in.
    pub(super) fn of_name(&self, name: &str) -> Person<'_> {
        Person { people: self, name: name.to_owned(), id: format!("@{name}:localhost") }
    }

    /// Reads on in what somebody's client hears, and gives all of it.
    async fn events(&self, who: &str) -> Vec<Event> {
        let mut heard = self.heard.lock().await;
        let heard = heard.entry(who.to_owned()).or_default();
        let mut news = self.does(json!({ "do": "news", "who": who, "since": heard.count })).await;
        heard.count = news["count"].as_u64().unwrap();
        let news: Vec<Event> = serde_json::from_value(news["events"].take()).unwrap();
        heard.events.extend(news.into_iter().map(|event| (event.order, event)));
        heard.events.values().cloned().collect()
    }
}

/// Somebody with a phone, who speaks, and sees what there is to see.
#[derive(Clone)]
pub struct Person<'a> {
    people: &'a People,
    name: String,
    id: String,
}

impl Person<'_> {
    /// `@name:localhost`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Does one of the things that `people.py` lists.
    pub async fn does(&self, deed: &str, how: Value) -> Value {
        self.tries(deed, how).await.unwrap_or_else(|why| panic!("{} does {deed}: {why}", self.name))
    }

    /// The same, where it may be refused.
    pub async fn tries(&self, deed: &str, mut how: Value) -> Result<Value, String> {
        how["do"] = deed.into();
        how["who"] = self.name.as_str().into();
        self.people.tries(how).await
    }

    /// Opens a room with somebody, who is asked in; returns its id.
    pub async fn opens(&self, how: Value) -> String {
        self.does("create", how).await.as_str().unwrap().to_owned()
    }

    /// Opens a direct room with the bot, and waits until it is in it.
    pub async fn direct(&self, bot: &str) -> String {
        let room = self.opens(json!({ "invite": [bot], "is_direct": true })).await;
        self.sees(&room, bot).await;
        room
    }

    /// The same, encrypted.
    pub async fn secret(&self, bot: &str) -> String {
        let room = self.opens(json!({ "invite": [bot], "is_direct": true, "is_encrypted": true })).await;
        self.sees(&room, bot).await;
        room
    }

    /// Waits until somebody is in a room, with a device where what is said has to be encrypted.
    pub async fn sees(&self, room: &str, user: &str) {
        let begin = Instant::now();
        loop {
            let members = self.does("members", json!({ "room": room })).await;
            let devices = members[user].as_array();
            let is_secret = self.events_of(room).await.iter().any(|event| event.kind == "m.room.encryption");
            if devices.is_some_and(|devices| !is_secret || !devices.is_empty()) {
                return;
            }
            assert!(begin.elapsed() < PATIENCE, "{user} does not come: {members}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Says something in a room; returns the event's id.
    pub async fn says(&self, room: &str, text: &str) -> String {
        self.says_so(room, text, json!({})).await
    }

    /// The same, in a thread.
    pub async fn says_in(&self, room: &str, thread: &str, text: &str) -> String {
        self.says_so(room, text, json!({ "thread": thread })).await
    }

    /// The same, to somebody.
    pub async fn says_to(&self, room: &str, user: &str, text: &str) -> String {
        self.says_so(room, text, json!({ "mentions": [user] })).await
    }

    /// The same, as `how` says.
    pub async fn says_so(&self, room: &str, text: &str, mut how: Value) -> String {
        (how["room"], how["text"]) = (room.into(), text.into());
        self.does("say", how).await.as_str().unwrap().to_owned()
    }

    /// Waits until everything that is there by now was heard.
    pub async fn catches_up(&self) {
        let room = self.opens(json!({ "name": "at home" })).await;
        let said = self.says(&room, "so far").await;
        let begin = Instant::now();
        while !self.events_of(&room).await.iter().any(|event| event.id == said) {
            assert!(begin.elapsed() < PATIENCE, "{} does not hear anything", self.name);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Every event of every room that this person is in, oldest first.
    pub async fn events(&self) -> Vec<Event> {
        self.people.events(&self.name).await
    }

    /// The events of one room.
    pub async fn events_of(&self, room: &str) -> Vec<Event> {
        let events = self.events().await.into_iter();
        events.filter(|event| event.room == room).collect()
    }

    /// The messages of a room, oldest first.
    pub async fn reads(&self, room: &str) -> Vec<Message> {
        messages(self.events_of(room).await.iter())
    }

    /// What people read in a room, a line a message; who is in a thread is set in.
    pub async fn transcript(&self, room: &str) -> String {
        let line = |message: &Message| {
            let name = message.event.sender.trim_start_matches('@').split(':').next().unwrap_or_default();
            let text = match (message.is_readable(), message.is_redacted) {
                (false, _) => "(can't be read)",
                (_, true) => "(taken back)",
                _ => message.now().text.as_str(),
            };
            let indent = if message.thread.is_some() { "  " } else { "" };
            format!("{indent}{name}: {text}\n")
        };
        self.reads(room).await.iter().map(line).collect()
    }

    /// Sends a file into a room, as `how` says; returns the event's id.
    pub async fn sends(&self, room: &str, name: &str, data: &[u8], mut how: Value) -> String {
        let data: String = data.iter().copied().map(char::from).collect();
        (how["room"], how["name"], how["data"]) = (room.into(), name.into(), data.into());
        self.does("send_file", how).await.as_str().unwrap().to_owned()
    }

    /// The file of a message: its content, fetched and decrypted.
    pub async fn fetches(&self, message: &Message) -> Vec<u8> {
        let file = self.does("fetch", json!({ "content": message.event.content })).await;
        file.as_str().unwrap().chars().map(|c| u8::try_from(c).unwrap()).collect()
    }
}
