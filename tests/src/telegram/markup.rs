//! Texts with markup: HTML and both kinds of Markdown, turned into entities or refused.
//!
//! <https://core.telegram.org/bots/api#formatting-options>. The words of the refusals are those of the server that
//! Telegram publishes; each begins with `can't parse entities: `.

use serde_json::{Value, json};

use super::errors::Refusal;

/// What MarkdownV2 wants to see behind a backslash.
const RESERVED: &str = "_*[]()~`>#+-=|{}.!";

/// A text without its markup, and the entities that it meant.
///
/// # Errors
/// When the markup is broken, or of an unknown kind.
pub fn parse(text: &str, mode: &str) -> Result<(String, Vec<Value>), Refusal> {
    let parsed = match mode.to_lowercase().as_str() {
        "html" => html(text),
        "markdownv2" => markdown_v2(text),
        "markdown" => markdown(text),
        _ => return Err(Refusal::bad_request("unsupported parse_mode")),
    };
    let parsed = parsed.map_err(|why| Refusal::bad_request(format_args!("can't parse entities: {why}")))?;
    Ok((parsed.text, parsed.entities))
}

/// A text as it grows.
#[derive(Default)]
struct Parsed {
    text: String,
    at: usize,
    entities: Vec<Value>,
    open: Vec<Open>,
}

/// A markup that has not ended yet.
struct Open {
    kind: &'static str,
    /// How it is called in a refusal, or the tag.
    name: String,
    /// What else the entity says.
    extra: Value,
    begin: usize,
    begin_in_text: usize,
    byte: usize,
}

impl Parsed {
    fn push(&mut self, c: char) {
        self.text.push(c);
        self.at += c.len_utf16();
    }

    fn begin(&mut self, kind: &'static str, name: &str, extra: Value, byte: usize) {
        let (begin, begin_in_text) = (self.at, self.text.len());
        self.open.push(Open { kind, name: name.to_owned(), extra, begin, begin_in_text, byte });
    }

    fn end(&mut self, open: Open, more: Value) {
        if open.kind.is_empty() || self.at == open.begin {
            return;
        }
        let mut entity = json!({ "type": open.kind, "offset": open.begin, "length": self.at - open.begin });
        for (field, value) in [open.extra, more].iter().filter_map(Value::as_object).flatten() {
            entity[field] = value.clone();
        }
        self.entities.push(entity);
    }

    fn in_code(&self) -> bool {
        self.open.last().is_some_and(|open| matches!(open.kind, "code" | "pre"))
    }
}

fn markdown_v2(text: &str) -> Result<Parsed, String> {
    let mut parsed = Parsed::default();
    let mut quote: Option<usize> = None;
    let mut i = 0;
    while let Some(c) = text[i..].chars().next() {
        let rest = &text[i..];
        let starts_line = i == 0 || text[..i].ends_with('\n');
        if starts_line && quote.is_some() && c != '>' {
            close_quote(&mut parsed, &mut quote);
        }
        if c == '\\' && rest[1..].chars().next().is_some_and(|next| next.is_ascii() && next != '\0') {
            parsed.push(char::from(rest.as_bytes()[1]));
            i += 2;
            continue;
        }
        if parsed.in_code() {
            let mark = if parsed.open.last().is_some_and(|open| open.kind == "pre") { "```" } else { "`" };
            if rest.starts_with(mark) {
                i += mark.len();
                end_last(&mut parsed, json!({}));
            } else {
                parsed.push(c);
                i += c.len_utf8();
            }
            continue;
        }
        if !RESERVED.contains(c) {
            parsed.push(c);
            i += c.len_utf8();
            continue;
        }
        if c == '>' && starts_line {
            quote = quote.or(Some(parsed.at));
            i += 1;
            continue;
        }
        if c == ']' && parsed.open.last().is_some_and(|open| open.kind == "text_link") {
            let (url, length) = link_target(&rest[1..], i + 1)?;
            let shown = parsed.open.last().map(|open| parsed.text[open.begin_in_text..].to_owned());
            i += 1 + length;
            end_last(&mut parsed, json!({ "url": url.or(shown) }));
            continue;
        }
        let (mark, kind, name) = mark(rest)
            .ok_or_else(|| format!("Character '{c}' is reserved and must be escaped with the preceding '\\'"))?;
        let is_end = parsed.open.last().is_some_and(|open| open.kind == kind) && kind != "text_link";
        i += mark.len();
        if is_end {
            end_last(&mut parsed, json!({}));
        } else if kind == "pre" {
            let (language, length) = language(&text[i..]);
            parsed.begin(kind, name, language, i - mark.len());
            i += length;
        } else {
            parsed.begin(kind, name, json!({}), i - mark.len());
        }
    }
    close_quote(&mut parsed, &mut quote);
    match parsed.open.last() {
        Some(open) => Err(format!("Can't find end of {} entity at byte offset {}", open.name, open.byte)),
        None => Ok(parsed),
    }
}

fn end_last(parsed: &mut Parsed, more: Value) {
    if let Some(open) = parsed.open.pop() {
        parsed.end(open, more);
    }
}

