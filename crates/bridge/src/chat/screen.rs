//! What a person at a terminal sees of a turn: a region that grows while the answer comes, and then holds it once.
//!
//! Guarantee: the last word is on the screen exactly once when a turn ends. If it is what was streamed, it is not printed
//! again; otherwise the stream is erased first, or, where it has scrolled away, parted from it by a line. Texts given to
//! it are clean already.

use std::io::{self, Write};

use unicode_width::UnicodeWidthChar;

use super::exchange::LastWord;

const SPINNER: [&str; 4] = ["⠋", "⠙", "⠴", "⠦"];
const TAB: usize = 8;

/// A terminal.
pub(super) struct Screen<W> {
    out: W,
    columns: usize,
    rows: usize,
    is_colored: bool,
    /// The pieces of the answer so far.
    streamed: String,
    /// What stands below or instead of them for the moment: a spinner, a notice.
    status: Option<String>,
    spun: usize,
}

impl<W: Write> Screen<W> {
    pub(super) fn new(out: W, is_colored: bool) -> Self {
        Self { out, columns: 80, rows: 24, is_colored, streamed: String::new(), status: None, spun: 0 }
    }

    /// The terminal's size now.
    pub(super) fn resize(&mut self, columns: usize, rows: usize) {
        (self.columns, self.rows) = (columns.max(1), rows.max(1));
    }

