//! The book itself: what people and the bot said, and how texts changed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::fault::{Fault, FaultScript, On};

/// What a person said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonMessage {
    /// The number of the update, counted from 1.
    pub n: u64,
    /// The message's id, `p<n>`.
    pub id: String,
    /// Where.
    pub conversation: String,
    /// The branch, if any.
    pub thread: Option<String>,
    /// Who.
    pub sender: String,
    /// Whether it is another bot that speaks.
    pub is_bot: bool,
    /// Whether our bot is addressed.
    pub is_addressed: bool,
    /// What.
    pub text: String,
    /// Its place in the order of everything that happened.
    pub order: u64,
    /// Milliseconds since the ledger started.
    pub at_ms: u64,
}

/// A message of the bot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BotMessage {
    /// The message's id, `b<n>`.
    pub id: String,
    /// Where.
    pub conversation: String,
    /// The branch, if any.
    pub thread: Option<String>,
    /// The delivery key it was posted under.
    pub key: String,
    /// The message it answers, if any.
    pub reply_to: Option<String>,
    /// What people read now.
    pub text: String,
    /// What they read before, and now; never empty.
    pub versions: Vec<Version>,
    /// Its place in the order of everything that happened: where it stands in the chat.
    pub order: u64,
}

/// One text of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The text.
    pub text: String,
    /// Its place in the order of everything that happened.
    pub order: u64,
    /// Milliseconds since the ledger started.
    pub at_ms: u64,
    /// How it was meant to be rendered.
    pub form: String,
}

/// How the network behaves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// A second post under one key is the first one.
    pub is_native: bool,
    /// Refuses everything, applying nothing.
    pub is_out: bool,
    /// The longest text of a message in characters; longer is `invalid`.
    pub text_chars_max: Option<usize>,
}

/// Everything there is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Book {
    /// What people said, oldest first.
    pub people: Vec<PersonMessage>,
    /// What the bot posted, in the order in which it stands in the chat.
    pub bot: Vec<BotMessage>,
    /// How the network behaves.
    pub settings: Settings,
    /// Updates up to here were confirmed and forgotten.
    pub confirmed: u64,
    /// How many requests to post or edit arrived, whatever became of them.
    pub requests: u64,
    /// How many things have happened.
    pub(crate) order: u64,
    /// Scripts by conversation; the empty name is every conversation.
    faults: BTreeMap<String, Vec<(On, Fault)>>,
}

/// A person's words, as a test gives them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Say {
    /// Where.
    pub conversation: String,
    /// The branch, if any.
    #[serde(default)]
    pub thread: Option<String>,
    /// Who; `alice` if left out.
    #[serde(default = "alice")]
    pub sender: String,
    /// Whether it is another bot that speaks.
    #[serde(default)]
    pub is_bot: bool,
    /// Whether our bot is addressed; it is if left out.
    #[serde(default = "yes")]
    pub is_addressed: bool,
    /// What.
    pub text: String,
}

/// What the bot asks to post, or to put in the place of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Post {
    /// The delivery key.
    pub key: String,
    /// Where.
    pub conversation: String,
    /// The branch, if any.
    pub thread: Option<String>,
    /// The message it answers, if any.
    pub reply_to: Option<String>,
    /// What.
    pub text: String,
    /// How it is meant to be rendered; this network renders nothing.
    pub form: String,
}

fn alice() -> String {
    "alice".into()
}

fn yes() -> bool {
    true
}

impl Book {
    /// A person says something.
    pub fn say(&mut self, say: Say, at_ms: u64) -> PersonMessage {
        let n = self.people.len() as u64 + 1;
        let Say { conversation, thread, sender, is_bot, is_addressed, text } = say;
        let id = format!("p{n}");
        let order = self.next_order();
        let said = PersonMessage { n, id, conversation, thread, sender, is_bot, is_addressed, text, order, at_ms };
        self.people.push(said.clone());
        said
    }

