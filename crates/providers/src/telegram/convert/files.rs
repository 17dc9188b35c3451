//! The files of a message.

use lastword_core::file::RemoteFile;

use crate::fields::Fields;

/// The files that a bot may fetch, as <https://core.telegram.org/bots/api#message> has them; paid media is none.
pub(super) fn files(message: &Fields) -> Vec<RemoteFile> {
    let mut files = Vec::new();
    // A live photo comes with its picture, too.
    files.extend(largest(&message.objects("photo")).and_then(|size| file(size, "photo.jpg".into())));
    for (field, ending) in [
        ("live_photo", "mp4"),
        ("voice", "ogg"),
        ("video", "mp4"),
        ("video_note", "mp4"),
        ("audio", "mp3"),
        ("animation", "mp4"),
        ("document", "bin"),
        ("sticker", "webp"),
    ] {
        // An animation is a document, too: the same file.
        let is_told_twice = field == "document" && message.has("animation");
        if let Some(found) = message.object(field).filter(|_| !is_told_twice) {
            let name = found.get::<String>("file_name").filter(|name| !name.trim().is_empty());
            files.extend(file(&found, name.unwrap_or_else(|| format!("{field}.{}", ending_of(&found, ending)))));
        }
    }
    files
}

fn file(found: &Fields, name: String) -> Option<RemoteFile> {
    Some(RemoteFile { handle: found.get("file_id")?, name, size_bytes: found.get("file_size") })
}

/// Of a picture in several sizes.
fn largest(sizes: &[Fields]) -> Option<&Fields> {
    let side = |size: &Fields, name| size.get::<u64>(name).unwrap_or_default();
    sizes.iter().max_by_key(|size| side(size, "width").saturating_mul(side(size, "height")))
}

/// By what the network says of the file; `usual` where that says nothing.
fn ending_of(found: &Fields, usual: &'static str) -> &'static str {
    let is = |name| found.get::<bool>(name) == Some(true);
    match found.get::<String>("mime_type").as_deref() {
        Some("image/jpeg") => "jpg",
        Some("image/png") => "png",
        Some("image/gif") => "gif",
        Some("image/webp") => "webp",
        Some("video/mp4") => "mp4",
        Some("video/quicktime") => "mov",
        Some("video/webm") => "webm",
        Some("audio/ogg") => "ogg",
        Some("audio/mpeg") => "mp3",
        Some("audio/mp4" | "audio/x-m4a" | "audio/m4a") => "m4a",
        Some("audio/flac" | "audio/x-flac") => "flac",
        Some("audio/wav" | "audio/x-wav") => "wav",
        Some("application/pdf") => "pdf",
        Some("application/zip") => "zip",
        Some("text/plain") => "txt",
        // https://core.telegram.org/stickers
        None if is("is_animated") => "tgs",
        None if is("is_video") => "webm",
        Some(_) | None => usual,
    }
}