    /// A line that stays, such as the history's.
    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")?;
        self.out.flush()
    }

    /// A line about the conversation itself, which stays.
    pub(super) fn remark(&mut self, text: &str) -> io::Result<()> {
        let text = self.dim(text);
        self.line(&text)
    }

    /// A last word, which stays; an error is red.
    pub(super) fn word(&mut self, word: &LastWord) -> io::Result<()> {
        let text = word.text.trim_end_matches('\n');
        let text = if word.is_error && self.is_colored { format!("\u{1b}[31m{text}\u{1b}[0m") } else { text.into() };
        self.line(&text)
    }

    /// Shows that somebody is at work, while nothing else shows it.
    pub(super) fn tick(&mut self, since_s: u64) -> io::Result<()> {
        if !self.streamed.is_empty() {
            return Ok(());
        }
        self.spun += 1;
        let spinner = SPINNER[self.spun % SPINNER.len()];
        let elapsed = if since_s < 3 { String::new() } else { format!(" {since_s} s") };
        self.status(&format!("{spinner}{elapsed}"))
    }

    /// Shows a notice until the next thing happens.
    pub(super) fn status(&mut self, text: &str) -> io::Result<()> {
        self.clear_status()?;
        if !self.streamed.is_empty() && !self.streamed.ends_with('\n') {
            writeln!(self.out)?;
        }
        let text: String = text.chars().take(self.columns.saturating_sub(1)).collect();
        write!(self.out, "{}", self.dim(&text))?;
        self.status = Some(text);
        self.out.flush()
    }

    /// Takes the notice away.
    pub(super) fn clear_status(&mut self) -> io::Result<()> {
        if self.status.take().is_none() {
            return Ok(());
        }
        write!(self.out, "\r\u{1b}[K")?;
        if !self.streamed.is_empty() && !self.streamed.ends_with('\n') {
            // Back to where the text ended, at the row above. No movement leads to the margin behind a full row, but
            // printing the last character again does.
            let column = end_of(&self.streamed, self.columns).1;
            let last = self.streamed.char_indices().rfind(|(_, c)| width_of(*c) > 0);
            let (column, again) = match last {
                Some((at, c)) if column >= self.columns => (column - width_of(c), &self.streamed[at..]),
                Some(_) | None => (column, ""),
            };
            write!(self.out, "\u{1b}[A")?;
            if column > 0 {
                write!(self.out, "\u{1b}[{column}C")?;
            }
            write!(self.out, "{again}")?;
        }
        self.out.flush()
    }

    /// Appends a piece of the answer.
    pub(super) fn progress(&mut self, piece: &str) -> io::Result<()> {
        self.clear_status()?;
        self.streamed.push_str(piece);
        write!(self.out, "{piece}")?;
        self.out.flush()
    }

    /// What was streamed does not count.
    pub(super) fn reset(&mut self) -> io::Result<()> {
        self.clear_status()?;
        self.take_back()?;
        self.out.flush()
    }

    /// Ends the turn with its last word.
    pub(super) fn finish(&mut self, word: &LastWord) -> io::Result<()> {
        self.clear_status()?;
        let streamed = std::mem::take(&mut self.streamed);
        let (is_whole, text) = (!word.is_error && !streamed.is_empty(), word.text.trim_end_matches('\n'));
        if is_whole && text == streamed.trim_end_matches('\n') {
            return if streamed.ends_with('\n') { Ok(()) } else { self.line("") };
        }
        if is_whole && let Some(rest) = text.strip_prefix(&streamed) {
            return self.line(rest);
        }
        self.streamed = streamed;
        self.take_back()?;
        self.word(word)
    }

    /// Ends the turn without one; what was streamed stays.
    pub(super) fn leave(&mut self, why: &str) -> io::Result<()> {
        self.clear_status()?;
        if !std::mem::take(&mut self.streamed).is_empty() {
            writeln!(self.out)?;
        }
        self.remark(why)
    }

    /// Erases the streamed text, or parts it from what follows where its beginning has scrolled away.
    fn take_back(&mut self) -> io::Result<()> {
        let streamed = std::mem::take(&mut self.streamed);
        if streamed.is_empty() {
            return Ok(());
        }
        let row = end_of(&streamed, self.columns).0;
        if row >= self.rows {
            writeln!(self.out)?;
            return self.remark("· · ·");
        }
        write!(self.out, "\r")?;
        if row > 0 {
            write!(self.out, "\u{1b}[{row}A")?;
        }
        write!(self.out, "\u{1b}[J")
    }

    fn dim(&self, text: &str) -> String {
        if self.is_colored { format!("\u{1b}[2m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// The row and column of the cursor behind `text`, counted from where it began. A full row leaves it at the margin.
fn end_of(text: &str, columns: usize) -> (usize, usize) {
    text.chars().fold((0, 0), |(row, column), c| match c {
        '\n' => (row + 1, 0),
        '\t' => (row, (column / TAB * TAB + TAB).min(columns.saturating_sub(1))),
        c => match width_of(c) {
            width if column + width > columns => (row + 1, width),
            width => (row, column + width),
        },
    })
}

/// How many cells a character takes; a terminal of its own mind shows it by one cell, which an erased answer can bear.
fn width_of(c: char) -> usize {
    c.width().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chat::fake::seen;

    fn screen() -> Screen<Vec<u8>> {
        let mut screen = Screen::new(Vec::new(), false);
        screen.resize(10, 4);
        screen
    }

    fn written(screen: &Screen<Vec<u8>>) -> String {
        String::from_utf8(screen.out.clone()).unwrap().replace('\u{1b}', "ESC")
    }

    fn reply(text: &str) -> LastWord {
        LastWord { text: text.into(), is_error: false }
    }

    #[test]
    fn an_answer_that_was_streamed_is_not_printed_again() {
        let mut screen = screen();
        screen.progress("work").unwrap();
        screen.progress("ing").unwrap();
        screen.finish(&reply("working\n")).unwrap();
        assert_eq!(written(&screen), "working\n");
    }

    #[test]
    fn the_rest_of_an_answer_is_printed_behind_what_was_streamed() {
        let mut screen = screen();
        screen.progress("work").unwrap();
        screen.finish(&reply("working")).unwrap();
        assert_eq!(written(&screen), "working\n");
    }

    #[test]
    fn another_answer_replaces_what_was_streamed_on_all_its_rows() {
        let mut screen = screen();
        screen.progress("0123456789wrapped\nthird").unwrap();
        screen.finish(&reply("no")).unwrap();
        assert_eq!(written(&screen), "0123456789wrapped\nthird\rESC[2AESC[Jno\n");
    }

    #[test]
    fn what_scrolled_away_is_parted_rather_than_erased() {
        let mut screen = screen();
        screen.progress("1\n2\n3\n4\n5").unwrap();
        screen.reset().unwrap();
        screen.progress("new").unwrap();
        screen.finish(&reply("new")).unwrap();
        assert_eq!(written(&screen), "1\n2\n3\n4\n5\n· · ·\nnew\n");
    }

    proptest! {
        /// Whatever happens on the way, the last word is all that stands there.
        #[test]
        fn a_notice_or_a_reset_in_mid_answer_leaves_no_trace(
            pieces in proptest::collection::vec("[a-z\n]{0,25}", 0..4),
            resets in proptest::collection::vec(any::<bool>(), 4),
            answer in "[a-z\n]{0,30}[a-z]",
        ) {
            let mut screen = Screen::new(Vec::new(), false);
            screen.resize(10, 1_000);
            for (piece, is_reset) in pieces.iter().zip(resets) {
                screen.progress(piece).unwrap();
                screen.status("reconnecting…").unwrap();
                if is_reset {
                    screen.reset().unwrap();
                }
            }
            screen.finish(&reply(&answer)).unwrap();
            let mut expected = Screen::new(Vec::new(), false);
            expected.word(&reply(&answer)).unwrap();
            prop_assert_eq!(seen(&screen.out, 10), seen(&expected.out, 10));
        }
    }

    proptest! {
        /// Whatever a bridge says, the last word stands there once, and nothing but the screen's own moves is written.
        #[test]
        fn any_answer_stands_there_once_however_it_came(
            pieces in proptest::collection::vec("([\\PC\\pC]|[a-z\n]{1,9}|漢字|\u{1b}\\[2J|\u{9b}5A|\u{202e}|e\u{301}|\u{200b}){0,9}", 0..5),
            said in "[\\PC\\pC]{0,30}",
            (is_streamed, is_error, is_noticed) in (any::<bool>(), any::<bool>(), any::<bool>()),
            columns in 2_usize..12,
        ) {
            use crate::chat::clean::{Cleaner, clean, steers};
            let mut cleaner = Cleaner::default();
            let pieces: Vec<_> = pieces.iter().map(|piece| cleaner.push(piece)).collect();
            let text = if is_streamed { pieces.concat() } else { clean(&said) };
            let word = LastWord { text, is_error };
            let mut screen = Screen::new(Vec::new(), false);
            screen.resize(columns, 100_000);
            for piece in &pieces {
                screen.progress(piece).unwrap();
                if is_noticed {
                    screen.tick(5).unwrap();
                }
            }
            screen.finish(&word).unwrap();
            let out = String::from_utf8(screen.out).unwrap();
            let moves = ["\u{1b}[A", "\u{1b}[K", "\u{1b}[J", "\r"];
            let rest = moves.iter().fold(out.clone(), |out, known| out.replace(known, ""));
            let mut rest = rest.split('\u{1b}');
            prop_assert!(!rest.next().unwrap_or_default().contains(|c| steers(c) && !matches!(c, '\n' | '\t')), "{:?}", out);
            for behind in rest {
                let letter = behind.trim_start_matches('[').trim_start_matches(|c: char| c.is_ascii_digit());
                prop_assert!(letter.starts_with(['A', 'C']), "{:?}", out);
                prop_assert!(!letter.contains(|c| steers(c) && !matches!(c, '\n' | '\t')), "{:?}", out);
            }
            let plain = word.text.trim_end_matches('\n');
            prop_assert!(out.ends_with('\n') && (plain.is_empty() || out.contains(plain.lines().last().unwrap_or_default())), "{:?}", out);
        }
    }

    #[test]
    fn the_spinner_is_gone_when_the_answer_comes() {
        let mut screen = screen();
        screen.tick(0).unwrap();
        screen.tick(5).unwrap();
        screen.finish(&reply("done")).unwrap();
        screen.tick(5).unwrap();
        assert_eq!(written(&screen), "⠙\rESC[K⠴ 5 s\rESC[Kdone\n⠦ 5 s");
    }

    #[test]
    fn errors_are_red_only_where_colours_are_wanted() {
        let error = LastWord { text: "Error: stopped".into(), is_error: true };
        let mut colored = Screen::new(Vec::new(), true);
        colored.finish(&error).unwrap();
        assert_eq!(written(&colored), "ESC[31mError: stoppedESC[0m\n");
        let mut plain = screen();
        plain.finish(&error).unwrap();
        assert_eq!(written(&plain), "Error: stopped\n");
    }

    #[test]
    fn wide_characters_and_tabs_are_measured() {
        assert_eq!(end_of("漢字漢字漢", 10), (0, 10));
        assert_eq!(end_of("漢字漢字漢字", 10), (1, 2));
        assert_eq!(end_of("012345678漢", 10), (1, 2));
        assert_eq!(end_of("a\tb", 80), (0, 9));
        assert_eq!(end_of("0123456789\n", 10), (1, 0));
    }
}
