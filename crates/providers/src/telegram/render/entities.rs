//! From spans to entities. <https://core.telegram.org/bots/api#messageentity>

use std::{collections::BTreeMap, ops::Range};

use teloxide_core::types::{MessageEntity, MessageEntityKind};
use url::Url;

use super::ENTITIES_MAX;
use crate::formatted::{Formatted, Look};

/// The entities of a text, in order, counted in UTF-16 code units.
pub(super) fn entities(formatted: &Formatted) -> Vec<MessageEntity> {
    let Formatted { text, spans, .. } = formatted;
    let spans = spans.most_important(text, ENTITIES_MAX);
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
        MessageEntity::new(kind(look), offset, units[&range.end] - offset)
    };
    spans.into_iter().map(entity).collect()
}

fn kind(look: Look) -> MessageEntityKind {
    match look {
        Look::Quote => MessageEntityKind::Blockquote,
        Look::Link(url) => MessageEntityKind::TextLink { url },
        Look::Bold => MessageEntityKind::Bold,
        Look::Italic => MessageEntityKind::Italic,
        Look::Strike => MessageEntityKind::Strikethrough,
        Look::Code => MessageEntityKind::Code,
        Look::Pre(language) => MessageEntityKind::Pre { language },
    }
}

/// An address that Telegram takes for a link: of the web, on a host with a name.
pub(super) fn linkable(address: &str) -> Option<Url> {
    let url = Url::parse(address).ok()?;
    let is_named = url.domain().is_some_and(|host| host.contains('.') && !host.ends_with('.'));
    (matches!(url.scheme(), "http" | "https") && is_named).then_some(url)
}
