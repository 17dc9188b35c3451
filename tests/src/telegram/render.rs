//! Messages and chats as JSON, as bots read them.

use serde_json::{Value, json};

use super::{
    book::{Attachment, Author, Message},
    chats::ChatKey,
    network::Network,
};

impl Network {
    /// As `Chat`.
    #[must_use]
    pub fn chat_shown(&self, chat: ChatKey) -> Value {
        if let Some(shared) = self.chats.get(&chat.id) {
            return shared.shown();
        }
        let person = self.people.get(&chat.id);
        let (name, first_name) = person.map(|person| (&person.name, &person.first_name)).unzip();
        json!({ "id": chat.id, "type": "private", "username": name, "first_name": first_name })
    }

    /// As `Message`.
    #[must_use]
    pub fn shown(&self, message: &Message) -> Value {
        let mut shown = self.shown_flat(message);
        // What is written in a topic replies to the topic's first message, unless it replies to another.
        if let Some(target) = message.reply_to.or(message.thread).filter(|target| *target != message.id)
            && let Some(target) = self.message(message.chat, target)
        {
            shown["reply_to_message"] = self.shown_flat(target);
        }
        shown
    }

    /// As `Message`, without the one it replies to.
    fn shown_flat(&self, message: &Message) -> Value {
        let mut shown =
            json!({ "message_id": message.id, "date": message.date, "chat": self.chat_shown(message.chat) });
        match message.author {
            Author::Person(id) | Author::Bot(id) => shown["from"] = self.user(id),
            Author::Channel(id) => shown["sender_chat"] = self.chat_shown(ChatKey { id, bot: None }),
        }
        if let Some(thread) = message.thread {
            shown["message_thread_id"] = thread.into();
            shown["is_topic_message"] = true.into();
        }
        if let Some(Value::Object(fields)) = &message.service {
            for (name, value) in fields {
                shown[name] = value.clone();
            }
            return shown;
        }
        let text = message.now();
        let (words, marks) = match &message.attachment {
            Some(attachment) => {
                shown[&attachment.kind] = file_shown(attachment);
                // For those who do not know the kind, it is there as another, too.
                match attachment.kind.as_str() {
                    "animation" => shown["document"] = document_shown(attachment),
                    "live_photo" => shown["photo"] = photo_shown(attachment),
                    _ => {}
                }
                ("caption", "caption_entities")
            }
            None => ("text", "entities"),
        };
        if !text.text.is_empty() {
            shown[words] = text.text.clone().into();
        }
        if !text.entities.is_empty() {
            shown[marks] = text.entities.clone().into();
        }
        if let Some(markup) = &text.markup {
            shown["reply_markup"] = markup.clone();
        }
        if let Some(album) = &message.album {
            shown["media_group_id"] = album.clone().into();
        }
        if message.versions.len() > 1 {
            shown["edit_date"] = text.date.into();
        }
        shown
    }
}

/// As the type that its kind has.
fn file_shown(attachment: &Attachment) -> Value {
    let Attachment { kind, name, mime, .. } = attachment;
    let with = |fields| with(attachment, &fields);
    match kind.as_str() {
        "photo" => photo_shown(attachment),
        "live_photo" => with(json!({ "mime_type": mime, "width": 900, "height": 600, "duration": 1,
                                     "photo": photo_shown(attachment) })),
        "video" | "animation" => {
            with(json!({ "file_name": name, "mime_type": mime, "width": 640, "height": 360, "duration": 1 }))
        }
        "video_note" => with(json!({ "length": 240, "duration": 1 })),
        "voice" => with(json!({ "mime_type": mime, "duration": 1 })),
        "audio" => with(json!({ "file_name": name, "mime_type": mime, "duration": 1 })),
        "sticker" => with(json!({ "type": "regular", "width": 512, "height": 512, "is_animated": false,
                                  "is_video": false })),
        _ => document_shown(attachment),
    }
}

/// As an array of `PhotoSize`: the smallest comes first; both are the same file here.
fn photo_shown(attachment: &Attachment) -> Value {
    json!([
        with(attachment, &json!({ "width": 90, "height": 60 })),
        with(attachment, &json!({ "width": 900, "height": 600 }))
    ])
}

/// As `Document`.
fn document_shown(attachment: &Attachment) -> Value {
    with(attachment, &json!({ "file_name": attachment.name, "mime_type": attachment.mime }))
}

/// What all files have, and more fields.
fn with(attachment: &Attachment, fields: &Value) -> Value {
    let Attachment { file_id, size_bytes, .. } = attachment;
    let mut shown = json!({ "file_id": file_id, "file_unique_id": format!("u{file_id}"), "file_size": size_bytes });
    for (field, value) in fields.as_object().into_iter().flatten() {
        shown[field] = value.clone();
    }
    shown
}
