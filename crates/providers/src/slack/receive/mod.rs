//! Socket Mode with our own acknowledgements.
//!
//! Guarantee: an envelope is acknowledged once what it brings is confirmed. What was refused is offered again from memory,
//! by Slack, or from the history: whichever of them lives. During a refresh the new socket is open before the old one
//! closes. <https://docs.slack.dev/apis/events-api/using-socket-mode>

mod gap;
mod seen;
mod socket;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use futures_util::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream, FuturesUnordered, SelectAll},
};
use lastword_core::{
    ids::Cursor,
    outcome::Cause,
    provider::{Ack, Batch, Inbound, ReceiveError, UpdateStream},
    update::{Update, UpdateKind},
};
use serde_json::Value;
use tokio::time::Instant;

pub(super) use self::socket::Envelope;
use self::{
    gap::{Awaited, Found},
    seen::{Seen, is_in_history},
    socket::{Frame, Socket, Writer},
};
use super::{
    Link,
    convert::Reader,
    me::{self, Me, lost},
    pane,
    ts::Ts,
};
use crate::waits::{maybe, until};

/// How much is committed at once.
const BATCH_MAX: usize = 100;
/// How much waits for the store in memory; the rest is left to Slack and the history.
const WAITING_MAX: usize = 5_000;
/// What was missed is not looked for again sooner than that after it was looked for: each look asks much of Slack.
const LOOKED_EVERY: Duration = Duration::from_secs(5);
/// How long what is said in a conversation waits for what was said there before it, and may have been missed.
const HELD_MAX: Duration = Duration::from_secs(30);
/// The pause before another try to open the socket that takes over.
const OPEN_AGAIN: Duration = Duration::from_secs(3);

