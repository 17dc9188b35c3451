//! What agents write, Markdown, as text with spans: what is neutral between networks.
//!
//! Guarantees: spans lie within the text, on the borders of characters, and are nested; code is inside of nothing but a
//! quote, and nothing inside of its like; no word is lost. Only tables and the numbers of lists can become longer than
//! what was written.

mod blocks;
mod items;
mod span;
mod table;

use url::Url;

pub(crate) use self::{
    blocks::formatted,
    items::Item,
    span::{Look, Spans},
};

/// What counts as a link: an address that is none is shown behind its text.
pub(crate) type Linkable = fn(&str) -> Option<Url>;

/// How tables are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tables {
    /// Readable.
    Laid,
    /// As they were written, monospaced.
    AsWritten,
}

/// A text with its spans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Formatted {
    /// Without blanks at its end.
    pub(crate) text: String,
    pub(crate) spans: Spans,
    /// The items of lists, in order, but for tasks.
    pub(crate) items: Vec<Item>,
}

impl Formatted {
    /// A text without spans.
    #[cfg_attr(not(feature = "slack"), expect(dead_code, reason = "Telegram's text needs no spans"))]
    pub(crate) fn plain(text: &str) -> Self {
        Self { text: text.trim_end().to_owned(), spans: Spans::default(), items: Vec::new() }
    }
}

/// How much deeper the lines of a list's items stand than what is around it.
pub(crate) const INDENT: &str = "  ";

/// Without what networks would change by themselves, so that places in the text stay true: line ends are line feeds, and
/// other control characters are blanks.
pub(crate) fn cleaned(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { ' ' } else { c }).collect()
}
