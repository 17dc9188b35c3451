//! One message and its last word, through any trouble on the way.
//!
//! Guarantee: the message is posted under one id until it is accepted or refused, so it is never said twice; every
//! event of its turn is heard once and in order, across reconnections; the exchange ends with the last word. All text
//! that leaves here is clean.

use std::time::Duration;

use futures_util::StreamExt;
use serde::Deserialize;
use tokio::{sync::mpsc, time::Instant};
use uuid::Uuid;

use super::{
    api::{Api, Trouble},
    clean::{Cleaner, clean},
};

const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// What happens on the way to the last word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The bridge has the message.
    Accepted,
    /// A piece of the answer, to be appended.
    Progress(String),
    /// The pieces so far don't count.
    Reset,
    /// The bridge can't be reached; said once until it is.
    Reconnecting,
    /// It is back.
    Reconnected,
}

/// How a turn ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LastWord {
    pub(super) text: String,
    pub(super) is_error: bool,
}

/// Why there is no last word here: a sentence for the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GaveUp(pub(super) String);

/// One exchange, with somebody who hears how it goes.
pub(super) struct Exchange<'a> {
    api: &'a Api,
    heard: mpsc::Sender<Heard>,
    patience: Option<Duration>,
    unreachable_since: Option<Instant>,
    pause: Duration,
}

impl<'a> Exchange<'a> {
    /// `heard` hears how it goes. Without `patience` it waits for ever.
    pub(super) fn new(api: &'a Api, heard: mpsc::Sender<Heard>, patience: Option<Duration>) -> Self {
        Self { api, heard, patience, unreachable_since: None, pause: PAUSE_FIRST }
    }

    /// Says `text` and follows its turn.
    pub(super) async fn ask(mut self, conversation: &str, text: &str) -> Result<LastWord, GaveUp> {
        let turn = self.say(conversation, text).await?;
        self.follow(turn).await
    }

    /// Says `text`; the turn that it made.
    pub(super) async fn say(&mut self, conversation: &str, text: &str) -> Result<i64, GaveUp> {
        let id = Uuid::now_v7().to_string();
        loop {
            match self.api.post(conversation, text, &id).await {
                Ok(turn) => {
                    self.reached().await;
                    self.tell(Heard::Accepted).await;
                    return Ok(turn);
                }
                Err(trouble) => self.wait_out(trouble).await?,
            }
        }
    }

    /// Follows a turn that was accepted before.
    pub(super) async fn follow(mut self, turn: i64) -> Result<LastWord, GaveUp> {
        let (mut after, mut cleaner) = (None, Cleaner::default());
        loop {
            let mut events = match self.api.events(turn, after.as_deref()).await {
                Ok(events) => events,
                Err(trouble) => {
                    self.wait_out(trouble).await?;
                    continue;
                }
            };
            self.reached().await;
            while let Some(event) = events.next().await {
                #[derive(Deserialize)]
                struct Data {
                    text: String,
                }
                let Ok(Data { text }) = serde_json::from_str(&event.data) else {
                    return Err(GaveUp("the bridge sent an event that can't be read".into()));
                };
                // Only news ends the growth of the pauses: a stream that breaks at once is no success.
                self.pause = PAUSE_FIRST;
                after = Some(event.id).filter(|id| !id.is_empty()).or(after);
                match event.event.as_str() {
                    "progress" => self.tell(Heard::Progress(cleaner.push(&text))).await,
                    "reset" => {
                        cleaner = Cleaner::default();
                        self.tell(Heard::Reset).await;
                    }
                    "reply" => return Ok(LastWord { text: clean(&text), is_error: false }),
                    "error" => return Ok(LastWord { text: clean(&text), is_error: true }),
                    // A newer bridge may have more to tell.
                    _ => {}
                }
            }
            self.wait_out(Trouble::Passing { retry_after: None, what: "the stream broke off".into() }).await?;
        }
    }

    async fn reached(&mut self) {
        if self.unreachable_since.take().is_some() {
            self.tell(Heard::Reconnected).await;
        }
    }

    async fn tell(&self, heard: Heard) {
        // Who no longer listens still wants the last word.
        let _ = self.heard.send(heard).await;
    }

