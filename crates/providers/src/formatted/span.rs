//! Spans of a text, while it grows and when it is done.

use std::{cmp::Reverse, ops::Range};

use url::Url;

/// What a span looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Quote,
    Link(Url),
    Bold,
    Italic,
    Strike,
    Code,
    Pre(Option<String>),
}

impl Look {
    /// Whether two are the same but for their details.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    /// How deep inside of others that mark the same text.
    fn depth(&self) -> u8 {
        match self {
            Self::Quote => 0,
            Self::Link(_) => 1,
            Self::Bold => 2,
            Self::Strike => 3,
            Self::Italic => 4,
            Self::Code | Self::Pre(_) => 5,
        }
    }

    /// What matters most; the rest is left out where there are too many.
    fn rank(&self) -> u8 {
        match self {
            Self::Pre(_) => 0,
            Self::Code => 1,
            Self::Link(_) => 2,
            Self::Quote => 3,
            Self::Bold => 4,
            Self::Strike => 5,
            Self::Italic => 6,
        }
    }
}

/// Closed spans, in bytes of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spans(Vec<(Range<usize>, Look)>);

impl Spans {
    /// Adds one; an empty one is nothing.
    pub(super) fn add(&mut self, range: Range<usize>, look: Look) {
        if !range.is_empty() {
            self.0.push((range, look));
        }
    }

    /// The spans of `text`, in order: outer before inner, without blanks at their ends, the least important left out
    /// where there are more than `max`.
    pub(crate) fn most_important(&self, text: &str, max: usize) -> Vec<(Range<usize>, Look)> {
        let mut spans: Vec<_> = self.0.iter().filter_map(|(range, look)| trimmed(text, range, look)).collect();
        spans.sort_by_key(|(range, look)| (look.rank(), range.start));
        spans.truncate(max);
        spans.sort_by_key(|(range, look)| (range.start, Reverse(range.end), look.depth()));
        spans
    }
}

/// Without what stands over the text's end, and without blanks at the ends, which no network marks.
fn trimmed(text: &str, range: &Range<usize>, look: &Look) -> Option<(Range<usize>, Look)> {
    let inner = text.get(range.start..range.end.min(text.len()))?;
    if inner.trim().is_empty() {
        return None;
    }
    let is_blank = match look {
        // Blanks belong to code, and code to the quote around it.
        Look::Quote => |c: char| c == '\n',
        Look::Code | Look::Pre(_) => |_: char| false,
        Look::Link(_) | Look::Bold | Look::Italic | Look::Strike => char::is_whitespace,
    };
    let start = range.start + inner.len() - inner.trim_start_matches(is_blank).len();
    Some((start..start + inner.trim_matches(is_blank).len(), look.clone()))
}
