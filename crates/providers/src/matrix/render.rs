//! What agents write, Markdown, as the subset of HTML that clients show.
//!
//! Guarantees: raw HTML is text, a link leads only where people can see that it leads, nobody is called by a mention, and
//! what is sent fits into one event, encrypted or not.
//! <https://spec.matrix.org/v1.16/client-server-api/#mroommessage-msgtypes>

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};
use url::Url;

use crate::formatted::cleaned;

/// The longest text of one message. Every character of it may need two in JSON, and encryption makes four of three.
pub(super) const TEXT_BYTES_MAX: u32 = 16_000;
/// The largest content of an event that certainly fits into [`EVENT_BYTES_MAX`] when it is encrypted.
pub(super) const CONTENT_BYTES_MAX: usize = 45_000;
/// <https://spec.matrix.org/v1.16/client-server-api/#size-limits>
const EVENT_BYTES_MAX: usize = 65_536;

const _: () = assert!(CONTENT_BYTES_MAX / 3 * 4 + 4_096 < EVENT_BYTES_MAX);
const _: () = assert!(TEXT_BYTES_MAX as usize * 2 + 4_096 < CONTENT_BYTES_MAX);

/// A text as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rendered {
    /// For clients that show no HTML, and for notifications.
    pub(super) body: String,
    /// HTML; `None` where it would show nothing more.
    pub(super) html: Option<String>,
}

/// The text without markup.
pub(super) fn plain(text: &str) -> Rendered {
    Rendered { body: quiet(&cleaned(text)), html: None }
}

/// The text as Markdown.
pub(super) fn render(markdown: &str) -> Rendered {
    let source = cleaned(markdown);
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut has_markup = false;
    let mut links = Vec::new();
    let events = Parser::new_ext(&source, options).filter_map(|event| {
        has_markup |= !matches!(
            event,
            Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph) | Event::Text(_) | Event::SoftBreak
        );
        shown(event, &mut links)
    });
    // Neighbouring texts are one before they are looked at.
    let events = pulldown_cmark::TextMergeStream::new(events).map(|event| match event {
        Event::Text(text) => Event::Text(quiet(&text).into()),
        Event::Code(code) => Event::Code(quiet(&code).into()),
        other => other,
    });
    let mut written = String::with_capacity(source.len() + source.len() / 4);
    html::push_html(&mut written, events);
    let html = has_markup.then(|| written.trim_end().to_owned());
    Rendered { body: quiet(&source), html }
}

/// An event as it may be shown; `None` leaves it out. `links` holds for each that is open where it would lead, if it may
/// not lead there.
fn shown<'s>(event: Event<'s>, links: &mut Vec<Option<CowStr<'s>>>) -> Option<Event<'s>> {
    Some(match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
        Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
        // Lines stay lines, as in the text.
        Event::SoftBreak => Event::HardBreak,
        Event::TaskListMarker(is_done) => Event::Text(if is_done { "☑ " } else { "☐ " }.into()),
        // A picture would be fetched by everybody who reads it.
        Event::Start(Tag::Link { link_type, dest_url, title, id } | Tag::Image { link_type, dest_url, title, id }) => {
            if is_linkable(&dest_url) {
                links.push(None);
                Event::Start(Tag::Link { link_type, dest_url, title, id })
            } else {
                links.push(Some(dest_url));
                return None;
            }
        }
        Event::End(TagEnd::Link | TagEnd::Image) => match links.pop().flatten() {
            None => Event::End(TagEnd::Link),
            Some(address) if address.is_empty() => return None,
            Some(address) => Event::Text(format!(" ({address})").into()),
        },
        other => other,
    })
}

/// Whether an address may be a link. One to a person or a room would be shown as a mention of them.
/// <https://spec.matrix.org/v1.16/appendices/#uris>
fn is_linkable(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| match url.scheme() {
        "http" | "https" => url.host_str().is_some_and(|host| !host.eq_ignore_ascii_case("matrix.to")),
        "mailto" | "ftp" => true,
        _ => false,
    })
}

