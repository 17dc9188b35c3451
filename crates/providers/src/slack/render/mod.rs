//! What agents write, Markdown, as what Slack shows: one block of rich text, and a plain text for notifications.
//!
//! Guarantees: whatever an agent prints becomes a message that Slack takes: no element is empty, no control character is
//! left, and blocks are never longer than [`BLOCKS_MAX_UTF16`]. No word is lost. Nobody is notified: there is no element
//! for a person, a group or a channel, and text is text. Nothing is parsed by Slack.
//!
//! Rules: <https://docs.slack.dev/reference/block-kit/blocks/rich-text-block>,
//! <https://docs.slack.dev/reference/methods/chat.update#errors>.

mod elements;
mod inline;
#[cfg(test)]
mod tests;

use slack_morphism::prelude::{SlackBlock, SlackRichTextBlock, SlackRichTextElement};
use url::Url;

use self::elements::{Lists, elements};
use crate::formatted::{Formatted, Tables, cleaned, formatted};

/// The longest text of one message before it is rendered, in UTF-16 code units: `chat.update` takes 4,000 characters.
pub(in crate::slack) const TEXT_MAX_UTF16: usize = 3_900;
/// The longest text for notifications, escaped, in UTF-16 code units.
const FALLBACK_MAX_UTF16: usize = 3_000;
/// The longest that blocks may be, as JSON and in UTF-16 code units. Slack does not document how it counts; it was seen
/// to refuse about 13,200 with `msg_blocks_too_long`. <https://github.com/slackapi/bolt-js/issues/2509>
const BLOCKS_MAX_UTF16: usize = 12_000;
/// The longest text with tables laid out, in UTF-16 code units.
const LAID_MAX_UTF16: usize = 8_000;
/// How many spans a message has at most, and how many where blocks would be too long.
const SPANS_MAX: [usize; 3] = [200, 50, 0];
/// The longest address that is a link.
const ADDRESS_MAX_BYTES: usize = 2_000;

/// Stands for a message without anything to see, which Slack would refuse.
const NOTHING: &str = "–";

/// A message, ready to be sent.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::slack) struct Rendered {
    /// For notifications and screen readers, escaped.
    pub(in crate::slack) text: String,
    pub(in crate::slack) blocks: Vec<SlackBlock>,
}

/// Renders Markdown.
///
/// What would become too long is shown with less: tables as they were written, lists as text, without the least
/// important spans, and at last everything as it was written.
pub(in crate::slack) fn render(markdown: &str) -> Rendered {
    let source = cleaned(markdown);
    for tables in [Tables::Laid, Tables::AsWritten] {
        let formatted = formatted(&source, tables, linkable);
        let fits = tables == Tables::AsWritten || formatted.text.encode_utf16().count() <= LAID_MAX_UTF16;
        if !fits || is_unseen(&formatted.text) {
            continue;
        }
        if let Some(blocks) = fitting(&formatted) {
            return Rendered { text: fallback(&formatted.text), blocks };
        }
    }
    plain(&source)
}

/// The text as it is, without markup.
pub(in crate::slack) fn plain(text: &str) -> Rendered {
    let source = cleaned(text);
    let text = if is_unseen(&source) { NOTHING } else { source.as_str() };
    let formatted = Formatted::plain(text);
    Rendered { text: fallback(&formatted.text), blocks: vec![block(elements(&formatted, Lists::AsText, 0))] }
}

/// The richest blocks that Slack takes.
fn fitting(formatted: &Formatted) -> Option<Vec<SlackBlock>> {
    let looks = SPANS_MAX.into_iter().flat_map(|spans_max| [(Lists::Native, spans_max), (Lists::AsText, spans_max)]);
    looks
        .map(|(lists, spans_max)| block(elements(formatted, lists, spans_max)))
        .find(|block| len_utf16(block) <= BLOCKS_MAX_UTF16)
        .map(|block| vec![block])
}

fn block(elements: Vec<SlackRichTextElement>) -> SlackBlock {
    SlackRichTextBlock::new(elements).into()
}

fn len_utf16(block: &SlackBlock) -> usize {
    serde_json::to_string(block).map_or(usize::MAX, |json| json.encode_utf16().count())
}

/// Whether there is nothing to see in a text: blanks, and what has no width.
fn is_unseen(text: &str) -> bool {
    use unicode_width::UnicodeWidthChar;
    text.chars().all(|c| c.is_whitespace() || c.width().is_none_or(|width| width == 0))
}

/// An address that Slack takes for a link.
fn linkable(address: &str) -> Option<Url> {
    let url = Url::parse(address).ok().filter(|url| url.as_str().len() <= ADDRESS_MAX_BYTES)?;
    let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
    let is_mail = url.scheme() == "mailto" && url.path().contains('@');
    (is_web || is_mail).then_some(url)
}

/// The text for notifications: what Slack would parse in it is escaped.
/// <https://docs.slack.dev/messaging/formatting-message-text#escaping>
fn fallback(text: &str) -> String {
    const MORE: &str = "…";
    let escaped = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        c => c.to_string(),
    };
    let mut out = String::with_capacity(text.len());
    let (mut used, mut end) = (0, 0);
    for c in text.chars() {
        let escaped = escaped(c);
        used += escaped.encode_utf16().count();
        if used > FALLBACK_MAX_UTF16 {
            out.truncate(end);
            out.push_str(MORE);
            break;
        }
        out.push_str(&escaped);
        if used < FALLBACK_MAX_UTF16 {
            end = out.len();
        }
    }
    out
}
