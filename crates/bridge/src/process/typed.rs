//! What is typed, or comes through a pipe.

use std::io::BufRead;

use super::blocking::blocking;

/// The next line of stdin without its end, with a replacement character for what is no text; `None` at the end of all.
pub(crate) async fn next_line() -> Option<String> {
    let read = blocking(|| {
        let mut line = Vec::new();
        let read = std::io::stdin().lock().read_until(b'\n', &mut line);
        read.is_ok_and(|read| read > 0).then_some(line)
    });
    let line = read.await.ok()??;
    Some(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned())
}
