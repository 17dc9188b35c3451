//! Messages of text: sent, edited, deleted; and what shows for a moment.

use serde_json::{Value, json};

use super::{Call, object};
use crate::telegram::{
    book::{Author, Message, Passing},
    chats::{ChatKey, GENERAL_TOPIC},
    errors::{Answer, Refusal},
    markup,
    text::{self, Formatted, TEXT_MAX_UTF16, utf16},
};

/// What a message needs beside its text.
pub(super) struct Frame {
    pub(super) chat: ChatKey,
    thread: Option<i64>,
    reply_to: Option<i64>,
    markup: Option<Value>,
}

/// The names of the parameters that hold a text.
pub(super) struct Names {
    text: &'static str,
    entities: &'static str,
}

pub(super) const TEXT: Names = Names { text: "text", entities: "entities" };
pub(super) const CAPTION: Names = Names { text: "caption", entities: "caption_entities" };

impl Call<'_> {
    /// <https://core.telegram.org/bots/api#sendmessage>
    pub(super) fn send_message(mut self) -> Answer {
        if self.args.text("text").is_empty() {
            return Err(Refusal::bad_request("message text is empty"));
        }
        let (words, entities) = self.words(&TEXT)?;
        let frame = self.frame()?;
        let formatted = text::fix(&words, entities)?;
        if utf16(&formatted.text) > TEXT_MAX_UTF16 {
            return Err(Refusal::bad_request("message is too long"));
        }
        self.count(frame.chat.id)?;
        let message = self.framed(&frame, formatted);
        Ok(self.post(message))
    }

    /// <https://core.telegram.org/bots/api#editmessagetext>
    pub(super) fn edit_message_text(mut self) -> Answer {
        if self.args.text("text").is_empty() {
            return Err(Refusal::bad_request("message text is empty"));
        }
        let (words, entities) = self.words(&TEXT)?;
        let (chat, id) = self.own_message("edit")?;
        if self.network.message(chat, id).is_some_and(|message| message.attachment.is_some()) {
            return Err(Refusal::bad_request("there is no text in the message to edit"));
        }
        let formatted = text::fix(&words, entities)?;
        if utf16(&formatted.text) > TEXT_MAX_UTF16 {
            return Err(Refusal::bad_request("MESSAGE_TOO_LONG"));
        }
        let markup = self.inline_keyboard()?;
        self.replace(chat, id, formatted, markup)
    }

    /// <https://core.telegram.org/bots/api#editmessagecaption>
    pub(super) fn edit_message_caption(mut self) -> Answer {
        let caption = self.caption(self.args.text("caption"), &CAPTION)?;
        let (chat, id) = self.own_message("edit")?;
        if self.network.message(chat, id).is_some_and(|message| message.attachment.is_none()) {
            return Err(Refusal::bad_request("there is no caption in the message to edit"));
        }
        let markup = self.inline_keyboard()?;
        self.replace(chat, id, caption, markup)
    }

    /// <https://core.telegram.org/bots/api#editmessagereplymarkup>
    pub(super) fn edit_message_reply_markup(mut self) -> Answer {
        let (chat, id) = self.own_message("edit")?;
        let markup = self.inline_keyboard()?;
        let now = self.network.message(chat, id).map(|message| message.now().clone());
        let formatted = now.map(|now| Formatted { text: now.text, entities: now.entities }).unwrap_or_default();
        self.replace(chat, id, formatted, markup)
    }

    fn replace(&mut self, chat: ChatKey, id: i64, formatted: Formatted, markup: Option<Value>) -> Answer {
        let now = self.network.message(chat, id).map(Message::now);
        if now
            .is_some_and(|now| now.text == formatted.text && now.entities == formatted.entities && now.markup == markup)
        {
            return Err(Refusal::bad_request(
                "message is not modified: specified new message content and reply markup are exactly the same as a \
                 current content and reply markup of the message",
            ));
        }
        self.count(chat.id)?;
        let mut version = self.network.new_version(formatted);
        version.markup = markup;
        if let Some(message) = self.network.message_mut(chat, id) {
            message.versions.push(version);
        }
        Ok(self.network.message(chat, id).map(|message| self.network.shown(message)).unwrap_or_default())
    }

    /// <https://core.telegram.org/bots/api#deletemessage>
    pub(super) fn delete_message(mut self) -> Answer {
        let id = self.args.integer("message_id").unwrap_or_default();
        self.delete(id)
    }

    /// <https://core.telegram.org/bots/api#deletemessages>. What is not there is skipped.
    pub(super) fn delete_messages(mut self) -> Answer {
        let ids = self.args.json("message_ids")?.unwrap_or_default();
        for id in ids.as_array().into_iter().flatten().filter_map(Value::as_i64) {
            let _ = self.delete(id);
        }
        Ok(json!(true))
    }

    fn delete(&mut self, id: i64) -> Answer {
        let chat = self.network.writable_chat(self.bot, &self.args.text("chat_id"))?;
        let bot = self.bot;
        let message = self.network.message_mut(chat, id);
        let message = message.ok_or_else(|| Refusal::bad_request("message to delete not found"))?;
        // A bot may delete what people wrote to it in private, and elsewhere its own.
        if message.author != Author::Bot(bot) && chat.bot.is_none() {
            return Err(Refusal::bad_request("message can't be deleted for everyone"));
        }
        message.is_deleted = true;
        Ok(json!(true))
    }

    /// <https://core.telegram.org/bots/api#sendmessagedraft>
    pub(super) fn send_message_draft(self) -> Answer {
        let (words, entities) = self.words(&TEXT)?;
        let chat = self.network.writable_chat(self.bot, &self.args.text("chat_id"))?;
        if chat.bot.is_none() {
            return Err(Refusal::bad_request("TEXTDRAFT_PEER_INVALID"));
        }
        let draft = self.args.integer("draft_id").filter(|draft| *draft != 0);
        let draft = draft.ok_or_else(|| Refusal::bad_request("draft_id must be non-zero"))?;
        let shown = if words.is_empty() { Formatted::default() } else { text::fix(&words, entities)? };
        if utf16(&shown.text) > TEXT_MAX_UTF16 {
            return Err(Refusal::bad_request("MESSAGE_TOO_LONG"));
        }
        let thread = self.args.integer("message_thread_id");
        self.show(chat.id, thread, draft, shown.text);
        Ok(json!(true))
    }

    /// <https://core.telegram.org/bots/api#sendchataction>
    pub(super) fn send_chat_action(self) -> Answer {
        const ACTIONS: [&str; 11] = [
            "typing",
            "upload_photo",
            "record_video",
            "upload_video",
            "record_voice",
            "upload_voice",
            "upload_document",
            "choose_sticker",
            "find_location",
            "record_video_note",
            "upload_video_note",
        ];
        let action = self.args.text("action").to_lowercase();
        if !ACTIONS.contains(&action.as_str()) {
            return Err(Refusal::bad_request("wrong parameter action in request"));
        }
        let chat = self.network.writable_chat(self.bot, &self.args.text("chat_id"))?;
        let thread = self.args.integer("message_thread_id");
        // An action may name the general topic, a message may not.
        if let (Some(thread), Some(shared)) = (thread, self.network.chats.get(&chat.id))
            && !(shared.is_forum && thread == GENERAL_TOPIC)
        {
            shared.check_thread(thread, self.bot)?;
        }
        self.show(chat.id, thread, 0, action);
        Ok(json!(true))
    }

    fn show(self, chat: i64, thread: Option<i64>, draft: i64, what: String) {
        let at_ms = self.network.now_ms();
        self.network.passing.push(Passing { bot: self.bot, chat, thread, draft, what, at_ms });
    }

    /// <https://core.telegram.org/bots/api#setmessagereaction>
    pub(super) fn set_message_reaction(self) -> Answer {
        let chat = self.network.writable_chat(self.bot, &self.args.text("chat_id"))?;
        let reactions = self.args.json("reaction")?.unwrap_or_else(|| json!([]));
        let reactions = reactions.as_array().cloned().unwrap_or_default();
        if reactions.len() > 1 {
            return Err(Refusal::bad_request("REACTIONS_TOO_MANY"));
        }
        let mut emoji = Vec::new();
        for reaction in &reactions {
            let known = reaction["emoji"].as_str().filter(|emoji| REACTIONS.split(' ').any(|known| known == *emoji));
            emoji.push(known.ok_or_else(|| Refusal::bad_request("REACTION_INVALID"))?.to_owned());
        }
        let (bot, id) = (self.bot, self.args.integer("message_id").unwrap_or_default());
        let message = self.network.message_mut(chat, id);
        let message = message.ok_or_else(|| Refusal::bad_request("message to react not found"))?;
        message.reactions.retain(|(by, _)| *by != bot);
        message.reactions.extend(emoji.into_iter().map(|emoji| (bot, emoji)));
        Ok(json!(true))
    }

    /// <https://core.telegram.org/bots/api#answercallbackquery>
    pub(super) fn answer_callback_query(self) -> Answer {
        let id = self.args.text("callback_query_id");
        let mut is_known = false;
        self.network.bots.entry(self.bot).and_modify(|bot| is_known = bot.presses.remove(&id));
        if is_known {
            return Ok(json!(true));
        }
        Err(Refusal::bad_request("query is too old and response timeout expired or query ID is invalid"))
    }

    // --- what messages have in common ----------------------------------------------------------------------------

    /// A text and its entities as they were sent, or as its markup says.
    pub(super) fn words(&self, names: &Names) -> Result<(String, Vec<Value>), Refusal> {
        self.marked(self.args.text(names.text), self.args.text("parse_mode"), self.args.json(names.entities)?)
    }

    pub(super) fn marked(
        &self,
        words: String,
        parse_mode: String,
        entities: Option<Value>,
    ) -> Result<(String, Vec<Value>), Refusal> {
        if parse_mode.is_empty() || parse_mode.eq_ignore_ascii_case("none") {
            return Ok((words, text::entities(entities)?));
        }
        markup::parse(&words, &parse_mode)
    }

    /// Where a message goes, what it answers, and what hangs below it.
    pub(super) fn frame(&self) -> Result<Frame, Refusal> {
        let reply = self.args.json("reply_parameters")?;
        let chat = self.network.writable_chat(self.bot, &self.args.text("chat_id"))?;
        let mut thread = self.args.integer("message_thread_id").filter(|thread| *thread != 0);
        let mut reply_to = None;
        if let Some(reply) = reply {
            let reply = object(&reply, "reply parameters")?;
            let id = reply.get("message_id").and_then(Value::as_i64).unwrap_or_default();
            let may_be_lost = reply.get("allow_sending_without_reply").and_then(Value::as_bool).unwrap_or(false);
            match self.network.message(chat, id) {
                Some(target) => {
                    reply_to = Some(id);
                    thread = thread.or(target.thread);
                }
                None if may_be_lost => {}
                None => return Err(Refusal::bad_request("message to be replied not found")),
            }
        }
        if let Some(thread) = thread {
            let shared = self.network.chats.get(&chat.id);
            shared.ok_or_else(|| Refusal::bad_request("message thread not found"))?.check_thread(thread, self.bot)?;
        }
        Ok(Frame { chat, thread, reply_to, markup: self.inline_keyboard()? })
    }

    /// The keyboard below a message; other kinds of markup change nothing that is kept.
    fn inline_keyboard(&self) -> Result<Option<Value>, Refusal> {
        let Some(markup) = self.args.json("reply_markup")? else { return Ok(None) };
        let rows = object(&markup, "reply markup")?.get("inline_keyboard").and_then(Value::as_array);
        Ok(rows.is_some_and(|rows| !rows.is_empty()).then_some(markup))
    }

    /// A message of the bot in its place.
    pub(super) fn framed(&mut self, frame: &Frame, formatted: Formatted) -> Message {
        let mut message = self.network.new_message(frame.chat, Author::Bot(self.bot), formatted);
        message.thread = frame.thread;
        message.reply_to = frame.reply_to;
        for version in &mut message.versions {
            version.markup.clone_from(&frame.markup);
        }
        message
    }

    /// Posts a message and shows it.
    pub(super) fn post(&mut self, message: Message) -> Value {
        let shown = self.network.shown(&message);
        self.network.post(message);
        shown
    }

    /// A message of this bot that a request names.
    fn own_message(&self, to: &str) -> Result<(ChatKey, i64), Refusal> {
        let chat = self.network.writable_chat(self.bot, &self.args.text("chat_id"))?;
        let id = self.args.integer("message_id").unwrap_or_default();
        let message = self.network.message(chat, id);
        let message = message.ok_or_else(|| Refusal::bad_request(format_args!("message to {to} not found")))?;
        if message.author != Author::Bot(self.bot) {
            return Err(Refusal::bad_request(format_args!("message can't be {to}ed")));
        }
        Ok((chat, id))
    }
}

/// What bots may react with (<https://core.telegram.org/bots/api#reactiontypeemoji>); a part of the list.
const REACTIONS: &str = "👍 👎 ❤ 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤‍🔥 🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 \
                         😐 🍓 🍾 💋 🖕 😈 😴 😭 🤓 👻 👨‍💻 👀 🎃 🙈 😇 😨 🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 \
                         👾 🤷‍♂ 🤷 🤷‍♀ 😡";
