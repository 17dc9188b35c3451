//! Files that come with a message. <https://spec.matrix.org/v1.16/client-server-api/#mroommessage-msgtypes>

use lastword_core::file::RemoteFile;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fields::Fields;

/// The kinds of message that are a file, and what it is called where it has no name.
const KINDS: &[(&str, &str)] =
    &[("m.image", "picture.jpg"), ("m.file", "file"), ("m.audio", "sound.ogg"), ("m.video", "film.mp4")];

/// What a file is fetched by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Handle {
    pub(in super::super) room: String,
    #[serde(flatten)]
    pub(in super::super) content: Content,
}

/// Where a file is, and what opens it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum Content {
    /// As it was sent.
    Url(String),
    /// Encrypted, as <https://spec.matrix.org/v1.16/client-server-api/#sending-encrypted-attachments> says.
    File(Value),
}

pub(super) fn files(room: &str, content: &Fields, kind: &str) -> Vec<RemoteFile> {
    let Some((_, unnamed)) = KINDS.iter().find(|(known, _)| *known == kind) else { return Vec::new() };
    let found = match content.get::<Value>("file") {
        Some(file) if file.is_object() => Content::File(file),
        _ => match content.get::<String>("url") {
            Some(url) => Content::Url(url),
            None => return Vec::new(),
        },
    };
    let handle = serde_json::to_string(&Handle { room: room.to_owned(), content: found });
    let name = content.get::<String>("filename").or_else(|| content.get("body"));
    let name = name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| (*unnamed).to_owned());
    let size_bytes = content.object("info").and_then(|info| info.get("size"));
    handle.ok().map(|handle| RemoteFile { handle, name, size_bytes }).into_iter().collect()
}

/// What is said with a file: its body, where that is not its name.
pub(super) fn caption(content: &Fields) -> String {
    let body: String = content.get("body").unwrap_or_default();
    match content.get::<String>("filename") {
        Some(name) if name != body => body,
        _ => String::new(),
    }
}
