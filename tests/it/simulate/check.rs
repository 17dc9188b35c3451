//! What must hold when a story is over, read from the network's book and from the store.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lastword_core::{
    decide::deliver::{NOTICE_OF_ERROR_TEXT, NOTICE_TEXT, PLACEHOLDER_TEXT},
    faults::Point,
    store::TurnView,
};
use lastword_tests::{
    ledger::{Book, PersonMessage},
    oracle::{Oracle, token},
};

use super::{
    agent::{by_attempt, final_form, part_mark},
    machine::Machine,
    story::{Kind, Story, Who},
};

/// What a story showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// What is wrong; empty if the promise was kept.
    pub wrong: Vec<String>,
    /// What happened, line by line.
    pub happened: Vec<String>,
    /// Every point that was passed, in order.
    pub passes: Vec<Point>,
    /// How many operations the processes asked of the disk.
    pub operations: Vec<(Who, u64)>,
    /// How long it took, in its own milliseconds.
    pub span_ms: i64,
    /// How many messages got an error for a last word.
    pub errors: usize,
}

/// Tells a story and checks its end.
pub fn tell(story: &Story) -> Told {
    match catch_unwind(AssertUnwindSafe(|| told(story))) {
        Ok(told) => told,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            let text = text.unwrap_or_else(|| "something".to_owned());
            Told { wrong: vec![format!("the simulation itself panicked: {text}")], ..Told::default() }
        }
    }
}

fn told(story: &Story) -> Told {
    let mut machine = Machine::new(story);
    let mut wrong = Vec::new();
    if let Err(why) = machine.tell() {
        wrong.push(why);
    }
    let mut oracle = Oracle::new(final_form);
    let turns = machine.turns().unwrap_or_else(|error| {
        wrong.push(format!("the store can't be read: {error}"));
        Vec::new()
    });
    for (id, view) in &turns {
        let lead = turns.iter().find(|(_, lead)| view.merged_into == Some(lead.id));
        if let Some((lead, _)) = lead {
            oracle = oracle.merged(id, lead);
        }
    }
    let is_exact = story.kind != Kind::Careless || machine.network.doubts() == 0 && story.is_gentle();
    let mut errors = 0;
    machine.network.read(|book| {
        let findings = oracle.judge(book);
        attempts(book, &turns, &mut wrong);
        commands(book, is_exact, &mut wrong);
        notices(book, &mut wrong);
        wrong.extend(findings.missing.iter().map(|id| format!("{id} has no last word")));
        if is_exact {
            wrong
                .extend(findings.duplicate.iter().map(|(id, words)| format!("{id} has several last words: {words:?}")));
            wrong.extend(findings.misordered.iter().map(|(one, other)| format!("{other} is answered above {one}")));
            parts(book, &mut wrong);
        }
        errors = book.bot.iter().filter(|message| message.text.starts_with("Error:")).count();
        if story.is_gentle() {
            wrong.extend(unjustified(book).map(|text| format!("nothing broke, and yet: {text}")));
        }
        if !wrong.is_empty() {
            wrong.extend(book.bot.iter().map(|message| {
                let texts: Vec<_> = message.versions.iter().map(|version| version.text.as_str()).collect();
                format!(
                    "  {} in {} to {:?}, key {}: {texts:?}",
                    message.id, message.conversation, message.reply_to, message.key
                )
            }));
        }
    });
    match machine.counts() {
        Ok(counts) if !counts.conserve() => wrong.push(format!("{counts:?}")),
        Ok(_) => {}
        Err(error) => wrong.push(format!("the store can't be counted: {error}")),
    }
    match machine.audit() {
        Ok(violations) => wrong.extend(violations),
        Err(error) => wrong.push(format!("the store can't be audited: {error}")),
    }
    Told {
        wrong,
        happened: machine.happened().to_vec(),
        passes: machine.passes(),
        operations: machine.operations(),
        span_ms: machine.span_ms(),
        errors,
    }
}

