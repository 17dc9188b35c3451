//! Whom a message is for: mentions, pills, and a name at its beginning.
//! <https://spec.matrix.org/v1.16/client-server-api/#user-and-room-mentions>

use super::Room;
use crate::fields::Fields;

/// A message without the mention of us that it began with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) text: String,
    pub(super) is_ours: bool,
    /// Whether it is for somebody else, and not for us.
    pub(super) is_anothers: bool,
}

impl Address {
    pub(super) fn read(room: &Room<'_>, content: &Fields, text: &str) -> Self {
        let text = without_quote(text);
        let mentions = content.object("m.mentions").unwrap_or_default();
        let mentioned: Vec<String> = mentions.get("user_ids").unwrap_or_default();
        let html: String = content.get("formatted_body").unwrap_or_default();
        let (rest, is_called) = match without_name(room, text) {
            Some((rest, is_called)) => (rest, is_called),
            None => (text, false),
        };
        let is_ours = mentioned.iter().any(|user| user == room.me)
            || is_called
            || has_pill(&html, room.me)
            || names(text, room.me);
        Self {
            // A name at the beginning is taken off only where it calls us.
            text: if is_ours { rest } else { text }.trim().to_owned(),
            is_ours,
            is_anothers: !is_ours && !mentioned.is_empty(),
        }
    }
}

/// Without what older clients repeat of the message that is answered.
/// <https://spec.matrix.org/v1.12/client-server-api/#fallbacks-for-rich-replies>
fn without_quote(text: &str) -> &str {
    if !text.starts_with("> <@") && !text.starts_with("> * <@") {
        return text;
    }
    let mut rest = text;
    while rest.starts_with('>') {
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
    }
    rest.trim_start_matches('\n')
}

/// What follows our name, where the text begins with it, and whether that alone calls us: with a colon, a comma or an @.
fn without_name<'t>(room: &Room<'_>, text: &'t str) -> Option<(&'t str, bool)> {
    let text = text.trim_start();
    let local = room.me.trim_start_matches('@').split(':').next().unwrap_or_default();
    let names = [Some(room.me), room.my_name, Some(local)].into_iter().flatten().filter(|name| !name.is_empty());
    for name in names {
        let (rest, has_at) = match strip(text, name) {
            Some(rest) => (rest, name.starts_with('@')),
            None => match text.strip_prefix('@').and_then(|rest| strip(rest, name)) {
                Some(rest) => (rest, true),
                None => continue,
            },
        };
        if let Some(rest) = rest.strip_prefix([':', ',']) {
            return Some((rest, true));
        }
        if rest.is_empty() || rest.starts_with(char::is_whitespace) {
            return Some((rest, has_at));
        }
    }
    None
}

/// What follows `name`, however it is written.
fn strip<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let end = text.char_indices().nth(name.chars().count()).map_or(text.len(), |(at, _)| at);
    (text[..end].to_lowercase() == name.to_lowercase()).then(|| &text[end..])
}

/// Whether a text holds our whole user id.
fn names(text: &str, me: &str) -> bool {
    text.match_indices(me).any(|(at, _)| {
        let next = text[at + me.len()..].chars().next();
        !next.is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_')
    })
}

/// Whether a formatted text has a link to us, which clients show as a pill.
/// <https://spec.matrix.org/v1.16/appendices/#matrixto-navigation>
fn has_pill(html: &str, me: &str) -> bool {
    let encoded = me.replace('@', "%40").replace(':', "%3A");
    let is_here =
        |link: &str| html.match_indices(link).any(|(at, _)| html[at + link.len()..].starts_with(['"', '\'', '?']));
    is_here(&format!("matrix.to/#/{me}")) || is_here(&format!("matrix.to/#/{encoded}"))
}
