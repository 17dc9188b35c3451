//! A conversation on a terminal: turn by turn, with Ctrl-C for `/stop`.
//!
//! Guarantee: a turn that a person waits for ends on the screen with its last word, or with a line that says where to
//! find it. The first Ctrl-C asks the bridge to stop the turn and goes on waiting for its last word; the second leaves.

use std::{
    future::{Future, pending},
    io::{self, Write},
    pin::Pin,
    time::Duration,
};

use futures_util::{Stream, StreamExt};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior},
};

use super::{
    api::{Api, Trouble, Turn},
    clean::clean,
    exchange::{Exchange, GaveUp, Heard, LastWord},
    screen::Screen,
};

/// How many earlier turns are shown when the conversation begins.
const HISTORY_TURNS: usize = 10;
const TICK_EVERY: Duration = Duration::from_millis(120);

/// A conversation with one bridge on one screen.
pub(super) struct Session<'a, W> {
    api: &'a Api,
    conversation: &'a str,
    pub(super) screen: Screen<W>,
}

impl<'a, W: Write> Session<'a, W> {
    pub(super) fn new(api: &'a Api, conversation: &'a str, screen: Screen<W>) -> Self {
        Self { api, conversation, screen }
    }

    /// Shows what was said before, and waits for what is still owed. `Err` says why there can be no conversation.
    pub(super) async fn begin(&mut self, interrupts: &mut (impl Stream<Item = ()> + Unpin)) -> Result<(), String> {
        let history = self.api.history(self.conversation, HISTORY_TURNS).await.map_err(|trouble| match trouble {
            Trouble::Refused(said) => said,
            Trouble::Passing { what, .. } => {
                format!("{} can't be reached: {what}. Is `lastword run` running?", self.api.url())
            }
        })?;
        for turn in history {
            self.recall(turn, interrupts).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    async fn recall(&mut self, turn: Turn, interrupts: &mut (impl Stream<Item = ()> + Unpin)) -> io::Result<()> {
        self.screen.line(&format!("> {}", clean(&turn.text).replace('\n', "\n… ")))?;
        match turn.reply {
            Some(text) => self.screen.word(&LastWord { text: clean(&text), is_error: turn.is_error }),
            None => {
                let (heard, hears) = mpsc::channel(64);
                let exchange = Exchange::new(self.api, heard, None).follow(turn.turn);
                self.wait(exchange, hears, true, interrupts).await
            }
        }
    }

    /// Says something and shows how it goes, to the last word.
    pub(super) async fn say(
        &mut self,
        text: &str,
        interrupts: &mut (impl Stream<Item = ()> + Unpin),
    ) -> io::Result<()> {
        let (heard, hears) = mpsc::channel(64);
        let exchange = Exchange::new(self.api, heard, None).ask(self.conversation, text);
        self.wait(exchange, hears, false, interrupts).await
    }

    async fn wait(
        &mut self,
        exchange: impl Future<Output = Result<LastWord, GaveUp>>,
        mut hears: mpsc::Receiver<Heard>,
        is_accepted: bool,
        interrupts: &mut (impl Stream<Item = ()> + Unpin),
    ) -> io::Result<()> {
        let mut exchange = Box::pin(exchange);
        let mut stopping: Pin<Box<dyn Future<Output = ()>>> = Box::pin(pending());
        let (mut waiting, began) = (Waiting { is_accepted, ..Waiting::default() }, Instant::now());
        let mut ticks = tokio::time::interval(TICK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                Some(heard) = hears.recv() => self.hear(heard, &mut waiting)?,
                end = &mut exchange => {
                    // What it told in the same breath comes first.
                    while let Ok(heard) = hears.try_recv() {
                        self.hear(heard, &mut waiting)?;
                    }
                    return match end {
                        Ok(word) => self.screen.finish(&word),
                        Err(GaveUp(why)) => self.screen.leave(&why),
                    };
                }
                Some(()) = interrupts.next() => {
                    if !waiting.is_accepted {
                        return self.screen.leave("not waiting; the message may or may not have arrived");
                    }
                    if waiting.is_stopping {
                        return self.screen.leave("not waiting; the reply will be in the history");
                    }
                    waiting.is_stopping = true;
                    stopping = Box::pin(stop(self.api.clone(), self.conversation.to_owned()));
                    self.screen.status("stopping… (Ctrl-C again to leave)")?;
                }
                () = &mut stopping => stopping = Box::pin(pending()),
                _ = ticks.tick(), if waiting.shows_work() => self.screen.tick(began.elapsed().as_secs())?,
            }
        }
    }

    fn hear(&mut self, heard: Heard, waiting: &mut Waiting) -> io::Result<()> {
        match heard {
            Heard::Accepted => {
                waiting.is_accepted = true;
                Ok(())
            }
            Heard::Progress(piece) => self.screen.progress(&piece),
            Heard::Reset => self.screen.reset(),
            Heard::Reconnecting => {
                waiting.is_away = true;
                self.screen.status("reconnecting…")
            }
            Heard::Reconnected => {
                waiting.is_away = false;
                self.screen.clear_status()
            }
        }
    }
}

/// What a person who waits for a turn should know about it.
#[derive(Default)]
struct Waiting {
    is_accepted: bool,
    is_away: bool,
    is_stopping: bool,
}

impl Waiting {
    fn shows_work(&self) -> bool {
        !self.is_away && !self.is_stopping
    }
}

/// Says `/stop` under one id until it is accepted or refused. Its own reply is no news: the turn's last word says it.
async fn stop(api: Api, conversation: String) {
    let (heard, _) = mpsc::channel(1);
    let _ = Exchange::new(&api, heard, None).say(&conversation, "/stop").await;
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};
    use serde_json::json;

