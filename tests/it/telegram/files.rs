//! Files both ways, by the provider itself.

use std::io::Write as _;

use futures_util::{StreamExt as _, TryStreamExt as _};
use lastword_core::{
    delivery::Form,
    file::RemoteFile,
    ids::{AccountId, ConversationId, DeliveryKey, Place},
    outcome::{Rejection, RetryScope, SendOutcome},
    provider::{FetchError, Inbound, OpenFile, Provider as _, SendRequest},
    update::{Message, UpdateKind},
};
use lastword_tests::telegram::Attachment;
use serde_json::{Value, json};

use super::contract::{Fake, fake};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and more";

impl Fake {
    /// What people posted since it was asked last.
    async fn heard(&self) -> Vec<Message> {
        let mut stream = self.provider.receive(None);
        loop {
            if let Inbound::Batch(batch) = stream.next().await.unwrap().unwrap() {
                let posted = batch.updates.into_iter().filter_map(|update| match update.kind {
                    UpdateKind::Posted(message) => Some(message),
                    _ => None,
                });
                let posted = posted.collect();
                batch.ack.confirm();
                // As the next poll does.
                let after: i64 = batch.cursor.unwrap().as_str().parse().unwrap();
                self.telegram.asks("getUpdates", json!({ "offset": after + 1 })).await;
                return posted;
            }
        }
    }

    /// What the provider knows of a file that somebody sent.
    async fn sent(&self, file: Value) -> RemoteFile {
        self.telegram.says(json!({ "file": file })).await;
        self.heard().await.pop().unwrap().files.remove(0)
    }

    async fn fetches(&self, file: &RemoteFile) -> Result<Vec<u8>, FetchError> {
        self.provider.files().unwrap().fetch(file).try_concat().await
    }

    async fn will(&self, method: &str, faults: Value) {
        self.telegram.does("faults", json!({ "method": method, "faults": faults })).await;
    }

    async fn posts(&self, chat: i64, form: Form, files: &[(&str, &[u8])]) -> SendOutcome {
        let post = SendRequest {
            key: DeliveryKey::new("k"),
            attempt: 1,
            place: Place {
                account: AccountId::new("test"),
                conversation: ConversationId::new(chat.to_string()),
                thread: None,
            },
            reply_to: None,
            text: "files".into(),
            form,
        };
        let files = files.iter().map(|(name, bytes)| {
            let mut content = tempfile::tempfile().unwrap();
            content.write_all(bytes).unwrap();
            OpenFile { name: (*name).into(), size_bytes: bytes.len() as u64, content }
        });
        self.provider.files().unwrap().send_files(&post, files.collect()).await
    }

    /// What people see of the bot's files, a line each.
    async fn seen(&self, chat: i64) -> String {
        let mut lines = Vec::new();
        for message in self.telegram.shown(chat, None).await {
            let Attachment { kind, name, size_bytes, .. } = message.attachment.unwrap();
            let album = if message.album.is_some() { " in an album" } else { "" };
            lines.push(format!("{kind} {name} {size_bytes}{album}"));
        }
        lines.join("\n")
    }
}

/// What a failure says, which holds no token.
fn told(fake: &Fake, failed: &impl std::fmt::Debug) -> String {
    let told = format!("{failed:?}");
    assert!(!told.contains(fake.telegram.token()), "{told}");
    told
}

#[tokio::test]
async fn what_people_send_is_fetched_byte_for_byte() {
    let fake = fake().await;
    let bytes: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
    for (kind, name) in [("photo", "photo.jpg"), ("document", "Our plan?.pdf"), ("voice", "voice.ogg")] {
        let file = fake.sent(json!({ "kind": kind, "name": "Our plan?.pdf", "bytes": bytes })).await;
        assert_eq!((file.name.as_str(), file.size_bytes), (name, Some(200_000)));
        assert_eq!(fake.fetches(&file).await.unwrap(), bytes, "{kind}");
    }
    let empty = fake.sent(json!({ "kind": "document", "name": "empty.txt" })).await;
    assert_eq!(fake.fetches(&empty).await.unwrap(), b"");
}

