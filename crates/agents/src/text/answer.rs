//! An answer as it grows: what was shown of it is always its beginning.

use super::{decode::Decoder, plain::Plain};

/// Collects stdout. White space at the end is held back until something follows it, so that the pieces, put together,
/// are the trimmed answer at every moment.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    decoder: Decoder,
    plain: Plain,
    text: String,
    shown: usize,
}

impl Answer {
    /// Takes bytes; gives the piece of text that they add, if they add any.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Option<String> {
        let mut raw = String::new();
        self.decoder.push(bytes, &mut raw);
        self.grow(&raw)
    }

    /// Nothing more comes; gives the last piece, if there is one.
    pub(crate) fn finish(&mut self) -> Option<String> {
        let mut raw = String::new();
        self.decoder.finish(&mut raw);
        self.grow(&raw)
    }

    /// The answer, without white space at its end.
    pub(crate) fn into_text(mut self) -> String {
        self.text.truncate(self.shown);
        self.text
    }

    fn grow(&mut self, raw: &str) -> Option<String> {
        let before = self.text.len();
        self.plain.push(raw, &mut self.text);
        let added = self.text[before..].trim_end().len();
        if added == 0 {
            return None;
        }
        let piece = self.text[self.shown..before + added].to_owned();
        self.shown = before + added;
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_put_together_are_the_trimmed_answer() {
        let mut answer = Answer::default();
        let mut pieces = Vec::new();
        for bytes in [&b"one "[..], b"\n ", b"two\xe2", b"\x82", b"\xac\n\n", b" \xe2"] {
            pieces.extend(answer.push(bytes));
        }
        pieces.extend(answer.finish());
        assert_eq!(pieces, ["one", " \n two", "€", "\n\n \u{fffd}"]);
        assert_eq!(answer.into_text(), pieces.concat());
    }

    #[test]
    fn white_space_alone_is_no_answer() {
        let mut answer = Answer::default();
        assert_eq!(answer.push(b" \n\t\r\n"), None);
        assert_eq!(answer.finish(), None);
        assert_eq!(answer.into_text(), "");
    }
}
