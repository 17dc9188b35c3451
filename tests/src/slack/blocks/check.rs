//! Which blocks a message may have.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// The most blocks of a message.
const BLOCKS_MAX: usize = 50;
/// The longest text of a section.
const SECTION_CHARS_MAX: usize = 3_000;
/// The longest text of a section's field.
const FIELD_CHARS_MAX: usize = 2_000;
/// The longest header.
const HEADER_CHARS_MAX: usize = 150;
/// The longest Markdown of one message, all its blocks together.
pub const MARKDOWN_CHARS_MAX: usize = 12_000;
/// The most elements of a context.
const CONTEXT_MAX: usize = 10;
/// The most elements of an actions block.
const ACTIONS_MAX: usize = 25;
/// The largest table.
const TABLE_ROWS_MAX: usize = 100;
const TABLE_COLUMNS_MAX: usize = 20;
/// The longest id and the longest alternative text.
const ID_CHARS_MAX: usize = 255;
const ALT_CHARS_MAX: usize = 2_000;
/// The longest label of a button.
const BUTTON_CHARS_MAX: usize = 75;

/// Looks at all blocks of a message.
///
/// # Errors
/// What is wrong first, in words.
pub fn check(blocks: &[Value]) -> Result<(), String> {
    if blocks.len() > BLOCKS_MAX {
        return Err(format!("no more than {BLOCKS_MAX} items allowed [json-pointer:/blocks]"));
    }
    let (mut ids, mut markdown, mut tables) = (BTreeSet::new(), 0, 0);
    for (n, value) in blocks.iter().enumerate() {
        let at = format!("/blocks/{n}");
        let block = value.as_object().ok_or_else(|| format!("must be an object [json-pointer:{at}]"))?;
        if let Some(id) = block.get("block_id") {
            let id =
                id.as_str().filter(|id| id.chars().count() <= ID_CHARS_MAX).ok_or_else(|| wrong(&at, "block_id"))?;
            if !id.is_empty() && !ids.insert(id) {
                return Err(format!("`block_id` must be unique [json-pointer:{at}]"));
            }
        }
        one(block, &at)?;
        markdown += block.get("text").and_then(Value::as_str).map_or(0, |text| text.chars().count());
        tables += usize::from(value["type"] == "table");
    }
    if markdown > MARKDOWN_CHARS_MAX {
        return Err(format!("markdown blocks must be less than {MARKDOWN_CHARS_MAX} characters together"));
    }
    if tables > 1 { Err("only one table is allowed".to_owned()) } else { Ok(()) }
}

fn one(block: &Map<String, Value>, at: &str) -> Result<(), String> {
    let kind = block.get("type").and_then(Value::as_str).unwrap_or_default();
    match kind {
        "rich_text" => list(block, "elements", at, usize::MAX, rich_part),
        "section" => section(block, at),
        "header" => text(block.get("text"), &format!("{at}/text"), HEADER_CHARS_MAX, &["plain_text"]),
        "context" => list(block, "elements", at, CONTEXT_MAX, |element, at| match element["type"].as_str() {
            Some("image") => image(element, at),
            _ => text(Some(element), at, SECTION_CHARS_MAX, &["plain_text", "mrkdwn"]),
        }),
        "divider" => only(block, &["type", "block_id"], at),
        "markdown" => {
            words(block.get("text"), at, MARKDOWN_CHARS_MAX)?;
            only(block, &["type", "block_id", "text"], at)
        }
        "image" => image(&Value::Object(block.clone()), at),
        "table" => table(block, at),
        "actions" => list(block, "elements", at, ACTIONS_MAX, action),
        "context_actions" => {
            list(block, "elements", at, 5, |element, at| known(element, &["feedback_buttons", "icon_button"], at))
        }
        "file" | "video" | "input" | "plan" | "task_card" => Ok(()),
        _ => Err(format!("unsupported type: {kind} [json-pointer:{at}/type]")),
    }
}

