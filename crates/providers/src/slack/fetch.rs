//! Fetching what people sent: from its address, or from where `files.info` says it is.
//!
//! Guarantee: a stream that ends without an error is the whole file. The token goes to Slack's own hosts and across no
//! redirect, and what stalls is given up. <https://docs.slack.dev/reference/objects/file-object>

use std::sync::Arc;

use lastword_core::{
    file::RemoteFile,
    provider::{FetchError, FileStream},
};
use reqwest_012::{
    Response, Url,
    header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName},
};
use secrecy::ExposeSecret;

use super::{
    Link,
    client::{Answer, Client, Refusal, sent},
    hosts::is_slacks,
    outcome::{Means, meaning},
};
use crate::{
    fields::Fields,
    http::{file_max, retry_after_s},
    transfer::{Download, again, never, pieces},
};

/// What a handle begins with that is a file's id rather than its address.
const BY_ID: &str = "id:";
/// How large a file may be whose size is not told, as far as its time is measured by it.
const UNTOLD_BYTES: u64 = 100_000_000;

const NO_ACCESS: &str = "the app may not read files here; it needs the scope files:read";
const GONE: &str = "Slack does not have it any more; please send it again";
const KEPT: &str = "Slack keeps it from apps here";
const ELSEWHERE: &str = "it is not kept by Slack; please send it as a file";

pub(super) fn fetch(link: Arc<Link>, file: &RemoteFile) -> FileStream {
    let file = file.clone();
    pieces(async move { open(&link.client, &file).await })
}

async fn open(client: &Client, file: &RemoteFile) -> Result<Download, FetchError> {
    let (address, size_bytes) = match file.handle.strip_prefix(BY_ID) {
        Some(id) => look_up(client, id).await?,
        None => (file.handle.clone(), file.size_bytes),
    };
    let url =
        Url::parse(&address).ok().filter(|url| is_slacks(url, client.api_url())).ok_or_else(|| never(ELSEWHERE))?;
    let request = client.http().get(url).bearer_auth(client.bot_token().expose_secret());
    match sent(request.timeout(file_max(size_bytes.unwrap_or(UNTOLD_BYTES)))).await {
        Ok(response) => begun(response, size_bytes),
        Err(failed) => Err(failure(failed)),
    }
}

/// The address of a file, and its size.
async fn look_up(client: &Client, id: &str) -> Result<(String, Option<u64>), FetchError> {
    match client.ask("files.info", &[("file", id)]).await {
        Answer::Done(found) => {
            let file = found.object("file").unwrap_or_default();
            Ok((address(&file).ok_or_else(|| never(KEPT))?, file.get("size")))
        }
        failed => Err(failure(failed)),
    }
}

fn address(file: &Fields) -> Option<String> {
    file.get("url_private_download").or_else(|| file.get("url_private"))
}

/// Whether a file has begun to come. Who may not read it is led to a page where people sign in.
fn begun(response: Response, size_bytes: Option<u64>) -> Result<Download, FetchError> {
    let says = |name: HeaderName, word: &str| {
        let header = response.headers().get(name).and_then(|value| value.to_str().ok());
        header.is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with(word))
    };
    let is_page = says(CONTENT_TYPE, "text/html") && !says(CONTENT_DISPOSITION, "attachment");
    let status = response.status().as_u16();
    match status {
        200 if !is_page => Ok(Download::new(response, size_bytes)),
        200 | 300..=399 | 401 | 403 => Err(never(NO_ACCESS)),
        404 | 410 => Err(never(GONE)),
        _ => {
            let after_ms = retry_after_s(&response).map(|seconds| seconds.saturating_mul(1_000));
            Err(again(after_ms, format!("a file was asked for, and HTTP {status} came")))
        }
    }
}

