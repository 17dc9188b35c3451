//! Files: sent by bots, alone and in albums, and fetched by them.

use serde_json::{Value, json};

use super::{
    Call,
    messages::{CAPTION, Names},
};
use crate::telegram::{
    book::{Attachment, Message},
    errors::{Answer, Refusal},
    network::{Network, Stored},
    request::Upload,
    text::{self, CAPTION_MAX_UTF16, Formatted, utf16},
};

/// The largest file that a bot may fetch (<https://core.telegram.org/bots/api#getfile>).
const FETCHED_BYTES_MAX: u64 = 20_000_000;
/// The largest file that a bot may send (<https://core.telegram.org/bots/api#sending-files>).
pub const FILE_BYTES_MAX: usize = 50_000_000;
/// The largest photo that a bot may send.
const PHOTO_BYTES_MAX: usize = 10_485_760;
/// The most messages of an album.
const ALBUM_MAX: usize = 10;

impl Call<'_> {
    /// <https://core.telegram.org/bots/api#senddocument> and its siblings.
    pub(super) fn send_file(mut self, kind: &str) -> Answer {
        let caption = self.caption(self.args.text("caption"), &CAPTION)?;
        let frame = self.frame()?;
        let named = self.args.text(kind);
        let attachment = self.attach(kind, &named, kind)?;
        self.count(frame.chat.id)?;
        let mut message = self.framed(&frame, caption);
        message.attachment = Some(attachment);
        Ok(self.post(message))
    }

    /// <https://core.telegram.org/bots/api#sendmediagroup>: all or none.
    pub(super) fn send_media_group(mut self) -> Answer {
        let media = self.args.json("media")?.unwrap_or_default();
        let media = media.as_array().ok_or_else(|| Refusal::bad_request("expected an Array of InputMedia"))?;
        if media.is_empty() {
            return Err(Refusal::bad_request("there are no messages to send"));
        }
        if media.len() > ALBUM_MAX {
            return Err(Refusal::bad_request("too many messages to send as an album"));
        }
        let kinds: Vec<_> = media.iter().map(|item| item["type"].as_str().unwrap_or_default()).collect();
        let is_picture = |kind: &&str| matches!(*kind, "photo" | "video");
        let is_alike = kinds.iter().all(is_picture)
            || kinds.iter().all(|kind| *kind == "document")
            || kinds.iter().all(|kind| *kind == "audio");
        if !is_alike {
            return Err(Refusal::bad_request("can't use the media of the specified type in the album"));
        }
        let frame = self.frame()?;
        let mut parts = Vec::new();
        for (item, kind) in media.iter().zip(kinds) {
            let field = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
            let entities = item.get("caption_entities").cloned();
            let (words, entities) = self.marked(field("caption"), field("parse_mode"), entities)?;
            parts.push((caption(&words, entities)?, self.attach(kind, &field("media"), "media")?));
        }
        for _ in &parts {
            self.count(frame.chat.id)?;
        }
        let album = (parts.len() > 1).then(|| format!("album{}", self.network.next_made()));
        let mut messages: Vec<Message> = Vec::new();
        for (caption, attachment) in parts {
            let mut message = self.framed(&frame, caption);
            message.attachment = Some(attachment);
            message.album.clone_from(&album);
            messages.push(message);
        }
        Ok(messages.into_iter().map(|message| self.post(message)).collect::<Vec<Value>>().into())
    }

    /// <https://core.telegram.org/bots/api#getfile>
    pub(super) fn get_file(self) -> Answer {
        let id = self.args.text("file_id");
        if id.is_empty() {
            return Err(Refusal::bad_request("file_id not specified"));
        }
        let stored = self.network.files.get(&id);
        let stored =
            stored.ok_or_else(|| Refusal::bad_request("wrong file_id or the file is temporarily unavailable"))?;
        if stored.size_bytes > FETCHED_BYTES_MAX {
            return Err(Refusal::bad_request("file is too big"));
        }
        Ok(json!({ "file_id": id, "file_unique_id": format!("u{id}"), "file_size": stored.size_bytes,
                   "file_path": stored.path }))
    }

    /// A caption that may be empty.
    pub(super) fn caption(&self, words: String, names: &Names) -> Result<Formatted, Refusal> {
        if words.is_empty() {
            return Ok(Formatted::default());
        }
        let (words, entities) = self.words(names)?;
        caption(&words, entities)
    }

    /// The file that a parameter names: an upload, or a file that is known.
    fn attach(&mut self, kind: &str, named: &str, part: &str) -> Result<Attachment, Refusal> {
        let part = named.strip_prefix("attach://").unwrap_or(if named.is_empty() { part } else { "" });
        if let Some(upload) = self.args.files.get(part) {
            check(kind, &upload.bytes)?;
            return Ok(self.network.store(kind, upload.clone(), None));
        }
        if named.starts_with("http://") || named.starts_with("https://") {
            return Err(Refusal::bad_request("failed to get HTTP URL content"));
        }
        if named.is_empty() || named.starts_with("attach://") {
            return Err(Refusal::bad_request(format_args!("there is no {kind} in the request")));
        }
        let stored = self.network.files.get(named);
        let stored = stored.ok_or_else(|| Refusal::bad_request("wrong file identifier/HTTP URL specified"))?;
        Ok(Attachment {
            kind: kind.to_owned(),
            file_id: named.to_owned(),
            name: stored.name.clone(),
            mime: stored.mime.clone(),
            size_bytes: stored.size_bytes,
        })
    }
}