    /// Confirms everything up to `after` and gives what comes behind, at most `limit`. What was confirmed once never
    /// comes again.
    pub fn updates(&mut self, after: Option<u64>, limit: usize) -> Vec<PersonMessage> {
        self.confirmed = self.confirmed.max(after.unwrap_or(0).min(self.people.len() as u64));
        self.people.iter().filter(|said| said.n > self.confirmed).take(limit).cloned().collect()
    }

    /// Posts; `Err` is the code of a refusal, and nothing was applied.
    pub fn post(&mut self, post: &Post, at_ms: u64) -> Result<String, &'static str> {
        self.check(&post.text)?;
        if self.settings.is_native
            && let Some(id) = self.find(&post.conversation, &post.key)
        {
            return Ok(id);
        }
        let (order, id) = (self.next_order(), format!("b{}", self.bot.len() + 1));
        self.bot.push(BotMessage {
            id: id.clone(),
            conversation: post.conversation.clone(),
            thread: post.thread.clone(),
            key: post.key.clone(),
            reply_to: post.reply_to.clone(),
            text: post.text.clone(),
            versions: vec![Version { text: post.text.clone(), order, at_ms, form: post.form.clone() }],
            order,
        });
        Ok(id)
    }

    /// Replaces a text; `Err` is the code of a refusal, and nothing was applied. The same text again is one.
    pub fn edit(&mut self, id: &str, post: &Post, at_ms: u64) -> Result<String, &'static str> {
        self.check(&post.text)?;
        let order = self.next_order();
        let target = self.bot.iter_mut().find(|message| message.id == id && message.conversation == post.conversation);
        let target = target.ok_or("target_lost")?;
        if target.text == post.text {
            return Err("not_modified");
        }
        target.text.clone_from(&post.text);
        target.versions.push(Version { text: post.text.clone(), order, at_ms, form: post.form.clone() });
        Ok(target.id.clone())
    }

    /// What was said, posted or changed after `order`, and everything that is not a message.
    #[must_use]
    pub fn since(&self, order: u64) -> Self {
        let is_new = |message: &&BotMessage| message.versions.last().is_some_and(|last| last.order > order);
        Self {
            people: self.people.iter().filter(|said| said.order > order).cloned().collect(),
            bot: self.bot.iter().filter(is_new).cloned().collect(),
            settings: self.settings.clone(),
            faults: self.faults.clone(),
            ..*self
        }
    }

    /// Takes over what [`Self::since`] gave, asked with [`Self::order`].
    pub fn catch_up(&mut self, newer: Self) {
        self.people.extend(newer.people);
        for message in newer.bot {
            match self.bot.binary_search_by_key(&message.order, |known| known.order) {
                Ok(at) => self.bot[at] = message,
                Err(at) => self.bot.insert(at, message),
            }
        }
        (self.settings, self.faults) = (newer.settings, newer.faults);
        (self.confirmed, self.requests, self.order) = (newer.confirmed, newer.requests, newer.order);
    }

    /// How many things have happened.
    #[must_use]
    pub fn order(&self) -> u64 {
        self.order
    }

    /// The first message posted under `key`.
    pub fn find(&self, conversation: &str, key: &str) -> Option<String> {
        let mut found = self.bot.iter().filter(|message| message.conversation == conversation && message.key == key);
        found.next().map(|message| message.id.clone())
    }

    /// Adds to the script of a conversation, or of all.
    pub fn script(&mut self, script: FaultScript) {
        let faults = script.faults.into_iter().map(|fault| (script.on, fault));
        self.faults.entry(script.conversation.unwrap_or_default()).or_default().extend(faults);
    }

    /// A request to post or edit arrived.
    pub fn arrived(&mut self) {
        self.requests += 1;
    }

    /// Takes the next fault for a request, the conversation's own script before the common one.
    pub fn next_fault(&mut self, conversation: &str, on: On) -> Option<Fault> {
        [conversation, ""].into_iter().find_map(|name| {
            let script = self.faults.get_mut(name)?;
            let next = script.iter().position(|(meant, _)| *meant == On::Any || *meant == on)?;
            Some(script.remove(next).1)
        })
    }

    /// Forgets every fault that has not happened yet.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    fn check(&self, text: &str) -> Result<(), &'static str> {
        let fits = self.settings.text_chars_max.is_none_or(|max| text.chars().count() <= max);
        if text.is_empty() || !fits { Err("invalid") } else { Ok(()) }
    }

    fn next_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(text: &str) -> Say {
        serde_json::from_value(serde_json::json!({ "conversation": "c", "text": text })).unwrap()
    }

    fn post(key: &str, text: &str) -> Post {
        let (key, conversation, text, form) = (key.into(), "c".into(), text.into(), "plain".into());
        Post { key, conversation, thread: None, reply_to: None, text, form }
    }

    #[test]
    fn unconfirmed_updates_come_again_and_confirmed_ones_never() {
        let mut book = Book::default();
        book.say(say("one"), 0);
        book.say(say("two"), 0);
        let numbers = |said: Vec<PersonMessage>| said.iter().map(|said| said.n).collect::<Vec<_>>();
        assert_eq!(numbers(book.updates(None, 10)), [1, 2]);
        assert_eq!(numbers(book.updates(Some(0), 1)), [1]);
        assert_eq!(numbers(book.updates(Some(1), 10)), [2]);
        assert_eq!(numbers(book.updates(None, 10)), [2], "a lower offset brings nothing back");
        assert_eq!(numbers(book.updates(Some(99), 10)), [0; 0]);
        book.say(say("three"), 0);
        assert_eq!(numbers(book.updates(None, 10)), [3], "an offset beyond the end confirms what there is");
    }

    #[test]
    fn a_key_is_remembered_only_by_a_native_network() {
        let mut book = Book::default();
        assert_ne!(book.post(&post("k", "a"), 0), book.post(&post("k", "a"), 0));
        book.settings.is_native = true;
        assert_eq!(book.post(&post("k", "a"), 0).unwrap(), "b1");
        assert_eq!(book.bot.len(), 2);
    }

    #[test]
    fn every_text_that_people_saw_is_kept() {
        let mut book = Book::default();
        book.post(&post("k", "…"), 1).unwrap();
        assert_eq!(book.edit("b1", &post("k", "done"), 2).unwrap(), "b1");
        assert_eq!(book.edit("b1", &post("k", "done"), 3), Err("not_modified"));
        assert_eq!(book.edit("b2", &post("k", "done"), 3), Err("target_lost"));
        let texts: Vec<_> = book.bot[0].versions.iter().map(|version| version.text.as_str()).collect();
        assert_eq!((book.bot[0].text.as_str(), texts), ("done", vec!["…", "done"]));
    }

    #[test]
    fn a_copy_that_catches_up_is_the_book() {
        let (mut book, mut copy) = (Book::default(), Book::default());
        let asked = serde_json::json!({ "conversation": "c", "text": "go" });
        for round in 0..3 {
            book.say(serde_json::from_value(asked.clone()).unwrap(), round);
            book.post(&post(&format!("k{round}"), "…"), round).unwrap();
            book.edit("b1", &post("k0", &format!("round {round}")), round).unwrap();
            copy.catch_up(book.since(copy.order()));
            assert_eq!((&copy.people, &copy.bot, copy.order()), (&book.people, &book.bot, book.order()));
        }
    }

    #[test]
    fn a_script_is_played_in_order_and_the_conversations_own_goes_first() {
        let mut book = Book::default();
        let script = |conversation: Option<&str>, on, fault| FaultScript {
            conversation: conversation.map(Into::into),
            on,
            faults: vec![fault],
        };
        book.script(script(None, On::Any, Fault::DropBefore));
        book.script(script(Some("c"), On::Edit, Fault::CutAfter));
        assert_eq!(book.next_fault("c", On::Post), Some(Fault::DropBefore));
        assert_eq!(book.next_fault("c", On::Post), None);
        assert_eq!(book.next_fault("c", On::Edit), Some(Fault::CutAfter));
        assert_eq!(book.next_fault("c", On::Edit), None);
    }
}
