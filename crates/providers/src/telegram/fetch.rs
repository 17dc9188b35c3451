//! Fetching what people sent: `getFile`, then the file itself.
//!
//! Guarantee: a stream that ends without an error is the whole file. Nothing is asked of any other host than the one in
//! the settings, and what stalls is given up. <https://core.telegram.org/bots/api#getfile>

use std::sync::Arc;

use lastword_core::{
    file::RemoteFile,
    provider::{FetchError, FileStream},
};
use serde::Deserialize;
use teloxide_core::{payloads::GetFile, types::FileId};

use super::{
    Link,
    client::{Answer, Refusal, read_all},
};
use crate::{
    http::{ANSWER_MAX, file_max},
    transfer::{Download, again, never, pieces},
};

/// The largest file that Telegram's own servers give out; others say themselves what is too big.
const FETCHED_BYTES_MAX: u64 = 20_000_000;

const TOO_BIG: &str = "it is larger than 20 MB, more than a bot may fetch";
const GONE: &str = "Telegram does not have it any more; please send it again";
const KEPT_ELSEWHERE: &str = "the Bot API server keeps it on a disk of its own, out of my reach";

pub(super) fn fetch(link: Arc<Link>, file: &RemoteFile) -> FileStream {
    let handle = file.handle.clone();
    pieces(async move { open(&link, handle).await })
}

async fn open(link: &Link, handle: String) -> Result<Download, FetchError> {
    #[derive(Deserialize)]
    struct Found {
        file_path: Option<String>,
        file_size: Option<u64>,
    }
    let found = match link.client.call(&GetFile::new(FileId(handle)), ANSWER_MAX).await {
        Answer::Done(found) => found,
        failed => return Err(failure(failed, Asked::Where)),
    };
    let found: Found = serde_json::from_str(found.get()).map_err(|error| again(None, format!("getFile: {error}")))?;
    let path = found.file_path.ok_or_else(|| never(GONE))?;
    let answer_max = file_max(found.file_size.unwrap_or(FETCHED_BYTES_MAX));
    let response = link.client.download(&path, answer_max).await.ok_or_else(|| never(KEPT_ELSEWHERE))?;
    match response {
        Ok(response) if response.status().as_u16() == 200 => Ok(Download::new(response, found.file_size)),
        Ok(response) => Err(failure(read_all(response).await, Asked::What)),
        Err(failed) => Err(failure(failed, Asked::What)),
    }
}

/// Which of the two requests was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Where,
    What,
}

/// What an answer that is no file means. Total: what Telegram itself refuses is lost for good, except for the reasons that
/// an operator or time will lift. <https://core.telegram.org/bots/api#making-requests>
fn failure(answer: Answer, asked: Asked) -> FetchError {
    let refusal = match answer {
        Answer::Refused(refusal) => refusal,
        Answer::NotSent(cause) | Answer::Lost(cause) => return again(None, cause),
        Answer::Done(_) => return again(None, "a file was asked for, and an answer came"),
    };
    let Refusal { code, ref description, retry_after_ms, .. } = refusal;
    match code {
        // https://github.com/tdlib/telegram-bot-api/blob/master/telegram-bot-api/Client.cpp
        400 if description.to_lowercase().contains("file is too big") => never(TOO_BIG),
        // It does not say which of both.
        400 if description.to_lowercase().contains("temporarily unavailable") => again(None, refusal.to_string()),
        400 => never(GONE),
        // The method is there: the token is not.
        404 if asked == Asked::What => never(GONE),
        _ => again(retry_after_ms, refusal.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::client::read, *};

    fn failed(status: u16, description: &str, asked: Asked) -> String {
        let body = serde_json::json!({ "ok": false, "error_code": status, "description": description,
                                       "parameters": { "retry_after": (status == 429).then_some(7) } });
        match failure(read(status, None, &body.to_string()), asked) {
            FetchError::Again { after_ms, cause } => format!("{status} again {after_ms:?}: {cause}"),
            FetchError::Never { why } => format!("{status} never: {why}"),
        }
    }

    #[test]
    fn every_refusal_is_told_to_whom_it_concerns() {
        let told = [
            failed(400, "Bad Request: file is too big", Asked::Where),
            failed(400, "Bad Request: invalid file_id", Asked::Where),
            failed(400, "Bad Request: wrong file_id or the file is temporarily unavailable", Asked::Where),
            failed(401, "Unauthorized", Asked::Where),
            failed(404, "Not Found", Asked::Where),
            failed(404, "Not Found", Asked::What),
            failed(429, "Too Many Requests", Asked::What),
            failed(500, "Internal Server Error", Asked::What),
        ];
        insta::assert_snapshot!(told.join("\n"), @r"
        400 never: it is larger than 20 MB, more than a bot may fetch
        400 never: Telegram does not have it any more; please send it again
        400 again None: Telegram refused with 400: Bad Request: wrong file_id or the file is temporarily unavailable
        401 again None: Telegram refused with 401: Unauthorized
        404 again None: Telegram refused with 404: Not Found
        404 never: Telegram does not have it any more; please send it again
        429 again Some(7000): Telegram refused with 429: Too Many Requests
        500 again None: Telegram refused with 500: Internal Server Error
        ");
        let page = failure(read(502, None, "<html>"), Asked::What);
        assert!(matches!(page, FetchError::Again { after_ms: None, .. }), "{page}");
    }
}
