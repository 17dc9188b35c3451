//! Files on their way, in and out.
//!
//! Guarantee: no file is ever whole in memory; a download that ends without an error is the whole file, and one that
//! stalls is given up.

use std::{
    future::Future,
    io::{self, Seek},
};

use futures_util::{StreamExt, TryStreamExt, stream};
use lastword_core::{
    file::shown_name,
    outcome::Cause,
    provider::{FetchError, FileStream},
};
use reqwest_012::{Body, Response};

use crate::http::{ANSWER_MAX, said};

/// A file on its way in.
#[derive(Debug)]
pub(crate) struct Download {
    response: Response,
    /// How much is missing, if the network said how large it is.
    missing_bytes: Option<u64>,
}

impl Download {
    pub(crate) fn new(response: Response, size_bytes: Option<u64>) -> Self {
        Self { response, missing_bytes: size_bytes }
    }

    async fn next(mut self) -> Result<Option<(Vec<u8>, Self)>, FetchError> {
        let piece = tokio::time::timeout(ANSWER_MAX, self.response.chunk()).await;
        let piece = piece.map_err(|_| again(None, "the file stalled"))?;
        let piece = piece.map_err(|error| again(None, said(&error.without_url())))?;
        match (piece, self.missing_bytes) {
            (Some(piece), missing_bytes) => {
                self.missing_bytes = missing_bytes.map(|missing| missing.saturating_sub(piece.len() as u64));
                Ok(Some((piece.into(), self)))
            }
            (None, None | Some(0)) => Ok(None),
            (None, Some(missing)) => Err(again(None, format!("the file ended {missing} bytes too early"))),
        }
    }
}

/// The file that `opening` begins to fetch, piece by piece.
pub(crate) fn pieces(opening: impl Future<Output = Result<Download, FetchError>> + Send + 'static) -> FileStream {
    stream::once(opening).map_ok(|file| stream::try_unfold(file, Download::next)).try_flatten().boxed()
}

pub(crate) fn again(after_ms: Option<i64>, cause: impl Into<Cause>) -> FetchError {
    FetchError::Again { after_ms, cause: cause.into() }
}

pub(crate) fn never(why: &str) -> FetchError {
    FetchError::Never { why: why.into() }
}

/// What is sent of a file: it goes out as it is read, from its beginning.
pub(crate) fn body(mut content: std::fs::File) -> io::Result<Body> {
    content.rewind()?;
    Ok(Body::from(tokio::fs::File::from_std(content)))
}

/// What people see as a file's name. Nothing in it ends the header that it stands in, or is a path.
pub(crate) fn file_name(name: &str) -> String {
    let shown = match name.rsplit_once('.') {
        Some((stem, ending)) => format!("{}.{}", shown_name(stem), shown_name(ending)),
        None => shown_name(name),
    };
    let shown = shown.replace(['"', '\\', '/'], "_");
    if shown.trim().is_empty() { "file".into() } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_people_call_it_and_ends_no_header() {
        let names = ["Übersicht (1).xlsx", "a\"b\\c.txt", "../../etc/passwd", "x\r\nContent-Type: y", "", " "];
        insta::assert_debug_snapshot!(names.map(file_name), @r#"
        [
            "Übersicht (1).xlsx",
            "a_b_c.txt",
            ".._.._etc_passwd",
            "x��Content-Type: y",
            "file",
            "file",
        ]
        "#);
        assert!(file_name(&format!("{}.pdf", "x".repeat(300))).ends_with("x.pdf"));
    }
}
