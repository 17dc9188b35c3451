//! Text with spans as elements within a line: text and links.

use std::{collections::BTreeSet, ops::Range};

use slack_morphism::prelude::{
    SlackRelaxedUrl, SlackRichTextInlineElement, SlackRichTextLink, SlackRichTextStyle, SlackRichTextText,
};

use crate::formatted::Look;

/// Parts of `text` as elements, one behind the other; none of them is empty.
pub(super) fn inline(
    text: &str,
    parts: &[Range<usize>],
    spans: &[(Range<usize>, Look)],
) -> Vec<SlackRichTextInlineElement> {
    let mut elements: Vec<SlackRichTextInlineElement> = Vec::new();
    for part in parts {
        let is_over = |range: &Range<usize>| range.start < part.end && range.end > part.start;
        let spans: Vec<_> = spans.iter().filter(|(range, _)| is_over(range)).collect();
        let ends = spans.iter().flat_map(|(range, _)| [range.start, range.end]).filter(|end| part.contains(end));
        let borders: Vec<_> = ends.chain([part.start, part.end]).collect::<BTreeSet<_>>().into_iter().collect();
        for border in borders.windows(2) {
            let (start, end) = (border[0], border[1]);
            let looks = spans.iter().filter(|(range, _)| range.start <= start && end <= range.end);
            push(&mut elements, element(&text[start..end], looks.map(|(_, look)| look)));
        }
    }
    elements
}

/// Neighbours that look the same are one.
fn push(elements: &mut Vec<SlackRichTextInlineElement>, next: SlackRichTextInlineElement) {
    match (elements.last_mut(), next) {
        (Some(SlackRichTextInlineElement::Text(last)), SlackRichTextInlineElement::Text(next))
            if last.style == next.style =>
        {
            last.text.push_str(&next.text);
        }
        (_, next) => elements.push(next),
    }
}

fn element<'l>(text: &str, looks: impl Iterator<Item = &'l Look>) -> SlackRichTextInlineElement {
    let mut style = SlackRichTextStyle::new();
    let mut address = None;
    for look in looks {
        match look {
            Look::Bold => style.bold = Some(true),
            Look::Italic => style.italic = Some(true),
            Look::Strike => style.strike = Some(true),
            Look::Code => style.code = Some(true),
            Look::Link(url) => address = Some(url),
            Look::Quote | Look::Pre(_) => {}
        }
    }
    let style = Some(style).filter(|style| *style != SlackRichTextStyle::new());
    match address {
        Some(url) => SlackRichTextLink {
            url: SlackRelaxedUrl(url.as_str().to_owned()),
            text: Some(text.to_owned()),
            unsafe_: None,
            style,
        }
        .into(),
        None => SlackRichTextText { text: text.to_owned(), style }.into(),
    }
}