fn close_quote(parsed: &mut Parsed, quote: &mut Option<usize>) {
    if let Some(begin) = quote.take() {
        parsed.entities.push(json!({ "type": "blockquote", "offset": begin, "length": parsed.at - begin }));
    }
}

/// The mark that begins here, its kind, and its name in refusals.
fn mark(rest: &str) -> Option<(&'static str, &'static str, &'static str)> {
    let marks = [
        ("```", "pre", "Pre"),
        ("`", "code", "Code"),
        ("__", "underline", "Underline"),
        ("_", "italic", "Italic"),
        ("*", "bold", "Bold"),
        ("~", "strikethrough", "Strikethrough"),
        ("||", "spoiler", "Spoiler"),
        ("[", "text_link", "TextUrl"),
    ];
    marks.into_iter().find(|(mark, _, _)| rest.starts_with(mark))
}

/// The address in brackets that follows a link's text, if any, and the bytes it takes.
fn link_target(rest: &str, byte: usize) -> Result<(Option<String>, usize), String> {
    let Some(inner) = rest.strip_prefix('(') else { return Ok((None, 0)) };
    let mut url = String::new();
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            ')' => return Ok((Some(url), at + 2)),
            '\\' => url.extend(chars.next().map(|(_, escaped)| escaped)),
            _ => url.push(c),
        }
    }
    Err(format!("Can't find end of a URL at byte offset {byte}"))
}

/// The language of a block of code and the bytes up to its first line.
fn language(rest: &str) -> (Value, usize) {
    let length = rest.find(|c: char| c.is_whitespace() || c == '`').unwrap_or(rest.len());
    let is_language = length > 0 && !rest[length..].starts_with('`');
    let name = if is_language { &rest[..length] } else { "" };
    let newline = usize::from(rest[name.len()..].starts_with('\n'));
    let extra = if name.is_empty() { json!({}) } else { json!({ "language": name }) };
    (extra, name.len() + newline)
}

fn markdown(text: &str) -> Result<Parsed, String> {
    let mut parsed = Parsed::default();
    let mut i = 0;
    while let Some(c) = text[i..].chars().next() {
        let rest = &text[i..];
        if c == '\\' && rest[1..].starts_with(['_', '*', '`', '[']) {
            parsed.push(char::from(rest.as_bytes()[1]));
            i += 2;
            continue;
        }
        let (mark, end, kind) = match c {
            '_' => ("_", "_", "italic"),
            '*' => ("*", "*", "bold"),
            '[' => ("[", "]", "text_link"),
            '`' if rest.starts_with("```") => ("```", "```", "pre"),
            '`' => ("`", "`", "code"),
            _ => {
                parsed.push(c);
                i += c.len_utf8();
                continue;
            }
        };
        let (begin_byte, mut extra) = (i, json!({}));
        i += mark.len();
        if kind == "pre" {
            let (found, length) = language(&text[i..]);
            (extra, i) = (found, i + length);
        }
        let length = text[i..].find(end);
        let length =
            length.ok_or_else(|| format!("Can't find end of the entity starting at byte offset {begin_byte}"))?;
        parsed.begin(kind, kind, extra, begin_byte);
        let inner = &text[i..i + length];
        inner.chars().for_each(|c| parsed.push(c));
        i += length + end.len();
        let mut more = json!({});
        if kind == "text_link" {
            let (url, length) = link_target(&text[i..], i)?;
            i += length;
            more = json!({ "url": url.unwrap_or_else(|| inner.to_owned()) });
        }
        end_last(&mut parsed, more);
    }
    Ok(parsed)
}

fn html(text: &str) -> Result<Parsed, String> {
    let mut parsed = Parsed::default();
    let mut i = 0;
    while let Some(c) = text[i..].chars().next() {
        let rest = &text[i..];
        if c == '&'
            && let Some((decoded, length)) = character(rest)
        {
            parsed.push(decoded);
            i += length;
            continue;
        }
        if c != '<' {
            parsed.push(c);
            i += c.len_utf8();
            continue;
        }
        let end = rest.find('>');
        if let Some(tag) = rest.strip_prefix("</") {
            let end = end.ok_or_else(|| format!("Unclosed end tag at byte offset {i}"))?;
            let name = tag[..end - 2].trim().to_lowercase();
            let open = parsed.open.pop().ok_or_else(|| format!("Unexpected end tag at byte offset {i}"))?;
            if !name.is_empty() && name != open.name {
                let expected = &open.name;
                return Err(format!(
                    "Unmatched end tag at byte offset {i}, expected \"</{expected}>\", found \"</{name}>\""
                ));
            }
            parsed.end(open, json!({}));
            i += end + 1;
            continue;
        }
        let end = end.ok_or_else(|| format!("Unclosed start tag at byte offset {i}"))?;
        begin_tag(&mut parsed, &rest[1..end], i)?;
        i += end + 1;
    }
    match parsed.open.last() {
        Some(open) => {
            Err(format!("Can't find end tag corresponding to start tag \"{}\" at byte offset {}", open.name, open.byte))
        }
        None => Ok(parsed),
    }
}