/// What an answer that names no file means. Total.
fn failure(answer: Answer) -> FetchError {
    let refusal = match answer {
        Answer::Refused(refusal) => refusal,
        Answer::NotSent(cause) | Answer::Lost(cause) => return again(None, cause),
        Answer::Done(_) => return again(None, "a file was asked for, and an answer came"),
    };
    let Refusal { retry_after_ms, .. } = refusal;
    match meaning(&refusal) {
        Means::Missing => never(NO_ACCESS),
        Means::FileKept | Means::Forbidden => never(KEPT),
        Means::FileGone | Means::Gone | Means::TargetLost | Means::Invalid | Means::Done => never(GONE),
        Means::Unauthorized | Means::Limited | Means::Later(_) | Means::Nothing => {
            again(retry_after_ms, refusal.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;

    use super::{super::prepared::Prepared, *};

    /// What comes of fetching the file that these answers give.
    async fn fetched(
        handle: impl Fn(&str) -> String,
        size_bytes: Option<u64>,
        answers: &[&str],
    ) -> (String, Vec<String>) {
        let server = Prepared::with(answers);
        let client = Client::new(&server.settings());
        let file = RemoteFile { handle: handle(&server.url), name: "a.txt".into(), size_bytes };
        let pieces = pieces(async move { open(&client, &file).await });
        let told = match pieces.try_concat().await {
            Ok(bytes) => format!("all of it: {}", String::from_utf8(bytes).unwrap()),
            Err(FetchError::Again { after_ms, cause }) => format!("again {after_ms:?}: {cause}"),
            Err(FetchError::Never { why }) => format!("never: {why}"),
        };
        (told, server.requests())
    }

    async fn told(size_bytes: Option<u64>, answer: &str) -> String {
        fetched(|url| format!("{url}/files/a"), size_bytes, &[answer]).await.0
    }

    #[tokio::test]
    async fn a_file_comes_whole_from_its_address_with_the_token() {
        let (told, requests) = fetched(
            |url| format!("{url}/files-pri/T1-F1/download/a.txt"),
            Some(5),
            &["200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"],
        )
        .await;
        assert_eq!(told, "all of it: hello");
        assert!(requests[0].starts_with("GET /files-pri/T1-F1/download/a.txt "), "{requests:?}");
        assert!(requests[0].to_lowercase().contains("authorization: bearer xoxb-s3cret"), "{requests:?}");
    }

    #[tokio::test]
    async fn a_file_of_another_workspace_is_looked_up_first() {
        let found = format!(r#"{{"ok":true,"file":{{"size":5,"url_private":"{}/files-pri/a"}}}}"#, Prepared::HERE);
        let found = format!("200 OK\r\nContent-Length: {}\r\n\r\n{found}", found.len());
        let file = "200 OK\r\nContent-Length: 5\r\n\r\nhello";
        let (told, requests) = fetched(|_| "id:F1".into(), None, &[&found, file]).await;
        assert_eq!(told, "all of it: hello");
        assert!(requests[0].starts_with("POST /files.info ") && requests[0].ends_with("file=F1"), "{requests:?}");
        assert!(requests[1].starts_with("GET /files-pri/a "), "{requests:?}");
        let hidden = "200 OK\r\nContent-Length: 21\r\n\r\n{\"ok\":true,\"file\":{}}";
        assert_eq!(fetched(|_| "id:F1".into(), None, &[hidden]).await.0, format!("never: {KEPT}"));
    }

    #[tokio::test]
    async fn the_token_goes_nowhere_else() {
        for address in ["https://example.org/a", "http://files.slack.com/a", "file:///etc/passwd", "nonsense", ""] {
            let (told, requests) = fetched(|_| address.into(), None, &[]).await;
            assert_eq!((told, requests.len()), (format!("never: {ELSEWHERE}"), 0), "{address}");
        }
    }

    #[tokio::test]
    async fn what_is_no_file_is_told_to_whom_it_concerns() {
        let page = "<html>Sign in</html>";
        let told = [
            told(None, "302 Found\r\nLocation: https://example.org/\r\nContent-Length: 0\r\n\r\n").await,
            told(None, &format!("200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 20\r\n\r\n{page}")).await,
            told(None, &format!("200 OK\r\nContent-Type: text/html\r\nContent-Disposition: attachment; filename=\"a.html\"\r\nContent-Length: 20\r\n\r\n{page}")).await,
            told(None, "404 Not Found\r\nContent-Length: 0\r\n\r\n").await,
            told(None, "429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n").await,
            told(None, "500 Internal Server Error\r\nContent-Length: 0\r\n\r\n").await,
            told(Some(9), "200 OK\r\nContent-Length: 5\r\n\r\nhello").await,
        ];
        insta::assert_snapshot!(told.join("\n"), @"
        never: the app may not read files here; it needs the scope files:read
        never: the app may not read files here; it needs the scope files:read
        all of it: <html>Sign in</html>
        never: Slack does not have it any more; please send it again
        again Some(7000): a file was asked for, and HTTP 429 came
        again None: a file was asked for, and HTTP 500 came
        again None: the file ended 4 bytes too early
        ");
        let cut = self::told(None, "200 OK\r\nContent-Length: 9\r\n\r\nhello").await;
        assert!(cut.starts_with("again None: "), "{cut}");
    }

    #[test]
    fn every_refusal_is_told_to_whom_it_concerns() {
        let told = |code: &str| {
            let refusal = Refusal { code: code.into(), status: 200, ..Refusal::default() };
            match failure(Answer::Refused(refusal)) {
                FetchError::Again { cause, .. } => format!("{code} again: {cause}"),
                FetchError::Never { why } => format!("{code} never: {why}"),
            }
        };
        let codes = ["file_not_found", "not_visible", "missing_scope", "invalid_auth", "internal_error", "a_new_word"];
        insta::assert_snapshot!(codes.map(told).join("\n"), @"
        file_not_found never: Slack does not have it any more; please send it again
        not_visible never: Slack keeps it from apps here
        missing_scope never: the app may not read files here; it needs the scope files:read
        invalid_auth again: Slack refused with invalid_auth
        internal_error again: Slack refused with internal_error
        a_new_word again: Slack refused with a_new_word
        ");
    }
}
