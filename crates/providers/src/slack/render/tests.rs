use std::fs;

use proptest::prelude::*;
use serde_json::{Value, json, to_value};

use super::*;

/// What Slack would refuse or what would notify somebody, if anything.
pub(crate) fn invalid(rendered: &Rendered) -> Option<String> {
    let Rendered { text, blocks } = rendered;
    let is_escaped = |rest: &str| ["&amp;", "&lt;", "&gt;"].iter().any(|escape| rest.starts_with(escape));
    if text.trim().is_empty() || text.encode_utf16().count() > FALLBACK_MAX_UTF16 {
        return Some(format!("the text for notifications: {text:?}"));
    }
    if text.contains(['<', '>']) || text.match_indices('&').any(|(at, _)| !is_escaped(&text[at..])) {
        return Some(format!("not escaped: {text:?}"));
    }
    let blocks = to_value(blocks).unwrap();
    let [block] = blocks.as_array().unwrap().as_slice() else { return Some("not one block".into()) };
    if block.to_string().encode_utf16().count() > BLOCKS_MAX_UTF16 {
        return Some("too long".into());
    }
    if block["type"] != "rich_text" {
        return Some("no rich text".into());
    }
    let elements = parts(block);
    if elements.is_empty() {
        return Some("nothing in it".into());
    }
    elements.iter().find_map(wrong)
}

/// What is wrong with an element of a block.
fn wrong(element: &Value) -> Option<String> {
    let is_empty = |parts: &[Value]| parts.is_empty().then(|| format!("empty: {element}"));
    match element["type"].as_str().unwrap() {
        "rich_text_list" => {
            let indent = element.get("indent").and_then(Value::as_u64).unwrap_or_default();
            let is_section = |part: &Value| part["type"] == "rich_text_section";
            if indent > 8 || !["bullet", "ordered"].contains(&element["style"].as_str().unwrap()) {
                return Some(format!("no list of Slack's: {element}"));
            }
            is_empty(parts(element)).or_else(|| {
                parts(element)
                    .iter()
                    .find_map(|part| if is_section(part) { wrong(part) } else { Some(part.to_string()) })
            })
        }
        "rich_text_preformatted" => is_empty(parts(element)).or_else(|| {
            parts(element)
                .iter()
                .find_map(|part| if part["type"] == "text" { wrong_inline(part) } else { Some(part.to_string()) })
        }),
        "rich_text_section" | "rich_text_quote" => {
            is_empty(parts(element)).or_else(|| parts(element).iter().find_map(wrong_inline))
        }
        _ => Some(format!("unknown: {element}")),
    }
}

fn wrong_inline(element: &Value) -> Option<String> {
    let text = element["text"].as_str().unwrap_or_default();
    let has_address = element["type"] != "link" || !element["url"].as_str().unwrap_or_default().is_empty();
    let is_known = ["text", "link"].contains(&element["type"].as_str().unwrap());
    let has_look = element.get("style").is_none_or(|style| !style.as_object().unwrap().is_empty());
    let has_control = text.contains(|c: char| c.is_control() && c != '\n' && c != '\t');
    (text.is_empty() || !has_address || !is_known || !has_look || has_control).then(|| element.to_string())
}

fn parts(element: &Value) -> &[Value] {
    element["elements"].as_array().unwrap()
}

/// The blocks with their looks as marks, for people to read.
fn shown(rendered: &Rendered) -> String {
    let blocks = to_value(&rendered.blocks).unwrap();
    let mut lines = Vec::new();
    for element in parts(&blocks[0]) {
        let kind = element["type"].as_str().unwrap().trim_start_matches("rich_text_");
        let detail = |name: &str| element.get(name).map(|value| format!(" {name}={value}")).unwrap_or_default();
        let details = ["style", "indent", "offset", "language"].map(detail).concat().replace('"', "");
        match kind {
            "list" => {
                lines.push(format!("[{kind}{details}]"));
                lines.extend(parts(element).iter().map(|part| format!("- {}", shown_inline(part))));
            }
            _ => lines.push(format!("[{kind}{details}]\n{}", shown_inline(element))),
        }
    }
    lines.join("\n")
}

fn shown_inline(element: &Value) -> String {
    let one = |part: &Value| {
        let style = part.get("style").and_then(Value::as_object).into_iter().flatten();
        let looks: Vec<_> = style.map(|(name, _)| name.clone()).collect();
        let address = part.get("url").map(|url| format!("a:{}", url.as_str().unwrap()));
        let marks = looks.into_iter().chain(address).collect::<Vec<_>>().join(" ");
        let text = part["text"].as_str().unwrap();
        if marks.is_empty() { text.to_owned() } else { format!("⟨{marks}⟩{text}⟨/⟩") }
    };
    parts(element).iter().map(one).collect()
}

