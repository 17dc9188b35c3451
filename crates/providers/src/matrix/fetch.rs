//! Files that came in: from our own homeserver, opened where they are encrypted.
//!
//! Guarantee: no file is ever whole in memory; one that ends without an error is the whole file, as it was sent. The token
//! goes to the homeserver only.

use std::{
    io::{self, Read},
    sync::Arc,
};

use futures_util::{StreamExt, stream};
use lastword_core::{
    file::RemoteFile,
    outcome::Cause,
    provider::{FetchError, FileStream, ReceiveError},
};
use matrix_sdk_base::crypto::{AttachmentDecryptor, MediaEncryptionInfo};
use reqwest_012::{Response, StatusCode};
use serde_json::Value;
use tokio::sync::mpsc;

use super::{
    Link,
    convert::{Content, Handle},
    media::Media,
};
use crate::{
    http::{file_max, retry_after_s, said},
    transfer::{Download, again, never, pieces},
};

/// What a file of unknown size may take.
const UNKNOWN_BYTES: u64 = 100_000_000;
/// How many pieces wait to be opened, or to be taken.
const PIECES_MAX: usize = 4;
/// How much is opened at once.
const PIECE_BYTES: usize = 65_536;

pub(super) fn fetch(link: Arc<Link>, file: &RemoteFile) -> FileStream {
    let (handle, size_bytes) = (file.handle.clone(), file.size_bytes);
    let Ok(Handle { content, .. }) = serde_json::from_str::<Handle>(&handle) else {
        return failed("it is not known any more");
    };
    let (uri, key) = match content {
        Content::Url(uri) => (uri, None),
        Content::File(file) => (file["url"].as_str().unwrap_or_default().to_owned(), Some(file)),
    };
    let Some(media) = Media::read(&uri) else { return failed("its address can't be read") };
    let sealed = pieces(async move { open(&link, &media, size_bytes).await });
    match key {
        None => sealed,
        Some(key) => unseal(sealed, key),
    }
}

fn failed(why: &str) -> FileStream {
    let error = never(why);
    stream::once(async move { Err(error) }).boxed()
}

async fn open(link: &Link, media: &Media, size_bytes: Option<u64>) -> Result<Download, FetchError> {
    let token = link.session().await.map_err(not_open)?.client.access_token();
    let time_max = file_max(size_bytes.unwrap_or(UNKNOWN_BYTES));
    let asked = media.download(link, token).timeout(time_max);
    let response = asked.send().await.map_err(|error| again(None, said(&error.without_url())))?;
    let response = match response.status() {
        // Older homeservers give it to everybody.
        StatusCode::NOT_FOUND => {
            let asked = media.download_openly(link).timeout(time_max);
            asked.send().await.map_err(|error| again(None, said(&error.without_url())))?
        }
        _ => response,
    };
    let length = response.content_length();
    match response.status().as_u16() {
        200 => Ok(Download::new(response, length)),
        _ => Err(refused(&response)),
    }
}

fn refused(response: &Response) -> FetchError {
    match response.status().as_u16() {
        404 | 410 => never("the homeserver does not have it any more"),
        403 => never("the homeserver does not give it to me"),
        413 => never("it is too large for the homeserver"),
        status => {
            let after_ms = retry_after_s(response).map(|s| s.saturating_mul(1_000));
            again(after_ms, format!("the homeserver answered a download with {status}"))
        }
    }
}

fn not_open(error: ReceiveError) -> FetchError {
    match error {
        ReceiveError::Lost { retry_after_ms, cause } => again(retry_after_ms, cause),
        other => again(None, Cause::from(other.to_string())),
    }
}

/// The file as it was sent. Its checksum is looked at when it has ended: a file that was changed ends with an error.
/// <https://spec.matrix.org/v1.16/client-server-api/#sending-encrypted-attachments>
fn unseal(sealed: FileStream, key: Value) -> FileStream {
    let Ok(key) = serde_json::from_value::<MediaEncryptionInfo>(key) else { return failed("its key can't be read") };
    let (feed, fed) = mpsc::channel(PIECES_MAX);
    let (give, given) = mpsc::channel(PIECES_MAX);
    // A thread of its own: the cipher reads what blocks. It ends when either of its ends is gone.
    tokio::task::spawn_blocking(move || {
        let mut fed = Fed { pieces: fed, piece: Vec::new(), at: 0 };
        if let Err(error) = decrypt(&mut fed, key, &give) {
            // Nobody may listen any more.
            let _ = give.blocking_send(Err(error));
        }
    });
    let feeding = stream::unfold(Some((sealed, feed)), |state| async {
        let (mut sealed, feed) = state?;
        let (piece, is_last) = match sealed.next().await {
            Some(Ok(piece)) => (Some(piece), false),
            Some(Err(error)) => return Some((Some(Err(error)), None)),
            None => (None, true),
        };
        // Nobody opens it any more: why is said there.
        let is_over = feed.send(piece).await.is_err() || is_last;
        Some((None, (!is_over).then_some((sealed, feed))))
    });
    let taking = stream::unfold(given, |mut given| async { given.recv().await.map(|piece| (Some(piece), given)) });
    let opened = stream::select(feeding, taking).filter_map(std::future::ready);
    let until_failed = |has_failed: &mut bool, piece: Result<Vec<u8>, FetchError>| {
        let is_wanted = !*has_failed;
        *has_failed = piece.is_err();
        std::future::ready(is_wanted.then_some(piece))
    };
    opened.scan(false, until_failed).boxed()
}

/// What was downloaded, as something that can be read.
struct Fed {
    /// `None` is the end; without it something was cut off.
    pieces: mpsc::Receiver<Option<Vec<u8>>>,
    piece: Vec<u8>,
    at: usize,
}

impl Read for Fed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            match self.pieces.blocking_recv() {
                Some(Some(piece)) => (self.piece, self.at) = (piece, 0),
                Some(None) => return Ok(0),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let count = buffer.len().min(self.piece.len() - self.at);
        buffer[..count].copy_from_slice(&self.piece[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

fn decrypt(
    fed: &mut Fed,
    key: MediaEncryptionInfo,
    give: &mpsc::Sender<Result<Vec<u8>, FetchError>>,
) -> Result<(), FetchError> {
    let mut opened = AttachmentDecryptor::new(fed, key).map_err(|_| never("its key can't be read"))?;
    let mut buffer = vec![0; PIECE_BYTES];
    loop {
        match opened.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                if give.blocking_send(Ok(buffer[..count].to_vec())).is_err() {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(again(None, "the file was cut off"));
            }
            Err(_) => return Err(never("it is not what was sent: its checksum is wrong")),
        }
    }
}
