use std::fs;

use proptest::prelude::*;
use teloxide_core::types::{MessageEntity, MessageEntityKind as Kind};

use super::{ENTITIES_MAX, Rendered, TEXT_MAX_UTF16, render};

/// The rules of the documentation; what is wrong, if anything.
pub(crate) fn invalid(rendered: &Rendered) -> Option<String> {
    let units: Vec<u16> = rendered.text.encode_utf16().collect();
    let mut open: Vec<&MessageEntity> = Vec::new();
    let mut last = None;
    if rendered.entities.len() > ENTITIES_MAX {
        return Some("too many".into());
    }
    for entity in &rendered.entities {
        let (start, end) = (entity.offset, entity.offset + entity.length);
        let wrong = |what: &str| Some(format!("{what}: {entity:?}"));
        if entity.length == 0 {
            return wrong("empty");
        }
        if end > units.len() {
            return wrong("out of the text");
        }
        if String::from_utf16(&units[start..end]).is_err() {
            return wrong("a character is cut");
        }
        if last.replace((start, std::cmp::Reverse(end))) > Some((start, std::cmp::Reverse(end))) {
            return wrong("not sorted");
        }
        open.retain(|outer| outer.offset + outer.length > start);
        for outer in &open {
            if end > outer.offset + outer.length {
                return wrong("not nested");
            }
            if matches!(outer.kind, Kind::Code | Kind::Pre { .. }) {
                return wrong("inside of code");
            }
            if std::mem::discriminant(&outer.kind) == std::mem::discriminant(&entity.kind) {
                return wrong("inside of its like");
            }
            let is_code = matches!(entity.kind, Kind::Code | Kind::Pre { .. });
            if is_code && !matches!(outer.kind, Kind::Blockquote) {
                return wrong("code inside of another");
            }
        }
        open.push(entity);
    }
    None
}

/// The text with its entities as marks, for people to read.
fn shown(rendered: &Rendered) -> String {
    let name = |kind: &Kind| match kind {
        Kind::Bold => "b".to_owned(),
        Kind::Italic => "i".to_owned(),
        Kind::Strikethrough => "s".to_owned(),
        Kind::Code => "code".to_owned(),
        Kind::Pre { language } => {
            format!("pre{}", language.as_ref().map(|name| format!(":{name}")).unwrap_or_default())
        }
        Kind::Blockquote => "quote".to_owned(),
        Kind::TextLink { url } => format!("a:{url}"),
        other => format!("{other:?}"),
    };
    let units: Vec<u16> = rendered.text.encode_utf16().collect();
    let mut marks: Vec<(usize, bool, usize, String)> = Vec::new();
    for (index, entity) in rendered.entities.iter().enumerate() {
        marks.push((entity.offset, true, index, format!("⟨{}⟩", name(&entity.kind))));
        let last = usize::MAX - index;
        marks.push((
            entity.offset + entity.length,
            false,
            last,
            format!("⟨/{}⟩", name(&entity.kind).split(':').next().unwrap()),
        ));
    }
    marks.sort();
    let (mut out, mut at) = (String::new(), 0);
    for (offset, _, _, mark) in marks {
        out.push_str(&String::from_utf16(&units[at..offset]).unwrap());
        out.push_str(&mark);
        at = offset;
    }
    out + String::from_utf16(&units[at..]).unwrap().as_str()
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
        if path.extension().is_some_and(|extension| extension == "md") {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let mut settings = insta::Settings::clone_current();
            settings.set_snapshot_path("samples");
            settings.set_prepend_module_to_snapshot(false);
            settings.set_omit_expression(true);
            settings.bind(|| insta::assert_snapshot!(name, looks(&fs::read_to_string(&path).unwrap())));
        }
    }
}

#[test]
fn code_is_inside_of_nothing() {
    assert_eq!(looks("**bold `code` bold**"), "⟨b⟩bold⟨/b⟩ ⟨code⟩code⟨/code⟩ ⟨b⟩bold⟨/b⟩");
    assert_eq!(looks("# `a` b"), "⟨code⟩a⟨/code⟩ ⟨b⟩b⟨/b⟩");
    assert_eq!(looks("[see `a`](https://example.org/x)"), "⟨a:https://example.org/x⟩see a⟨/a⟩");
}

#[test]
fn a_look_inside_of_its_like_is_one() {
    assert_eq!(looks("# **all** bold"), "⟨b⟩all bold⟨/b⟩");
    assert_eq!(looks("*one **two***"), "⟨i⟩one ⟨b⟩two⟨/b⟩⟨/i⟩");
    assert_eq!(looks("> one\n>> two"), "⟨quote⟩one\ntwo⟨/quote⟩");
}