/// Receives until no socket stands.
pub(super) fn stream(link: Arc<Link>, resume_from: Option<Cursor>) -> UpdateStream {
    let seen = resume_from.as_ref().and_then(Seen::read).unwrap_or_default();
    let receiving = Receiving {
        link,
        me: Me::default(),
        seen,
        frames: SelectAll::new(),
        writers: BTreeMap::new(),
        opened: 0,
        opening: None,
        waiting: VecDeque::new(),
        offered: None,
        missed: None,
        awaited: Awaited::default(),
        known: BTreeSet::new(),
        is_whole: true,
        leaving: BTreeSet::new(),
        asides: FuturesUnordered::new(),
        why_last: None,
    };
    stream::unfold(Some(receiving), |receiving| async {
        let mut receiving = receiving?;
        match receiving.next().await {
            Ok(inbound) => Some((Ok(inbound), Some(receiving))),
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}

/// By number; its frames carry it.
type SocketNumber = u64;

struct Receiving {
    link: Arc<Link>,
    me: Me,
    seen: Seen,
    frames: SelectAll<BoxStream<'static, (SocketNumber, Result<Frame, Cause>)>>,
    writers: BTreeMap<SocketNumber, Writer>,
    opened: SocketNumber,
    /// The first socket, or the one that takes over.
    opening: Option<BoxFuture<'static, Result<Socket, ReceiveError>>>,
    /// What is not committed yet, oldest first.
    waiting: VecDeque<Waiting>,
    offered: Option<Offered>,
    missed: Option<BoxStream<'static, Found>>,
    awaited: Awaited,
    /// The conversations that were looked through since the link stands.
    known: BTreeSet<String>,
    /// Whether Slack has answered all that was asked of it so far.
    is_whole: bool,
    /// The sockets that Slack will close.
    leaving: BTreeSet<SocketNumber>,
    /// Requests that nothing waits for.
    asides: FuturesUnordered<BoxFuture<'static, ()>>,
    /// Why the last socket ended.
    why_last: Option<ReceiveError>,
}

/// An update, and the envelopes that brought it.
struct Waiting {
    update: Update,
    since: Instant,
    envelopes: Vec<(SocketNumber, String, Option<Value>)>,
}

/// What is offered: what is seen with it, and its fate.
struct Offered {
    waiting: Vec<Waiting>,
    seen: Seen,
    fate: BoxFuture<'static, bool>,
}

impl Receiving {
    async fn next(&mut self) -> Result<Inbound, ReceiveError> {
        if let Some(Offered { waiting, seen, fate }) = self.offered.take() {
            if fate.await {
                self.seen = seen;
                self.acknowledge(waiting).await;
            } else {
                waiting.into_iter().rev().for_each(|waiting| self.waiting.push_front(waiting));
            }
        }
        if self.opened == 0 && self.opening.is_none() {
            return self.begin().await;
        }
        loop {
            // What has arrived meanwhile is offered together.
            while self.waiting.len() < WAITING_MAX
                && let Some(Some((number, frame))) = self.frames.next().now_or_never()
            {
                self.heard(number, frame);
            }
            // Nothing of this waits for what waits for the store.
            if let Some(opened) = maybe(&mut self.opening).now_or_never() {
                self.opening = None;
                self.took_over(opened);
            }
            if let Some(found) = next_of(&mut self.missed).now_or_never() {
                self.found(found);
            }
            let _ = self.asides.next().now_or_never();
            if self.writers.is_empty() && self.opening.is_none() {
                // What waits is offered again by Slack, or found in the history.
                return Err(self.why_last.take().unwrap_or_else(|| lost("every socket has ended".into())));
            }
            self.release_overdue();
            if self.waiting.iter().any(|waiting| !self.is_held(waiting)) {
                return Ok(self.offer());
            }
            let overdue_at = self.waiting.iter().map(|waiting| waiting.since + HELD_MAX).min();
            let is_alive = tokio::select! {
                biased;
                opened = maybe(&mut self.opening) => { self.opening = None; self.took_over(opened); true }
                Some((number, frame)) = self.frames.next() => self.heard(number, frame),
                found = next_of(&mut self.missed) => { self.found(found); false }
                Some(()) = self.asides.next() => false,
                () = until(overdue_at) => false,
            };
            if is_alive && !self.waiting.iter().any(|waiting| !self.is_held(waiting)) && !self.writers.is_empty() {
                return Ok(Inbound::Alive);
            }
        }
    }

    /// Opens the first socket. Once it stands, what was missed is looked for; the very first marks where everything begins.
    async fn begin(&mut self) -> Result<Inbound, ReceiveError> {
        self.me = match self.link.me() {
            Some(me) => me,
            None => me::ask(&self.link).await?,
        };
        let socket = socket::open(Arc::clone(&self.link)).await?;
        self.add(socket);
        if self.seen.latest.is_none() {
            // Nothing before now is ours, and everything behind it: from here on gaps are known as such.
            self.seen.begun = Some(Ts::of(self.link.clock.now()));
            self.seen.latest = self.seen.begun;
            return Ok(self.offer());
        }
        self.look_for_missed();
        Ok(Inbound::Alive)
    }

    fn look_for_missed(&mut self) {
        let oldest = self.link.settings.update_age_max_ms.map(|ms| Ts::of(self.link.clock.now()).minus_ms(ms));
        let missed = gap::missed(Arc::clone(&self.link), self.me.clone(), &self.seen, oldest, self.awaited.clone());
        let pause =
            self.link.looked_for_missed_since().map_or(Duration::ZERO, |since| LOOKED_EVERY.saturating_sub(since));
        // Nothing before the pause is over, and then all of it.
        let pause = stream::once(tokio::time::sleep(pause)).filter_map(|()| std::future::ready(None));
        self.missed = Some(pause.chain(missed).boxed());
        self.is_whole = true;
    }

    fn add(&mut self, socket: Socket) {
        self.opened += 1;
        let number = self.opened;
        self.writers.insert(number, socket.writer);
        self.frames.push(socket.frames.map(move |frame| (number, frame)).boxed());
    }

    /// Whether the link is seen to stand.
    fn heard(&mut self, number: SocketNumber, frame: Result<Frame, Cause>) -> bool {
        match frame {
            Ok(Frame::Alive) => true,
            Ok(Frame::Envelope(envelope)) => {
                self.take(number, envelope);
                true
            }
            Ok(Frame::Disconnect { reason }) => {
                match reason.as_str() {
                    // It goes on until Slack closes it.
                    "warning" | "refresh_requested" => {
                        self.leaving.insert(number);
                        self.maybe_open_another();
                    }
                    _ => {
                        self.writers.remove(&number);
                        self.why_last = Some(socket::refused(&self.link, &reason));
                    }
                }
                false
            }
            Err(cause) => {
                if self.writers.remove(&number).is_some() {
                    self.why_last = Some(lost(cause.to_string()));
                }
                false
            }
        }
    }

    /// One socket is enough, two while one of them leaves.
    fn maybe_open_another(&mut self) {
        if self.opening.is_none() && self.writers.keys().all(|number| self.leaving.contains(number)) {
            self.opening = Some(socket::open(Arc::clone(&self.link)).boxed());
        }
    }

    /// The socket that takes over was opened, or not: then again, as long as another stands.
    fn took_over(&mut self, opened: Result<Socket, ReceiveError>) {
        match opened {
            Ok(socket) => {
                let was_deaf = self.writers.is_empty();
                self.add(socket);
                if was_deaf {
                    // Another gap: what was looked through has one more.
                    self.known.clear();
                    self.awaited.clear();
                    self.look_for_missed();
                }
            }
            Err(error) if self.writers.is_empty() => self.why_last = Some(error),
            Err(error) => {
                tracing::warn!(account = %self.link.account, "the socket that takes over did not open: {error}");
                let link = Arc::clone(&self.link);
                let again = async move {
                    tokio::time::sleep(OPEN_AGAIN).await;
                    socket::open(link).await
                };
                self.opening = Some(again.boxed());
            }
        }
    }

    fn take(&mut self, number: SocketNumber, envelope: Envelope) {
        let reader = Reader { link: &self.link, me: &self.me };
        let read = reader.read(&envelope);
        self.asides.extend(read.asides.into_iter().map(|aside| pane::set(Arc::clone(&self.link), aside)));
        match (read.update, self.writers.get(&number).cloned()) {
            (Some(update), _) => self.wait(update, Some((number, envelope.id, read.answer))),
            (None, Some(writer)) => {
                self.asides.push(async move { writer.acknowledge(&envelope.id, None).await }.boxed());
            }
            (None, None) => {}
        }
    }

    fn found(&mut self, found: Option<Found>) {
        let Some(Found { updates, known, is_whole }) = found else {
            self.link.looked_for_missed(Instant::now());
            self.missed = None;
            if !self.is_whole {
                self.look_for_missed();
            }
            return;
        };
        self.is_whole &= is_whole;
        self.known.extend(known);
        if updates.is_empty() {
            return;
        }
        tracing::debug!(account = %self.link.account, count = updates.len(), "found what may have been missed");
        updates.into_iter().for_each(|update| self.wait(update, None));
        // It was said before what is said now.
        self.waiting.make_contiguous().sort_by_key(|waiting| waiting.update.sent_at);
    }

    /// What Slack offers twice waits once.
    fn wait(&mut self, update: Update, envelope: Option<(SocketNumber, String, Option<Value>)>) {
        if let UpdateKind::Posted(message) = &update.kind {
            self.link.streams().asked(&update.place.conversation, &message.id, &update.sender.id);
        }
        match self.waiting.iter_mut().find(|waiting| waiting.update.id == update.id) {
            Some(waiting) => waiting.envelopes.extend(envelope),
            None => {
                let envelopes = envelope.into_iter().collect();
                let waiting = Waiting { update, since: Instant::now(), envelopes };
                if self.is_held(&waiting) {
                    self.awaited.insert(waiting.update.place.conversation.as_str());
                }
                self.waiting.push_back(waiting);
            }
        }
    }

    /// Whether something that was said before it in its conversation may still be found.
    fn is_held(&self, waiting: &Waiting) -> bool {
        self.missed.is_some()
            && is_in_history(&waiting.update)
            && !self.known.contains(waiting.update.place.conversation.as_str())
    }

    /// Where something has waited for too long, all that waits goes on, in its order.
    fn release_overdue(&mut self) {
        let overdue = self.waiting.iter().filter(|waiting| waiting.since.elapsed() >= HELD_MAX);
        self.known.extend(overdue.map(|waiting| waiting.update.place.conversation.as_str().to_owned()));
    }

    fn offer(&mut self) -> Inbound {
        let (mut waiting, mut held) = (Vec::new(), VecDeque::new());
        for one in std::mem::take(&mut self.waiting) {
            if waiting.len() < BATCH_MAX && !self.is_held(&one) { waiting.push(one) } else { held.push_back(one) }
        }
        self.waiting = held;
        let mut seen = self.seen.clone();
        let before = seen.latest;
        let updates: Vec<_> = waiting.iter().map(|waiting| waiting.update.clone()).collect();
        updates.iter().for_each(|update| seen.note(update));
        if self.missed.is_some() {
            // Whoever comes next begins to look where this began.
            seen.latest = before;
        }
        let cursor = Some(seen.cursor());
        let (ack, confirmed) = Ack::pair();
        self.offered = Some(Offered { waiting, seen, fate: async { confirmed.await.is_ok() }.boxed() });
        Inbound::Batch(Batch { updates, cursor, ack })
    }

    async fn acknowledge(&mut self, committed: Vec<Waiting>) {
        for waiting in committed {
            for (number, envelope, answer) in waiting.envelopes {
                if let Some(writer) = self.writers.get(&number) {
                    writer.acknowledge(&envelope, answer).await;
                }
            }
        }
    }
}

async fn next_of<T>(stream: &mut Option<BoxStream<'static, T>>) -> Option<T> {
    match stream {
        Some(stream) => stream.next().await,
        None => std::future::pending().await,
    }
}