fn section(block: &Map<String, Value>, at: &str) -> Result<(), String> {
    only(block, &["type", "block_id", "text", "fields", "accessory", "expand"], at)?;
    if !block.contains_key("text") && !block.contains_key("fields") {
        return Err(format!("must define either `text` or `fields` [json-pointer:{at}]"));
    }
    if let Some(inner) = block.get("text") {
        text(Some(inner), &format!("{at}/text"), SECTION_CHARS_MAX, &["plain_text", "mrkdwn"])?;
    }
    if block.contains_key("fields") {
        list(block, "fields", at, 10, |field, at| text(Some(field), at, FIELD_CHARS_MAX, &["plain_text", "mrkdwn"]))?;
    }
    block.get("accessory").map_or(Ok(()), |inner| action(inner, &format!("{at}/accessory")))
}

fn table(block: &Map<String, Value>, at: &str) -> Result<(), String> {
    only(block, &["type", "block_id", "rows", "column_settings"], at)?;
    list(block, "rows", at, TABLE_ROWS_MAX, |row, at| {
        let cells = row.as_array().filter(|cells| (1..=TABLE_COLUMNS_MAX).contains(&cells.len()));
        let cells = cells.ok_or_else(|| wrong(at, "row"))?;
        cells.iter().enumerate().try_for_each(|(n, cell)| {
            let at = format!("{at}/{n}");
            match cell["type"].as_str() {
                Some("raw_text") => words(cell.get("text"), &at, usize::MAX),
                Some("raw_number") => Ok(()),
                Some("rich_text") => list(object(cell, &at)?, "elements", &at, usize::MAX, rich_part),
                _ => Err(format!("unsupported type [json-pointer:{at}/type]")),
            }
        })
    })
}

fn action(element: &Value, at: &str) -> Result<(), String> {
    let kinds = [
        "button",
        "image",
        "static_select",
        "overflow",
        "datepicker",
        "checkboxes",
        "radio_buttons",
        "users_select",
        "conversations_select",
        "channels_select",
        "external_select",
        "workflow_button",
        "timepicker",
    ];
    known(element, &kinds, at)?;
    if element["type"] == "button" {
        text(element.get("text"), &format!("{at}/text"), BUTTON_CHARS_MAX, &["plain_text"])?;
    }
    Ok(())
}

fn image(element: &Value, at: &str) -> Result<(), String> {
    words(element.get("alt_text"), at, ALT_CHARS_MAX)?;
    let has_source = element.get("image_url").is_some() || element.get("slack_file").is_some();
    if has_source { Ok(()) } else { Err(wrong(at, "image_url")) }
}

/// A section, list, quote or code block of rich text. <https://docs.slack.dev/reference/block-kit/blocks/rich-text-block>
fn rich_part(part: &Value, at: &str) -> Result<(), String> {
    let map = object(part, at)?;
    match part["type"].as_str() {
        Some("rich_text_section") => only(map, &["type", "elements"], at)?,
        Some("rich_text_quote") => only(map, &["type", "elements", "border"], at)?,
        Some("rich_text_preformatted") => {
            only(map, &["type", "elements", "border", "language"], at)?;
            return list_or_empty(map, at, |leaf, at| match leaf["type"].as_str() {
                Some("text" | "link") => rich_leaf(leaf, at),
                _ => Err(format!("unsupported type [json-pointer:{at}/type]")),
            });
        }
        Some("rich_text_list") => {
            only(map, &["type", "elements", "style", "indent", "offset", "border"], at)?;
            if !matches!(part["style"].as_str(), Some("bullet" | "ordered")) {
                return Err(wrong(at, "style"));
            }
            return list(map, "elements", at, usize::MAX, |item, at| match item["type"].as_str() {
                Some("rich_text_section") => rich_part(item, at),
                _ => Err(format!("unsupported type [json-pointer:{at}/type]")),
            });
        }
        _ => return Err(format!("unsupported type [json-pointer:{at}/type]")),
    }
    list_or_empty(map, at, rich_leaf)
}

