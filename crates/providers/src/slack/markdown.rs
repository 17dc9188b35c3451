//! From what people see to Markdown: code, links, mentions and emphasis keep their meaning for the agent.
//!
//! Guarantee: what can be read in Slack can be read here, and what is code stays as it was typed.
//! <https://docs.slack.dev/messaging/formatting-message-text>

/// What somebody said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// Markdown, without a mention of us at its beginning or end.
    pub(super) text: String,
    /// Whether we are mentioned at all.
    pub(super) mentions_us: bool,
    /// Whether a mention of us stood first.
    pub(super) begins_with_us: bool,
    /// Whether a mention of somebody else stood first.
    pub(super) begins_with_another: bool,
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Char(char),
    /// Reads as it is: a link, a channel, code in a line.
    Whole(String),
    /// Code with lines of its own.
    Fence(String),
    /// A person or a group: whether we are, and how it reads.
    Mention {
        is_us: bool,
        shown: String,
    },
}

/// Reads a message's `text`; `me` is our own user id.
pub(super) fn read(text: &str, me: &str) -> Said {
    let mut pieces = pieces(text, me);
    let is_us = |piece: Option<&Piece>| matches!(piece, Some(Piece::Mention { is_us: true, .. }));
    let mentions_us = pieces.iter().any(|piece| is_us(Some(piece)));
    let first = pieces.iter().position(|piece| !is_blank(piece)).unwrap_or(pieces.len());
    let (begins_with_us, is_mention) =
        (is_us(pieces.get(first)), matches!(pieces.get(first), Some(Piece::Mention { .. })));
    if begins_with_us {
        pieces.drain(..=first);
        // Right behind the name only: what comes later may be `:smile:`.
        let apart = pieces.iter().take_while(|piece| matches!(piece, Piece::Char(',' | ':'))).count();
        pieces.drain(..apart);
        let blank = pieces.iter().take_while(|piece| is_blank(piece)).count();
        pieces.drain(..blank);
    }
    let last = pieces.iter().rposition(|piece| !is_blank(piece));
    if let Some(last) = last
        && is_us(pieces.get(last))
    {
        let is_apart = |piece: &Piece| is_blank(piece) || *piece == Piece::Char(',');
        let end = pieces[..last].iter().rposition(|piece| !is_apart(piece)).map_or(0, |kept| kept + 1);
        pieces.truncate(end);
    }
    Said { text: written(&pieces), mentions_us, begins_with_us, begins_with_another: is_mention && !begins_with_us }
}

fn is_blank(piece: &Piece) -> bool {
    matches!(piece, Piece::Char(c) if c.is_whitespace())
}

fn pieces(text: &str, me: &str) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (piece, len) = fence(rest)
            .or_else(|| code(rest))
            .or_else(|| control(rest, me))
            .or_else(|| escaped(rest).map(|(c, len)| (Piece::Char(c), len)))
            .unwrap_or((Piece::Char(c), c.len_utf8()));
        pieces.push(piece);
        rest = &rest[len..];
    }
    pieces
}

/// Between three ticks, which need no line of their own here.
fn fence(text: &str) -> Option<(Piece, usize)> {
    let inner = text.strip_prefix("```")?;
    let end = inner.find("```").filter(|end| !inner[..*end].trim().is_empty())?;
    Some((Piece::Fence(literal(&inner[..end])), end + 6))
}

/// Between two ticks in one line.
fn code(text: &str) -> Option<(Piece, usize)> {
    let inner = text.strip_prefix('`')?;
    let end = inner.find(['`', '\n']).filter(|end| *end > 0 && inner[*end..].starts_with('`'))?;
    Some((Piece::Whole(format!("`{}`", literal(&inner[..end]))), end + 2))
}

/// The three characters that Slack escapes.
fn escaped(text: &str) -> Option<(char, usize)> {
    [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>')]
        .into_iter()
        .find_map(|(escape, c)| text.starts_with(escape).then_some((c, escape.len())))
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (c, len) = escaped(rest).unwrap_or((c, c.len_utf8()));
        out.push(c);
        rest = &rest[len..];
    }
    out
}