#[test]
fn only_addresses_that_can_be_links_are_links() {
    assert_eq!(looks("[a](https://example.org)"), "⟨a:https://example.org/⟩a⟨/a⟩");
    assert_eq!(looks("[a](/local/path)"), "a (/local/path)");
    assert_eq!(looks("[a](javascript:alert(1))"), "a (javascript:alert(1))");
    assert_eq!(looks("[a](http://localhost:80/x)"), "a (http://localhost:80/x)");
    let cat = "https://example.org/cat.png";
    assert_eq!(looks(&format!("![]({cat})")), format!("⟨a:{cat}⟩{cat}⟨/a⟩"));
    assert_eq!(looks("<https://example.org>"), "⟨a:https://example.org/⟩https://example.org⟨/a⟩");
}

#[test]
fn what_the_parser_passes_over_is_shown() {
    assert_eq!(looks("[note]: remember\n[note]: again"), "[note]: remember\n[note]: again");
    assert_eq!(looks("- [a]: b\n- c"), "• [a]: b\n• c");
    let cited = "See [the page][1].\n\n[1]: https://example.org \"Page\"";
    assert_eq!(looks(cited), "See ⟨a:https://example.org/⟩the page⟨/a⟩.\n\n[1]: https://example.org \"Page\"");
}

#[test]
fn offsets_count_utf_16() {
    let rendered = render("👨‍👩‍👧‍👦 **b**");
    assert_eq!(rendered.entities, [MessageEntity::bold(12, 1)]);
}

#[test]
fn control_characters_do_not_shift_anything() {
    assert_eq!(looks("a\u{0}b\r\n**c**\rd\u{1b}[0m"), "a b\n⟨b⟩c⟨/b⟩\nd [0m");
}

#[test]
fn a_table_that_would_be_too_long_is_shown_as_it_was_written() {
    let rows = format!("| a | {} |\n", "b".repeat(50)) + "|---|---|\n" + "|c|d|\n".repeat(500).as_str();
    assert!(rows.len() <= TEXT_MAX_UTF16);
    let rendered = render(&rows);
    assert_eq!(rendered.text, rows.trim_end());
    assert_eq!(rendered.entities, [MessageEntity::pre(None, 0, rendered.text.len())]);
}

#[test]
fn where_everything_would_be_too_long_it_is_shown_as_it_was_written() {
    let list = "1.\n".repeat(1_365);
    assert!(list.len() <= TEXT_MAX_UTF16 && render(&list).text == list);
}

#[test]
fn of_too_many_entities_the_most_important_stay() {
    let rendered = render(&("*i* ".repeat(150) + "`code`"));
    assert_eq!(rendered.entities.len(), ENTITIES_MAX);
    assert_eq!(rendered.entities.last().unwrap().kind, Kind::Code);
    assert_eq!(invalid(&rendered), None);
}

#[test]
fn what_shows_nothing_is_shown_as_it_was_written() {
    assert_eq!(looks("[](#)"), "#");
    assert_eq!(looks("```\n```"), "```\n```");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_text_renders_into_valid_entities(text in "\\PC{0,200}|([a-z0-9 \n*_~`#>|\\[\\]()!<&;:.+-]|👍|é|- |1\\. |> |```|\\*\\*|\\|-\\||\n\n){0,120}") {
        let rendered = render(&text);
        prop_assert_eq!(invalid(&rendered), None, "{:?}", rendered);
    }

    #[test]
    fn what_fits_still_fits_and_no_letter_is_lost(text in "([a-z]{3,9} |\\*\\*|\\*|~~|`|# |> |- |[0-9]\\. |\\| |\\|\n|\\|---\\|---\\|\n|\n|\n\n|😀){0,300}") {
        // What stands behind the opening of a fence is not for people.
        let text = text.replace("```", "").replace("~~~", "");
        let text: String = text.chars().take(TEXT_MAX_UTF16 / 2).collect();
        let rendered = render(&text);
        prop_assert_eq!(invalid(&rendered), None, "{:?}", rendered);
        prop_assert!(rendered.text.encode_utf16().count() <= TEXT_MAX_UTF16);
        // Letters, not words: where markup stood between two words, nothing may be left to part them.
        let letters = |text: &str| ('a'..='z').map(|letter| text.matches(letter).count()).collect::<Vec<_>>();
        let (before, after) = (letters(&text), letters(&rendered.text));
        prop_assert!(before.iter().zip(&after).all(|(before, after)| before <= after), "something is lost: {rendered:?}");
    }
}
