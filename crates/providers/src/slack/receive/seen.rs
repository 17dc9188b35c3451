//! How far everything is known: the cursor.
//!
//! Slack keeps no place for a receiver. What was committed says how far back the history has to be looked through after
//! nobody listened, and in which threads: those are in no conversation's history.

use std::collections::BTreeMap;

use lastword_core::{
    ids::Cursor,
    update::{Update, UpdateKind},
};
use serde::{Deserialize, Serialize};

use super::super::ts::Ts;

/// In how many threads what was missed is looked for; the longest silent ones are left out.
const THREADS_MAX: usize = 100;

/// What was committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Up to where everything is known: the latest message, unless something before it may be missing.
    pub(super) latest: Option<Ts>,
    /// Where it all began: what was said before is not ours.
    pub(super) begun: Option<Ts>,
    /// Where we are spoken to: conversation and thread, and the latest message there.
    threads: BTreeMap<(String, String), Ts>,
}

#[derive(Default, Deserialize, Serialize)]
struct Written {
    latest: Option<String>,
    begun: Option<String>,
    #[serde(default)]
    threads: Vec<(String, String, String)>,
}

impl Seen {
    /// `None` for a cursor that is none of ours.
    pub(super) fn read(cursor: &Cursor) -> Option<Self> {
        let Written { latest, begun, threads } = serde_json::from_str(cursor.as_str()).ok()?;
        let threads = threads.into_iter();
        Some(Self {
            latest: latest.and_then(|latest| Ts::read(&latest)),
            begun: begun.and_then(|begun| Ts::read(&begun)),
            threads: threads
                .filter_map(|(conversation, thread, at)| Some(((conversation, thread), Ts::read(&at)?)))
                .collect(),
        })
    }

    pub(super) fn cursor(&self) -> Cursor {
        let threads = self.threads.iter();
        let written = Written {
            latest: self.latest.map(|latest| latest.to_string()),
            begun: self.begun.map(|begun| begun.to_string()),
            threads: threads
                .map(|((conversation, thread), at)| (conversation.clone(), thread.clone(), at.to_string()))
                .collect(),
        };
        Cursor::new(serde_json::to_string(&written).unwrap_or_default())
    }

    pub(super) fn note(&mut self, update: &Update) {
        let at = Ts::of(update.sent_at);
        let UpdateKind::Posted(message) = &update.kind else { return };
        if !is_in_history(update) {
            return;
        }
        self.latest = self.latest.max(Some(at));
        let Some(thread) = &update.place.thread else { return };
        let place = (update.place.conversation.as_str().to_owned(), thread.as_str().to_owned());
        // Other people's threads are many.
        let is_ours = message.is_addressed && !update.sender.is_bot;
        if !is_ours && !self.threads.contains_key(&place) {
            return;
        }
        let latest = self.threads.entry(place).or_default();
        *latest = at.max(*latest);
        if self.threads.len() > THREADS_MAX
            && let Some(quietest) = self.threads.iter().min_by_key(|(_, at)| **at).map(|(place, _)| place.clone())
        {
            self.threads.remove(&quietest);
        }
    }

    /// The threads that were spoken in since, by conversation.
    pub(super) fn threads(&self) -> Vec<(String, String)> {
        self.threads.keys().cloned().collect()
    }
}

/// Whether a history tells of it: commands are in none.
pub(super) fn is_in_history(update: &Update) -> bool {
    matches!(update.kind, UpdateKind::Posted(_)) && !update.id.as_str().starts_with("command:")
}

#[cfg(test)]
mod tests {
    use lastword_core::{
        ids::{AccountId, ConversationId, MessageId, Place, ThreadId, Timestamp, UpdateId, UserId},
        update::{Message, Sender},
    };

    use super::*;

    fn said(thread: Option<&str>, at_ms: i64) -> Update {
        Update {
            id: UpdateId::new("u"),
            place: Place {
                account: AccountId::new("a"),
                conversation: ConversationId::new("C1"),
                thread: thread.map(ThreadId::new),
            },
            sender: Sender { id: UserId::new("U1"), name: None, is_bot: false },
            sent_at: Timestamp(at_ms),
            kind: UpdateKind::Posted(Message {
                id: MessageId::new("m"),
                text: String::new(),
                is_addressed: true,
                goes_on: false,
                files: Vec::new(),
            }),
        }
    }

    #[test]
    fn a_cursor_reads_back() {
        let mut seen = Seen::default();
        seen.note(&said(Some("1.000000"), 5_000));
        seen.note(&said(None, 4_000));
        assert_eq!(
            seen.cursor().as_str(),
            r#"{"latest":"5.000000","begun":null,"threads":[["C1","1.000000","5.000000"]]}"#
        );
        assert_eq!(Seen::read(&seen.cursor()), Some(seen));
        assert_eq!(Seen::read(&Cursor::new("77")), None);
    }

    #[test]
    fn what_is_in_no_history_and_other_peoples_threads_are_not_kept() {
        let mut seen = Seen::default();
        let command = Update { id: UpdateId::new("command:1"), ..said(None, 9_000) };
        let mut talk = said(Some("1.000000"), 5_000);
        if let UpdateKind::Posted(message) = &mut talk.kind {
            (message.is_addressed, message.goes_on) = (false, true);
        }
        let mut bot = said(Some("2.000000"), 4_000);
        bot.sender.is_bot = true;
        [command, talk.clone(), bot].iter().for_each(|update| seen.note(update));
        assert_eq!((seen.latest, seen.threads()), (Ts::read("5.0"), Vec::new()));
        seen.note(&said(Some("1.000000"), 1_000));
        seen.note(&talk);
        assert_eq!(seen.threads[&("C1".into(), "1.000000".into())], Ts::read("5.0").unwrap());
    }

    #[test]
    fn the_quietest_threads_are_forgotten_first() {
        let mut seen = Seen::default();
        for n in 0..2 * THREADS_MAX {
            seen.note(&said(Some(&format!("{n}.000000")), n as i64));
        }
        assert_eq!(seen.threads().len(), THREADS_MAX);
        assert!(seen.threads().contains(&("C1".into(), format!("{}.000000", 2 * THREADS_MAX - 1))));
        assert!(!seen.threads().contains(&("C1".into(), "0.000000".into())));
    }
}
