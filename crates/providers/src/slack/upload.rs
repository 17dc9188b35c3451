//! Posting files: each is asked a place for and sent there, then all are shared as one message.
//!
//! Guarantee: nothing is posted before the last request, so that only it can be in doubt.
//! <https://docs.slack.dev/messaging/working-with-files#uploading_files>

use lastword_core::{
    outcome::{Cause, Rejection, Retry, RetryScope, SendOutcome},
    provider::{OpenFile, SendRequest},
};
use reqwest_012::{
    Url,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use serde_json::{Value, json};

use super::{
    Link,
    client::{Answer, Client, sent},
    hosts::is_slacks,
    outcome::{COMPLETE_UPLOAD, classify},
};
use crate::{
    http::{file_max, retry_after_s},
    transfer::{body, file_name},
};

/// Gives a place for a file. <https://docs.slack.dev/reference/methods/files.getUploadURLExternal>
pub(super) const GET_PLACE: &str = "files.getUploadURLExternal";

/// A file that Slack has, and that nobody sees yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Uploaded {
    pub(super) id: String,
    pub(super) name: String,
}

pub(super) async fn post(link: &Link, request: &SendRequest, files: Vec<OpenFile>) -> SendOutcome {
    match upload(&link.client, files).await {
        Ok(uploaded) => share(&link.client, request, &uploaded).await,
        Err(outcome) => outcome,
    }
}

/// Sends every file to a place of its own.
async fn upload(client: &Client, files: Vec<OpenFile>) -> Result<Vec<Uploaded>, SendOutcome> {
    if files.is_empty() {
        return Err(invalid("there is no file to send"));
    }
    let mut uploaded = Vec::with_capacity(files.len());
    for file in files {
        uploaded.push(upload_one(client, file).await?);
    }
    Ok(uploaded)
}

async fn upload_one(client: &Client, file: OpenFile) -> Result<Uploaded, SendOutcome> {
    let OpenFile { name, size_bytes, content } = file;
    if size_bytes == 0 {
        return Err(invalid("the file is empty"));
    }
    let name = file_name(&name);
    let place = match client.ask(GET_PLACE, &asked(&name, &size_bytes.to_string())).await {
        Answer::Done(place) => place,
        failed => return Err(certain(classify(failed, None, GET_PLACE))),
    };
    let (id, url) = (place.get::<String>("file_id"), place.get::<String>("upload_url"));
    let url = url.and_then(|url| Url::parse(&url).ok()).filter(|url| is_slacks(url, client.api_url()));
    let (Some(id), Some(url)) = (id, url) else { return Err(later(None, "Slack gives no place for a file")) };
    let content = body(content).map_err(|error| invalid(&format!("its file: {error}")))?;
    // The address itself is the permission.
    let request = client.http().post(url).timeout(file_max(size_bytes));
    let request = request.header(CONTENT_TYPE, "application/octet-stream").header(CONTENT_LENGTH, size_bytes);
    match sent(request.body(content)).await {
        Ok(response) if response.status().as_u16() == 200 => Ok(Uploaded { id, name }),
        Ok(response) => {
            let (status, after_s) = (response.status().as_u16(), retry_after_s(&response));
            let cause = format!("a file was sent, and HTTP {status} came");
            let is_for_good = matches!(status, 300..=499) && !matches!(status, 408 | 429);
            Err(if is_for_good { invalid(&cause) } else { later(after_s.map(|s| s.saturating_mul(1_000)), cause) })
        }
        Err(failed) => Err(certain(classify(failed, None, GET_PLACE))),
    }
}

pub(super) fn asked<'a>(name: &'a str, size_bytes: &'a str) -> [(&'static str, &'a str); 2] {
    [("filename", name), ("length", size_bytes)]
}

async fn share(client: &Client, request: &SendRequest, uploaded: &[Uploaded]) -> SendOutcome {
    classify(client.call(COMPLETE_UPLOAD, &shared(request, uploaded)).await, None, COMPLETE_UPLOAD)
}

/// <https://docs.slack.dev/reference/methods/files.completeUploadExternal>
pub(super) fn shared(request: &SendRequest, uploaded: &[Uploaded]) -> Value {
    let files: Vec<_> = uploaded.iter().map(|file| json!({ "id": file.id, "title": file.name })).collect();
    let mut sent = json!({ "files": files, "channel_id": request.place.conversation.as_str() });
    if let Some(thread) = &request.place.thread {
        sent["thread_ts"] = json!(thread.as_str());
    }
    sent
}

/// Before the last request there is no doubt: nothing was posted.
fn certain(outcome: SendOutcome) -> SendOutcome {
    match outcome {
        SendOutcome::Unknown(cause) => later(None, cause),
        SendOutcome::Delivered(_) => later(None, "a place was asked for, and a message was posted"),
        known => known,
    }
}

fn later(after_ms: Option<i64>, cause: impl Into<Cause>) -> SendOutcome {
    SendOutcome::Retry(Retry { after_ms, scope: RetryScope::Message, cause: cause.into() })
}

