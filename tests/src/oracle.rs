//! Reads the ledger and says whether everybody got exactly one last word.
//!
//! A person's message is expected to be answered if its text holds a token, `#` and letters or digits. Its last words
//! are the bot's messages whose **current** text holds the token's final form, and the `Error:` lines posted in reply
//! to it. Placeholders, progress and notices hold no final form and don't count.

use std::{collections::BTreeMap, fmt};

use crate::ledger::{Book, BotMessage, PersonMessage};

/// What is expected of a book.
pub struct Oracle {
    final_form: Box<dyn Fn(&str) -> String + Send + Sync>,
    merged: BTreeMap<String, String>,
}

/// What is wrong with a book; nothing, if all are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Messages without a last word.
    pub missing: Vec<String>,
    /// Messages with more than one, and which.
    pub duplicate: Vec<(String, Vec<String>)>,
    /// Neighbours of one place, the later of which was answered above the earlier.
    pub misordered: Vec<(String, String)>,
}

impl Findings {
    /// Whether the promise was kept.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return f.write_str("every message has exactly one last word, in order");
        }
        for id in &self.missing {
            writeln!(f, "{id} has no last word")?;
        }
        for (id, words) in &self.duplicate {
            writeln!(f, "{id} has {} last words: {}", words.len(), words.join(", "))?;
        }
        for (earlier, later) in &self.misordered {
            writeln!(f, "{later} is answered above {earlier}")?;
        }
        Ok(())
    }
}

impl Oracle {
    /// `final_form` turns a token such as `#t12` into what only its finished answer holds.
    pub fn new(final_form: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self { final_form: Box::new(final_form), merged: BTreeMap::new() }
    }

    /// A message that was merged counts by the message of its lead: an `Error:` in reply to the lead answers both.
    #[must_use]
    pub fn merged(mut self, message: impl Into<String>, lead: impl Into<String>) -> Self {
        self.merged.insert(message.into(), lead.into());
        self
    }

    /// The last words of one message, as they stand in the chat.
    pub fn last_words<'a>(&self, book: &'a Book, said: &PersonMessage) -> Vec<&'a BotMessage> {
        self.last_words_among(book.bot.iter(), said)
    }

    fn last_words_among<'a>(
        &self,
        posted: impl Iterator<Item = &'a BotMessage>,
        said: &PersonMessage,
    ) -> Vec<&'a BotMessage> {
        let Some(token) = token(&said.text) else { return Vec::new() };
        let form = (self.final_form)(token);
        let lead = self.merged.get(&said.id).unwrap_or(&said.id);
        let is_here = |message: &&BotMessage| {
            message.conversation == said.conversation
                && message.thread == said.thread
                && (holds(&message.text, &form)
                    || (message.text.starts_with("Error:") && message.reply_to.as_ref() == Some(lead)))
        };
        posted.filter(is_here).collect()
    }

    /// Judges a book in which nothing is on its way any more.
    #[must_use]
    pub fn judge(&self, book: &Book) -> Findings {
        let mut findings = Findings::default();
        let mut places: BTreeMap<(&str, Option<&str>), Vec<&BotMessage>> = BTreeMap::new();
        for posted in &book.bot {
            places.entry((&posted.conversation, posted.thread.as_deref())).or_default().push(posted);
        }
        let mut last_answers: BTreeMap<(&str, Option<&str>), (&str, u64)> = BTreeMap::new();
        for said in book.people.iter().filter(|said| token(&said.text).is_some()) {
            let place = (said.conversation.as_str(), said.thread.as_deref());
            let words = self.last_words_among(places.get(&place).into_iter().flatten().copied(), said);
            match words.as_slice() {
                [] => findings.missing.push(said.id.clone()),
                [word] => {
                    // Refusals may overtake, so only answers are held to their order.
                    if word.text.starts_with("Error:") {
                        continue;
                    }
                    let earlier = last_answers.insert(place, (&said.id, word.order));
                    if let Some((earlier, order)) = earlier
                        && order > word.order
                    {
                        findings.misordered.push((earlier.to_owned(), said.id.clone()));
                    }
                }
                [..] => {
                    let words = words.iter().map(|word| word.id.clone()).collect();
                    findings.duplicate.push((said.id.clone(), words));
                }
            }
        }
        findings
    }
}