impl Network {
    /// Keeps a file; `size_bytes` is what it claims, if more than is there.
    pub fn store(&mut self, kind: &str, upload: Upload, size_bytes: Option<u64>) -> Attachment {
        let Upload { name, mime, bytes } = upload;
        let (number, size_bytes) = (self.next_made(), size_bytes.unwrap_or(bytes.len() as u64));
        let usual = match kind {
            "photo" => "image/jpeg",
            "video" | "video_note" | "animation" | "live_photo" => "video/mp4",
            "sticker" => "image/webp",
            "voice" => "audio/ogg",
            "audio" => "audio/mpeg",
            _ => "application/octet-stream",
        };
        let mime = mime.unwrap_or_else(|| usual.to_owned());
        let file_id = format!("{}{number:030}", kind.to_uppercase());
        let end = name.rsplit_once('.').map_or("bin", |(_, end)| end).to_owned();
        let path = format!("{kind}s/file_{number}.{end}");
        let stored = Stored { path, bytes, size_bytes, name: name.clone(), mime: mime.clone() };
        self.files.insert(file_id.clone(), stored);
        Attachment { kind: kind.to_owned(), file_id, name, mime, size_bytes }
    }
}

fn caption(words: &str, entities: Vec<Value>) -> Result<Formatted, Refusal> {
    if words.trim().is_empty() {
        return Ok(Formatted::default());
    }
    let caption = text::fix(words, entities)?;
    if utf16(&caption.text) > CAPTION_MAX_UTF16 {
        return Err(Refusal::bad_request("message caption is too long"));
    }
    Ok(caption)
}

/// Whether a file may be sent as what it is said to be.
fn check(kind: &str, bytes: &[u8]) -> Result<(), Refusal> {
    if bytes.is_empty() {
        return Err(Refusal::bad_request("file must be non-empty"));
    }
    if bytes.len() > FILE_BYTES_MAX {
        return Err(Refusal::new(413, "Request Entity Too Large"));
    }
    if kind == "photo" {
        if bytes.len() > PHOTO_BYTES_MAX {
            let words = format_args!(
                "file of size {} bytes is too big for a photo; the maximum size is {PHOTO_BYTES_MAX} bytes",
                bytes.len()
            );
            return Err(Refusal::bad_request(words));
        }
        let heads: [&[u8]; 4] = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"RIFF"];
        if !heads.iter().any(|head| bytes.starts_with(head)) {
            return Err(Refusal::bad_request("IMAGE_PROCESS_FAILED"));
        }
    }
    Ok(())
}