/// Code as it reads: what Slack takes for a link in it is what was typed.
fn literal(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(c) = rest.chars().next() {
        let len = match between_brackets(rest) {
            Some(inner) => {
                let (target, label) = parted(inner);
                out.push_str(
                    &shown(target, label.clone()).unwrap_or_else(|| label.unwrap_or_else(|| unescaped(target))),
                );
                inner.len() + 2
            }
            None => {
                let (c, len) = escaped(rest).unwrap_or((c, c.len_utf8()));
                out.push(c);
                len
            }
        };
        rest = &rest[len..];
    }
    out
}

/// What stands between `<` and `>`: somebody's own brackets are escaped.
fn between_brackets(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('<')?;
    let end = inner.find(['<', '>', '\n']).filter(|end| *end > 0 && inner[*end..].starts_with('>'))?;
    Some(&inner[..end])
}

/// What is meant, as it is, and how it reads, if that is told.
fn parted(inner: &str) -> (&str, Option<String>) {
    match inner.split_once('|') {
        Some((target, label)) => (target, Some(unescaped(label)).filter(|label| !label.trim().is_empty())),
        None => (inner, None),
    }
}

/// How somebody or something of Slack's reads; `None` for a link.
fn shown(target: &str, label: Option<String>) -> Option<String> {
    let named = |mark: char, name: String| if name.starts_with(mark) { name } else { format!("{mark}{name}") };
    let kind = target.chars().next().filter(|kind| "@#!".contains(*kind))?;
    let name = unescaped(&target[1..]);
    Some(match (kind, label) {
        ('!', Some(label)) if name.starts_with("date^") => label,
        ('!', label) if name.starts_with("subteam^") => {
            named('@', label.unwrap_or_else(|| name["subteam^".len()..].to_owned()))
        }
        ('!', _) if matches!(name.as_str(), "here" | "channel" | "everyone") => named('@', name),
        ('!', label) => label.unwrap_or(name),
        (mark, label) => named(mark, label.unwrap_or(name)),
    })
}

/// <https://docs.slack.dev/messaging/formatting-message-text#advanced>
fn control(text: &str, me: &str) -> Option<(Piece, usize)> {
    let inner = between_brackets(text)?;
    let (target, label) = parted(inner);
    let piece = match shown(target, label.clone()) {
        Some(shown) if target.starts_with('@') => Piece::Mention { is_us: &target[1..] == me, shown },
        Some(shown) if target.starts_with("!subteam^") => Piece::Mention { is_us: false, shown },
        Some(shown) => Piece::Whole(shown),
        None => Piece::Whole(link(&unescaped(target), label)),
    };
    Some((piece, inner.len() + 2))
}

fn link(address: &str, label: Option<String>) -> String {
    let has_scheme = address.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(|c| c.is_ascii_alphanumeric())
    });
    match label {
        // Not what Slack would make of anything.
        _ if !has_scheme => label.map_or_else(|| format!("<{address}>"), |label| format!("<{address}|{label}>")),
        None => address.strip_prefix("mailto:").unwrap_or(address).to_owned(),
        Some(label) if label == address => label,
        Some(label) if ["mailto:", "tel:"].iter().any(|scheme| address.strip_prefix(scheme) == Some(&label)) => label,
        Some(label) => format!("[{label}]({})", address.replace('(', "%28").replace(')', "%29")),
    }
}

/// Puts the pieces together as Markdown.
fn written(pieces: &[Piece]) -> String {
    let doubled = doubled(pieces);
    let mut out = String::with_capacity(pieces.len());
    for (index, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Char(c) => {
                out.push(*c);
                if doubled.binary_search(&index).is_ok() {
                    out.push(*c);
                }
            }
            Piece::Whole(shown) | Piece::Mention { shown, .. } => out.push_str(shown),
            Piece::Fence(code) => {
                let is_followed = pieces.get(index + 1).is_some_and(|next| *next != Piece::Char('\n'));
                push_fence(&mut out, code, is_followed);
            }
        }
    }
    out
}