/// The first token of a text, with its `#`.
#[must_use]
pub fn token(text: &str) -> Option<&str> {
    text.match_indices('#').find_map(|(start, _)| {
        let rest = &text[start + 1..];
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        (length > 0).then(|| &text[start..=start + length])
    })
}

/// Whether `text` holds `form` as a whole: `#t1` is not in `#t12`.
#[must_use]
pub fn holds(text: &str, form: &str) -> bool {
    text.match_indices(form).any(|(start, _)| {
        let next = text[start + form.len()..].chars().next();
        !next.is_some_and(|c| c.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A book in which people said and the bot posted this, as (text, reply to).
    fn book(said: &[&str], posted: &[(&str, Option<&str>)]) -> Book {
        let mut book = Book::default();
        for text in said {
            book.say(serde_json::from_value(json!({ "conversation": "c", "text": text })).unwrap(), 0);
        }
        for (n, (text, reply_to)) in posted.iter().enumerate() {
            let post = json!({ "key": n.to_string(), "conversation": "c", "thread": null, "reply_to": reply_to,
                               "text": text, "form": "plain" });
            book.post(&serde_json::from_value(post).unwrap(), 0).unwrap();
        }
        book
    }

    fn judge(said: &[&str], posted: &[(&str, Option<&str>)]) -> Findings {
        Oracle::new(|token| format!("done {token}")).judge(&book(said, posted))
    }

    #[test]
    fn one_answer_or_one_error_each_is_clean() {
        let findings = judge(
            &["go #t1", "go #t2", "just talk"],
            &[("…", Some("p1")), ("done #t1", Some("p1")), ("Error: stopped", Some("p2")), ("I am back", None)],
        );
        assert!(findings.is_clean(), "{findings}");
    }

    #[test]
    fn progress_placeholders_and_longer_tokens_are_no_last_words() {
        let findings = judge(&["go #t1"], &[("…", Some("p1")), ("don #t1", Some("p1")), ("done #t12", Some("p1"))]);
        assert_eq!(findings.missing, ["p1"]);
    }

    #[test]
    fn an_answer_and_an_error_are_two_last_words() {
        let findings = judge(&["go #t1"], &[("done #t1", None), ("Error: interrupted", Some("p1"))]);
        assert_eq!(findings.duplicate, [("p1".into(), vec!["b1".into(), "b2".into()])]);
        assert_eq!(findings.to_string(), "p1 has 2 last words: b1, b2\n");
    }

    #[test]
    fn a_later_answer_above_an_earlier_one_is_misordered() {
        let findings = judge(&["go #t1", "go #t2"], &[("done #t2", None), ("done #t1", None)]);
        assert_eq!(findings.misordered, [("p1".into(), "p2".into())]);
    }

    #[test]
    fn a_merged_message_is_answered_with_its_lead() {
        let book = book(&["go #t1", "and #t2"], &[("Error: stopped", Some("p1"))]);
        let oracle = Oracle::new(|token| format!("done {token}"));
        assert_eq!(oracle.judge(&book).missing, ["p2"]);
        assert!(oracle.merged("p2", "p1").judge(&book).is_clean());
    }

    #[test]
    fn only_what_stands_there_now_counts() {
        let mut book = book(&["go #t1"], &[("done #t1", Some("p1"))]);
        let late =
            json!({ "key": "0", "conversation": "c", "thread": null, "reply_to": null, "text": "don", "form": "" });
        book.edit("b1", &serde_json::from_value(late).unwrap(), 0).unwrap();
        assert_eq!(Oracle::new(|token| format!("done {token}")).judge(&book).missing, ["p1"]);
    }
}