/// Whoever says a command gets exactly one reply to it; at least one, where the network helps with nothing.
fn commands(book: &Book, is_exact: bool, wrong: &mut Vec<String>) {
    for said in book.people.iter().filter(|said| said.text.starts_with('/')) {
        let replies = replies(book, said).count();
        if replies == 0 || is_exact && replies > 1 {
            wrong.push(format!("{}, {}, has {replies} replies", said.id, said.text));
        }
    }
}

/// Whoever asks is told at most once that the last word is there, and never before it is.
fn notices(book: &Book, wrong: &mut Vec<String>) {
    let is_notice = |text: &str| [NOTICE_TEXT, NOTICE_OF_ERROR_TEXT].contains(&text);
    for said in &book.people {
        let given = replies(book, said).filter(|text| is_notice(text)).count();
        let has_word = replies(book, said).any(|text| !is_notice(text));
        if given > 1 || given == 1 && !has_word {
            wrong.push(format!("{}, {}, has {given} notices", said.id, said.text));
        }
    }
}

/// An answer is the current attempt's: another's was refused.
fn attempts(book: &Book, turns: &[(String, TurnView)], wrong: &mut Vec<String>) {
    let answers = book.bot.iter().filter(|message| message.text.contains("(attempt "));
    for message in answers {
        let turn = turns.iter().find(|(id, _)| message.reply_to.as_ref() == Some(id));
        let Some((id, view)) = turn else { continue };
        if !message.text.ends_with(&by_attempt(view.attempt)) {
            wrong.push(format!("{id} was answered by another attempt than {}: {}", view.attempt, message.text));
        }
    }
}

/// The parts of a reply stand once each, in order, and all of them or none.
fn parts(book: &Book, wrong: &mut Vec<String>) {
    for said in &book.people {
        let Some(token) = token(&said.text) else { continue };
        let marks: Vec<String> = (1..=3).map(|part| part_mark(token, part)).collect();
        let mut orders = Vec::new();
        for (n, mark) in marks.iter().enumerate() {
            let holding: Vec<_> = book.bot.iter().filter(|message| message.text.contains(mark)).collect();
            if holding.len() > 1 {
                wrong.push(format!("part {} of the answer to {} stands {} times", n + 1, said.id, holding.len()));
            }
            orders.extend(holding.iter().map(|message| message.order));
        }
        let last = book.bot.iter().find(|message| {
            message
                .text
                .split_whitespace()
                .collect::<Vec<_>>()
                .windows(2)
                .any(|words| words.join(" ") == final_form(token))
        });
        // A finished answer has all of its parts; one to several messages has those that the first of them asked for.
        let wanted: usize =
            said.text.split_whitespace().find_map(|word| word.strip_prefix("parts=")?.parse().ok()).unwrap_or(1);
        let is_alone = last.is_some_and(|last| last.text.matches('#').count() == 1);
        if is_alone && orders.len() + 1 < wanted {
            wrong.push(format!("the answer to {} lacks parts: {} of {wanted}", said.id, orders.len() + 1));
        }
        orders.extend(last.map(|message| message.order));
        if !orders.is_sorted() {
            wrong.push(format!("the parts of the answer to {} stand in the wrong order", said.id));
        }
    }
}

/// Errors that nobody can explain in a story in which nothing broke.
fn unjustified(book: &Book) -> impl Iterator<Item = String> {
    let is_stopped = book.people.iter().any(|said| said.text == "/stop");
    book.people.iter().filter_map(move |said| {
        let slow = said.conversation == "hasty" && said.text.contains("wait=1500");
        // Messages that are answered together fail together.
        let mut neighbours = book.people.iter().filter(|other| other.conversation == said.conversation);
        if is_stopped || slow || neighbours.any(|other| other.text.contains(" fail")) {
            return None;
        }
        let error = replies(book, said).find(|text| text.starts_with("Error:"))?;
        Some(format!("{} got {error}", said.id))
    })
}

fn replies<'b>(book: &'b Book, said: &'b PersonMessage) -> impl Iterator<Item = &'b str> {
    let to_it = book.bot.iter().filter(|message| message.reply_to.as_ref() == Some(&said.id));
    // A placeholder whose post nobody heard of may stand there for ever.
    to_it.map(|message| message.text.as_str()).filter(|text| *text != PLACEHOLDER_TEXT)
}