fn looks(markdown: &str) -> String {
    let rendered = render(markdown);
    assert_eq!(invalid(&rendered), None, "{markdown:?} → {rendered:?}");
    shown(&rendered)
}

#[test]
fn what_agents_write_is_readable() {
    for file in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/formatted/samples")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("samples");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, looks(&fs::read_to_string(&path).unwrap())));
    }
}

#[test]
fn a_message_is_a_block_as_slack_documents_it() {
    let rendered =
        render("**a** [b](https://example.org/?c=1&d=2)\n\n1. c\n2. d\n   - e\n3. f\n\n```rust\ng\n```\n> h");
    let blocks = to_value(&rendered.blocks).unwrap();
    assert_eq!(blocks[0]["type"], "rich_text");
    let elements: Vec<_> = parts(&blocks[0]).iter().map(Value::to_string).collect();
    insta::assert_snapshot!(elements.join("\n"), @r#"
        {"elements":[{"style":{"bold":true},"text":"a","type":"text"},{"text":" ","type":"text"},{"text":"b","type":"link","url":"https://example.org/?c=1&d=2"}],"type":"rich_text_section"}
        {"elements":[{"elements":[{"text":"c","type":"text"}],"type":"rich_text_section"},{"elements":[{"text":"d","type":"text"}],"type":"rich_text_section"}],"style":"ordered","type":"rich_text_list"}
        {"elements":[{"elements":[{"text":"e","type":"text"}],"type":"rich_text_section"}],"indent":1,"style":"bullet","type":"rich_text_list"}
        {"elements":[{"elements":[{"text":"f","type":"text"}],"type":"rich_text_section"}],"offset":2,"style":"ordered","type":"rich_text_list"}
        {"elements":[{"text":"g","type":"text"}],"type":"rich_text_preformatted"}
        {"elements":[{"text":"h","type":"text"}],"type":"rich_text_quote"}
    "#);
    assert_eq!(rendered.text, "a b\n\n1. c\n2. d\n  • e\n3. f\n\ng\nh");
}

#[test]
fn lists_are_lists_where_slack_has_them() {
    let told = [
        "- a\n\n  more of a\n- b\n  c",
        "- a\n  - b\n    - c\n- d\n\nend",
        "3. a\n4. b\n\n   ```\n   code\n   ```\n\n   behind\n5. c",
        "- - a\n  - b",
        "> 1. quoted\n> 2. list\n>\n> ```\n> code\n> ```\n> end",
        "- [x] done\n- [ ] open\n- plain",
        "0. nought\n1. one",
        "-\n- a",
        "1. ```\n   code\n   ```",
    ];
    insta::assert_snapshot!(told.map(looks).join("\n\n"), @"
        [list style=bullet]
        - a

        more of a
        - b
        c

        [list style=bullet]
        - a
        [list style=bullet indent=1]
        - b
        [list style=bullet indent=2]
        - c
        [list style=bullet]
        - d
        [section]

        end

        [list style=ordered offset=2]
        - a
        - b
        [preformatted]
        code
        [section]
          behind
        [list style=ordered offset=4]
        - c

        [section]
        •
        [list style=bullet indent=1]
        - a
        - b

        [quote]
        1. quoted
        2. list
        [preformatted]
        code
        [quote]
        end

        [section]
        ☑ done
        ☐ open
        [list style=bullet]
        - plain

        [section]
        0. nought
        [list style=ordered]
        - one

        [section]
        •
        [list style=bullet]
        - a

        [section]
        1.
        [preformatted]
        code
        ");
}

#[test]
fn nobody_is_notified() {
    let calling = "@here <!channel> <@U1> <!subteam^S1> <#C1> @ann [a](https://example.org/<!here>)";
    let rendered = render(calling);
    assert_eq!(invalid(&rendered), None);
    assert_eq!(rendered.text, "@here &lt;!channel&gt; &lt;@U1&gt; &lt;!subteam^S1&gt; &lt;#C1&gt; @ann a");
    assert_eq!(
        shown(&rendered),
        "[section]\n@here <!channel> <@U1> <!subteam^S1> <#C1> @ann ⟨a:https://example.org/%3C!here%3E⟩a⟨/⟩"
    );
}

#[test]
fn only_addresses_that_can_be_links_are_links() {
    assert_eq!(looks("[a](http://localhost:80/x)"), "[section]\n⟨a:http://localhost/x⟩a⟨/⟩");
    assert_eq!(looks("[a](/local/path)"), "[section]\na (/local/path)");
    assert_eq!(looks("[a](javascript:alert(1))"), "[section]\na (javascript:alert(1))");
    assert_eq!(looks("[a](slack://user?team=T1&id=U1)"), "[section]\na (slack://user?team=T1&id=U1)");
    let long = format!("https://example.org/{}", "x".repeat(ADDRESS_MAX_BYTES));
    assert_eq!(looks(&format!("[a]({long})")), format!("[section]\na ({long})"));
}

#[test]
fn a_language_that_is_not_known_is_left_out() {
    assert_eq!(looks("```py\na\n```"), "[preformatted language=python]\na");
    assert_eq!(looks("```klingon\na\n```"), "[preformatted]\na");
}

#[test]
fn the_text_for_notifications_is_cut_on_the_border_of_a_character() {
    assert_eq!(fallback("1 < 2 && 3 > 2"), "1 &lt; 2 &amp;&amp; 3 &gt; 2");
    for (text, cut) in [
        ("a".repeat(3_000), "a".repeat(3_000)),
        ("a".repeat(3_001), "a".repeat(2_999) + "…"),
        ("&".repeat(700), "&amp;".repeat(599) + "…"),
        ("👍".repeat(1_501), "👍".repeat(1_499) + "…"),
    ] {
        assert_eq!(fallback(&text), cut);
    }
}

#[test]
fn plain_text_has_no_looks_and_is_rich_text_too() {
    let rendered = plain("**a** <b>\r\n- c\u{1b}");
    assert_eq!(invalid(&rendered), None);
    assert_eq!(shown(&rendered), "[section]\n**a** <b>\n- c");
    assert_eq!(rendered.text, "**a** &lt;b&gt;\n- c");
}

#[test]
fn what_shows_nothing_is_a_dash() {
    for nothing in ["", " \n", "\u{200b}", "\u{0}", "&nbsp;"] {
        let rendered = render(nothing);
        assert_eq!(invalid(&rendered), None, "{nothing:?}");
    }
    assert_eq!(shown(&render(" ")), "[section]\n–");
    assert_eq!(looks("```\n```"), "[section]\n```\n```");
}

#[test]
fn what_would_be_too_long_is_shown_with_less() {
    let list = "- a\n".repeat(TEXT_MAX_UTF16 / 4);
    assert!(looks(&list).starts_with("[section]\n• a\n• a\n"), "too many items");
    let emphatic = "*i* **b** ".repeat(TEXT_MAX_UTF16 / 10);
    assert!(looks(&emphatic).contains("⟨bold⟩b⟨/⟩ i b"), "the most important looks stay");
    let quotes = "\"".repeat(TEXT_MAX_UTF16);
    assert_eq!(looks(&quotes), format!("[section]\n{quotes}"));
    let rows = format!("| a | {} |\n", "b".repeat(50)) + "|---|---|\n" + "|c|d|\n".repeat(500).as_str();
    assert_eq!(looks(&rows), format!("[preformatted]\n{}", rows.trim_end()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_text_renders_into_what_slack_takes(text in "\\PC{0,200}|([a-z0-9 \n*_~`#>|\\[\\]()!<&;:.+-]|👍|é|- |1\\. |  - |> |- \\[x\\] |```|\\*\\*|\\|-\\||\n\n|@here|<!here>|https://a\\.b){0,120}") {
        for rendered in [render(&text), plain(&text)] {
            prop_assert_eq!(invalid(&rendered), None, "{:?}", rendered);
        }
    }

    #[test]
    fn no_letter_is_lost(text in "([a-z]{3,9} |\\*\\*|\\*|~~|`|# |> |- |  - |   |[0-9]\\. |\\| |\\|\n|\\|---\\|---\\|\n|\n|\n\n|😀){0,400}") {
        // What stands behind the opening of a fence is not for people.
        let text = text.replace("```", "").replace("~~~", "");
        let text: String = text.chars().take(TEXT_MAX_UTF16 / 2).collect();
        let rendered = render(&text);
        prop_assert_eq!(invalid(&rendered), None, "{:?}", rendered);
        let blocks = json!(rendered.blocks);
        let mut after = String::new();
        texts(&blocks, &mut after);
        let letters = |text: &str| ('a'..='z').map(|letter| text.matches(letter).count()).collect::<Vec<_>>();
        prop_assert!(letters(&text).iter().zip(&letters(&after)).all(|(before, after)| before <= after), "something is lost: {rendered:?}");
    }
}

/// Everything that people read in blocks.
fn texts(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| texts(item, out)),
        Value::Object(fields) => {
            out.push_str(fields.get("text").and_then(Value::as_str).unwrap_or_default());
            fields.get("elements").into_iter().for_each(|items| texts(items, out));
        }
        _ => {}
    }
}
