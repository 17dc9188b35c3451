//! The way from the worker to the agent's stdin: `[length, u32 big-endian][bytes]`, and a frame of length 0 at its end.
//!
//! Any cut of the stream reads the same; nothing is buffered but a frame's four bytes of length.

/// Longest frame that we write. Readers take any length.
pub(crate) const FRAME_BYTES_MAX: usize = 32 * 1024;

/// The frame of length 0: the agent's stdin ends here.
pub(crate) const CLOSE: [u8; 4] = [0; 4];

/// The head of a frame that carries `length` bytes.
pub(crate) fn head(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("frames are cut to FRAME_BYTES_MAX").to_be_bytes()
}

/// What a reader found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A frame began.
    Head,
    /// Bytes for the agent.
    Bytes(&'a [u8]),
    /// The agent's stdin is to be closed.
    Close,
}

/// Reads frames from pieces of any size.
#[derive(Debug, Default)]
pub(crate) struct FrameReader {
    head: [u8; 4],
    head_read: usize,
    body_left: u32,
}

impl FrameReader {
    /// Takes one thing from the front of `input`, which it shortens; `None` when nothing is left to find.
    pub(crate) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Option<Found<'a>> {
        if self.body_left > 0 && !input.is_empty() {
            let taken = input.len().min(self.body_left as usize);
            let (bytes, rest) = input.split_at(taken);
            *input = rest;
            self.body_left -= u32::try_from(taken).expect("at most what was left, a u32");
            return Some(Found::Bytes(bytes));
        }
        while let Some((&byte, rest)) = input.split_first() {
            *input = rest;
            self.head[self.head_read] = byte;
            self.head_read += 1;
            if self.head_read == self.head.len() {
                self.head_read = 0;
                self.body_left = u32::from_be_bytes(self.head);
                return Some(if self.body_left == 0 { Found::Close } else { Found::Head });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Everything found in these pieces: bytes put together, with where streams and frames begin and end.
    fn found<'b>(pieces: impl Iterator<Item = &'b [u8]>) -> (Vec<u8>, usize, Vec<usize>) {
        let (mut reader, mut bytes, mut heads, mut closed) = (FrameReader::default(), Vec::new(), 0, Vec::new());
        for mut piece in pieces {
            while let Some(found) = reader.next(&mut piece) {
                match found {
                    Found::Head => heads += 1,
                    Found::Bytes(taken) => bytes.extend(taken),
                    Found::Close => closed.push(bytes.len()),
                }
            }
            assert!(piece.is_empty(), "everything is taken");
        }
        (bytes, heads, closed)
    }

    proptest! {
        #[test]
        fn any_bytes_read_the_same_in_any_cut(
            stream in prop::collection::vec(prop_oneof![2 => Just(0_u8), 1 => 0_u8..4, 1 => any::<u8>()], 0..120),
            cut in 1_usize..9,
        ) {
            let (bytes, heads, closed) = found(std::iter::once(stream.as_slice()));
            prop_assert!(bytes.len() + 4 * (heads + closed.len()) <= stream.len(), "nothing is made up");
            prop_assert_eq!(found(stream.chunks(cut)), (bytes, heads, closed));
        }

        #[test]
        fn any_cut_of_the_stream_reads_the_same(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..8),
            cuts in prop::collection::vec(1usize..13, 1..20),
        ) {
            let mut stream = Vec::new();
            for frame in &frames {
                stream.extend(head(frame.len()));
                stream.extend(frame);
            }
            stream.extend(CLOSE);
            let (mut reader, mut read, mut heads, mut closed) = (FrameReader::default(), Vec::<u8>::new(), 0, 0);
            let mut rest = stream.as_slice();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (mut piece, tail) = rest.split_at((*cut).min(rest.len()));
                rest = tail;
                while let Some(found) = reader.next(&mut piece) {
                    match found {
                        Found::Head => heads += 1,
                        Found::Bytes(bytes) => read.extend(bytes),
                        Found::Close => closed += 1,
                    }
                }
            }
            prop_assert_eq!(read, frames.concat());
            prop_assert_eq!((heads, closed), (frames.len(), 1));
        }
    }
}
