//! Spans of a text while it grows, and the entities that they become.

use std::{cmp::Reverse, collections::BTreeMap, ops::Range};

use teloxide_core::types::{MessageEntity, MessageEntityKind};
use url::Url;

use super::ENTITIES_MAX;

/// What a span looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Look {
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

    fn into_kind(self) -> MessageEntityKind {
        match self {
            Self::Quote => MessageEntityKind::Blockquote,
            Self::Link(url) => MessageEntityKind::TextLink { url },
            Self::Bold => MessageEntityKind::Bold,
            Self::Italic => MessageEntityKind::Italic,
            Self::Strike => MessageEntityKind::Strikethrough,
            Self::Code => MessageEntityKind::Code,
            Self::Pre(language) => MessageEntityKind::Pre { language },
        }
    }
}

/// Closed spans, in bytes of the text.
#[derive(Debug, Default)]
pub(super) struct Spans(Vec<(Range<usize>, Look)>);

impl Spans {
    /// Adds one; an empty one is nothing.
    pub(super) fn add(&mut self, range: Range<usize>, look: Look) {
        if !range.is_empty() {
            self.0.push((range, look));
        }
    }

    /// The entities of `text`, in order: outer before inner, without blanks at their ends, the least important left out
    /// where there are too many.
    pub(super) fn into_entities(self, text: &str) -> Vec<MessageEntity> {
        let mut spans: Vec<_> = self.0.into_iter().filter_map(|span| trimmed(text, span)).collect();
        spans.sort_by_key(|(range, look)| (look.rank(), range.start));
        spans.truncate(ENTITIES_MAX);
        spans.sort_by_key(|(range, look)| (range.start, Reverse(range.end), look.depth()));
        let mut units = BTreeMap::new();
        for (range, _) in &spans {
            units.insert(range.start, 0);
            units.insert(range.end, 0);
        }
        let (mut at, mut counted) = (0, 0);
        for (byte, unit) in &mut units {
            counted += text[at..*byte].encode_utf16().count();
            (at, *unit) = (*byte, counted);
        }
        let entity = |(range, look): (Range<usize>, Look)| {
            let offset = units[&range.start];
            MessageEntity::new(look.into_kind(), offset, units[&range.end] - offset)
        };
        spans.into_iter().map(entity).collect()
    }
}

/// Without what stands over the text's end, and without blanks at the ends, which Telegram does not mark.
fn trimmed(text: &str, (range, look): (Range<usize>, Look)) -> Option<(Range<usize>, Look)> {
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
    Some((start..start + inner.trim_matches(is_blank).len(), look))
}
