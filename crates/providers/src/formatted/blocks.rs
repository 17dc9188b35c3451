//! From Markdown's events to text and spans.
//!
//! What stands between two blocks is taken from the source, so that nothing grows; what the parser passes over without
//! an event (definitions of links) is shown as it was written, so that nothing is lost.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use std::ops::Range;

use super::{
    Formatted, INDENT, Linkable, Tables,
    items::Items,
    span::{Look, Spans},
    table::{Laid, Table},
};

/// The longest name of a language that is passed on.
const LANGUAGE_MAX_BYTES: usize = 32;

pub(crate) fn formatted(source: &str, tables: Tables, linkable: Linkable) -> Formatted {
    let mut writer = Writer {
        source,
        tables,
        linkable,
        text: String::with_capacity(source.len()),
        spans: Spans::default(),
        open: Vec::new(),
        lists: Vec::new(),
        items: Items::default(),
        quotes: 0,
        quote_start: 0,
        done: 0,
        is_fresh: true,
        literal: None,
        table: None,
    };
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    for (event, range) in Parser::new_ext(source, options).into_offset_iter() {
        writer.event(event, range);
    }
    writer.passed_over(source.len());
    writer.finish()
}

/// An inline look that is open.
struct Open {
    /// `None` for one that shows nothing: the same is open already, or its address is none for a link.
    look: Option<Look>,
    start: usize,
    /// Where a link leads, and where its text begins.
    address: Option<(String, usize)>,
}

struct Writer<'s> {
    source: &'s str,
    tables: Tables,
    linkable: Linkable,
    text: String,
    spans: Spans,
    open: Vec<Open>,
    /// The next number of each list that is open; `None` for bullets.
    lists: Vec<Option<u64>>,
    items: Items,
    quotes: usize,
    quote_start: usize,
    /// How far the source is told, without blanks at the end.
    done: usize,
    /// Whether the next block begins on the line that is open.
    is_fresh: bool,
    /// A block that is shown as it is, and its language.
    literal: Option<(String, Option<Look>)>,
    table: Option<Table>,
}