#[tokio::test]
async fn an_album_is_one_message_with_all_its_files() {
    let fake = fake().await;
    let files: Vec<_> =
        ["a.jpg", "b.jpg", "c.jpg"].map(|name| json!({ "kind": "photo", "name": name, "text": name })).into();
    fake.telegram.says(json!({ "text": "look", "files": files })).await;
    let heard = fake.heard().await;
    assert_eq!((heard.len(), heard[0].text.as_str()), (1, "look"));
    let mut fetched = Vec::new();
    for file in &heard[0].files {
        fetched.push(String::from_utf8(fake.fetches(file).await.unwrap()).unwrap());
    }
    assert_eq!(fetched, ["a.jpg", "b.jpg", "c.jpg"]);
}

#[tokio::test]
async fn what_can_never_be_fetched_says_why() {
    let fake = fake().await;
    let film = fake.sent(json!({ "kind": "video", "name": "film.mp4", "text": "x", "size_bytes": 20_000_001 })).await;
    let note = fake.sent(json!({ "kind": "document", "name": "note.txt", "text": "milk" })).await;
    let why = async |file| match fake.fetches(file).await {
        Err(FetchError::Never { why }) => why,
        other => panic!("it can't be had; got {other:?}"),
    };
    assert_eq!(why(&film).await, "it is larger than 20 MB, more than a bot may fetch");
    fake.will("download", json!([{ "kind": "reject", "code": 404, "description": "Not Found" }])).await;
    assert_eq!(why(&note).await, "Telegram does not have it any more; please send it again");
    // Telegram does not say whether it is gone or only out of reach.
    fake.telegram.does("lose_files", json!({})).await;
    assert!(matches!(fake.fetches(&note).await, Err(FetchError::Again { .. })));
}

#[tokio::test]
async fn what_fails_for_now_is_fetched_later_and_whole() {
    let fake = fake().await;
    let note = fake.sent(json!({ "kind": "document", "name": "note.txt", "text": "milk and bread" })).await;
    for method in ["getFile", "download"] {
        for fault in [
            json!({ "kind": "drop_before" }),
            json!({ "kind": "cut_after" }),
            json!({ "kind": "fail_before" }),
            json!({ "kind": "gateway_before" }),
            json!({ "kind": "reject", "code": 401, "description": "Unauthorized" }),
            json!({ "kind": "limited", "retry_after_s": 7 }),
        ] {
            fake.will(method, json!([fault])).await;
            let failed = fake.fetches(&note).await.unwrap_err();
            let hint_ms = (fault["kind"] == "limited").then_some(7_000);
            assert!(
                matches!(&failed, FetchError::Again { after_ms, .. } if *after_ms == hint_ms),
                "{method} {fault}: {}",
                told(&fake, &failed)
            );
            told(&fake, &failed);
            assert_eq!(fake.fetches(&note).await.unwrap(), b"milk and bread");
        }
    }
}