    /// Waits before the next try; `Err` when there is no sense in one.
    async fn wait_out(&mut self, trouble: Trouble) -> Result<(), GaveUp> {
        let (retry_after, what) = match trouble {
            Trouble::Refused(said) => return Err(GaveUp(said)),
            Trouble::Passing { retry_after, what } => (retry_after, what),
        };
        let since = match self.unreachable_since {
            Some(since) => since,
            None => {
                self.tell(Heard::Reconnecting).await;
                *self.unreachable_since.insert(Instant::now())
            }
        };
        if self.patience.is_some_and(|patience| since.elapsed() >= patience) {
            return Err(GaveUp(format!("{} can't be reached: {what}. Is `lastword run` running?", self.api.url())));
        }
        let hint = retry_after.unwrap_or(self.pause);
        tokio::time::sleep(self.patience.map_or(hint, |patience| hint.min(patience))).await;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::fake::{Fake, Scene};

    async fn hear(fake: &Fake, text: &str) -> (Vec<Heard>, Result<LastWord, GaveUp>) {
        let api = fake.api();
        let (heard, mut hears) = mpsc::channel(64);
        let end = Exchange::new(&api, heard, None).ask("main", text).await;
        let mut all = Vec::new();
        while let Ok(heard) = hears.try_recv() {
            all.push(heard);
        }
        (all, end)
    }

    fn reply(text: &str) -> Result<LastWord, GaveUp> {
        Ok(LastWord { text: text.into(), is_error: false })
    }

    #[tokio::test]
    async fn an_answer_is_heard_piece_by_piece_and_clean() {
        let fake = Fake::start(vec![Scene::says(&[
            ("progress", "wor\u{1b}[3"),
            ("progress", "1mking"),
            ("reply", "wor\u{1b}[31mking"),
        ])])
        .await;
        let (heard, end) = hear(&fake, "deploy?").await;
        let pieces = [Heard::Accepted, Heard::Progress("wor".into()), Heard::Progress("king".into())];
        assert_eq!((heard.as_slice(), end), (pieces.as_slice(), reply("working")));
    }

    #[tokio::test]
    async fn a_post_is_repeated_under_its_id_until_it_is_accepted() {
        let fake = Fake::start(vec![Scene::Unready, Scene::Unready, Scene::says(&[("reply", "done")])]).await;
        let (heard, end) = hear(&fake, "deploy?").await;
        assert_eq!(end, reply("done"));
        assert_eq!(heard, [Heard::Reconnecting, Heard::Reconnected, Heard::Accepted]);
        let posts = fake.posts();
        assert_eq!(posts.len(), 3);
        assert!(posts.iter().all(|post| post["id"] == posts[0]["id"]), "one id: {posts:?}");
    }

    #[tokio::test]
    async fn a_restart_in_mid_stream_loses_and_repeats_nothing() {
        let mut fake = Fake::start(vec![
            Scene::says(&[("progress", "one ")]).then_cut(),
            Scene::says(&[("progress", "two")]).then_cut(),
            Scene::says(&[("reset", ""), ("reply", "three")]),
        ])
        .await;
        let api = fake.api();
        let (heard, mut hears) = mpsc::channel(64);
        let (end, ()) = tokio::join!(Exchange::new(&api, heard, None).ask("main", "deploy?"), async {
            // The first stream broke: the bridge is gone, and comes back on the same port.
            while hears.recv().await.expect("the exchange goes on") != Heard::Reconnecting {}
            fake.restart().await;
        });
        assert_eq!(end, reply("three"));
        let mut rest = Vec::new();
        while let Ok(heard) = hears.try_recv() {
            rest.push(heard);
        }
        assert_eq!(
            rest,
            [Heard::Reconnected, Heard::Progress("two".into()), Heard::Reconnecting, Heard::Reconnected, Heard::Reset]
        );
        assert_eq!(fake.resumed(), ["", "1.1", "1.2"]);
        assert_eq!(fake.posts().len(), 1);
    }

    /// Whatever a bridge says, in whatever pieces: what is heard is clean, and put together it is the clean whole.
    #[tokio::test]
    async fn anything_that_a_bridge_says_is_heard_clean_and_whole() {
        use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
        let said = "([\\PC\\pC]|\u{1b}\\[|\u{1b}\\]0;|\u{7}|\u{9b}31m|\u{202e}|data: |\r\n|\n\n|[a-z ]{1,5}){0,9}";
        let strategy = (proptest::collection::vec(said, 0..6), said, any::<bool>());
        let mut runner = TestRunner::new(ProptestConfig::default());
        for _ in 0..runner.config().cases / 8 {
            let (pieces, last, is_error) = strategy.new_tree(&mut runner).unwrap().current();
            let whole = clean(&pieces.concat());
            let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
            let end = (if is_error { "error" } else { "reply" }, leak(last.clone()));
            let events: Vec<_> = pieces.into_iter().map(|piece| ("progress", leak(piece))).chain([end]).collect();
            let (heard, word) = hear(&Fake::start(vec![Scene::says(&events)]).await, "deploy?").await;
            assert_eq!(word, Ok(LastWord { text: clean(&last), is_error }), "{events:?}");
            let piece = |heard: &Heard| if let Heard::Progress(piece) = heard { piece.clone() } else { String::new() };
            assert_eq!(heard.iter().map(piece).collect::<String>(), whole, "{events:?}");
        }
    }

    #[tokio::test]
    async fn a_refusal_is_final_and_keeps_the_bridges_sentence() {
        let fake = Fake::start(vec![Scene::Refused("not for you\u{7}")]).await;
        let (_, end) = hear(&fake, "deploy?").await;
        assert_eq!(end, Err(GaveUp("not for you".into())));
    }
}
