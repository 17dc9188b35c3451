//! What people read of mrkdwn and of Markdown, and whom it calls.
//!
//! <https://docs.slack.dev/messaging/formatting-message-text>

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// Names of users and channels by id.
pub type Names<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Stands for `<` where nothing is a control sequence.
const LITERAL: char = '\u{e000}';

/// What people read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The words.
    pub text: String,
    /// Broadcasts among them: `channel`, `here`, `everyone`.
    pub pings: Vec<String>,
    /// Whether anything looks other than plain.
    pub is_formatted: bool,
}

impl Shown {
    /// Words alone.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// Puts more behind.
    pub fn push(&mut self, more: Self) {
        self.text.push_str(&more.text);
        self.pings.extend(more.pings);
        self.is_formatted |= more.is_formatted;
    }

    /// Puts more behind, on a line of its own.
    pub fn push_line(&mut self, more: Self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.push(more);
    }
}

/// Reads mrkdwn; with `is_styled` unset, marks of style are words.
#[must_use]
pub fn mrkdwn(text: &str, is_styled: bool, names: Names<'_>) -> Shown {
    if !is_styled {
        return controls(text, names);
    }
    let mut shown = Shown::default();
    for (n, piece) in text.split("```").enumerate() {
        let is_fenced = n % 2 == 1 && text.matches("```").count() > n;
        let piece =
            if is_fenced { piece.trim_matches('\n').to_owned() } else { styles(piece, &mut shown.is_formatted) };
        shown.is_formatted |= is_fenced;
        shown.push(controls(&piece, names));
    }
    shown
}

/// Takes the marks of style away.
fn styles(text: &str, is_formatted: &mut bool) -> String {
    let mut text = text.to_owned();
    for mark in ['`', '*', '_', '~'] {
        let mut lines = Vec::new();
        for line in text.split('\n') {
            let (line, found) = pairs(line, mark);
            *is_formatted |= found;
            lines.push(line);
        }
        text = lines.join("\n");
    }
    if text.lines().any(|line| line.starts_with("&gt;")) {
        *is_formatted = true;
        let lines = text.split('\n').map(|line| line.strip_prefix("&gt;").map_or(line, str::trim_start));
        text = lines.collect::<Vec<_>>().join("\n");
    }
    text
}

/// Takes pairs of one mark away where they stand at the edges of words; nothing within `<>` is a mark.
fn pairs(line: &str, mark: char) -> (String, bool) {
    let chars: Vec<char> = line.chars().collect();
    let mut is_control = false;
    let mut at: Vec<usize> = Vec::new();
    for (n, c) in chars.iter().enumerate() {
        match c {
            '<' => is_control = true,
            '>' => is_control = false,
            c if *c == mark && !is_control => at.push(n),
            _ => {}
        }
    }
    let is_word = |n: Option<&char>| n.is_some_and(|c| c.is_alphanumeric());
    let is_space = |n: Option<&char>| n.is_none_or(|c| c.is_whitespace());
    let before = |n: usize| n.checked_sub(1).and_then(|n| chars.get(n));
    let (mut gone, mut open) = (Vec::new(), None);
    for n in at {
        let (left, right) = (before(n), chars.get(n + 1));
        match open {
            Some(begin) if !is_space(left) && !is_word(right) && n > begin + 1 => {
                gone.extend([begin, n]);
                open = None;
            }
            None if !is_word(left) && !is_space(right) => open = Some(n),
            _ => {}
        }
    }
    let kept = chars.iter().enumerate().filter(|(n, _)| !gone.contains(n)).map(|(_, c)| c);
    (kept.collect(), !gone.is_empty())
}

/// Resolves `<…>` and the three entities.
#[must_use]
pub fn controls(text: &str, names: Names<'_>) -> Shown {
    let mut shown = Shown::default();
    let mut rest = text;
    while let Some((before, (inside, after))) =
        rest.split_once('<').and_then(|(before, rest)| Some((before, rest.split_once('>')?)))
    {
        shown.text.push_str(&unescape(before));
        shown.push(control(inside, names));
        rest = after;
    }
    shown.text.push_str(&unescape(rest));
    shown
}

fn control(inside: &str, names: Names<'_>) -> Shown {
    let (target, label) = inside.split_once('|').map_or((inside, None), |(target, label)| (target, Some(label)));
    let named = |id: &str| label.map(ToOwned::to_owned).or_else(|| names(id)).unwrap_or_else(|| id.to_owned());
    if let Some(user) = target.strip_prefix('@') {
        return Shown::plain(format!("@{}", named(user).trim_start_matches('@')));
    }
    if let Some(channel) = target.strip_prefix('#') {
        return Shown::plain(format!("#{}", named(channel).trim_start_matches('#')));
    }
    if let Some(special) = target.strip_prefix('!') {
        if matches!(special, "channel" | "here" | "everyone") {
            return Shown { pings: vec![special.to_owned()], ..Shown::plain(format!("@{special}")) };
        }
        return Shown::plain(label.map_or_else(|| special.to_owned(), unescape));
    }
    let is_link = target.contains(':') || label.is_some();
    let words = unescape(label.unwrap_or(target));
    if is_link { Shown { is_formatted: true, ..Shown::plain(words) } } else { Shown::plain(format!("<{words}>")) }
}