/// On lines of its own, as Markdown has it.
fn push_fence(out: &mut String, code: &str, is_followed: bool) {
    out.truncate(out.trim_end_matches(' ').len());
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
    let (first, has_more) = code.split_once('\n').map_or((code, false), |(first, _)| (first, true));
    // A word behind the ticks is a language only where lines follow it.
    let is_language = has_more && first.chars().all(|c| c.is_ascii_alphanumeric() || "+#-_.".contains(c));
    out.push_str("```");
    out.push_str(if is_language { "" } else { "\n" });
    out.push_str(code);
    out.push_str(if code.ends_with('\n') { "```" } else { "\n```" });
    out.push_str(if is_followed { "\n" } else { "" });
}

/// Where `*` and `~` stand as Slack's marks for bold and struck text; Markdown has two of each. In order.
fn doubled(pieces: &[Piece]) -> Vec<usize> {
    let mut marks = Vec::new();
    for mark in ['*', '~'] {
        let at = |index: Option<usize>| index.and_then(|index| pieces.get(index));
        let is_mark = |piece: Option<&Piece>| piece == Some(&Piece::Char(mark));
        let is_end = |piece: Option<&Piece>| !matches!(piece, Some(Piece::Char(c)) if c.is_alphanumeric());
        let is_inner =
            |piece: Option<&Piece>| !matches!(piece, None | Some(Piece::Fence(_))) && !piece.is_some_and(is_blank);
        let mut opened: Option<usize> = None;
        for (index, piece) in pieces.iter().enumerate() {
            let (before, after) = (at(index.checked_sub(1)), at(Some(index + 1)));
            if matches!(piece, Piece::Char('\n') | Piece::Fence(_)) {
                opened = None;
            } else if !is_mark(Some(piece)) || is_mark(before) || is_mark(after) {
                // No mark, or Markdown already.
            } else if let Some(opening) = opened.filter(|_| is_inner(before) && is_end(after)) {
                marks.extend([opening, index]);
                opened = None;
            } else if is_end(before) && is_inner(after) {
                opened = Some(index);
            }
        }
    }
    marks.sort_unstable();
    marks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ME: &str = "U0ME";

    fn markdown(text: &str) -> String {
        read(text, ME).text
    }

    /// How a text is addressed: to us, beginning with us, beginning with another.
    fn addressed(text: &str) -> (bool, bool, bool) {
        let Said { mentions_us, begins_with_us, begins_with_another, .. } = read(text, ME);
        (mentions_us, begins_with_us, begins_with_another)
    }

    #[test]
    fn what_slack_marks_is_marked_for_the_agent() {
        let said = [
            "*bold*, _italic_ and ~struck~",
            "(*a b*) *_both_* *c ~d~ e*",
            "see <https://example.org/a?b=1&amp;c=2|the page> or <https://example.org>",
            "<https://example.org/x(y)|*z*> <http://example.org|example.org>",
            "<mailto:ann@example.org|ann@example.org> <mailto:ann@example.org|Ann> <mailto:a@b.c> <tel:+49123|+49123>",
            "<#C1|general> <#C2> <@U1|ann> <@U1> <!here> <!channel|channel> <!subteam^S1|@team> <!subteam^S2>",
            "at <!date^1392734382^{date_short}^https://example.org|18 Feb 2014>, <!odd|so> <!odd>",
            "1 &lt; 2 &amp;&amp; 3 &gt; 2, and &amp;lt; stays",
            "&gt; a quote",
        ];
        insta::assert_snapshot!(said.map(markdown).join("\n"), @"
        **bold**, _italic_ and ~~struck~~
        (**a b**) **_both_** **c ~~d~~ e**
        see [the page](https://example.org/a?b=1&c=2) or https://example.org
        [*z*](https://example.org/x%28y%29) [example.org](http://example.org)
        ann@example.org [Ann](mailto:ann@example.org) a@b.c +49123
        #general #C2 @ann @U1 @here @channel @team @S2
        at 18 Feb 2014, so odd
        1 < 2 && 3 > 2, and &lt; stays
        > a quote
        ");
    }

    #[test]
    fn what_slack_does_not_mark_stays_as_it_was_typed() {
        for text in
            ["2 * 3 * 4", "a*b*c", "* one\n* two", "**bold** ~~struck~~", "*a", "*a\nb*", "~/src and ~/lib", "a * b*"]
        {
            assert_eq!(markdown(text), text);
        }
    }

    #[test]
    fn nothing_changes_in_code() {
        assert_eq!(markdown("`*a* &lt;b&gt;` *b*"), "`*a* <b>` **b**");
        assert_eq!(markdown("`curl <https://example.org|example.org>` ` ``"), "`curl example.org` ` ``");
        assert_eq!(markdown("```*a* ~b~ &amp; <@U0ME>```"), "```\n*a* ~b~ & @U0ME\n```");
        assert_eq!(markdown("look: ```a\nb``` and *c*"), "look:\n```a\nb\n```\n and **c**");
        assert_eq!(markdown("```rust\nfn main() {}\n```\nnext"), "```rust\nfn main() {}\n```\nnext");
        assert_eq!(markdown("```let a = 1;\nb```"), "```\nlet a = 1;\nb\n```");
        assert_eq!(markdown("```open *a*"), "```open **a**");
    }

    #[test]
    fn a_mention_of_us_is_taken_off_at_the_ends() {
        for text in [
            "<@U0ME> status",
            "<@U0ME|bot>: status",
            "<@U0ME>,  status",
            "\n<@U0ME>\nstatus",
            "status <@U0ME>",
            "status, <@U0ME> ",
        ] {
            assert_eq!(markdown(text), "status", "{text:?}");
        }
        assert_eq!(markdown("<@U0ME> :smile: is it <@U0ME>?"), ":smile: is it @U0ME?");
        assert_eq!(markdown("look :smile: <@U0ME>"), "look :smile:");
        assert_eq!(markdown("<@U0ME> and <@U0ME>"), "and");
        assert_eq!(markdown("<@U0ME>"), "");
    }

    #[test]
    fn it_is_told_who_is_addressed() {
        assert_eq!(addressed("<@U0ME> hello"), (true, true, false));
        assert_eq!(addressed(" <@U1>, ask <@U0ME>"), (true, false, true));
        assert_eq!(addressed("<!subteam^S1|@team> look"), (false, false, true));
        assert_eq!(addressed("<!here> look, <@U0ME|bot>"), (true, false, false));
        assert_eq!(addressed("so `<@U0ME>` is how"), (false, false, false));
        assert_eq!(addressed(""), (false, false, false));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn anything_can_be_read(text in "\\PC{0,80}|([a-z*~_`<>|@#!^:&; \n-]|```|<@U0ME>|&amp;|é|👍|<https://a\\.b\\||<!date\\^){0,60}") {
            let said = read(&text, ME);
            prop_assert!(!said.begins_with_us || said.mentions_us);
            prop_assert!(!(said.begins_with_us && said.begins_with_another));
        }

        #[test]
        fn what_is_typed_survives_but_for_marks_and_blanks(text in "([a-z0-9 \n*~_`.,:()é👍-]|```|\\*[a-z]\\*){0,80}") {
            let kept = |text: &str| text.replace(|c: char| "*~`".contains(c) || c.is_whitespace(), "");
            prop_assert_eq!(kept(&markdown(&text)), kept(&text));
        }

        #[test]
        fn every_word_survives_next_to_whatever_slack_writes(text in "([A-Z]{2,5}|[ \n*~`]|<@U1\\|[A-Z]{3}>|<#C1\\|[A-Z]{3}>|<https://a\\.b/\\|[A-Z]{3}>|<!date\\^1\\^a\\|[A-Z]{3}>|&lt;){0,40}") {
            let letters = |text: &str| text.chars().filter(char::is_ascii_uppercase).filter(|c| !"UC".contains(*c)).collect::<String>();
            prop_assert_eq!(letters(&markdown(&text)), letters(&text));
        }
    }
}