fn rich_leaf(leaf: &Value, at: &str) -> Result<(), String> {
    let map = object(leaf, at)?;
    let fields: &[&str] = match leaf["type"].as_str() {
        Some("text") => &["text"],
        Some("link") => &["url", "text", "unsafe"],
        Some("user") => &["user_id"],
        Some("channel") => &["channel_id"],
        Some("usergroup") => &["usergroup_id"],
        Some("team") => &["team_id"],
        Some("emoji") => &["name", "unicode", "skin_tone", "url"],
        Some("broadcast") => &["range"],
        Some("color") => &["value"],
        Some("date") => &["timestamp", "format", "url", "fallback"],
        _ => return Err(format!("unsupported type [json-pointer:{at}/type]")),
    };
    for name in map.keys() {
        if name != "type" && name != "style" && !fields.contains(&name.as_str()) {
            return Err(format!("invalid additional property: {name} [json-pointer:{at}]"));
        }
    }
    if leaf["type"] == "date" {
        return leaf["timestamp"].as_i64().map(|_| ()).ok_or_else(|| wrong(at, "timestamp"));
    }
    words(map.get(fields[0]), at, usize::MAX)?;
    if leaf["type"] == "broadcast" && !matches!(leaf["range"].as_str(), Some("here" | "channel" | "everyone")) {
        return Err(wrong(at, "range"));
    }
    let Some(style) = map.get("style") else { return Ok(()) };
    let styles = ["bold", "italic", "strike", "code", "underline", "highlight", "client_highlight", "unlink"];
    for (name, value) in object(style, at)? {
        if !styles.contains(&name.as_str()) || !value.is_boolean() {
            return Err(format!("invalid additional property: {name} [json-pointer:{at}/style]"));
        }
    }
    Ok(())
}

// --- parts -----------------------------------------------------------------------------------------------------------

fn wrong(at: &str, field: &str) -> String {
    format!("missing or invalid field: {field} [json-pointer:{at}]")
}

fn object<'v>(value: &'v Value, at: &str) -> Result<&'v Map<String, Value>, String> {
    value.as_object().ok_or_else(|| format!("must be an object [json-pointer:{at}]"))
}

fn only(map: &Map<String, Value>, fields: &[&str], at: &str) -> Result<(), String> {
    match map.keys().find(|name| !fields.contains(&name.as_str())) {
        Some(name) => Err(format!("invalid additional property: {name} [json-pointer:{at}]")),
        None => Ok(()),
    }
}

fn known(element: &Value, kinds: &[&str], at: &str) -> Result<(), String> {
    let is_known = element["type"].as_str().is_some_and(|kind| kinds.contains(&kind));
    if is_known { Ok(()) } else { Err(format!("unsupported type [json-pointer:{at}/type]")) }
}

/// Between one and so many items, each of which is looked at.
fn list(
    map: &Map<String, Value>,
    field: &str,
    at: &str,
    most: usize,
    look: impl Fn(&Value, &str) -> Result<(), String>,
) -> Result<(), String> {
    let items = map.get(field).and_then(Value::as_array).filter(|items| (1..=most).contains(&items.len()));
    let items = items.ok_or_else(|| wrong(at, field))?;
    items.iter().enumerate().try_for_each(|(n, item)| look(item, &format!("{at}/{field}/{n}")))
}

/// Elements that may be none at all.
fn list_or_empty(
    map: &Map<String, Value>,
    at: &str,
    look: impl Fn(&Value, &str) -> Result<(), String>,
) -> Result<(), String> {
    if map.get("elements").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        return Ok(());
    }
    list(map, "elements", at, usize::MAX, look)
}

