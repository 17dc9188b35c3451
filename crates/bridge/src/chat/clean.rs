//! Text from outside, made safe for a terminal.
//!
//! Guarantee: what comes out holds no control character but newline and tab, and no character that turns the direction
//! of writing; those are spelled out. An escape sequence disappears whole, even when it comes in pieces.

/// Cleans a text that comes in pieces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cleaner {
    inside: Inside,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Inside {
    /// Plain text.
    #[default]
    Text,
    /// Behind an escape.
    Escape,
    /// In a control sequence, which ends with a letter or the like.
    Control,
    /// In a string (a title, a link), which ends with BEL, ST or an escape.
    String,
}

impl Cleaner {
    /// What of the next piece may be shown.
    pub(crate) fn push(&mut self, piece: &str) -> String {
        let mut clean = String::with_capacity(piece.len());
        for c in piece.chars() {
            self.inside = match (self.inside, c) {
                (Inside::Text | Inside::Escape | Inside::Control | Inside::String, '\u{1b}') => Inside::Escape,
                (Inside::Text, '\u{9b}') | (Inside::Escape, '[') => Inside::Control,
                (Inside::Text, '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}')
                | (Inside::Escape, ']' | 'P' | 'X' | '^' | '_') => Inside::String,
                (Inside::Text, c) => {
                    show(c, &mut clean);
                    Inside::Text
                }
                // An escape with intermediate characters goes on until its final one.
                (Inside::Escape, ' '..='/') => Inside::Escape,
                (Inside::Control, ' '..='?') => Inside::Control,
                (Inside::String, '\u{7}' | '\u{9c}') | (Inside::Escape | Inside::Control, '!'..='~') => Inside::Text,
                // A newline ends a broken sequence, so that one stray byte can't swallow a whole answer.
                (Inside::Escape | Inside::Control | Inside::String, '\n') => {
                    clean.push('\n');
                    Inside::Text
                }
                (Inside::Escape | Inside::Control, _) => Inside::Text,
                (Inside::String, _) => Inside::String,
            };
        }
        clean
    }
}

/// Cleans a whole text.
pub(crate) fn clean(text: &str) -> String {
    Cleaner::default().push(text)
}

/// `text` as one line in which whatever steers a terminal is spelled out, so that all of it can be seen.
pub(crate) fn spelled_out(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut line, c| {
        if steers(c) {
            line.extend(c.escape_unicode())
        } else {
            line.push(c)
        }
        line
    })
}

/// Whether a terminal does something else with it than showing it where it stands.
pub(crate) fn steers(c: char) -> bool {
    c.is_control() || turns(c)
}

/// Whether it turns the direction of writing.
fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn show(c: char, clean: &mut String) {
    match c {
        '\n' | '\t' => clean.push(c),
        c if turns(c) => clean.extend(c.escape_unicode()),
        c if c.is_control() => {}
        c => clean.push(c),
    }
}

#[cfg(test)]
mod tests {
    use lastword_core::corpus;
    use proptest::prelude::*;

    use super::*;

    /// What holds for every text in every cut.
    fn holds(text: &str, cuts: &[usize]) {
        let whole = clean(text);
        assert!(!whole.chars().any(|c| steers(c) && !matches!(c, '\n' | '\t')), "{whole:?}");
        assert_eq!(clean(&whole), whole, "cleaned twice is cleaned once");
        let (mut cleaner, mut pieces, mut rest) = (Cleaner::default(), String::new(), text);
        for cut in cuts {
            let at = rest.char_indices().nth(*cut).map_or(rest.len(), |(at, _)| at);
            pieces.push_str(&cleaner.push(&rest[..at]));
            rest = &rest[at..];
        }
        assert_eq!(pieces + cleaner.push(rest).as_str(), whole);
        if !text.contains(steers) {
            assert_eq!(whole, text, "nothing was to be taken away");
        }
        assert!(whole.matches('\n').count() == text.matches('\n').count(), "every line stays a line");
        let line = spelled_out(text);
        assert!(!line.contains(steers) && line.chars().count() >= text.chars().count(), "{line:?}");
    }

    #[test]
    fn every_seed_is_cleaned_as_any_text_is() {
        for (_, text) in corpus::texts(env!("CARGO_MANIFEST_DIR"), "terminal") {
            for cut in 0..8 {
                holds(&text, &[cut; 40]);
            }
        }
    }

    #[test]
    fn escape_sequences_disappear_whole() {
        assert_eq!(clean("a\u{1b}[31mred\u{1b}[0m b"), "ared b");
        assert_eq!(clean("\u{1b}]0;title\u{7}text"), "text");
        assert_eq!(clean("\u{1b}]8;;http://evil\u{1b}\\link\u{1b}]8;;\u{1b}\\"), "link");
        assert_eq!(clean("\u{1b}(Bplain \u{9b}2Jtext\u{1b}c."), "plain text.");
        assert_eq!(clean("over\rwritten\u{8}\u{0}\r\n\tnext"), "overwritten\n\tnext");
        assert_eq!(clean("\u{1b}]never ended\nnext"), "\nnext");
    }

    #[test]
    fn characters_that_turn_the_direction_are_spelled_out() {
        assert_eq!(clean("exe\u{202e}gpj"), "exe\\u{202e}gpj");
    }

    #[test]
    fn a_sequence_in_pieces_disappears_too() {
        let mut cleaner = Cleaner::default();
        let pieces: String = ["a\u{1b}", "[3", "1mred"].iter().map(|piece| cleaner.push(piece)).collect();
        assert_eq!(pieces, "ared");
    }

    proptest! {
        #[test]
        fn any_text_in_any_pieces_is_clean(
            text in "([\\PC\\pC]|\u{1b}[\\[\\]PX^_(]?|[0-9;]{1,3}m|\u{7}|\u{9b}|\u{9d}|\u{9c}|[a-z漢\n\t ]{1,9}|[\u{202a}-\u{202e}]){0,40}",
            cuts in proptest::collection::vec(0_usize..9, 0..12),
        ) {
            holds(&text, &cuts);
        }

        #[test]
        fn nothing_that_steers_a_terminal_comes_out(text in "[\\x00-\\x7f\u{80}-\u{a0}\u{202a}-\u{202e}ä\u{1b}\\[\\]]*") {
            let clean = clean(&text);
            prop_assert!(clean.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()));
            let turns = clean.contains(['\u{202a}', '\u{202e}']);
            prop_assert!(!turns);
        }

        #[test]
        fn pieces_and_the_whole_come_out_alike(text in "(?s).*", at in 0_usize..64) {
            let at = text.char_indices().map(|(index, _)| index).nth(at).unwrap_or(text.len());
            let mut cleaner = Cleaner::default();
            let pieces = cleaner.push(&text[..at]) + cleaner.push(&text[at..]).as_str();
            prop_assert_eq!(pieces, clean(&text));
        }
    }
}