#[tokio::test]
async fn a_file_is_shown_as_what_it_is() {
    let fake = fake().await;
    for (name, bytes) in
        [("a.png", PNG), ("b.mp4", b"film"), ("c.mp3", b"song"), ("d.ogg", b"talk"), ("e.pdf", b"text")]
    {
        let outcome = fake.posts(fake.alice, Form::Formatted, &[(name, bytes)]).await;
        assert!(matches!(outcome, SendOutcome::Delivered(_)), "{name}: {outcome:?}");
    }
    insta::assert_snapshot!(fake.seen(fake.alice).await, @r"
    photo a.png 17
    video b.mp4 4
    audio c.mp3 4
    voice d.ogg 4
    document e.pdf 4
    ");
    assert_eq!(fake.telegram.network.violations().await, [], "nothing was sent that is not documented");
}

#[tokio::test]
async fn a_picture_that_is_refused_is_taken_as_a_document() {
    let fake = fake().await;
    let files: &[(&str, &[u8])] = &[("no \"picture\".png", b"not at all")];
    let outcome = fake.posts(fake.alice, Form::Formatted, files).await;
    let SendOutcome::Rejected(Rejection::Invalid { detail }) = &outcome else { panic!("no picture: {outcome:?}") };
    assert!(detail.contains("IMAGE_PROCESS_FAILED"), "{detail}");
    let outcome = fake.posts(fake.alice, Form::Plain, files).await;
    assert!(matches!(outcome, SendOutcome::Delivered(_)), "{outcome:?}");
    assert_eq!(fake.seen(fake.alice).await, "document no _picture_.png 10");
    let shown = fake.telegram.shown(fake.alice, None).await.remove(0).attachment.unwrap();
    let remote = RemoteFile { handle: shown.file_id, name: shown.name, size_bytes: None };
    assert_eq!(fake.fetches(&remote).await.unwrap(), b"not at all");
}

#[tokio::test]
async fn several_files_are_one_album() {
    let fake = fake().await;
    let outcome = fake.posts(fake.alice, Form::Formatted, &[("a.png", PNG), ("b.mp4", b"film")]).await;
    let first = fake.telegram.shown(fake.alice, None).await[0].id;
    assert!(matches!(&outcome, SendOutcome::Delivered(id) if id.as_str() == first.to_string()), "{outcome:?}");
    let documents: &[(&str, &[u8])] = &[("c.pdf", b"one"), ("d.txt", b"two"), ("e.rs", b"three")];
    let outcome = fake.posts(fake.alice, Form::Formatted, documents).await;
    assert!(matches!(outcome, SendOutcome::Delivered(_)), "{outcome:?}");
    let outcome = fake.posts(fake.alice, Form::Plain, &[("a.png", PNG), ("b.mp4", b"film")]).await;
    assert!(matches!(outcome, SendOutcome::Delivered(_)), "{outcome:?}");
    insta::assert_snapshot!(fake.seen(fake.alice).await, @r"
    photo a.png 17 in an album
    video b.mp4 4 in an album
    document c.pdf 3 in an album
    document d.txt 3 in an album
    document e.rs 5 in an album
    document a.png 17 in an album
    document b.mp4 4 in an album
    ");
    assert_eq!(fake.telegram.network.violations().await, [], "nothing was sent that is not documented");
}

#[tokio::test]
async fn a_file_that_telegram_does_not_take_is_refused_and_not_doubtful() {
    let fake = fake().await;
    let large = vec![0; 50_000_001];
    for file in [("large.bin", large.as_slice()), ("empty.txt", b"")] {
        let outcome = fake.posts(fake.alice, Form::Plain, &[file]).await;
        assert!(matches!(outcome, SendOutcome::Rejected(Rejection::Invalid { .. })), "{}: {outcome:?}", file.0);
    }
    assert_eq!(fake.seen(fake.alice).await, "");
}

#[tokio::test]
async fn an_answer_that_is_lost_leaves_a_doubt_and_a_limit_none() {
    let fake = fake().await;
    let file: &[(&str, &[u8])] = &[("a.pdf", b"text")];
    for fault in ["cut_after", "fail_after", "gateway_after", "garble_after"] {
        fake.will("sendDocument", json!([{ "kind": fault }])).await;
        let outcome = fake.posts(fake.alice, Form::Formatted, file).await;
        assert!(matches!(outcome, SendOutcome::Unknown(_)), "{fault}: {}", told(&fake, &outcome));
        told(&fake, &outcome);
    }
    fake.will("sendDocument", json!([{ "kind": "limited", "retry_after_s": 3 }])).await;
    let SendOutcome::Retry(retry) = fake.posts(fake.alice, Form::Formatted, file).await else { panic!("a limit") };
    assert_eq!((retry.after_ms, retry.scope), (Some(3_000), RetryScope::Conversation));
    assert_eq!(fake.telegram.shown(fake.alice, None).await.len(), 4);
}

#[tokio::test]
async fn files_follow_a_group_that_became_a_supergroup() {
    let fake = fake().await;
    let group = fake.telegram.does("chat", json!({ "kind": "group" })).await["id"].as_i64().unwrap();
    let moved = fake.telegram.does("migrate", json!({ "chat": group })).await["id"].as_i64().unwrap();
    let SendOutcome::Retry(retry) = fake.posts(group, Form::Formatted, &[("a.pdf", b"text")]).await else {
        panic!("the group moved")
    };
    assert_eq!(retry.after_ms, Some(0));
    let outcome = fake.posts(group, Form::Formatted, &[("a.pdf", b"text")]).await;
    assert!(matches!(outcome, SendOutcome::Delivered(_)), "{outcome:?}");
    assert_eq!(fake.seen(moved).await, "document a.pdf 4");
}