/// A text object.
fn text(value: Option<&Value>, at: &str, most: usize, kinds: &[&str]) -> Result<(), String> {
    let map = object(value.ok_or_else(|| wrong(at, "text"))?, at)?;
    let kind = map.get("type").and_then(Value::as_str).unwrap_or_default();
    if !kinds.contains(&kind) {
        return Err(format!("unsupported type: {kind} [json-pointer:{at}/type]"));
    }
    let fields: &[&str] = if kind == "mrkdwn" { &["type", "text", "verbatim"] } else { &["type", "text", "emoji"] };
    only(map, fields, at)?;
    words(map.get("text"), at, most)
}

/// Text that is there, and no longer than that.
fn words(value: Option<&Value>, at: &str, most: usize) -> Result<(), String> {
    let text = value.and_then(Value::as_str).ok_or_else(|| wrong(at, "text"))?;
    match text.chars().count() {
        0 => Err(format!("must be more than 0 characters [json-pointer:{at}/text]")),
        count if count > most => Err(format!("must be less than {} characters [json-pointer:{at}/text]", most + 1)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wrong(blocks: Value) -> String {
        check(blocks.as_array().unwrap()).unwrap_err()
    }

    fn rich(leaf: Value) -> Value {
        json!([{ "type": "rich_text", "elements": [{ "type": "rich_text_section", "elements": [leaf] }] }])
    }

    #[test]
    fn every_documented_kind_passes() {
        let blocks = json!([
            { "type": "header", "text": { "type": "plain_text", "text": "Title" } },
            { "type": "section", "text": { "type": "mrkdwn", "text": "*hi*" } },
            { "type": "section", "fields": [{ "type": "plain_text", "text": "a", "emoji": true }] },
            { "type": "context", "elements": [{ "type": "mrkdwn", "text": "small" }] },
            { "type": "divider" },
            { "type": "markdown", "text": "**hi**" },
            { "type": "image", "image_url": "https://x.example/i.png", "alt_text": "i" },
            { "type": "actions", "elements": [{ "type": "button", "action_id": "stop",
                                                "text": { "type": "plain_text", "text": "Stop" } }] },
            { "type": "table", "rows": [[{ "type": "raw_text", "text": "a" }]] },
            { "type": "rich_text", "elements": [
                { "type": "rich_text_list", "style": "ordered", "indent": 0, "elements": [
                    { "type": "rich_text_section", "elements": [{ "type": "text", "text": "one" }] }] },
                { "type": "rich_text_preformatted", "elements": [{ "type": "text", "text": "code" }] },
                { "type": "rich_text_quote", "elements": [{ "type": "emoji", "name": "wave" }] }] },
        ]);
        assert_eq!(check(blocks.as_array().unwrap()), Ok(()));
    }

    #[test]
    fn what_is_empty_unknown_or_too_long_is_named() {
        assert!(wrong(rich(json!({ "type": "text", "text": "" }))).starts_with("must be more than 0"));
        assert!(wrong(rich(json!({ "type": "spoiler", "text": "x" }))).starts_with("unsupported type"));
        assert!(wrong(rich(json!({ "type": "text", "text": "x", "bold": true }))).contains("bold"));
        assert!(wrong(json!([{ "type": "marquee" }])).starts_with("unsupported type: marquee"));
        let section = |text: String| json!([{ "type": "section", "text": { "type": "mrkdwn", "text": text } }]);
        assert!(wrong(section("x".repeat(3_001))).starts_with("must be less than 3001"));
        assert!(wrong(section(String::new())).starts_with("must be more than 0"));
        let header = json!([{ "type": "header", "text": { "type": "plain_text", "text": "x".repeat(151) } }]);
        assert!(wrong(header).starts_with("must be less than 151"));
        assert!(wrong(json!(vec![json!({ "type": "divider" }); 51])).starts_with("no more than 50"));
        let half = json!({ "type": "markdown", "text": "x".repeat(6_001) });
        assert!(wrong(json!([half, half])).contains("12000"));
    }
}
