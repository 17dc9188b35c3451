//! Text without what a terminal would act on: escape sequences, and control characters other than newline and tab.
//!
//! Bidirectional and other invisible characters stay: they are how some languages are written.

use anstyle_parse::state::{Action, State, state_change};

/// Removes terminal codes from text that arrives in pieces.
///
/// A sequence that is never ended swallows no more than its line: agents are not terminals, and an answer must not
/// vanish because somebody forgot a terminator.
#[derive(Debug, Default)]
pub(crate) struct Plain {
    state: State,
}

impl Plain {
    /// Appends what is left of `raw` to `text`.
    pub(crate) fn push(&mut self, raw: &str, text: &mut String) {
        for letter in raw.chars() {
            if self.keeps(letter) {
                text.push(letter);
            }
        }
    }

    fn keeps(&mut self, letter: char) -> bool {
        if letter == '\n' {
            self.state = State::Ground;
            return true;
        }
        let Some(byte) = u8::try_from(letter).ok().filter(u8::is_ascii) else {
            // Titles and the like hold any text; other sequences are ASCII, so this one was none.
            if !self.is_in_string() {
                self.state = State::Ground;
            }
            return self.state == State::Ground && !letter.is_control();
        };
        let (next, action) = state_change(self.state, byte);
        if next != State::Anywhere {
            self.state = next;
        }
        action == Action::Print && !letter.is_control() || action == Action::Execute && letter == '\t'
    }

    fn is_in_string(&self) -> bool {
        matches!(self.state, State::OscString | State::DcsPassthrough | State::DcsIgnore | State::SosPmApcString)
    }
}

/// All of `raw` without terminal codes.
pub(crate) fn plain(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    Plain::default().push(raw, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn colours_titles_and_cursor_moves_go_and_text_stays() {
        for (raw, left) in [
            ("\x1b[1;32mgreen\x1b[0m", "green"),
            ("\x1b]0;a title, naïve\x07text", "text"),
            ("\x1b]8;;http://x.test\x1b\\link\x1b]8;;\x1b\\", "link"),
            ("50%\r100%\r\ndone\x08\x7f", "50%100%\ndone"),
            ("tab\tstays, nul\0 goes", "tab\tstays, nul goes"),
            ("c1 \u{9b}31m goes", "c1 31m goes"),
            ("שלום \u{202e}abc\u{202c} 👩‍👩‍👧", "שלום \u{202e}abc\u{202c} 👩‍👩‍👧"),
            ("\x1b[3é", "é"),
            ("\x1b]an unended title\nthe answer", "\nthe answer"),
        ] {
            assert_eq!(plain(raw), left, "{raw:?}");
        }
    }

    proptest! {
        #[test]
        fn any_cut_leaves_the_same_and_nothing_for_a_terminal(
            raw in "([a-z\\n\\t]|\\x1b|\\[|\\]|[0-9;]|m|\\x07|\\\\|é|\\PC|\\pC){0,60}",
            cut in 0usize..60,
        ) {
            let cut = raw.char_indices().nth(cut).map_or(raw.len(), |(at, _)| at);
            let (mut pieces, mut text) = (Plain::default(), String::new());
            pieces.push(&raw[..cut], &mut text);
            pieces.push(&raw[cut..], &mut text);
            prop_assert_eq!(&text, &plain(&raw));
            prop_assert!(text.chars().all(|letter| matches!(letter, '\n' | '\t') || !letter.is_control()));
        }
    }
}
