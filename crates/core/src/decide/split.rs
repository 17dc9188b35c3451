//! One reply as several messages: in order, each within the network's limit, code fences closed and opened again,
//! no character cut in two.

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag};
use unicode_segmentation::UnicodeSegmentation;

use crate::capability::TextLimit;

struct Fence {
    /// Where its body begins and ends, in bytes of the text.
    body: std::ops::Range<usize>,
    /// What opens it again at the beginning of a part.
    opening: String,
    /// What closes it at the end of a part.
    closing: String,
}

/// Splits Markdown into parts that fit `limit`; never empty, and one part if it fits as it is.
///
/// Breaks, in order of preference, between paragraphs, lines, words, and visible characters.
#[must_use]
pub fn split(text: &str, limit: TextLimit) -> Vec<String> {
    let text = text.trim_end();
    if limit.fits(text) {
        return vec![text.to_owned()];
    }
    let fences = fences(text);
    let mut parts = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let inside = fences.iter().find(|fence| fence.body.contains(&at));
        let (part, end) = next_part(text, at, inside, &fences, limit);
        if !part.trim().is_empty() {
            parts.push(part);
        }
        at = end;
    }
    parts
}

/// The end of a text that still fits `limit`, for showing work in progress: `…` stands for what is left out.
#[must_use]
pub fn tail(text: &str, limit: TextLimit) -> String {
    if limit.fits(text) {
        return text.to_owned();
    }
    let room = TextLimit { max: limit.max.saturating_sub(4), ..limit };
    let mut begin = text.len();
    let mut used = 0;
    for (index, visible) in text.grapheme_indices(true).rev() {
        used += room.measure(visible);
        if used > room.max as usize {
            break;
        }
        begin = index;
    }
    format!("…{}", &text[begin..])
}

/// The beginning of a text by whole lines, with `ending` behind it, if it does not fit `limit` as it is.
#[must_use]
pub fn head(text: &str, limit: TextLimit, ending: &str) -> String {
    if limit.fits(text) {
        return text.to_owned();
    }
    let room = (limit.max as usize).saturating_sub(limit.measure(ending));
    let mut used = 0;
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        used += limit.measure(line);
        if used > room {
            break;
        }
        end += line.len();
    }
    if end == 0 && room > 0 {
        end = fitting(text, limit, room);
    }
    format!("{}{ending}", &text[..end])
}

fn fences(text: &str) -> Vec<Fence> {
    let blocks = Parser::new(text).into_offset_iter();
    blocks
        .filter_map(|(event, range)| match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                let first_line = text[range.clone()].find('\n')? + 1;
                let language = language.split_whitespace().next().unwrap_or_default().replace('`', "");
                // As many and of the same kind as it has: what is inside may hold fences of another.
                let kind = text[range.start..].chars().next().filter(|c| *c == '~').unwrap_or('`');
                let run = text[range.clone()].chars().take_while(|c| *c == kind).count();
                let marker = kind.to_string().repeat(run.max(3));
                Some(Fence {
                    body: range.start + first_line..range.end,
                    opening: format!("{marker}{language}\n"),
                    closing: format!("\n{marker}"),
                })
            }
            _ => None,
        })
        .collect()
}

fn next_part(text: &str, at: usize, inside: Option<&Fence>, fences: &[Fence], limit: TextLimit) -> (String, usize) {
    // A fence whose own lines would fill the message is not worth opening again.
    let inside =
        inside.filter(|fence| limit.measure(&fence.opening) + limit.measure(&fence.closing) <= limit.max as usize / 2);
    let opening = inside.map_or("", |fence| fence.opening.as_str());
    let room = (limit.max as usize).saturating_sub(limit.measure(opening));
    let rest = &text[at..];
    if limit.measure(rest) <= room {
        return (format!("{opening}{rest}"), text.len());
    }
    let closing_max = fences.iter().map(|fence| limit.measure(&fence.closing)).max().unwrap_or(0);
    let reserve = if room <= 4 * closing_max { 0 } else { closing_max };
    let hard = at + fitting(rest, limit, room - reserve);
    let mut end = at + best_break(&text[at..hard]);
    // Never between a fence's opening line and its body.
    if let Some(fence) = fences.iter().find(|fence| fence.body.start == end)
        && let Some(line) = text[at..end].trim_end_matches('\n').rfind('\n')
        && line > 0
        && fence.body.start > at
    {
        end = at + line + 1;
    }
    let mut part = format!("{opening}{}", text[at..end].trim_end());
    let cut = fences.iter().find(|fence| fence.body.contains(&end) && fence.body.start < end);
    if let Some(fence) = cut
        && reserve > 0
        && (inside.is_some() || (at..end).contains(&fence.body.start))
    {
        part.push_str(&fence.closing);
    }
    let next = if cut.is_some() {
        end + usize::from(text[end..].starts_with('\n'))
    } else {
        text.len() - text[end..].trim_start().len()
    };
    (part, next)
}

/// How many bytes of `text` fit into `room`, cut between visible characters; at least one character.
fn fitting(text: &str, limit: TextLimit, room: usize) -> usize {
    let mut used = 0;
    let mut end = 0;
    for (index, visible) in text.grapheme_indices(true) {
        used += limit.measure(visible);
        if used > room {
            break;
        }
        end = index + visible.len();
    }
    if end > 0 {
        return end;
    }
    // One visible character longer than a message: cut between its scalar values.
    used = 0;
    for (index, c) in text.char_indices() {
        used += limit.measure(c.encode_utf8(&mut [0; 4]));
        if used > room && index > 0 {
            return index;
        }
    }
    text.len()
}

/// Where to break `text`, which fits: as late as possible, but at the best kind of place in its second half.
fn best_break(text: &str) -> usize {
    let half = text.len() / 2;
    let late = |at: Option<usize>, width: usize| at.map(|at| at + width).filter(|end| *end > half);
    late(text.rfind("\n\n"), 2)
        .or_else(|| late(text.rfind('\n'), 1))
        .or_else(|| late(text.rfind(' '), 1))
        .unwrap_or(text.len())
}

#[cfg(test)]
mod tests;