impl Writer<'_> {
    fn finish(mut self) -> Formatted {
        self.text.truncate(self.text.trim_end().len());
        let len = self.text.len();
        Formatted { text: self.text, spans: self.spans, items: self.items.finish(len) }
    }

    fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => self.start(tag, range),
            Event::End(tag) => self.end(tag, range),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.push(&text, &range),
            Event::Code(code) | Event::InlineMath(code) | Event::DisplayMath(code) => self.code(&code, &range),
            Event::FootnoteReference(name) => self.push(&format!("[{name}]"), &range),
            Event::SoftBreak | Event::HardBreak => self.push("\n", &range),
            Event::Rule => {
                self.begin_block(range.start);
                self.push("———", &range);
            }
            Event::TaskListMarker(is_done) => {
                if self.text.ends_with("• ") {
                    self.text.truncate(self.text.len() - "• ".len());
                    self.items.is_task();
                }
                self.push(if is_done { "☑ " } else { "☐ " }, &range);
            }
        }
    }

    fn start(&mut self, tag: Tag<'_>, range: Range<usize>) {
        match tag {
            Tag::Paragraph => self.begin_block(range.start),
            Tag::Heading { .. } => {
                self.begin_block(range.start);
                self.open(Look::Bold);
            }
            Tag::BlockQuote(_) => {
                self.begin_block(range.start);
                self.is_fresh = true;
                self.quotes += 1;
                if self.quotes == 1 {
                    self.quote_start = self.text.len();
                }
            }
            Tag::CodeBlock(kind) => {
                self.begin_wide_block(range.start);
                let language = match kind {
                    CodeBlockKind::Fenced(info) => language(&info),
                    CodeBlockKind::Indented => None,
                };
                self.literal = Some((String::new(), Some(Look::Pre(language))));
            }
            Tag::HtmlBlock => {
                self.begin_wide_block(range.start);
                self.literal = Some((String::new(), None));
            }
            Tag::List(first) => {
                self.begin_block(range.start);
                self.is_fresh = true;
                self.lists.push(first);
            }
            Tag::Item => self.item(&range),
            Tag::Table(_) => {
                self.begin_wide_block(range.start);
                self.table = Some(Table::default());
            }
            Tag::TableHead | Tag::TableRow => {
                if let Some(table) = &mut self.table {
                    table.begin_row();
                }
            }
            Tag::Emphasis => self.open(Look::Italic),
            Tag::Strong => self.open(Look::Bold),
            Tag::Strikethrough => self.open(Look::Strike),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => self.open_link(&dest_url),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd, range: Range<usize>) {
        match tag {
            TagEnd::Paragraph => {}
            TagEnd::Heading(_) | TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => self.close(),
            TagEnd::Link | TagEnd::Image => self.close_link(),
            TagEnd::CodeBlock | TagEnd::HtmlBlock => self.end_literal(),
            TagEnd::Table => self.end_table(&range),
            TagEnd::TableHead | TagEnd::TableRow => self.end_row(range.end),
            TagEnd::TableCell => {
                if let Some(table) = &mut self.table {
                    table.end_cell();
                }
            }
            TagEnd::BlockQuote(_) => {
                self.passed_over(range.end);
                self.quotes -= 1;
                if self.quotes == 0 {
                    self.spans.add(self.quote_start..self.text.len(), Look::Quote);
                }
                self.is_fresh = false;
            }
            TagEnd::List(_) => {
                self.lists.pop();
                self.is_fresh = false;
            }
            TagEnd::Item => {
                self.passed_over(range.end);
                self.items.end(self.text.len());
                self.is_fresh = false;
            }
            _ => {}
        }
        self.told(range.end);
    }

    /// The source is told up to `end`.
    fn told(&mut self, end: usize) {
        self.done = self.done.max(self.source[..end].trim_end().len());
    }

    /// Shows what the parser passed over before `start` without a word.
    fn passed_over(&mut self, start: usize) {
        let Some(skipped) = self.source.get(self.done..start) else { return };
        if skipped.contains(char::is_alphanumeric) {
            let begin = self.done + skipped.len() - skipped.trim_start().len();
            self.gap(begin);
            self.text.push_str(skipped.trim());
            self.told(start);
            self.is_fresh = false;
        }
    }

    /// Begins a block that stands at `start`.
    fn begin_block(&mut self, start: usize) {
        self.passed_over(start);
        self.gap(start);
        self.is_fresh = false;
    }

    /// Begins a block whose lines stand at the margin, even in a list.
    fn begin_wide_block(&mut self, start: usize) {
        let lists = std::mem::take(&mut self.lists);
        self.begin_block(start);
        self.lists = lists;
    }

    /// As many line ends as the source has, two at most, and the indentation inside a list.
    fn gap(&mut self, start: usize) {
        if self.is_fresh || self.text.is_empty() {
            return;
        }
        let between = self.source.get(self.done..start).unwrap_or_default();
        self.text.push_str(if between.matches('\n').count() > 1 { "\n\n" } else { "\n" });
        self.text.push_str(&INDENT.repeat(self.lists.len()));
    }

    fn item(&mut self, range: &Range<usize>) {
        self.passed_over(range.start);
        // The list's own indentation is that of its parent.
        let number = self.lists.pop();
        self.gap(range.start);
        self.lists.extend(number);
        let begin = self.items.next(&self.text);
        let (depth, number) = (self.lists.len().saturating_sub(1), number.flatten());
        match self.lists.last_mut() {
            Some(Some(number)) => {
                self.text.push_str(&format!("{number}. "));
                *number = number.saturating_add(1);
            }
            _ => self.text.push_str("• "),
        }
        self.items.begin(begin..self.text.len(), depth, number);
        let marker = self.source[range.clone()].trim_start();
        let digits = marker.len() - marker.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        self.done = self.done.max((range.end - marker.len() + digits + 1).min(range.end));
        self.is_fresh = true;
    }

    fn push(&mut self, text: &str, range: &Range<usize>) {
        if let Some((literal, _)) = &mut self.literal {
            literal.push_str(text);
        } else if let Some(table) = &mut self.table {
            table.push(text);
        } else {
            self.text.push_str(text);
            self.is_fresh = false;
        }
        self.told(range.end);
    }

    fn code(&mut self, code: &str, range: &Range<usize>) {
        let is_in_link = self.open.iter().any(|open| matches!(open.look, Some(Look::Link(_))));
        if is_in_link || self.table.is_some() {
            return self.push(code, range);
        }
        // Code is inside of nothing but a quote: what is open ends before it and goes on behind it.
        self.interrupt();
        let start = self.text.len();
        self.push(code, range);
        self.spans.add(start..self.text.len(), Look::Code);
        self.go_on();
    }

    /// Ends every open look here, for now.
    fn interrupt(&mut self) {
        for open in &self.open {
            if let Some(look) = &open.look {
                self.spans.add(open.start..self.text.len(), look.clone());
            }
        }
    }

    fn go_on(&mut self) {
        for open in &mut self.open {
            open.start = self.text.len();
        }
    }

    fn open(&mut self, look: Look) {
        let is_open = self.open.iter().any(|open| open.look.as_ref().is_some_and(|other| other.is_like(&look)));
        let look = (!is_open && self.table.is_none()).then_some(look);
        self.open.push(Open { look, start: self.text.len(), address: None });
    }

    fn close(&mut self) {
        if let Some(Open { look: Some(look), start, .. }) = self.open.pop() {
            self.spans.add(start..self.text.len(), look);
        }
    }

    fn open_link(&mut self, address: &str) {
        match (self.linkable)(address).filter(|_| self.table.is_none()) {
            Some(url) => self.open(Look::Link(url)),
            None => self.open.push(Open { look: None, start: self.text.len(), address: None }),
        }
        let begin = self.table.as_ref().map_or(self.text.len(), Table::cell_len);
        if let Some(open) = self.open.last_mut() {
            open.address = Some((address.to_owned(), begin));
        }
    }

    /// A link without a text shows its address; one that can't be a link shows it behind its text.
    fn close_link(&mut self) {
        if let Some(Open { look, address: Some((address, begin)), .. }) = self.open.last() {
            let shown = self.table.as_ref().map_or_else(|| self.text.get(*begin..), |table| table.cell_from(*begin));
            let shown = shown.unwrap_or_default();
            let told = if shown.trim().is_empty() {
                address.clone()
            } else if look.is_some() || shown.contains(address.as_str()) || address.is_empty() {
                String::new()
            } else {
                format!(" ({address})")
            };
            match &mut self.table {
                Some(table) => table.push(&told),
                None => self.text.push_str(&told),
            }
        }
        self.close();
    }

    fn end_literal(&mut self) {
        let Some((literal, look)) = self.literal.take() else { return };
        let literal = literal.trim_end_matches('\n');
        let start = self.text.len();
        self.text.push_str(literal);
        if let Some(look) = look {
            self.spans.add(start..self.text.len(), look);
        }
    }

    /// Cells that the head has no column for are passed over by the parser.
    fn end_row(&mut self, end: usize) {
        let more = self.source.get(self.done..end).unwrap_or_default();
        if let Some(table) = self.table.as_mut().filter(|_| more.contains(char::is_alphanumeric)) {
            table.push(more.trim().trim_matches('|'));
            table.end_cell();
        }
    }

    fn end_table(&mut self, range: &Range<usize>) {
        let Some(table) = self.table.take() else { return };
        if self.tables == Tables::AsWritten {
            let start = self.text.len();
            self.text.push_str(self.source[range.clone()].trim_end());
            return self.spans.add(start..self.text.len(), Look::Pre(None));
        }
        match table.laid() {
            Laid::Aligned(lines) => {
                let start = self.text.len();
                self.text.push_str(&lines);
                self.spans.add(start..self.text.len(), Look::Pre(None));
            }
            Laid::Records(rows) => {
                for (index, row) in rows.into_iter().enumerate() {
                    self.text.push_str(if index == 0 { "" } else { "\n\n" });
                    self.record(row);
                }
            }
        }
    }

    fn record(&mut self, row: Vec<(String, String)>) {
        for (index, (name, value)) in row.into_iter().enumerate() {
            self.text.push_str(if index == 0 { "" } else { "\n" });
            if !name.is_empty() {
                let start = self.text.len();
                self.text.push_str(&name);
                self.spans.add(start..self.text.len(), Look::Bold);
                self.text.push_str(": ");
            }
            self.text.push_str(&value);
        }
    }
}

/// The language of a code block, if it is a name.
fn language(info: &str) -> Option<String> {
    let name = info.split_whitespace().next()?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "+#-_.".contains(c);
    (name.len() <= LANGUAGE_MAX_BYTES && name.chars().all(is_name)).then(|| name.to_owned())
}
