//! A text with spans as what stands in a block of rich text: sections, lists, quotes and code.
//!
//! Slack has no code and no list inside of a quote, and no code inside of a list: such a quote or list ends there and goes
//! on behind it, and lists in quotes are text.

use std::{collections::BTreeSet, ops::Range};

use slack_morphism::prelude::{
    SlackRichTextElement, SlackRichTextList, SlackRichTextListStyle, SlackRichTextPreformatted, SlackRichTextQuote,
    SlackRichTextSection,
};

use super::inline::inline;
use crate::formatted::{Formatted, INDENT, Item, Look};

/// How lists are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lists {
    /// As lists of Slack's.
    Native,
    /// As text with bullets and numbers.
    AsText,
}

/// How deep a list of Slack's can be.
/// <https://docs.slack.dev/tools/node-slack-sdk/reference/types/interfaces/RichTextList>
const INDENT_MAX: usize = 8;
/// The greatest number of an item of Slack's.
const NUMBER_MAX: u64 = 9_999;

/// What a part of the text is.
#[derive(Clone, Copy, Debug)]
enum Kind<'f> {
    Section,
    Quote,
    Pre(Option<&'f str>),
    Item(&'f Item),
}

/// Never empty if the text is not blank.
pub(super) fn elements(formatted: &Formatted, lists: Lists, spans_max: usize) -> Vec<SlackRichTextElement> {
    let text = formatted.text.as_str();
    let spans = formatted.spans.most_important(text, spans_max);
    let mut elements = Elements { text, spans: &spans, done: Vec::new(), next_number: None };
    for (part, kind) in parts(formatted, &spans, lists) {
        elements.push(part, kind);
    }
    elements.done
}

/// The whole text in parts, without two neighbours that are both sections or quotes.
fn parts<'f>(
    formatted: &'f Formatted,
    spans: &'f [(Range<usize>, Look)],
    lists: Lists,
) -> Vec<(Range<usize>, Kind<'f>)> {
    let text = formatted.text.as_str();
    let blocks: Vec<_> = spans.iter().filter(|(_, look)| matches!(look, Look::Quote | Look::Pre(_))).collect();
    let is_quoted = |at: usize| blocks.iter().any(|(range, look)| *look == Look::Quote && range.contains(&at));
    let is_native = |item: &&Item| {
        let is_numbered = item.number.is_none_or(|number| (1..=NUMBER_MAX).contains(&number));
        lists == Lists::Native && is_numbered && !is_quoted(item.mark.start)
    };
    let items: Vec<_> = formatted.items.iter().filter(is_native).collect();
    let mut borders = BTreeSet::from([0, text.len()]);
    borders.extend(blocks.iter().flat_map(|(range, _)| [range.start, range.end]));
    borders.extend(items.iter().flat_map(|item| [item.mark.start, item.end]));
    let borders: Vec<_> = borders.into_iter().collect();
    let mut parts: Vec<(Range<usize>, Kind<'_>)> = Vec::new();
    for border in borders.windows(2) {
        let part = border[0]..border[1];
        let within = blocks.iter().filter(|(range, _)| range.start <= part.start && part.end <= range.end);
        let pre = within.clone().find_map(|(_, look)| match look {
            Look::Pre(language) => Some(Kind::Pre(language.as_deref())),
            _ => None,
        });
        // An item that shows nothing before its code or list is its mark.
        let item = items.iter().find(|item| item.mark.start == part.start && item.mark.end <= part.end);
        let item = item.filter(|item| !text[item.mark.end..part.end].trim().is_empty());
        let kind = match (pre, within.count(), item) {
            (Some(pre), ..) => pre,
            (None, 1.., _) => Kind::Quote,
            (None, 0, Some(item)) => Kind::Item(item),
            (None, 0, None) => Kind::Section,
        };
        match (parts.last_mut(), kind) {
            (Some((last, Kind::Section)), Kind::Section) | (Some((last, Kind::Quote)), Kind::Quote)
                if !text[part.clone()].is_empty() =>
            {
                last.end = part.end;
            }
            _ => parts.push((part, kind)),
        }
    }
    parts
}

struct Elements<'f> {
    text: &'f str,
    spans: &'f [(Range<usize>, Look)],
    done: Vec<SlackRichTextElement>,
    /// The number that goes on with the list at the end, if it has numbers.
    next_number: Option<u64>,
}

