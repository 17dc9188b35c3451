use proptest::prelude::*;

use super::*;
use crate::{capability::TextUnit, corpus};

fn chars(max: u32) -> TextLimit {
    TextLimit { max, unit: TextUnit::Chars }
}

#[test]
fn a_reply_that_fits_stays_as_it_is() {
    assert_eq!(split("hello\n", chars(5)), ["hello"]);
    assert_eq!(split("", chars(5)), [""]);
}

#[test]
fn paragraphs_then_lines_then_words_are_kept_whole() {
    assert_eq!(split("one two\n\nthree four", chars(12)), ["one two", "three four"]);
    assert_eq!(split("one two three", chars(9)), ["one two", "three"]);
    assert_eq!(split("abcdefghij", chars(4)), ["abcd", "efgh", "ij"]);
}

#[test]
fn a_code_fence_is_closed_and_opened_again() {
    let text = format!("Look:\n\n```rust\n{}```\nDone.", "let a = 1;\n".repeat(8));
    let parts = split(&text, chars(60));
    insta::assert_snapshot!(parts.join("\n---\n"), @r"
    Look:

    ```rust
    let a = 1;
    let a = 1;
    let a = 1;
    ```
    ---
    ```rust
    let a = 1;
    let a = 1;
    let a = 1;
    let a = 1;
    ```
    ---
    ```rust
    let a = 1;
    ```
    Done.
    ");
}

#[test]
fn an_emoji_family_is_not_torn_apart() {
    let family = "👨‍👩‍👧‍👦";
    let limit = TextLimit { max: 25, unit: TextUnit::Bytes };
    assert_eq!(split(&family.repeat(3), limit), [family, family, family]);
}

#[test]
fn a_tail_shows_the_newest_text() {
    assert_eq!(tail("abcdefghijkl", chars(8)), "…ijkl");
    assert_eq!(tail("short", chars(8)), "short");
}

fn units() -> impl Strategy<Value = TextUnit> {
    prop_oneof![Just(TextUnit::Bytes), Just(TextUnit::Utf16), Just(TextUnit::Chars)]
}

fn bare(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// Whether all of `inner` is in `outer`, in its order.
fn holds_all(outer: &str, inner: &str) -> bool {
    let mut outer = outer.chars();
    inner.chars().all(|c| outer.any(|other| other == c))
}

/// What holds for every text and every limit that has room for a character.
fn holds(text: &str, limit: TextLimit) {
    let parts = split(text, limit);
    assert!(parts.iter().all(|part| limit.fits(part)), "{limit:?} {parts:?}");
    let is_blank = text.trim_end().is_empty();
    assert!(is_blank || parts.iter().all(|part| !part.trim().is_empty()), "{limit:?} {parts:?}");
    assert!(parts.len() == 1 || !is_blank && !limit.fits(text.trim_end()), "{limit:?} {parts:?}");
    assert!(holds_all(&bare(&parts.concat()), &bare(text)), "{limit:?} {parts:?}");
    for part in &parts {
        assert_eq!(split(part, limit), [part.trim_end()], "what fits stays as it is");
    }
    let shown = tail(text, limit);
    let end = shown.strip_prefix('…').unwrap_or(&shown);
    assert!(limit.fits(&shown) && text.ends_with(end), "{limit:?} {shown:?}");
}

/// What is code in Markdown, and what is not; white space left out.
fn code_and_text(parts: &[String]) -> (String, String) {
    let (mut code, mut plain) = (String::new(), String::new());
    for part in parts {
        let mut is_code = false;
        for event in Parser::new(part) {
            match event {
                Event::Start(Tag::CodeBlock(_)) => is_code = true,
                Event::End(pulldown_cmark::TagEnd::CodeBlock) => is_code = false,
                Event::Text(text) if is_code => code.push_str(&bare(&text)),
                Event::Text(text) => plain.push_str(&bare(&text)),
                _ => {}
            }
        }
    }
    (code, plain)
}

/// A paragraph, or a block of code whose lines may be shorter fences and fences of the other kind.
fn block() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        4 => "[a-z=;(){} ]{0,40}",
        1 => Just("```sh".to_owned()),
        1 => Just("```".to_owned()),
        1 => Just("~~~".to_owned()),
        1 => Just(String::new()),
    ];
    let lines = prop::collection::vec(line, 1..12);
    let code = (prop::sample::select(vec!["````", "~~~~", "`````"]), "[a-z]{0,6}", lines);
    prop_oneof![
        "[a-z]{1,9}( [a-z]{1,9}){0,30}",
        code.prop_map(|(fence, language, lines)| format!("{fence}{language}\n{}\n{fence}", lines.join("\n"))),
    ]
}

