//! What the ledger says, beyond the oracle's findings.

use std::{collections::BTreeMap, fmt};

use lastword_tests::{
    ledger::{Book, BotMessage, PersonMessage},
    oracle::{Findings, Oracle, holds, token},
};

use super::people::long_lines;
use crate::world::Network;

/// What an apology begins with: the answer was elected, and could not be posted.
const APOLOGY: &str = "Error: the reply could not be posted";

/// What is wrong with a book in which all is quiet, and some figures.
#[derive(Debug, Default)]
pub struct Judgement {
    pub findings: Findings,
    /// Messages that end in an `Error:` although their answer stood there, or had been elected.
    pub error_despite_reply: Vec<String>,
    /// Messages answered by an attempt that was not current any more.
    pub stale: Vec<String>,
    /// Messages whose answer in several parts is not whole.
    pub torn: Vec<String>,
    /// Commands that were not answered once.
    pub commands: Vec<String>,
    /// Messages with a token.
    pub messages: usize,
    /// Those that end in an `Error:`.
    pub errors: usize,
    /// When the last word of each stood there, by message, on the ledger's clock.
    pub words_at_ms: BTreeMap<String, u64>,
}

/// What a finished answer holds.
pub fn oracle() -> Oracle {
    Oracle::new(|token| format!("done {token}"))
}

/// Judges a book; `notes` is what the agents noted: a token and an attempt a line.
pub fn judge(book: &Book, notes: &str, network: Network) -> Judgement {
    let oracle = oracle();
    let mut judgement = Judgement { findings: oracle.judge(book), ..Judgement::default() };
    let (begun, chat) = (last_attempts(notes), Chat::of(book));
    for said in &book.people {
        let posted = chat.of_place(said);
        let Some(token) = token(&said.text) else {
            let is_reply = |posted: &&&BotMessage| posted.reply_to.as_ref() == Some(&said.id) && posted.text != "…";
            let replies = posted.iter().filter(is_reply).count();
            if said.text.starts_with('/') && (replies == 0 || (replies > 1 && network != Network::Careless)) {
                judgement.commands.push(format!("{} ({}) has {replies} replies", said.id, said.text));
            }
            continue;
        };
        judgement.messages += 1;
        let form = format!("done {token}");
        let is_error =
            |posted: &&&BotMessage| posted.text.starts_with("Error:") && posted.reply_to.as_ref() == Some(&said.id);
        let word = posted.iter().find(|posted| holds(&posted.text, &form)).or_else(|| posted.iter().find(is_error));
        let Some(word) = word else { continue };
        judgement.words_at_ms.insert(said.id.clone(), word.versions.last().map_or(0, |last| last.at_ms));
        if let Some(error) = posted.iter().find(is_error) {
            judgement.errors += 1;
            // A progress edit is plain, and proves no election.
            let mut versions = posted.iter().flat_map(|posted| &posted.versions);
            let stood = versions.any(|version| version.form == "formatted" && holds(&version.text, &form));
            if stood || error.text.starts_with(APOLOGY) {
                judgement.error_despite_reply.push(said.id.clone());
            }
            continue;
        }
        if attempt_of(&word.text).zip(begun.get(token)).is_some_and(|(answered, last)| answered < *last) {
            judgement.stale.push(said.id.clone());
        }
        let lines = long_lines(&said.text).filter(|_| network != Network::Careless);
        if lines.is_some_and(|lines| !is_whole(posted, token, lines)) {
            judgement.torn.push(said.id.clone());
        }
    }
    judgement
}

impl Judgement {
    /// Whether everything is as this network lets us promise.
    pub fn is_clean(&self, network: Network) -> bool {
        let is_as_promised = match network {
            Network::Native
            | Network::EditOnly
            | Network::Findable
            | Network::Telegram
            | Network::Slack
            | Network::Matrix => self.findings.is_clean() && self.torn.is_empty(),
            // It may show something twice, and then nothing stands where it should.
            Network::Careless => self.findings.missing.is_empty(),
        };
        let others = [&self.error_despite_reply, &self.stale, &self.commands];
        is_as_promised && others.iter().all(|found| found.is_empty())
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Findings { missing, duplicate, misordered } = &self.findings;
        write!(
            f,
            "{} messages: {} missing, {} duplicate, {} misordered, {} torn, {} stale, {} errors despite a reply, {} errors",
            self.messages,
            missing.len(),
            duplicate.len(),
            misordered.len(),
            self.torn.len(),
            self.stale.len(),
            self.error_despite_reply.len(),
            self.errors
        )?;
        let lists = [
            ("errors despite a reply", &self.error_despite_reply),
            ("stale", &self.stale),
            ("torn", &self.torn),
            ("commands", &self.commands),
        ];
        for (what, found) in lists.into_iter().filter(|(_, found)| !found.is_empty()) {
            write!(f, "\n{what}: {}", found.join(", "))?;
        }
        if !self.findings.is_clean() {
            write!(f, "\n{}", self.findings)?;
        }
        Ok(())
    }
}

/// The bot's messages by place.
struct Chat<'a>(BTreeMap<(&'a str, Option<&'a str>), Vec<&'a BotMessage>>);

impl<'a> Chat<'a> {
    fn of(book: &'a Book) -> Self {
        let mut places: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for posted in &book.bot {
            places.entry((posted.conversation.as_str(), posted.thread.as_deref())).or_default().push(posted);
        }
        Self(places)
    }

    fn of_place(&self, said: &'a PersonMessage) -> &[&'a BotMessage] {
        self.0.get(&(said.conversation.as_str(), said.thread.as_deref())).map_or(&[], Vec::as_slice)
    }
}

/// The highest attempt that began, by token.
fn last_attempts(notes: &str) -> BTreeMap<&str, u32> {
    let mut last = BTreeMap::new();
    for (token, attempt) in notes.lines().filter_map(|line| line.split_once(' ')) {
        let attempt: u32 = attempt.parse().unwrap_or(0);
        let known = last.entry(token).or_insert(attempt);
        *known = attempt.max(*known);
    }
    last
}

/// The attempt that an answer speaks for.
fn attempt_of(text: &str) -> Option<u32> {
    text.rsplit_once("(attempt ")?.1.split(')').next()?.parse().ok()
}

/// Whether each line of a long answer stands there once, in order.
fn is_whole(posted: &[&BotMessage], token: &str, count: usize) -> bool {
    let end = format!(" of {};", token.trim_start_matches('#'));
    let lines = posted.iter().flat_map(|posted| posted.text.lines());
    let numbers = lines.filter_map(|line| line.strip_suffix(&end)?.strip_prefix("line ")?.parse::<usize>().ok());
    numbers.eq(0..count)
}
