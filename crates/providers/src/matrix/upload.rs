//! Files that go out: uploaded first, encrypted where the room is, and then one event under the delivery's key.
//!
//! Guarantee: only the event can be in doubt, and the same key is the same event. No file is ever whole in memory, and
//! what is encrypted never touches the disk by a name.
//! <https://spec.matrix.org/v1.16/client-server-api/#mroommessage-msgtypes>

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use lastword_core::{
    delivery::Form,
    file::FileClass,
    outcome::{Cause, Rejection, Retry, RetryScope, SendOutcome},
    provider::{OpenFile, SendRequest},
};
use matrix_sdk_base::crypto::AttachmentEncryptor;
use reqwest_012::{
    Body,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use serde_json::{Value, json};

use super::{
    Link,
    folder::Folder,
    media,
    outcome::{Failure, Refusal, classify},
    send::{MARK, certain, not_open, relation, room, send},
    thumbnail::{self, Picture, Small},
};
use crate::{
    fields::Fields,
    http::{file_max, retry_after_s, said},
    transfer::{body, file_name},
};

/// What an encrypted file says that it is.
const SEALED: &str = "application/octet-stream";

/// Posts a file; there is one in each message.
pub(super) async fn post(link: &Link, request: &SendRequest, files: Vec<OpenFile>) -> SendOutcome {
    let Ok([file]) = <[OpenFile; 1]>::try_from(files) else { return invalid("a message takes one file") };
    let (is_encrypted, token) = match door(link, request).await {
        Ok(found) => found,
        Err(outcome) => return outcome,
    };
    let (name, size_bytes) = (file_name(&file.name), file.size_bytes);
    let mut about = json!({ "size": size_bytes, "mimetype": kind(&name) });
    let class = match request.form {
        Form::Formatted => FileClass::of(&name),
        Form::Plain | Form::Apology => FileClass::Document,
    };
    if class == FileClass::Image
        && let Ok(picture) = file.content.try_clone()
    {
        show_small(link, &mut about, picture, size_bytes, (is_encrypted, token.clone())).await;
    }
    let uploaded = if is_encrypted {
        upload_sealed(link, token, file).await
    } else {
        upload_open(link, token, file, &kind(&name)).await
    };
    let source = match uploaded {
        Ok(source) => source,
        Err(outcome) => return certain(outcome),
    };
    let content = message(request, &name, class, about, source);
    send(link, &request.place, request.key.as_str(), content).await
}

/// Whether the room is encrypted, and what an upload is asked with. The session is not held while a file is on its way.
async fn door(link: &Link, request: &SendRequest) -> Result<(bool, Option<String>), SendOutcome> {
    let session = link.session().await.map_err(not_open)?;
    let room = room(link, &session, &request.place)?;
    let state = room.latest_encryption_state().await;
    let state = state.map_err(|error| certain(classify(Failure::of(error))))?;
    Ok((state.is_encrypted(), session.client.access_token()))
}

/// Where an uploaded file is: a field of the event's content, and its value.
type Source = (&'static str, Value);

/// Says in `about` how large a picture is, and where it is in small: clients show that until somebody asks for more, and in
/// an encrypted room nobody else could make it. A picture without it is a picture all the same.
async fn show_small(
    link: &Link,
    about: &mut Value,
    picture: File,
    size_bytes: u64,
    (is_encrypted, token): (bool, Option<String>),
) {
    let Some(Picture { width, height, small }) = thumbnail::of(picture, size_bytes).await else { return };
    (about["w"], about["h"]) = (width.into(), height.into());
    let Some(Small { width, height, kind, bytes }) = small else { return };
    let what = json!({ "w": width, "h": height, "size": bytes.len(), "mimetype": kind });
    let uploaded = match is_encrypted {
        false => upload_small(link, token, bytes, kind).await.map(|uri| ("thumbnail_url", json!(uri))),
        true => {
            let mut sealed = Vec::new();
            let Ok(mut key) = encrypt(&mut &bytes[..], &mut sealed) else { return };
            upload_small(link, token, sealed, SEALED).await.map(|uri| {
                key["url"] = json!(uri);
                ("thumbnail_file", key)
            })
        }
    };
    if let Ok((field, source)) = uploaded {
        (about[field], about["thumbnail_info"]) = (source, what);
    }
}

async fn upload_small(link: &Link, token: Option<String>, bytes: Vec<u8>, kind: &str) -> Result<String, SendOutcome> {
    let size_bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    upload(link, token, bytes.into(), size_bytes, kind).await
}

async fn upload_open(link: &Link, token: Option<String>, file: OpenFile, kind: &str) -> Result<Source, SendOutcome> {
    let uri = upload(link, token, whole(file.content)?, file.size_bytes, kind).await?;
    Ok(("url", json!(uri)))
}

/// <https://spec.matrix.org/v1.16/client-server-api/#sending-encrypted-attachments>
async fn upload_sealed(link: &Link, token: Option<String>, file: OpenFile) -> Result<Source, SendOutcome> {
    let folder = Folder::of(&link.settings).path().to_owned();
    let (content, size_bytes) = (file.content, file.size_bytes);
    let sealing = tokio::task::spawn_blocking(move || seal(content, &folder)).await;
    let sealed = sealing.map_err(|panic| later(None, panic.to_string()))?;
    let (sealed, mut key) = sealed.map_err(|error| invalid(&format!("its file: {error}")))?;
    let uri = upload(link, token, whole(sealed)?, size_bytes, SEALED).await?;
    key["url"] = json!(uri);
    Ok(("file", key))
}

/// An encrypted copy of a file, and what opens it.
fn seal(mut content: File, folder: &Path) -> io::Result<(File, Value)> {
    content.rewind()?;
    let path = folder.join(format!("sealed-{}", uuid::Uuid::now_v7()));
    let mut sealed = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    // It has no name while it is used, so that a crash leaves nothing.
    fs::remove_file(&path)?;
    let key = encrypt(&mut content, &mut sealed)?;
    Ok((sealed, key))
}

/// Encrypts all of it; what opens it.
fn encrypt(mut open: &mut impl io::Read, sealed: &mut impl io::Write) -> io::Result<Value> {
    let mut sealing = AttachmentEncryptor::new(&mut open);
    io::copy(&mut sealing, sealed)?;
    serde_json::to_value(sealing.finish()).map_err(io::Error::other)
}

/// A file from its beginning.
fn whole(content: File) -> Result<Body, SendOutcome> {
    body(content).map_err(|error| invalid(&format!("its file: {error}")))
}

async fn upload(
    link: &Link,
    token: Option<String>,
    content: Body,
    size_bytes: u64,
    kind: &str,
) -> Result<String, SendOutcome> {
    let asked = media::upload(link, token).timeout(file_max(size_bytes));
    let asked = asked.header(CONTENT_TYPE, kind).header(CONTENT_LENGTH, size_bytes).body(content);
    let response = asked.send().await.map_err(|error| later(None, said(&error.without_url())))?;
    let (status, after_ms) = (response.status().as_u16(), retry_after_s(&response).map(|s| s.saturating_mul(1_000)));
    let answer = response.text().await.map_err(|error| later(None, said(&error.without_url())))?;
    let fields = Fields::read(&answer).unwrap_or_default();
    if status == 200 {
        return fields.get("content_uri").ok_or_else(|| later(None, "the homeserver gives a file no address"));
    }
    let refusal = Refusal {
        status,
        code: fields.get("errcode").unwrap_or_default(),
        message: fields.get("error").unwrap_or_default(),
        retry_after_ms: fields.get("retry_after_ms").or(after_ms),
        is_soft: fields.get("soft_logout").unwrap_or_default(),
    };
    Err(match classify(Failure::Refused(refusal.clone())) {
        // Who may not upload may well speak.
        SendOutcome::Rejected(Rejection::Forbidden | Rejection::Gone) => invalid(&refusal.to_string()),
        other => other,
    })
}

fn message(request: &SendRequest, name: &str, class: FileClass, about: Value, source: Source) -> Value {
    let msgtype = match class {
        FileClass::Image => "m.image",
        FileClass::Video => "m.video",
        FileClass::Audio => "m.audio",
        FileClass::Document => "m.file",
    };
    let (field, source) = source;
    let mut content = json!({
        "msgtype": msgtype,
        "body": name,
        "filename": name,
        "info": about,
        "m.mentions": {},
        MARK: request.key.as_str(),
        field: source,
    });
    if let Some(relation) = relation(&request.place, request.reply_to.as_ref()) {
        content["m.relates_to"] = relation;
    }
    content
}

/// What a file is, by the ending of its name.
fn kind(name: &str) -> String {
    mime_guess::from_path(name).first_or_octet_stream().to_string()
}

fn later(after_ms: Option<i64>, cause: impl Into<Cause>) -> SendOutcome {
    SendOutcome::Retry(Retry { after_ms, scope: RetryScope::Message, cause: cause.into() })
}

fn invalid(detail: &str) -> SendOutcome {
    SendOutcome::Rejected(Rejection::Invalid { detail: detail.into() })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use lastword_core::ids::{AccountId, ConversationId, DeliveryKey, MessageId, Place};
    use matrix_sdk_base::crypto::{AttachmentDecryptor, MediaEncryptionInfo};

    use super::*;

    #[test]
    fn a_sealed_copy_opens_with_its_key_and_has_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let mut content = tempfile::tempfile().unwrap();
        content.write_all(b"secret").unwrap();
        let (mut sealed, key) = seal(content, folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        sealed.rewind().unwrap();
        let mut raw = Vec::new();
        sealed.read_to_end(&mut raw).unwrap();
        assert!(raw.len() == 6 && raw != b"secret");
        let key: MediaEncryptionInfo = serde_json::from_value(key).unwrap();
        let mut opened = Vec::new();
        AttachmentDecryptor::new(&mut &raw[..], key).unwrap().read_to_end(&mut opened).unwrap();
        assert_eq!(opened, b"secret");
    }

    #[test]
    fn a_file_is_shown_as_what_it_is() {
        let request = SendRequest {
            key: DeliveryKey::new("k"),
            attempt: 1,
            place: Place { account: AccountId::new("a"), conversation: ConversationId::new("!r"), thread: None },
            reply_to: Some(MessageId::new("$q")),
            text: "a.png".into(),
            form: Form::Formatted,
        };
        let about = json!({ "size": 5, "mimetype": kind("a.png") });
        let content = message(&request, "a.png", FileClass::of("a.png"), about, ("url", json!("mxc://x/1")));
        insta::assert_json_snapshot!(content, @r#"
        {
          "body": "a.png",
          "filename": "a.png",
          "info": {
            "mimetype": "image/png",
            "size": 5
          },
          "m.mentions": {},
          "m.relates_to": {
            "m.in_reply_to": {
              "event_id": "$q"
            }
          },
          "msgtype": "m.image",
          "org.lastword.delivery": "k",
          "url": "mxc://x/1"
        }
        "#);
    }
}
