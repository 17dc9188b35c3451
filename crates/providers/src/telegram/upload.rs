//! Posting files: one request, whatever their number. <https://core.telegram.org/bots/api#sending-files>

use std::io;

use lastword_core::{
    delivery::Form,
    file::FileClass,
    outcome::{Rejection, SendOutcome},
    provider::{OpenFile, SendRequest},
};
use reqwest_012::multipart::{self, Part};
use serde_json::{Value, json};
use teloxide_core::types::ReplyParameters;

use super::{
    Link,
    send::{answered, posted, thread},
};
use crate::{
    http::file_max,
    transfer::{body, file_name},
};

/// The largest picture that is shown as one. <https://core.telegram.org/bots/api#sendphoto>
const PHOTO_BYTES_MAX: u64 = 10_000_000;

/// What a file is posted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Photo,
    Video,
    Audio,
    Voice,
    Document,
}

impl Kind {
    /// Of what Telegram would refuse as what its name says, a document.
    fn of(name: &str, size_bytes: u64) -> Self {
        match FileClass::of(name) {
            FileClass::Image if size_bytes <= PHOTO_BYTES_MAX => Self::Photo,
            FileClass::Video => Self::Video,
            FileClass::Audio => match name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).as_deref() {
                // https://core.telegram.org/bots/api#sendaudio
                Some("mp3" | "m4a") => Self::Audio,
                // https://core.telegram.org/bots/api#sendvoice
                Some("ogg" | "oga" | "opus") => Self::Voice,
                Some(_) | None => Self::Document,
            },
            FileClass::Image | FileClass::Document => Self::Document,
        }
    }

    /// Whether all may be in one album. <https://core.telegram.org/bots/api#sendmediagroup>
    fn go_together(kinds: &[Self]) -> bool {
        kinds.iter().all(|kind| matches!(kind, Self::Photo | Self::Video))
            || kinds.iter().all(|kind| *kind == Self::Audio)
    }

    /// The method for one, and its parameter, which is the type in an album, too.
    fn named(self) -> (&'static str, &'static str) {
        match self {
            Self::Photo => ("sendPhoto", "photo"),
            Self::Video => ("sendVideo", "video"),
            Self::Audio => ("sendAudio", "audio"),
            Self::Voice => ("sendVoice", "voice"),
            Self::Document => ("sendDocument", "document"),
        }
    }
}

/// A request with files, but for their content.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Upload {
    pub(super) method: &'static str,
    pub(super) parameters: Vec<(&'static str, Value)>,
    /// The parts that the files go into, in their order.
    pub(super) parts: Vec<String>,
}

/// Makes the request; `files` are names and sizes, at least one.
pub(super) fn upload(chat: i64, request: &SendRequest, files: &[(&str, u64)]) -> Upload {
    let is_seen = request.form == Form::Formatted;
    let mut kinds: Vec<_> = files.iter().map(|(name, size_bytes)| Kind::of(name, *size_bytes)).collect();
    if !is_seen || (kinds.len() > 1 && !Kind::go_together(&kinds)) {
        kinds.fill(Kind::Document);
    }
    let mut parameters = vec![("chat_id", json!(chat))];
    if let Some(thread) = thread(&request.place) {
        parameters.push(("message_thread_id", json!(thread)));
    }
    if let Some(asked) = answered(&request.place.conversation, chat, request.reply_to.as_ref()) {
        parameters.push(("reply_parameters", json!(ReplyParameters::new(asked).allow_sending_without_reply())));
    }
    // Otherwise Telegram may show a document as what it takes it for.
    let is_kept_as_it_is = |kind| kind == Kind::Document && !is_seen;
    if let [kind] = kinds.as_slice() {
        let (method, field) = kind.named();
        if is_kept_as_it_is(*kind) {
            parameters.push(("disable_content_type_detection", json!(true)));
        }
        return Upload { method, parameters, parts: vec![field.into()] };
    }
    let parts: Vec<_> = (0..kinds.len()).map(|n| format!("file{n}")).collect();
    let media = kinds.iter().zip(&parts).map(|(kind, part)| {
        let mut media = json!({ "type": kind.named().1, "media": format!("attach://{part}") });
        if is_kept_as_it_is(*kind) {
            media["disable_content_type_detection"] = json!(true);
        }
        media
    });
    parameters.push(("media", media.collect()));
    Upload { method: "sendMediaGroup", parameters, parts }
}

