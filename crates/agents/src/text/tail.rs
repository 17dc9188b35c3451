//! The end of what an agent wrote to stderr: however much it was, little is kept.

use std::collections::VecDeque;

use super::plain::plain;

/// How much is kept.
pub(crate) const TAIL_BYTES_MAX: usize = 64 * 1024;
/// Longest line that is shown.
pub(crate) const LINE_CHARS_MAX: usize = 300;

/// Keeps the last [`TAIL_BYTES_MAX`] bytes.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    kept: VecDeque<u8>,
}

impl Tail {
    /// Takes bytes, forgetting as many old ones as it must.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(TAIL_BYTES_MAX)..];
        let excess = (self.kept.len() + bytes.len()).saturating_sub(TAIL_BYTES_MAX);
        self.kept.drain(..excess);
        self.kept.extend(bytes);
    }

    /// The last line that says something: without terminal codes, shortened, and without an `Error:` of its own, which
    /// the last word brings.
    pub(crate) fn last_line(&mut self) -> String {
        let text = plain(&String::from_utf8_lossy(self.kept.make_contiguous()));
        let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        let line = match line.split_at_checked("error:".len()) {
            Some((word, rest)) if word.eq_ignore_ascii_case("error:") && !rest.trim().is_empty() => rest.trim(),
            _ => line,
        };
        // A reason is one line without control characters, and this becomes a part of one.
        shortened(&line.replace('\t', " "))
    }
}

fn shortened(line: &str) -> String {
    if line.chars().count() <= LINE_CHARS_MAX {
        return line.to_owned();
    }
    line.chars().take(LINE_CHARS_MAX - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last_line(bytes: &[u8]) -> String {
        let mut tail = Tail::default();
        tail.push(bytes);
        tail.last_line()
    }

    #[test]
    fn the_last_line_that_says_something_is_kept() {
        assert_eq!(last_line(b"first\n  \x1b[31mthe disk is full\x1b[0m \r\n\n \n"), "the disk is full");
        assert_eq!(last_line(b"Error: no such model\n"), "no such model");
        assert_eq!(last_line(b"code\t5:\tno such model\n"), "code 5: no such model");
        assert_eq!(last_line(b"error:\n"), "error:");
        assert_eq!(last_line(b""), "");
        assert_eq!(last_line(b"bad \xff byte"), "bad \u{fffd} byte");
    }

    #[test]
    fn a_long_line_is_shortened_between_characters() {
        let line = last_line("é".repeat(1_000).as_bytes());
        assert_eq!(line.chars().count(), LINE_CHARS_MAX);
        assert!(line.ends_with("é…"));
    }

    #[test]
    fn a_flood_leaves_only_its_end() {
        let mut tail = Tail::default();
        for _ in 0..100 {
            tail.push(&[b'x'; 10_000]);
            assert!(tail.kept.len() <= TAIL_BYTES_MAX);
        }
        tail.push(b"\nthe end");
        assert_eq!(tail.last_line(), "the end");
        tail.push(&[b'y'; 3 * TAIL_BYTES_MAX]);
        assert_eq!(tail.kept.len(), TAIL_BYTES_MAX);
    }
}