/// `@room` calls everybody who is there, with clients that know no intentional mentions.
/// <https://spec.matrix.org/v1.16/client-server-api/#user-and-room-mentions>
fn quiet(text: &str) -> String {
    const CALL: &[u8] = b"@room";
    let mut quiet = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let is_call = rest.as_bytes()[at..].get(..CALL.len()).is_some_and(|found| found.eq_ignore_ascii_case(CALL));
        quiet.push_str(&rest[..=at]);
        if is_call {
            quiet.push('\u{200B}');
        }
        rest = &rest[at + 1..];
    }
    quiet.push_str(rest);
    quiet
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(markdown: &str) -> String {
        render(markdown).html.unwrap_or_else(|| "(none)".into())
    }

    #[test]
    fn markdown_becomes_html_that_clients_show() {
        let markdown = "# A\n\n*b* **c** ~~d~~ `e`\nf\n\n- g\n- [x] h\n\n> i\n\n```rust\nfn j() {}\n```\n\n| k | l |\n|---|---|\n| 1 | 2 |";
        insta::assert_snapshot!(html(markdown), @r#"
        <h1>A</h1>
        <p><em>b</em> <strong>c</strong> <del>d</del> <code>e</code><br />
        f</p>
        <ul>
        <li>g</li>
        <li>☑ h</li>
        </ul>
        <blockquote>
        <p>i</p>
        </blockquote>
        <pre><code class="language-rust">fn j() {}
        </code></pre>
        <table><thead><tr><th>k</th><th>l</th></tr></thead><tbody>
        <tr><td>1</td><td>2</td></tr>
        </tbody></table>
        "#);
    }

    #[test]
    fn plain_text_needs_no_html() {
        assert_eq!(render("just\ntext <3").html, None);
        assert_eq!(render("a & b").body, "a & b");
    }

    #[test]
    fn raw_html_is_text() {
        assert_eq!(html("*a* <b onclick=x>c</b>"), "<p><em>a</em> &lt;b onclick=x&gt;c&lt;/b&gt;</p>");
        assert_eq!(
            html("<script>\nx\n</script>\n\n*y*"),
            "<p>&lt;script&gt;\nx\n&lt;/script&gt;\n</p>\n<p><em>y</em></p>"
        );
    }

    #[test]
    fn links_lead_where_they_may() {
        assert_eq!(html("[a](https://example.org)"), r#"<p><a href="https://example.org">a</a></p>"#);
        assert_eq!(html("![a](https://example.org/a.png)"), r#"<p><a href="https://example.org/a.png">a</a></p>"#);
        assert_eq!(html("[a](javascript:alert(1))"), "<p>a (javascript:alert(1))</p>");
        assert_eq!(
            html("[Alice](https://matrix.to/#/@alice:example.org)"),
            "<p>Alice (https://matrix.to/#/@alice:example.org)</p>"
        );
        assert_eq!(html("[Alice](matrix:u/alice:example.org)"), "<p>Alice (matrix:u/alice:example.org)</p>");
    }

    #[test]
    fn nobody_is_called() {
        assert_eq!(render("hello @room, *now*").body, "hello @\u{200B}room, *now*");
        assert_eq!(html("hello @Room, *now*"), "<p>hello @\u{200B}Room, <em>now</em></p>");
        assert_eq!(html("*hello* @<b>room`@room`"), "<p><em>hello</em> @&lt;b&gt;room<code>@\u{200B}room</code></p>");
        assert_eq!(plain("a@b.org @ro @room@room").body, "a@b.org @ro @\u{200B}room@\u{200B}room");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_shown_as_text(text in "(?s).{0,200}") {
            let Rendered { html, .. } = render(&text);
            let html = html.unwrap_or_default();
            for piece in html.split('<').skip(1) {
                let name = piece.trim_start_matches('/').split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap();
                let known = [
                    "p", "br", "em", "strong", "del", "code", "pre", "ul", "ol", "li", "blockquote", "h1", "h2", "h3", "h4",
                    "h5", "h6", "hr", "a", "table", "thead", "tbody", "tr", "th", "td",
                ];
                proptest::prop_assert!(known.contains(&name), "{name} in {html}");
            }
        }
    }
}