    use super::*;
    use crate::chat::fake::{Fake, Scene, seen};

    /// A session with a fake, and what stands on its screen when `talk` is over.
    async fn hold(fake: &Fake, talk: impl AsyncFnOnce(&mut Session<'_, &mut Vec<u8>>)) -> String {
        let (api, mut paper) = (fake.api(), Vec::new());
        let mut session = Session::new(&api, "main", Screen::new(&mut paper, false));
        talk(&mut session).await;
        drop(session);
        seen(&paper, 80)
    }

    #[tokio::test]
    async fn an_answer_stands_there_once() {
        let says = Scene::says(&[("progress", "work"), ("progress", "ing"), ("reply", "working")]);
        let fake = Fake::start(vec![says]).await;
        let screen = hold(&fake, async |session| session.say("deploy?", &mut stream::pending()).await.unwrap()).await;
        assert_eq!(screen, "working\n");
    }

    #[tokio::test]
    async fn a_restart_in_mid_answer_leaves_no_trace() {
        let fake = Fake::start(vec![
            Scene::Unready,
            Scene::says(&[("progress", "work")]).then_cut(),
            Scene::says(&[("progress", "ing")]).then_cut(),
            Scene::says(&[("reply", "working")]),
        ])
        .await;
        let screen = hold(&fake, async |session| session.say("deploy?", &mut stream::pending()).await.unwrap()).await;
        assert_eq!(screen, "working\n");
    }

    #[tokio::test]
    async fn another_attempt_replaces_what_was_shown() {
        let says = Scene::says(&[("progress", "one\ntwo"), ("reset", ""), ("progress", "three"), ("reply", "three")]);
        let fake = Fake::start(vec![says]).await;
        let screen = hold(&fake, async |session| session.say("deploy?", &mut stream::pending()).await.unwrap()).await;
        assert_eq!(screen, "three\n");
    }

    #[tokio::test]
    async fn ctrl_c_stops_the_turn_and_its_last_word_is_shown() {
        let fake = Fake::start(vec![Scene::WorksUntilStopped]).await;
        let watched = fake.watched();
        let mut interrupts = stream::once(watched).chain(stream::pending()).boxed();
        let screen = hold(&fake, async |session| session.say("deploy?", &mut interrupts).await.unwrap()).await;
        assert_eq!(screen, "Error: stopped\n");
        assert_eq!(fake.posts()[1]["text"], "/stop");
    }

    #[tokio::test]
    async fn a_second_ctrl_c_leaves() {
        let fake = Fake::start(vec![Scene::WorksForEver]).await;
        let mut interrupts = stream::once(fake.watched()).chain(stream::iter([(), ()])).boxed();
        let screen = hold(&fake, async |session| session.say("deploy?", &mut interrupts).await.unwrap()).await;
        assert!(screen.ends_with("not waiting; the reply will be in the history\n"), "{screen}");
    }

    #[tokio::test]
    async fn a_conversation_begins_with_what_was_said_and_waits_for_what_is_owed() {
        let fake = Fake::start(vec![Scene::says(&[("reply", "soon")])]).await;
        fake.set_history(json!([
            { "turn": 1, "text": "deploy?", "reply": "done", "is_error": false },
            { "turn": 2, "text": "two\nlines", "reply": "Error: stopped", "is_error": true },
            { "turn": 3, "text": "and now?", "reply": null, "is_error": false },
        ]));
        let screen = hold(&fake, async |session| session.begin(&mut stream::pending()).await.unwrap()).await;
        assert_eq!(screen, "> deploy?\ndone\n> two\n… lines\nError: stopped\n> and now?\nsoon\n");
    }

    #[tokio::test]
    async fn without_a_bridge_there_is_no_conversation() {
        let api = Fake::start(Vec::new()).await.stop().await;
        let mut session = Session::new(&api, "main", Screen::new(Vec::new(), false));
        let why = session.begin(&mut stream::pending()).await.unwrap_err();
        assert!(why.ends_with("can't be reached: nobody listens there. Is `lastword run` running?"), "{why}");
    }
}