pub(super) async fn post(link: &Link, request: &SendRequest, files: Vec<OpenFile>) -> SendOutcome {
    let conversation = &request.place.conversation;
    let Some(chat) = link.chats.chat(conversation) else { return SendOutcome::Rejected(Rejection::Gone) };
    if files.is_empty() {
        return SendOutcome::Rejected(Rejection::Invalid { detail: "there is no file to send".into() });
    }
    let told: Vec<_> = files.iter().map(|file| (file.name.as_str(), file.size_bytes)).collect();
    let answer_max = file_max(files.iter().map(|file| file.size_bytes).sum());
    let Upload { method, parameters, parts } = upload(chat, request, &told);
    let mut form = multipart::Form::new();
    for (name, value) in parameters {
        form = form.text(name, value.to_string());
    }
    for (name, file) in parts.into_iter().zip(files) {
        match part(file) {
            Ok(part) => form = form.part(name, part),
            Err(error) => return SendOutcome::Rejected(Rejection::Invalid { detail: format!("its file: {error}") }),
        }
    }
    posted(link, conversation, chat, link.client.upload(method, form, answer_max).await)
}

fn part(file: OpenFile) -> io::Result<Part> {
    let OpenFile { name, size_bytes, content } = file;
    Ok(Part::stream_with_length(body(content)?, size_bytes).file_name(file_name(&name)))
}

#[cfg(test)]
mod tests {
    use lastword_core::ids::{MessageId, ThreadId};

    use super::{super::send::tests::request, *};

    fn told(form: Form, files: &[(&str, u64)]) -> String {
        let Upload { method, parameters, parts } = upload(5, &SendRequest { form, ..request("5", "a file") }, files);
        let parameters = parameters.into_iter().map(|(name, value)| format!("{name}={value}"));
        format!("{method} {} with {}", parameters.collect::<Vec<_>>().join(" "), parts.join(" "))
    }

    #[test]
    fn one_file_is_shown_as_what_it_is() {
        let shown = [
            ("a.png", 10_000_000),
            ("a.png", 10_000_001),
            ("b.mp4", 1),
            ("c.mp3", 1),
            ("d.ogg", 1),
            ("e.flac", 1),
            ("f.pdf", 1),
        ]
        .map(|file| format!("{}: {}", file.0, told(Form::Formatted, &[file])));
        insta::assert_snapshot!(shown.join("\n"), @r"
        a.png: sendPhoto chat_id=5 with photo
        a.png: sendDocument chat_id=5 with document
        b.mp4: sendVideo chat_id=5 with video
        c.mp3: sendAudio chat_id=5 with audio
        d.ogg: sendVoice chat_id=5 with voice
        e.flac: sendDocument chat_id=5 with document
        f.pdf: sendDocument chat_id=5 with document
        ");
        let plain = told(Form::Plain, &[("a.png", 1)]);
        assert_eq!(plain, "sendDocument chat_id=5 disable_content_type_detection=true with document");
    }

    #[test]
    fn several_are_one_album_and_documents_if_nothing_else_goes() {
        let shown = [
            told(Form::Formatted, &[("a.png", 1), ("b.mp4", 1)]),
            told(Form::Formatted, &[("a.png", 1), ("b.png", 10_000_001)]),
            told(Form::Formatted, &[("a.mp3", 1), ("b.m4a", 1)]),
            told(Form::Formatted, &[("a.mp3", 1), ("b.ogg", 1)]),
            told(Form::Plain, &[("a.png", 1), ("b.mp4", 1)]),
        ];
        insta::assert_snapshot!(shown.join("\n"), @r#"
        sendMediaGroup chat_id=5 media=[{"media":"attach://file0","type":"photo"},{"media":"attach://file1","type":"video"}] with file0 file1
        sendMediaGroup chat_id=5 media=[{"media":"attach://file0","type":"document"},{"media":"attach://file1","type":"document"}] with file0 file1
        sendMediaGroup chat_id=5 media=[{"media":"attach://file0","type":"audio"},{"media":"attach://file1","type":"audio"}] with file0 file1
        sendMediaGroup chat_id=5 media=[{"media":"attach://file0","type":"document"},{"media":"attach://file1","type":"document"}] with file0 file1
        sendMediaGroup chat_id=5 media=[{"disable_content_type_detection":true,"media":"attach://file0","type":"document"},{"disable_content_type_detection":true,"media":"attach://file1","type":"document"}] with file0 file1
        "#);
    }

    #[test]
    fn files_go_into_their_topic_and_answer_their_question() {
        let mut asked = request("-5", "a file");
        asked.place.thread = Some(ThreadId::new("12"));
        asked.reply_to = Some(MessageId::new("34"));
        let sent = upload(-5, &asked, &[("a.pdf", 1)]).parameters;
        assert_eq!(
            sent,
            [
                ("chat_id", json!(-5)),
                ("message_thread_id", json!(12)),
                ("reply_parameters", json!({ "message_id": 34, "allow_sending_without_reply": true })),
            ]
        );
        let moved = upload(-1_005, &asked, &[("a.pdf", 1)]).parameters;
        assert!(moved.iter().all(|(name, _)| *name != "reply_parameters"), "the question stayed in the group");
    }
}