impl Elements<'_> {
    fn push(&mut self, part: Range<usize>, kind: Kind<'_>) {
        match kind {
            Kind::Section => {
                let is_after_list = matches!(self.done.last(), Some(SlackRichTextElement::List(_)));
                let mut lines = self.without_line_ends(part.clone());
                if is_after_list && self.text[part.start..lines.start].matches('\n').count() > 1 {
                    lines.start -= 1;
                }
                self.section(lines);
            }
            Kind::Quote => {
                let lines = self.without_line_ends(part);
                let elements = inline(self.text, std::slice::from_ref(&lines), self.spans);
                if !self.text[lines].trim().is_empty() {
                    self.done.push(SlackRichTextQuote::new(elements).into());
                }
            }
            Kind::Pre(language) => {
                let mut pre = SlackRichTextPreformatted::new(inline(self.text, &[part], &[]));
                pre.language = language.and_then(known).map(str::to_owned);
                self.done.push(pre.into());
            }
            Kind::Item(item) => self.item(item, part.end),
        }
    }

    fn section(&mut self, lines: Range<usize>) {
        if !self.text[lines.clone()].trim().is_empty() {
            let elements = inline(self.text, &[lines], self.spans);
            self.done.push(SlackRichTextSection::new(elements).into());
        }
    }

    /// Adds an item, to the list at the end if it goes on with it.
    fn item(&mut self, item: &Item, end: usize) {
        let section = SlackRichTextSection::new(inline(self.text, &self.lines_of(item, end), self.spans));
        let indent = Some(item.depth.min(INDENT_MAX) as u64).filter(|indent| *indent > 0);
        let style =
            if item.number.is_some() { SlackRichTextListStyle::Ordered } else { SlackRichTextListStyle::Bullet };
        match self.done.last_mut() {
            Some(SlackRichTextElement::List(list))
                if list.style == style && list.indent == indent && self.next_number == item.number =>
            {
                list.elements.push(section.into());
            }
            _ => {
                let mut list = SlackRichTextList::new(style, vec![section.into()]);
                list.indent = indent;
                list.offset = item.number.map(|number| number - 1).filter(|offset| *offset > 0);
                self.done.push(list.into());
            }
        }
        self.next_number = item.number.map(|number| number + 1);
    }

    /// The lines of an item without its indentation.
    fn lines_of(&self, item: &Item, end: usize) -> Vec<Range<usize>> {
        let text = &self.text[item.mark.end..end];
        let mut at = item.mark.end + text.len() - text.trim_start().len();
        let end = item.mark.end + text.trim_end().len();
        let indentation = INDENT.len() * (item.depth + 1);
        let mut lines = Vec::new();
        for (nth, line) in self.text[at..end].split_inclusive('\n').enumerate() {
            let blanks = line.len() - line.trim_start_matches(' ').len();
            let skipped = if nth == 0 { 0 } else { blanks.min(indentation) };
            lines.push(at + skipped..at + line.len());
            at += line.len();
        }
        lines
    }

    /// A part without the line ends at its ends: what stands around it begins on a line of its own.
    fn without_line_ends(&self, part: Range<usize>) -> Range<usize> {
        let text = &self.text[part.clone()];
        let start = part.start + text.len() - text.trim_start_matches('\n').len();
        start..part.end.min(part.start + text.trim_end().len()).max(start)
    }
}

/// A language by the name that Slack certainly knows: it does not document which others it takes.
/// <https://docs.slack.dev/reference/block-kit/block-elements/rich-text-preformatted-element>
fn known(language: &str) -> Option<&'static str> {
    Some(match language.to_ascii_lowercase().as_str() {
        "js" | "javascript" => "javascript",
        "json" => "json",
        "py" | "python" => "python",
        _ => return None,
    })
}
