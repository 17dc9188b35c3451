//! Bytes to text, piece by piece: any cut gives what [`String::from_utf8_lossy`] gives for the whole.

/// Decodes UTF-8 that arrives in pieces; at most three bytes wait for the rest of their character.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    waiting: Vec<u8>,
}

impl Decoder {
    /// Appends what `bytes` complete to `text`; each invalid sequence becomes U+FFFD.
    pub(crate) fn push(&mut self, bytes: &[u8], text: &mut String) {
        let joined;
        let bytes = if self.waiting.is_empty() {
            bytes
        } else {
            self.waiting.extend_from_slice(bytes);
            joined = std::mem::take(&mut self.waiting);
            &joined
        };
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.push_str(chunk.valid());
            let invalid = chunk.invalid();
            if invalid.is_empty() {
                continue;
            }
            let may_go_on = std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
            if may_go_on && chunks.peek().is_none() {
                self.waiting = invalid.to_vec();
            } else {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
    }

    /// Nothing more comes: a character that was cut off becomes U+FFFD.
    pub(crate) fn finish(&mut self, text: &mut String) {
        if !std::mem::take(&mut self.waiting).is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Text with broken bytes in it, rather than noise, which is hardly ever nearly valid.
    fn nearly_text() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            any::<char>().prop_map(|c| c.to_string().into_bytes()),
            (any::<char>(), 1usize..4).prop_map(|(c, cut)| c.to_string().into_bytes().into_iter().take(cut).collect()),
            any::<u8>().prop_map(|byte| vec![byte]),
        ];
        prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_cut_of_any_bytes_decodes_as_the_whole_does(
            bytes in nearly_text(),
            cuts in prop::collection::vec(0usize..7, 1..30),
        ) {
            let (mut decoder, mut text, mut rest) = (Decoder::default(), String::new(), bytes.as_slice());
            for cut in cuts {
                let (piece, tail) = rest.split_at(cut.min(rest.len()));
                decoder.push(piece, &mut text);
                prop_assert!(decoder.waiting.len() <= 3);
                rest = tail;
            }
            decoder.push(rest, &mut text);
            decoder.finish(&mut text);
            prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
        }
    }
}
