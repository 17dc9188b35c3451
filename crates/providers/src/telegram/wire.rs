//! What Telegram says, as far as it is of use here.
//!
//! Guarantee: what is missing, new or strange in one field costs that field, never the message.
//! <https://core.telegram.org/bots/api#update>, <https://core.telegram.org/bots/api#message>

use serde::Deserialize;

use crate::fields::Fields;

/// A bot, as `getMe` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Me {
    pub(super) id: i64,
    #[serde(default)]
    pub(super) username: String,
}

/// The number of an update whose rest can't be read: half a surrogate pair, a number without end, too many levels.
pub(super) fn number(json: &str) -> Option<i64> {
    #[derive(Deserialize)]
    struct Numbered {
        update_id: i64,
    }
    // A list would do for serde, too.
    let found = json.trim_start().starts_with('{').then(|| serde_json::from_str::<Numbered>(json).ok())?;
    found.map(|found| found.update_id)
}

/// A piece of a text that is more than text; its place in bytes of that text.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) range: std::ops::Range<usize>,
    pub(super) kind: String,
    pub(super) fields: Fields,
}

/// The text of a message or the caption of its file, with its pieces in order; pieces that do not fit the text are left
/// out.
pub(super) fn text(message: &Fields) -> Option<(String, Vec<Piece>)> {
    let (text, name) = match message.get::<String>("text") {
        Some(text) => (text, "entities"),
        None => (message.get::<String>("caption")?, "caption_entities"),
    };
    let mut pieces: Vec<_> = message.objects(name).into_iter().filter_map(|fields| piece(&text, fields)).collect();
    pieces.sort_by_key(|piece| (piece.range.start, std::cmp::Reverse(piece.range.end)));
    Some((text, pieces))
}

fn piece(text: &str, fields: Fields) -> Option<Piece> {
    let offset: usize = fields.get("offset")?;
    let length: usize = fields.get("length")?;
    let start = byte_at(text, offset)?;
    let range = start..byte_at(text, offset.checked_add(length)?)?;
    (!range.is_empty()).then(|| Some(Piece { range, kind: fields.get("type")?, fields }))?
}

/// The byte at a UTF-16 offset; `None` outside of the text or in the middle of a character.
fn byte_at(text: &str, offset: usize) -> Option<usize> {
    let mut units = 0;
    for (byte, c) in text.char_indices() {
        if units >= offset {
            return (units == offset).then_some(byte);
        }
        units += c.len_utf16();
    }
    (units == offset).then_some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strange_field_costs_only_itself() {
        let json = r#"{"text":"a 👍 b","entities":[{"type":"bold","offset":2,"length":2},
            {"type":"new_kind","offset":5,"length":1,"with":{"more":1}},{"type":"bold","offset":3,"length":1},
            {"type":"bold","offset":0,"length":99},"nonsense",{"offset":0}],"from":7}"#;
        let message = Fields::read(json).unwrap();
        let (said, pieces) = text(&message).unwrap();
        let pieces: Vec<_> = pieces.iter().map(|piece| (piece.kind.as_str(), &said[piece.range.clone()])).collect();
        assert_eq!(pieces, [("bold", "👍"), ("new_kind", "b")]);
        assert!(message.object("from").is_none());
    }

    #[test]
    fn a_caption_is_a_text() {
        let message = Fields::read(r#"{"caption":"look","photo":[]}"#).unwrap();
        assert_eq!(text(&message).unwrap().0, "look");
        assert!(text(&Fields::read(r#"{"photo":[]}"#).unwrap()).is_none());
    }
}