#[test]
fn every_seed_is_split_as_any_text_is() {
    for (_, text) in corpus::texts(env!("CARGO_MANIFEST_DIR"), "markdown") {
        for max in [8, 9, 13, 25, 40, 64, 100, 4_096] {
            for unit in [TextUnit::Bytes, TextUnit::Utf16, TextUnit::Chars] {
                holds(&text, TextLimit { max, unit });
            }
        }
    }
}

#[test]
fn code_that_holds_fences_is_closed_and_opened_by_its_own() {
    let text = format!("````markdown\n```sh\n{}```\n````\nDone.", "ls -l\n".repeat(12));
    let parts = split(&text, chars(70));
    assert!(parts.len() > 1);
    assert!(parts[0].ends_with("\n````") && parts[1].starts_with("````markdown\n"), "{parts:?}");
    assert_eq!(code_and_text(&parts), code_and_text(&[text]));
}

proptest! {
    #[test]
    fn every_part_fits_and_nothing_but_white_space_is_lost(
        text in "([a-zé👍\u{301} \n]|\n\n){0,400}",
        max in 8_u32..60,
        unit in units(),
    ) {
        let limit = TextLimit { max, unit };
        let parts = split(&text, limit);
        prop_assert!(parts.iter().all(|part| limit.fits(part)), "{parts:?}");
        let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        prop_assert_eq!(bare(&parts.concat()), bare(&text));
    }

    #[test]
    fn any_markdown_is_split_within_the_limit(text in "(```[a-z]{0,9}\n|~~~\n|[a-z`*|\n -]|- |> ){0,300}", max in 8_u32..80) {
        let parts = split(&text, chars(max));
        prop_assert!(parts.iter().all(|part| chars(max).fits(part)), "{parts:?}");
    }

    #[test]
    fn any_text_is_split_without_a_loss(
        text in "([\\PC\\pC]|[a-z ]{1,20}|\n|```|~~~|    |[👍🏽👨‍👩‍👧🇩🇪]|e\u{301}{1,4}){0,80}",
        max in 8_u32..120,
        unit in units(),
    ) {
        holds(&text, TextLimit { max, unit });
    }

    #[test]
    fn no_visible_character_that_fits_is_torn(text in "(👨‍👩‍👧|🇩🇪|e\u{301}|👍🏽|[a-z ]){0,120}", max in 40_u32..100, unit in units()) {
        let whole: Vec<_> = text.graphemes(true).filter(|visible| !visible.trim().is_empty()).collect();
        let parts = split(&text, TextLimit { max, unit });
        let kept: Vec<_> =
            parts.iter().flat_map(|part| part.graphemes(true)).filter(|visible| !visible.trim().is_empty()).collect();
        prop_assert_eq!(kept, whole);
    }

    #[test]
    fn code_stays_code_and_text_stays_text(blocks in prop::collection::vec(block(), 1..6), max in 70_u32..200) {
        let text = blocks.join("\n\n");
        let parts = split(&text, chars(max));
        prop_assert_eq!(code_and_text(&parts), code_and_text(&[text]), "{:?}", parts);
    }
}

#[test]
fn a_head_is_whole_lines_or_at_least_whole_characters() {
    let limit = chars(100);
    assert_eq!(head(&"short\n".repeat(3), limit, "…"), "short\n".repeat(3));
    let long = head(&"a line of text\n".repeat(30), limit, "… (more)");
    assert_eq!(long, "a line of text\n".repeat(6) + "… (more)");
    let line = head(&"👍".repeat(200), limit, "…");
    assert_eq!(line, "👍".repeat(99) + "…");
}