fn invalid(detail: &str) -> SendOutcome {
    SendOutcome::Rejected(Rejection::Invalid { detail: detail.into() })
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use lastword_core::{
        delivery::Form,
        ids::{AccountId, ConversationId, DeliveryKey, Place, ThreadId},
    };

    use super::{super::prepared::Prepared, *};

    pub(in crate::slack) fn request(thread: Option<&str>) -> SendRequest {
        SendRequest {
            key: DeliveryKey::new("k"),
            attempt: 1,
            place: Place {
                account: AccountId::new("app"),
                conversation: ConversationId::new("C1"),
                thread: thread.map(ThreadId::new),
            },
            reply_to: None,
            text: "a file".into(),
            form: Form::Formatted,
        }
    }

    fn file(name: &str, content: &str) -> OpenFile {
        let mut file = tempfile();
        file.write_all(content.as_bytes()).unwrap();
        OpenFile { name: name.into(), size_bytes: content.len() as u64, content: file }
    }

    /// A file without a name of its own.
    fn tempfile() -> std::fs::File {
        let path = std::env::temp_dir().join(format!("lastword-{}", uuid::Uuid::now_v7()));
        let file = std::fs::File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        file
    }

    fn answer(status: &str, body: &str) -> String {
        format!("{status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    fn place(url: &str, id: &str) -> String {
        answer("200 OK", &format!(r#"{{"ok":true,"file_id":"{id}","upload_url":"{url}/upload/{id}"}}"#))
    }

    async fn posted(answers: &[String], files: Vec<OpenFile>) -> (String, Vec<String>) {
        let answers: Vec<_> = answers.iter().map(String::as_str).collect();
        let server = Prepared::with(&answers);
        let client = Client::new(&server.settings());
        let outcome = match upload(&client, files).await {
            Ok(uploaded) => share(&client, &request(Some("1.5")), &uploaded).await,
            Err(outcome) => outcome,
        };
        let told = match outcome {
            SendOutcome::Delivered(id) => format!("delivered {id}"),
            SendOutcome::Retry(retry) => format!("retry after {:?} {:?}", retry.after_ms, retry.scope),
            SendOutcome::Rejected(rejection) => format!("rejected: {rejection}"),
            SendOutcome::Unknown(_) => "unknown".into(),
        };
        (told, server.requests())
    }

    #[tokio::test]
    async fn several_files_are_one_message_under_the_first() {
        let here = Prepared::HERE;
        let done = answer("200 OK", r#"{"ok":true,"files":[{"id":"F1"},{"id":"F2"}]}"#);
        let answers =
            [place(here, "F1"), answer("200 OK", "OK - 1"), place(here, "F2"), answer("200 OK", "OK - 2"), done];
        let (told, requests) = posted(&answers, vec![file("a.png", "x"), file("b \"c\".txt", "yz")]).await;
        assert_eq!(told, "delivered F1");
        let lines: Vec<_> = requests
            .iter()
            .map(|request| {
                let (head, body) = request.split_once("\r\n\r\n").unwrap();
                let has_token = if head.to_lowercase().contains("authorization:") { "token " } else { "" };
                format!("{has_token}{} {body}", head.lines().next().unwrap())
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        token POST /files.getUploadURLExternal HTTP/1.1 filename=a.png&length=1
        POST /upload/F1 HTTP/1.1 x
        token POST /files.getUploadURLExternal HTTP/1.1 filename=b+_c_.txt&length=2
        POST /upload/F2 HTTP/1.1 yz
        token POST /files.completeUploadExternal HTTP/1.1 {"channel_id":"C1","files":[{"id":"F1","title":"a.png"},{"id":"F2","title":"b _c_.txt"}],"thread_ts":"1.5"}
        "#);
    }

    #[tokio::test]
    async fn only_the_last_step_can_be_in_doubt() {
        let here = Prepared::HERE;
        let error = |code: &str| answer("200 OK", &format!(r#"{{"ok":false,"error":"{code}"}}"#));
        let ok = || answer("200 OK", "OK - 1");
        let outcomes = [
            vec![error("internal_error")],
            vec![answer("502 Bad Gateway", "<html>")],
            vec![error("file_uploads_disabled")],
            vec![error("missing_scope")],
            vec![place("https://example.org", "F1")],
            vec![place(here, "F1"), answer("500 Internal Server Error", "")],
            vec![place(here, "F1"), answer("429 Too Many Requests\r\nRetry-After: 3", "")],
            vec![place(here, "F1"), answer("413 Payload Too Large", "")],
            vec![place(here, "F1"), String::new()],
            vec![place(here, "F1"), ok(), error("channel_not_found")],
            vec![place(here, "F1"), ok(), error("internal_error")],
            vec![place(here, "F1"), ok(), answer("502 Bad Gateway", "<html>")],
            vec![place(here, "F1"), ok(), String::new()],
        ];
        let mut told = Vec::new();
        for answers in outcomes {
            told.push(posted(&answers, vec![file("a", "x")]).await.0);
        }
        insta::assert_snapshot!(told.join("\n"), @"
        retry after None Message
        retry after None Message
        rejected: the network refused the content: Slack refused with file_uploads_disabled
        rejected: the network refused the content: Slack refused with missing_scope
        retry after None Message
        retry after None Message
        retry after Some(3000) Message
        rejected: the network refused the content: a file was sent, and HTTP 413 came
        retry after None Message
        rejected: the conversation no longer exists
        unknown
        unknown
        unknown
        ");
    }

    #[tokio::test]
    async fn an_empty_file_is_not_sent() {
        let (told, requests) = posted(&[], vec![file("a", "")]).await;
        assert_eq!(
            (told.as_str(), requests.len()),
            ("rejected: the network refused the content: the file is empty", 0)
        );
    }
}