/// Takes the three entities back.
#[must_use]
pub fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Writes the three entities.
#[must_use]
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Broadcasts in words, where `link_names` or `parse=full` makes them real.
pub fn linked_pings(text: &str) -> impl Iterator<Item = String> {
    let is_called = |name: &&str| {
        let at = format!("@{name}");
        text.match_indices(&at).any(|(start, _)| {
            let next = text[start + at.len()..].chars().next();
            !next.is_some_and(char::is_alphanumeric)
        })
    };
    ["channel", "here", "everyone"].into_iter().filter(is_called).map(ToOwned::to_owned)
}

/// Reads Markdown, as a `markdown` block and a stream do. <https://docs.slack.dev/reference/block-kit/blocks/markdown-block>
#[must_use]
pub fn markdown(text: &str, names: Names<'_>) -> Shown {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let (mut words, mut is_formatted, mut is_code) = (String::new(), false, false);
    let literal = |text: &str| text.replace('<', &LITERAL.to_string());
    for event in Parser::new_ext(text, options) {
        match event {
            Event::Text(text) if is_code => words.push_str(&literal(&text)),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => words.push_str(&text),
            Event::Code(text) => {
                words.push_str(&literal(&text));
                is_formatted = true;
            }
            Event::SoftBreak | Event::HardBreak => words.push('\n'),
            Event::Rule => words.push_str("---\n"),
            Event::TaskListMarker(is_done) => words.push_str(if is_done { "[x] " } else { "[ ] " }),
            Event::Start(tag) => {
                is_formatted |= !matches!(tag, Tag::Paragraph);
                match tag {
                    Tag::CodeBlock(_) => is_code = true,
                    Tag::Item => {
                        line(&mut words);
                        words.push_str("• ");
                    }
                    Tag::List(_) | Tag::BlockQuote(_) | Tag::Table(_) => line(&mut words),
                    _ => {}
                }
            }
            Event::End(TagEnd::TableCell) => words.push_str(" | "),
            Event::End(TagEnd::CodeBlock) => {
                is_code = false;
                line(&mut words);
            }
            Event::End(
                TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::Item | TagEnd::TableRow | TagEnd::TableHead,
            ) => line(&mut words),
            _ => {}
        }
    }
    let read = controls(words.trim_end_matches('\n'), names);
    Shown { text: read.text.replace(LITERAL, "<"), is_formatted: is_formatted || read.is_formatted, ..read }
}

fn line(words: &mut String) {
    if !words.is_empty() && !words.ends_with('\n') {
        words.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(id: &str) -> Option<String> {
        [("U1", "alice"), ("C1", "kitchen")].iter().find(|(known, _)| *known == id).map(|(_, name)| (*name).to_owned())
    }

    fn read(text: &str) -> Shown {
        mrkdwn(text, true, &names)
    }

    #[test]
    fn marks_are_taken_away_at_the_edges_of_words_only() {
        assert_eq!(read("*done* _it_ ~no~ `a*b*c`").text, "done it no a*b*c");
        assert_eq!(read("snake_case_name 2*3*4").text, "snake_case_name 2*3*4");
        assert!(!read("snake_case_name 2*3*4").is_formatted);
        assert_eq!(read("```\nfn x() {}\n```").text, "fn x() {}");
        assert_eq!(mrkdwn("*done*", false, &names).text, "*done*");
    }

    #[test]
    fn control_sequences_are_names_links_and_calls() {
        let shown = read("<@U1> in <#C1>: <https://x.example/a_b|here> &lt;!channel&gt; <!here>");
        assert_eq!(shown.text, "@alice in #kitchen: here <!channel> @here");
        assert_eq!(shown.pings, ["here"]);
    }

    #[test]
    fn only_real_calls_are_calls() {
        assert_eq!(linked_pings("@channel and @hereabouts").collect::<Vec<_>>(), ["channel"]);
        assert_eq!(read("@channel").pings, [""; 0]);
    }

    #[test]
    fn markdown_reads_without_its_marks() {
        let shown = markdown("# Title\n\n**done** #t1\n\n- a\n- b\n\n`<!channel>`\n\n|x|y|\n|-|-|\n|1|2|\n", &names);
        assert_eq!(shown.text, "Title\ndone #t1\n• a\n• b\n<!channel>\nx | y | \n1 | 2 | ");
        assert_eq!(shown.pings, [""; 0]);
        assert_eq!(markdown("<!channel> <@U1>", &names).pings, ["channel"]);
        assert!(!markdown("done #t1", &names).is_formatted);
    }
}
