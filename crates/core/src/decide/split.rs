//! One reply as several messages: in order, each within the network's limit, code fences closed and opened again,
//! no character cut in two.

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag};
use unicode_segmentation::UnicodeSegmentation;

use crate::capability::TextLimit;

/// What closes a code fence at the end of a part.
const CLOSING: &str = "\n```";

struct Fence {
    /// Where its body begins and ends, in bytes of the text.
    body: std::ops::Range<usize>,
    opening: String,
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

fn fences(text: &str) -> Vec<Fence> {
    let blocks = Parser::new(text).into_offset_iter();
    blocks
        .filter_map(|(event, range)| match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                let first_line = text[range.clone()].find('\n')? + 1;
                let language = language.split_whitespace().next().unwrap_or_default().replace('`', "");
                Some(Fence { body: range.start + first_line..range.end, opening: format!("```{language}\n") })
            }
            _ => None,
        })
        .collect()
}

fn next_part(text: &str, at: usize, inside: Option<&Fence>, fences: &[Fence], limit: TextLimit) -> (String, usize) {
    // A fence whose own lines would fill the message is not worth opening again.
    let inside =
        inside.filter(|fence| limit.measure(&fence.opening) + limit.measure(CLOSING) <= limit.max as usize / 2);
    let opening = inside.map_or("", |fence| fence.opening.as_str());
    let room = (limit.max as usize).saturating_sub(limit.measure(opening));
    let rest = &text[at..];
    if limit.measure(rest) <= room {
        return (format!("{opening}{rest}"), text.len());
    }
    let reserve = if fences.is_empty() || room <= 4 * limit.measure(CLOSING) { 0 } else { limit.measure(CLOSING) };
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
    let still_inside = fences.iter().any(|fence| fence.body.contains(&end) && fence.body.start < end);
    if still_inside
        && reserve > 0
        && (inside.is_some() || fences.iter().any(|fence| (at..end).contains(&fence.body.start)))
    {
        part.push_str(CLOSING);
    }
    let next = if still_inside {
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::capability::TextUnit;

    fn chars(max: u32) -> TextLimit {
        TextLimit { max, unit: TextUnit::Chars }
    }

    #[test]
    fn a_reply_that_fits_stays_as_it_is() {
        assert_eq!(split("hello\n", chars(5)), ["hello"]);
        assert_eq!(split("", chars(5)), [""]);
    }

    #[test]
    fn paragraphs_then_lines_then_words_are_kept_whole() {
        assert_eq!(split("one two\n\nthree four", chars(12)), ["one two", "three four"]);
        assert_eq!(split("one two three", chars(9)), ["one two", "three"]);
        assert_eq!(split("abcdefghij", chars(4)), ["abcd", "efgh", "ij"]);
    }

    #[test]
    fn a_code_fence_is_closed_and_opened_again() {
        let text = format!("Look:\n\n```rust\n{}```\nDone.", "let a = 1;\n".repeat(8));
        let parts = split(&text, chars(60));
        insta::assert_snapshot!(parts.join("\n---\n"), @r"
        Look:

        ```rust
        let a = 1;
        let a = 1;
        let a = 1;
        ```
        ---
        ```rust
        let a = 1;
        let a = 1;
        let a = 1;
        let a = 1;
        ```
        ---
        ```rust
        let a = 1;
        ```
        Done.
        ");
    }

    #[test]
    fn an_emoji_family_is_not_torn_apart() {
        let family = "👨‍👩‍👧‍👦";
        let limit = TextLimit { max: 25, unit: TextUnit::Bytes };
        assert_eq!(split(&family.repeat(3), limit), [family, family, family]);
    }

    #[test]
    fn a_tail_shows_the_newest_text() {
        assert_eq!(tail("abcdefghijkl", chars(8)), "…ijkl");
        assert_eq!(tail("short", chars(8)), "short");
    }

    proptest! {
        #[test]
        fn every_part_fits_and_nothing_but_white_space_is_lost(
            text in "([a-zé👍\u{301} \n]|\n\n){0,400}",
            max in 8_u32..60,
            unit in prop_oneof![Just(TextUnit::Bytes), Just(TextUnit::Utf16), Just(TextUnit::Chars)],
        ) {
            let limit = TextLimit { max, unit };
            let parts = split(&text, limit);
            prop_assert!(parts.iter().all(|part| limit.fits(part)), "{parts:?}");
            let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(bare(&parts.concat()), bare(&text));
        }

        #[test]
        fn any_markdown_is_split_within_the_limit(text in "(```[a-z]{0,9}\n|~~~\n|[a-z`*|\n -]|- |> ){0,300}", max in 8_u32..80) {
            let parts = split(&text, chars(max));
            prop_assert!(parts.iter().all(|part| chars(max).fits(part)), "{parts:?}");
        }
    }
}
