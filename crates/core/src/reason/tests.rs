use std::collections::HashSet;

use super::*;
use crate::alert::AlertCode;

const PAGE: &str = include_str!("../../../../docs/reasons.md");

#[test]
fn every_code_has_an_example_and_its_own_spelling() {
    let examples: Vec<_> = Reason::examples().iter().map(Reason::code).collect();
    assert_eq!(examples, Reason::CODES);
    assert_eq!(examples.iter().collect::<HashSet<_>>().len(), examples.len());
}

#[test]
fn the_store_spells_a_reason_by_its_code() {
    for reason in Reason::examples() {
        let stored = serde_json::to_value(&reason).unwrap();
        assert_eq!(stored["code"], reason.code());
        assert_eq!(serde_json::from_value::<Reason>(stored).unwrap(), reason);
    }
}

#[test]
fn people_read_one_calm_line_without_internals() {
    for reason in Reason::examples() {
        let (code, text) = (reason.code(), reason.for_person());
        assert!(text.len() >= 7 && text.lines().count() == 1, "{code}: {text}");
        assert!(!text.starts_with("Error") && !text.contains(['{', '}', '"', '!', '_']), "{code}: {text}");
        for internal in ["panic", "store", "transaction", "errno", "os error", " ms", "None", "Some("] {
            assert!(!text.contains(internal), "{code} shows internals: {text}");
        }
        assert_eq!(reason.last_word(), format!("Error: {text}"));
    }
}

#[test]
fn operators_read_a_cause_that_is_more_than_the_code() {
    for reason in Reason::examples() {
        let text = reason.for_operator();
        assert!(text.len() > 15 && text.lines().count() == 1 && !text.ends_with('.'), "{}: {text}", reason.code());
        assert_ne!(text, reason.for_person());
    }
}

#[test]
fn texts_that_depend_on_what_happened_read_well_either_way() {
    let failed = Reason::AgentFailed { line: "out of quota".into() };
    insta::assert_snapshot!(failed.last_word(), @"Error: out of quota");
    let unknown = Reason::CommandUnknown { command: "xyz".into(), nearest: None };
    insta::assert_snapshot!(unknown.last_word(), @"Error: there is no command /xyz. /help lists them.");
}

/// A text inside a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "\\<")
}

#[test]
fn the_page_about_reasons_has_every_code_with_its_texts() {
    let mut table = String::from("| code | what people read | what the operator reads |\n|---|---|---|\n");
    for reason in Reason::examples() {
        let (code, person, operator) = (reason.code(), reason.last_word(), reason.for_operator());
        table.push_str(&format!("| `{code}` | {} | {} |\n", cell(&person), cell(&operator)));
    }
    assert!(PAGE.contains(&table), "docs/reasons.md must hold this table:\n{table}");
}

#[test]
fn the_page_about_reasons_has_every_alert() {
    let mut table = String::from("| code | how bad | what happened | what to do |\n|---|---|---|---|\n");
    for code in AlertCode::ALL {
        let (severity, meaning, cure) = (code.severity().as_str(), cell(code.meaning()), cell(code.cure()));
        table.push_str(&format!("| `{code}` | {severity} | {meaning} | {cure} |\n"));
    }
    assert!(PAGE.contains(&table), "docs/reasons.md must hold this table:\n{table}");
}
