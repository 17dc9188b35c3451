//! What people read of blocks.

use serde_json::Value;

use crate::slack::text::{self, Names, Shown};

/// All blocks of a message, one below the other.
#[must_use]
pub fn read(blocks: &[Value], names: Names<'_>) -> Shown {
    let mut shown = Shown::default();
    for block in blocks {
        let one = one(block, names);
        if !one.text.is_empty() {
            shown.push_line(one);
        }
    }
    shown
}

fn one(block: &Value, names: Names<'_>) -> Shown {
    let formatted = |shown: Shown| Shown { is_formatted: true, ..shown };
    match block["type"].as_str().unwrap_or_default() {
        "rich_text" => lines(&block["elements"], |part| rich_part(part, names)),
        "section" => {
            let mut shown = text_object(&block["text"], names);
            for field in items(&block["fields"]) {
                shown.push_line(text_object(field, names));
            }
            if block["accessory"].is_object() {
                shown.push_line(element(&block["accessory"], names));
            }
            shown
        }
        "header" => formatted(text_object(&block["text"], names)),
        "context" | "actions" => formatted(lines(&block["elements"], |inner| element(inner, names))),
        "divider" => formatted(Shown::plain("---")),
        "markdown" => text::markdown(block["text"].as_str().unwrap_or_default(), names),
        "image" => formatted(element(block, names)),
        "table" => formatted(lines(&block["rows"], |row| cells(row, names))),
        "task_card" => formatted(Shown::plain(block["title"].as_str().unwrap_or_default())),
        _ => Shown::default(),
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn lines(list: &Value, read: impl Fn(&Value) -> Shown) -> Shown {
    let mut shown = Shown::default();
    for item in items(list) {
        shown.push_line(read(item));
    }
    shown
}

fn cells(row: &Value, names: Names<'_>) -> Shown {
    let mut shown = Shown::default();
    for (n, cell) in items(row).enumerate() {
        if n > 0 {
            shown.text.push_str(" | ");
        }
        shown.push(match cell["type"].as_str() {
            Some("rich_text") => one(cell, names),
            _ => Shown::plain(cell["text"].as_str().map_or_else(|| cell["value"].to_string(), ToOwned::to_owned)),
        });
    }
    shown
}

fn text_object(object: &Value, names: Names<'_>) -> Shown {
    let words = object["text"].as_str().unwrap_or_default();
    if object["type"] == "mrkdwn" { text::mrkdwn(words, true, names) } else { Shown::plain(words) }
}

/// An element beside text: its label, or what stands for a picture.
fn element(element: &Value, names: Names<'_>) -> Shown {
    match element["type"].as_str() {
        Some("plain_text" | "mrkdwn") => text_object(element, names),
        Some("image") => Shown::plain(element["alt_text"].as_str().unwrap_or_default()),
        _ => text_object(&element["text"], names),
    }
}

fn rich_part(part: &Value, names: Names<'_>) -> Shown {
    let mut shown = Shown::default();
    match part["type"].as_str() {
        Some("rich_text_list") => {
            let indent = usize::try_from(part["indent"].as_u64().unwrap_or(0)).unwrap_or(0);
            let first = part["offset"].as_u64().unwrap_or(0) + 1;
            for (n, item) in items(&part["elements"]).enumerate() {
                let mark = if part["style"] == "ordered" { format!("{}. ", first + n as u64) } else { "• ".into() };
                shown.push_line(Shown::plain("  ".repeat(indent) + mark.as_str()));
                shown.push(rich_part(item, names));
            }
            shown.is_formatted = true;
        }
        kind => {
            for leaf in items(&part["elements"]) {
                shown.push(rich_leaf(leaf, names));
            }
            shown.is_formatted |= kind != Some("rich_text_section");
        }
    }
    shown
}

fn rich_leaf(leaf: &Value, names: Names<'_>) -> Shown {
    let field = |name: &str| leaf[name].as_str().unwrap_or_default().to_owned();
    let named = |name: &str| names(&field(name)).unwrap_or_else(|| field(name));
    let mut shown = match leaf["type"].as_str().unwrap_or_default() {
        "link" => {
            let label = leaf["text"].as_str().filter(|label| !label.is_empty());
            Shown { is_formatted: true, ..Shown::plain(label.map_or_else(|| field("url"), ToOwned::to_owned)) }
        }
        "user" => Shown::plain(format!("@{}", named("user_id"))),
        "channel" => Shown::plain(format!("#{}", named("channel_id"))),
        "usergroup" => Shown::plain(format!("@{}", field("usergroup_id"))),
        "emoji" => Shown::plain(format!(":{}:", field("name"))),
        "broadcast" => Shown { pings: vec![field("range")], ..Shown::plain(format!("@{}", field("range"))) },
        "date" => Shown::plain(leaf["fallback"].as_str().map_or_else(|| field("format"), ToOwned::to_owned)),
        "color" => Shown::plain(field("value")),
        _ => Shown::plain(field("text")),
    };
    shown.is_formatted |= leaf["style"].as_object().is_some_and(|style| style.values().any(|on| *on == true));
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(id: &str) -> Option<String> {
        (id == "U1").then(|| "alice".to_owned())
    }

    fn shown(blocks: Value) -> Shown {
        read(blocks.as_array().unwrap(), &names)
    }

    #[test]
    fn rich_text_reads_as_people_see_it() {
        let section = |leaves: Value| json!({ "type": "rich_text_section", "elements": leaves });
        let read = shown(json!([{ "type": "rich_text", "elements": [
            section(json!([{ "type": "text", "text": "Hi " }, { "type": "user", "user_id": "U1" },
                           { "type": "text", "text": " bold", "style": { "bold": true } }])),
            { "type": "rich_text_list", "style": "ordered", "offset": 1, "elements": [
                section(json!([{ "type": "text", "text": "two" }])),
                section(json!([{ "type": "link", "url": "https://x.example", "text": "three" }]))] },
            { "type": "rich_text_preformatted", "elements": [{ "type": "text", "text": "a\nb" }] },
            { "type": "rich_text_quote", "elements": [{ "type": "broadcast", "range": "here" }] },
        ] }]));
        assert_eq!(read.text, "Hi @alice bold\n2. two\n3. three\na\nb\n@here");
        assert_eq!((read.pings, read.is_formatted), (vec!["here".to_owned()], true));
    }

    #[test]
    fn blocks_stand_below_each_other() {
        let read = shown(json!([
            { "type": "header", "text": { "type": "plain_text", "text": "*Title*" } },
            { "type": "section", "text": { "type": "mrkdwn", "text": "*done* #t1" } },
            { "type": "markdown", "text": "**more**" },
            { "type": "table", "rows": [[{ "type": "raw_text", "text": "a" }, { "type": "raw_text", "text": "b" }]] },
        ]));
        assert_eq!(read.text, "*Title*\ndone #t1\nmore\na | b");
        let plain = json!([{ "type": "rich_text", "elements": [{ "type": "rich_text_section", "elements": [
            { "type": "text", "text": "done #t1" }] }] }]);
        assert!(!shown(plain).is_formatted);
    }
}
