//! From what people see to Markdown: code, links and emphasis keep their meaning for the agent.
//!
//! Text without marks stays as it was typed.

use std::{cmp::Reverse, ops::Range};

use super::wire::Piece;

/// `text` with Markdown in place of its pieces, and without `cut` (a mention of us at its beginning or end).
pub(super) fn markdown(text: &str, pieces: &[Piece], cut: Option<&Range<usize>>) -> String {
    let kept = kept(text, cut);
    let text = &text[kept.clone()];
    // Where, in which order at one place, what. An end stands before a beginning; the inner ends first and begins last.
    let mut marks: Vec<(usize, bool, Reverse<usize>, isize, String)> = Vec::new();
    for (nth, piece) in (0..).zip(pieces) {
        let range = within(&piece.range, &kept);
        let said = &text[range.clone()];
        let start = range.start + said.len() - said.trim_start().len();
        let end = start + said.trim().len();
        if start >= end {
            continue;
        }
        let Some((opening, closing)) = marks_of(text, &range, piece) else { continue };
        marks.push((start, true, Reverse(end), nth, opening));
        marks.push((end, false, Reverse(start), -nth, closing));
    }
    marks.sort();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (place, .., mark) in marks {
        out.push_str(&text[at..place]);
        out.push_str(&mark);
        at = place;
    }
    out + &text[at..]
}

/// What stays of a text without a mention at its beginning or end, and without what set that apart.
fn kept(text: &str, cut: Option<&Range<usize>>) -> Range<usize> {
    match cut {
        Some(cut) if text[..cut.start].trim().is_empty() => {
            let rest = text[cut.end..].trim_start_matches([' ', '\n', '\t', ',', ':']);
            text.len() - rest.len()..text.len()
        }
        Some(cut) => 0..text[..cut.start].trim_end().len(),
        None => 0..text.len(),
    }
}

/// The part of `range` that is in `kept`, counted from there.
fn within(range: &Range<usize>, kept: &Range<usize>) -> Range<usize> {
    let at = |place: usize| place.clamp(kept.start, kept.end) - kept.start;
    at(range.start)..at(range.end)
}

fn marks_of(text: &str, range: &Range<usize>, piece: &Piece) -> Option<(String, String)> {
    let said = &text[range.clone()];
    let both = |mark: &str| Some((mark.to_owned(), mark.to_owned()));
    match piece.kind.as_str() {
        "bold" => both("**"),
        "italic" => both("_"),
        "strikethrough" => both("~~"),
        "code" => {
            let ticks = "`".repeat(longest_run(said) + 1);
            both(&ticks)
        }
        "pre" => {
            let ticks = "`".repeat((longest_run(said) + 1).max(3));
            let language: String = piece.fields.get("language").unwrap_or_default();
            let language = language.split(['`', '\n']).next().unwrap_or_default().to_owned();
            let before = text[..range.start].trim_end_matches(' ');
            let line = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
            let after = &text[range.end..];
            let next = if after.is_empty() || after.starts_with('\n') { "" } else { "\n" };
            Some((format!("{line}{ticks}{language}\n"), format!("\n{ticks}{next}")))
        }
        "text_link" => {
            let url: String = piece.fields.get("url")?;
            Some(("[".into(), format!("]({})", url.replace(')', "%29"))))
        }
        _ => None,
    }
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}
