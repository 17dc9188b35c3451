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

fn show(c: char, clean: &mut String) {
    match c {
        '\n' | '\t' => clean.push(c),
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            clean.extend(c.escape_unicode());
        }
        c if c.is_control() => {}
        c => clean.push(c),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
            let pieces = cleaner.push(&text[..at]) + &cleaner.push(&text[at..]);
            prop_assert_eq!(pieces, clean(&text));
        }
    }
}
