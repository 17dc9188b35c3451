//! Texts and their entities: what is refused, what is put right, and what is found in a plain text.
//!
//! Offsets and lengths are in UTF-16 units, as everywhere in the Bot API
//! (<https://core.telegram.org/bots/api#messageentity>). The words of the refusals are those of the server that
//! Telegram publishes.

use serde_json::{Value, json};

use super::errors::Refusal;

/// The longest text of a message in UTF-16 units.
pub const TEXT_MAX_UTF16: usize = 4_096;
/// The longest caption in UTF-16 units.
pub const CAPTION_MAX_UTF16: usize = 1_024;
/// The most entities of a message; those behind are dropped without a word.
pub const ENTITIES_MAX: usize = 100;

/// A text as it stands in a message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Formatted {
    /// The text.
    pub text: String,
    /// `MessageEntity` objects in order.
    pub entities: Vec<Value>,
}

/// The length that limits speak of.
#[must_use]
pub fn utf16(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Reads `entities` as it was sent.
///
/// # Errors
/// When it is not an array of entities.
pub fn entities(sent: Option<Value>) -> Result<Vec<Value>, Refusal> {
    let Some(sent) = sent else { return Ok(Vec::new()) };
    let Value::Array(entities) = sent else {
        return Err(Refusal::bad_request("expected an Array of MessageEntity"));
    };
    for entity in &entities {
        let missing =
            |field: &str| Refusal::bad_request(format_args!("can't parse MessageEntity: Can't find field \"{field}\""));
        for field in ["offset", "length"] {
            entity[field].as_i64().ok_or_else(|| missing(field))?;
        }
        let needs = match entity["type"].as_str().ok_or_else(|| missing("type"))? {
            "text_link" => "url",
            "text_mention" => "user",
            "custom_emoji" => "custom_emoji_id",
            _ => continue,
        };
        if entity[needs].is_null() {
            return Err(missing(needs));
        }
    }
    Ok(entities)
}

/// Checks entities against their text, cleans the text, and finds what needs no entity to be one.
///
/// # Errors
/// When an entity is out of range or cuts a character, or when nothing is left of the text.
pub fn fix(text: &str, entities: Vec<Value>) -> Result<Formatted, Refusal> {
    let marks = marks(text);
    let mut spans = Vec::new();
    for entity in entities {
        spans.extend(span(&marks, entity)?);
    }
    spans.sort_by_key(|span| (span.begin, usize::MAX - span.end));
    spans.truncate(ENTITIES_MAX);

    let (cleaned, map) = clean(text);
    for span in &mut spans {
        (span.begin, span.end) = (map[span.begin], map[span.end]);
    }
    let kept = trim(cleaned, &mut spans);
    if kept.is_empty() {
        return Err(Refusal::bad_request("text must be non-empty"));
    }
    let mut all: Vec<Value> = spans.into_iter().filter(|span| span.begin < span.end).map(Span::shown).collect();
    let is_free = |found: &Value| all.iter().all(|known| !overlaps(known, found) || may_hold(known));
    let found: Vec<_> = find(&kept).into_iter().filter(is_free).collect();
    all.extend(found);
    all.sort_by_key(|entity| (entity["offset"].as_u64(), u64::MAX - entity["length"].as_u64().unwrap_or(0)));
    all.truncate(ENTITIES_MAX);
    Ok(Formatted { text: kept, entities: all })
}

struct Span {
    begin: usize,
    end: usize,
    entity: Value,
}

impl Span {
    fn shown(self) -> Value {
        let mut shown = self.entity;
        shown["offset"] = self.begin.into();
        shown["length"] = (self.end - self.begin).into();
        shown
    }
}

/// For every UTF-16 offset up to the end: whether a character begins there, and the byte where this or the next does.
fn marks(text: &str) -> Vec<(bool, usize)> {
    let mut marks = Vec::with_capacity(text.len() + 1);
    for (byte, c) in text.char_indices() {
        marks.push((true, byte));
        if c.len_utf16() == 2 {
            marks.push((false, byte + c.len_utf8()));
        }
    }
    marks.push((true, text.len()));
    marks
}

/// Where an entity lies; `None` if it is empty or of a kind that is found, not sent.
fn span(marks: &[(bool, usize)], entity: Value) -> Result<Option<Span>, Refusal> {
    let number = |field: &str| {
        let number = entity[field].as_i64().unwrap_or_default();
        let wrong = |_| Refusal::bad_request(format_args!("receive an entity with incorrect {field} {number}"));
        usize::try_from(number).map_err(wrong)
    };
    let (begin, length) = (number("offset")?, number("length")?);
    if length == 0 {
        return Ok(None);
    }
    let end = begin + length;
    match marks.get(begin) {
        None => {
            let words = format_args!("entity begins after the end of the text at UTF-16 offset {begin}");
            return Err(Refusal::bad_request(words));
        }
        Some((false, byte)) => {
            let words = format_args!("entity begins in a middle of a UTF-16 symbol at byte offset {byte}");
            return Err(Refusal::bad_request(words));
        }
        Some((true, _)) => {}
    }
    let words = format!("entity beginning at UTF-16 offset {begin} ends");
    match marks.get(end) {
        None => Err(Refusal::bad_request(format_args!("{words} after the end of the text at UTF-16 offset {end}"))),
        Some((false, byte)) => {
            let words = format_args!("{words} in a middle of a UTF-16 symbol at byte offset {byte}");
            Err(Refusal::bad_request(words))
        }
        Some((true, _)) => {
            let is_sent = entity["type"].as_str().is_some_and(|kind| SENT.contains(&kind));
            Ok(is_sent.then_some(Span { begin, end, entity }))
        }
    }
}

/// The kinds that a bot may send; the others are found by the server, or unknown, and dropped.
const SENT: [&str; 12] = [
    "bold",
    "italic",
    "underline",
    "strikethrough",
    "spoiler",
    "blockquote",
    "expandable_blockquote",
    "code",
    "pre",
    "text_link",
    "text_mention",
    "custom_emoji",
];

/// Control characters become spaces or vanish; the map leads from old UTF-16 offsets to new ones.
fn clean(text: &str) -> (String, Vec<usize>) {
    let (mut cleaned, mut map, mut at) = (String::with_capacity(text.len()), Vec::new(), 0);
    for c in text.chars() {
        map.extend(std::iter::repeat_n(at, c.len_utf16()));
        let kept = match c {
            '\r' | '\u{2028}'..='\u{202e}' | '\u{333}' | '\u{33f}' | '\u{30a}' => continue,
            '\n' => c,
            '\0'..=' ' => ' ',
            _ => c,
        };
        cleaned.push(kept);
        at += kept.len_utf16();
    }
    map.push(at);
    (cleaned, map)
}

/// Cuts white space at the end, and at the begin up to the first entity.
fn trim(text: String, spans: &mut [Span]) -> String {
    let text = text.trim_end_matches([' ', '\n']);
    let first = spans.iter().map(|span| span.begin).min().unwrap_or(usize::MAX);
    let lead = text.bytes().take_while(|byte| matches!(byte, b' ' | b'\n')).count().min(first);
    let length = utf16(text);
    for span in spans {
        span.begin = span.begin.min(length) - lead.min(span.begin.min(length));
        span.end = span.end.min(length) - lead.min(span.end.min(length));
    }
    text[lead..].to_owned()
}

fn range(entity: &Value) -> (u64, u64) {
    let begin = entity["offset"].as_u64().unwrap_or_default();
    (begin, begin + entity["length"].as_u64().unwrap_or_default())
}

fn overlaps(one: &Value, other: &Value) -> bool {
    let ((begin, end), (from, to)) = (range(one), range(other));
    begin < to && from < end
}

/// Whether found entities may lie inside one that was sent.
fn may_hold(entity: &Value) -> bool {
    !matches!(entity["type"].as_str(), Some("code" | "pre" | "text_link" | "text_mention" | "custom_emoji"))
}

/// Whether an entity is what somebody meant by their markup: it is not found in a plain text.
#[must_use]
pub fn is_meant(entity: &Value) -> bool {
    !matches!(entity["type"].as_str(), Some("bot_command" | "mention" | "hashtag" | "url"))
}

/// Commands, mentions, hashtags and addresses in a text.
#[must_use]
pub fn find(text: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut before = ' ';
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = if is_word(before) { 0 } else { found_here(rest, before, &mut found, at) };
        let step = length.max(c.len_utf8());
        let passed = &rest[..step];
        at += utf16(passed);
        before = passed.chars().next_back().unwrap_or(' ');
        rest = &rest[step..];
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The bytes of the entity that begins here, which is added; 0 if none does.
fn found_here(rest: &str, before: char, found: &mut Vec<Value>, at: usize) -> usize {
    let name = |text: &str| text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    let (kind, length) = match rest.as_bytes()[0] {
        b'/' if before != '/' => {
            let mut length = name(&rest[1..]);
            if length == 0 || length > 64 {
                return 0;
            }
            if rest[1 + length..].starts_with('@') {
                let bot = name(&rest[length + 2..]);
                length += if bot >= 3 { bot + 1 } else { 0 };
            }
            if rest[1 + length..].starts_with('/') {
                return 0;
            }
            ("bot_command", 1 + length)
        }
        b'@' => match name(&rest[1..]) {
            length @ 3..=32 => ("mention", 1 + length),
            _ => return 0,
        },
        b'#' => {
            let tag = &rest[1..];
            let length = tag.find(|c: char| !is_word(c)).unwrap_or(tag.len());
            if tag[..length].chars().all(|c| c.is_ascii_digit()) {
                return 0;
            }
            ("hashtag", 1 + length)
        }
        b'h' if rest.starts_with("https://") || rest.starts_with("http://") => {
            ("url", rest.find(char::is_whitespace).unwrap_or(rest.len()))
        }
        _ => return 0,
    };
    found.push(json!({ "type": kind, "offset": at, "length": utf16(&rest[..length]) }));
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bold(offset: i64, length: i64) -> Value {
        json!({ "type": "bold", "offset": offset, "length": length })
    }

    fn words(text: &str, offset: i64, length: i64) -> String {
        fix(text, vec![bold(offset, length)]).unwrap_err().description
    }

    #[test]
    fn entities_out_of_range_are_refused_in_telegrams_words() {
        let text = "aba caba";
        let words = |offset, length| words(text, offset, length).replace("Bad Request: ", "");
        assert_eq!(
            words(3, 6),
            "entity beginning at UTF-16 offset 3 ends after the end of the text at UTF-16 offset 9"
        );
        assert_eq!(words(9, 1), "entity begins after the end of the text at UTF-16 offset 9");
        assert_eq!(words(-1, 1), "receive an entity with incorrect offset -1");
        assert_eq!(words(0, -1), "receive an entity with incorrect length -1");
    }

    #[test]
    fn entities_on_half_a_surrogate_pair_are_refused() {
        let begins = "Bad Request: entity begins in a middle of a UTF-16 symbol at byte offset 4";
        let ends =
            "Bad Request: entity beginning at UTF-16 offset 0 ends in a middle of a UTF-16 symbol at byte offset 4";
        assert_eq!((words("👉 👉", 1, 1).as_str(), words("👉 👉", 0, 1).as_str()), (begins, ends));
        assert_eq!(fix("👉 👉", vec![bold(2, 3)]).unwrap().entities, [bold(2, 3)]);
    }

    #[test]
    fn a_text_is_cleaned_and_its_entities_move_along() {
        let fixed = fix("  \ta\r\nb\u{7} end \n ", vec![bold(6, 1), bold(0, 0)]).unwrap();
        assert_eq!((fixed.text.as_str(), fixed.entities), ("a\nb  end", vec![bold(2, 1)]));
        assert_eq!(fix("a b   ", vec![bold(0, 6)]).unwrap().entities, [bold(0, 3)]);
        assert_eq!(fix(" \n ", vec![]).unwrap_err().description, "Bad Request: text must be non-empty");
    }

    #[test]
    fn entities_beyond_the_hundredth_are_dropped() {
        let many = (0..150).map(|n| bold(n, 1)).collect();
        assert_eq!(fix(&"x".repeat(200), many).unwrap().entities.len(), ENTITIES_MAX);
    }

    #[test]
    fn commands_mentions_tags_and_addresses_are_found() {
        let kinds = |text: &str| -> Vec<(String, u64, u64)> {
            let shown = |entity: &Value| {
                let (begin, end) = range(entity);
                (entity["type"].as_str().unwrap().to_owned(), begin, end - begin)
            };
            find(text).iter().map(shown).collect()
        };
        assert_eq!(kinds("/stop@lastword_bot now"), [("bot_command".into(), 0, 18)]);
        assert_eq!(kinds("🎉 hi @alice_b, #t12"), [("mention".into(), 6, 8), ("hashtag".into(), 16, 4)]);
        assert_eq!(kinds("see https://example.com/a?b /etc/passwd a/b x@y #12"), [("url".into(), 4, 23)]);
        let code = json!({ "type": "code", "offset": 0, "length": 5 });
        assert_eq!(fix("/help me", vec![code.clone()]).unwrap().entities, [code]);
    }
}
