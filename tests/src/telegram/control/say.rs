//! What a person says, with or without files.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{block, place};
use crate::telegram::{
    book::Author,
    chats::Kind,
    network::Network,
    request::Upload,
    text::{self, Formatted},
};

/// What a person says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Say {
    /// Who.
    #[serde(default = "super::alice")]
    pub person: String,
    /// Which bot.
    #[serde(default)]
    pub bot: Option<i64>,
    /// Where.
    #[serde(default)]
    pub chat: Option<i64>,
    /// The topic, if any.
    #[serde(default)]
    pub thread: Option<i64>,
    /// The message it answers, if any.
    #[serde(default)]
    pub reply_to: Option<i64>,
    /// The words, or the caption.
    #[serde(default)]
    pub text: String,
    /// Entities beside those that are found in the words.
    #[serde(default)]
    pub entities: Vec<Value>,
    /// The file, if any.
    #[serde(default)]
    pub file: Option<File>,
    /// The album, if the file is part of one.
    #[serde(default)]
    pub album: Option<String>,
    /// Files that make an album at once; the caption is that of the first.
    #[serde(default)]
    pub files: Vec<File>,
    /// How long ago it was said.
    #[serde(default)]
    pub age_s: i64,
}

/// A file of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// `photo`, `live_photo`, `voice`, `video`, `video_note`, `audio`, `animation`, `document` or `sticker`.
    pub kind: String,
    /// The name.
    pub name: String,
    /// The type.
    #[serde(default)]
    pub mime: Option<String>,
    /// The content, if it is text.
    #[serde(default)]
    pub text: String,
    /// The content, if it is not.
    #[serde(default)]
    pub bytes: Vec<u8>,
    /// The size it claims, if more than is there.
    #[serde(default)]
    pub size_bytes: Option<u64>,
}

/// Says it; an album is as many messages.
pub(super) fn say(network: &mut Network, mut said: Say) -> Result<Value, String> {
    if said.files.is_empty() {
        return say_one(network, said);
    }
    said.album = Some(format!("album{}", network.next_made()));
    let mut first = None;
    for file in std::mem::take(&mut said.files) {
        let done = say_one(network, Say { file: Some(file), ..said.clone() })?;
        first.get_or_insert(done);
        said.text.clear();
        said.entities.clear();
    }
    first.ok_or_else(|| "no files".to_owned())
}

fn say_one(network: &mut Network, said: Say) -> Result<Value, String> {
    let Say { person, bot, chat, thread, reply_to, text, entities, file, album, files: _, age_s } = said;
    let (chat, person) = place(network, &person, bot, chat)?;
    if let Some(bot) = chat.bot {
        // Whoever writes to a bot starts it, and blocks it no longer.
        block(network, bot, person, false);
        network.bots.entry(bot).and_modify(|bot| bot.started_by.extend([person]));
    }
    let fixed = match text::fix(&text, entities) {
        Ok(fixed) => fixed,
        Err(_) if file.is_some() && text.trim().is_empty() => Formatted::default(),
        Err(refused) => return Err(refused.description),
    };
    if let Some(thread) = thread {
        let topics = network.chats.get(&chat.id).map(|chat| &chat.topics);
        topics.and_then(|topics| topics.get(&thread)).ok_or("no such topic")?;
    }
    let is_channel = network.chats.get(&chat.id).is_some_and(|chat| chat.kind == Kind::Channel);
    let author = if is_channel { Author::Channel(chat.id) } else { Author::Person(person) };
    let mut message = network.new_message(chat, author, fixed);
    message.thread = thread;
    message.reply_to = reply_to;
    message.album = album;
    message.date -= age_s;
    if let Some(File { kind, name, mime, text, bytes, size_bytes }) = file {
        let bytes = if bytes.is_empty() { text.into_bytes() } else { bytes };
        message.attachment = Some(network.store(&kind, Upload { name, mime, bytes }, size_bytes));
    }
    let (id, name) = (message.id, message.name());
    let updates = network.publish(message);
    Ok(json!({ "chat_id": chat.id, "message_id": id, "id": name, "updates": updates }))
}