fn begin_tag(parsed: &mut Parsed, tag: &str, byte: usize) -> Result<(), String> {
    let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
    let name = name.to_lowercase();
    let attribute = |wanted: &str| {
        let (_, value) = attributes.split_once(&format!("{wanted}="))?;
        let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        value[1..].split(quote).next().map(ToOwned::to_owned)
    };
    let mut extra = json!({});
    let kind = match name.as_str() {
        "b" | "strong" => "bold",
        "i" | "em" => "italic",
        "u" | "ins" => "underline",
        "s" | "strike" | "del" => "strikethrough",
        "tg-spoiler" => "spoiler",
        "span" if attribute("class").as_deref() == Some("tg-spoiler") => "spoiler",
        "blockquote" if attributes.contains("expandable") => "expandable_blockquote",
        "blockquote" => "blockquote",
        "pre" => "pre",
        "code" => {
            let class = attribute("class");
            let language = class.as_deref().and_then(|class| class.strip_prefix("language-"));
            match (parsed.open.last_mut(), language) {
                (Some(block), Some(language)) if block.kind == "pre" => {
                    block.extra = json!({ "language": language });
                    ""
                }
                (Some(block), None) if block.kind == "pre" => "",
                _ => "code",
            }
        }
        "a" => match attribute("href") {
            Some(url) => {
                extra = json!({ "url": url.replace("&amp;", "&") });
                "text_link"
            }
            None => "",
        },
        "tg-emoji" => {
            extra = json!({ "custom_emoji_id": attribute("emoji-id") });
            "custom_emoji"
        }
        _ => return Err(format!("Unsupported start tag \"{name}\" at byte offset {byte}")),
    };
    parsed.begin(kind, &name, extra, byte);
    Ok(())
}

/// A character reference and the bytes it takes; only these names are known.
fn character(rest: &str) -> Option<(char, usize)> {
    let end = rest.find(';').filter(|end| *end < 12)?;
    let decoded = match &rest[1..end] {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        number => {
            let digits = number.strip_prefix('#')?;
            let code = digits.strip_prefix('x').map_or_else(|| digits.parse(), |hex| u32::from_str_radix(hex, 16));
            char::from_u32(code.ok()?).filter(|c| *c != '\0')?
        }
    };
    Some((decoded, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str, mode: &str) -> (String, Vec<(String, u64, u64)>) {
        let (text, entities) = parse(text, mode).unwrap();
        let kind = |entity: &Value| {
            let number = |field: &str| entity[field].as_u64().unwrap();
            (entity["type"].as_str().unwrap().to_owned(), number("offset"), number("length"))
        };
        (text, entities.iter().map(kind).collect())
    }

    fn words(text: &str, mode: &str) -> String {
        parse(text, mode).unwrap_err().description.replace("Bad Request: can't parse entities: ", "")
    }

    #[test]
    fn markup_becomes_entities_in_utf16_units() {
        let (text, entities) = kinds("👉 *b _i_* `c\\`` [l](http://x.y/\\))\n>q", "MarkdownV2");
        assert_eq!(text, "👉 b i c` l\nq");
        let expected = [("italic", 5, 1), ("bold", 3, 3), ("code", 7, 2), ("text_link", 10, 1), ("blockquote", 12, 1)];
        assert_eq!(entities, expected.map(|(kind, offset, length)| (kind.to_owned(), offset, length)));
        let (text, entities) =
            kinds("<b>a &lt; &#128073;</b><pre><code class=\"language-rust\">fn</code></pre>", "html");
        assert_eq!((text.as_str(), entities.len()), ("a < 👉fn", 2));
        assert_eq!(kinds("*b* _i_ \\* `c`", "Markdown").0, "b i * c");
        let (_, entities) = parse("```rust\nfn\n```", "MarkdownV2").unwrap();
        assert_eq!(entities[0]["language"], "rust");
    }

    #[test]
    fn broken_markup_is_refused_in_telegrams_words() {
        assert_eq!(
            words("1. x", "MarkdownV2"),
            "Character '.' is reserved and must be escaped with the preceding '\\'"
        );
        assert_eq!(words("ab *c", "MarkdownV2"), "Can't find end of Bold entity at byte offset 3");
        assert_eq!(words("a _b", "Markdown"), "Can't find end of the entity starting at byte offset 2");
        assert_eq!(words("<div>", "HTML"), "Unsupported start tag \"div\" at byte offset 0");
        assert_eq!(words("a</b>", "HTML"), "Unexpected end tag at byte offset 1");
        let unmatched = "Unmatched end tag at byte offset 4, expected \"</b>\", found \"</i>\"";
        assert_eq!(words("<b>x</i>", "HTML"), unmatched);
        assert_eq!(words("<b>x", "HTML"), "Can't find end tag corresponding to start tag \"b\" at byte offset 0");
        assert_eq!(parse("x", "bbcode").unwrap_err().description, "Bad Request: unsupported parse_mode");
    }
}
