//! Socket Mode: tickets, sockets, and events that are sent again until one of an app's sockets acknowledges them.
//!
//! Guarantee: each attempt goes to exactly one open socket of the app, at random, in an envelope of its own; an event
//! that is not acknowledged in time is sent again after the pauses of [`Settings`], and then given up. With no open
//! socket an attempt fails at once. Slash commands and interactions are attempted once.
//!
//! <https://docs.slack.dev/apis/events-api/using-socket-mode>, <https://docs.slack.dev/apis/events-api/#error-handling>

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::settings::Settings;

/// The most sockets of an app.
const SOCKETS_MAX: usize = 10;

/// How a socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SocketState {
    /// It works.
    Open,
    /// Nothing comes out of it any more, and nobody reads what goes in: a zombie, which the network takes for open.
    Silent,
    /// It was opened and never greeted; nothing is sent there.
    Mute,
    /// It is gone.
    Closed,
}

/// A socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Socket {
    /// Its number, in the order of opening.
    pub id: u64,
    /// Which app.
    pub app: String,
    /// How it is.
    pub state: SocketState,
    /// Milliseconds since the server started.
    pub opened_at_ms: u64,
    /// Milliseconds since the server started.
    pub closed_at_ms: Option<u64>,
    /// Why it was asked to go away, if it was.
    pub disconnect: Option<String>,
    #[serde(skip)]
    close_at_ms: Option<u64>,
    #[serde(skip)]
    outbox: VecDeque<Frame>,
}

/// What is to be sent on a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Text.
    Text(String),
    /// The end, politely.
    Close,
    /// The end, without a word.
    Cut,
}

/// One try to deliver something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The envelope of this try.
    pub envelope: String,
    /// Where it went; nowhere, if no socket was open.
    pub socket: Option<u64>,
    /// Milliseconds since the server started.
    pub at_ms: u64,
    /// When it was acknowledged, if it was, in time or not.
    pub acked_at_ms: Option<u64>,
}

/// How far a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The next try is due then.
    Due(u64),
    /// It was sent, and may be acknowledged until then.
    Out(u64),
    /// It was acknowledged in time.
    Acked,
    /// Nothing more is tried.
    GivenUp,
}

/// Something that an app has to be told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Which app.
    pub app: String,
    /// `events_api`, `slash_commands` or `interactive`.
    pub kind: String,
    /// The event's type, or the command.
    pub what: String,
    /// `Ev…`, if it is an event.
    pub event_id: Option<String>,
    /// Where it happened, if it is about a message.
    pub channel: Option<String>,
    /// The message, if it is about one.
    pub ts: Option<String>,
    /// How far it is.
    pub state: State,
    /// The tries.
    pub attempts: Vec<Attempt>,
    /// What came with the acknowledgement, if anything.
    pub response: Option<Value>,
    #[serde(skip)]
    pub(super) payload: Value,
}

/// All sockets and everything that goes through them.
#[derive(Clone, Debug, Default)]
pub struct Links {
    /// Sockets in the order of opening.
    pub sockets: Vec<Socket>,
    /// Deliveries in the order of happening.
    pub deliveries: Vec<Delivery>,
    tickets: BTreeMap<String, String>,
    /// The places of what is neither acknowledged nor given up.
    pending: BTreeSet<usize>,
    /// The places of deliveries by the envelopes of their attempts.
    envelopes: BTreeMap<String, usize>,
    made: u64,
}

impl Links {
    /// Has something delivered.
    pub fn deliver(&mut self, delivery: Delivery) {
        self.pending.insert(self.deliveries.len());
        self.deliveries.push(delivery);
    }

    /// A ticket for one socket.
    pub fn ticket(&mut self, app: &str) -> String {
        self.made += 1;
        let ticket = format!("{:08x}-{}", fastrand::u32(..), self.made);
        self.tickets.insert(ticket.clone(), app.to_owned());
        ticket
    }

    /// Uses a ticket up; returns the app.
    pub fn redeem(&mut self, ticket: &str) -> Option<String> {
        self.tickets.remove(ticket)
    }

    /// Opens a socket, and greets unless it is to be mute; returns its number.
    pub fn open(&mut self, app: &str, is_mute: bool, now_ms: u64) -> u64 {
        let id = self.sockets.len() as u64 + 1;
        let state = if is_mute { SocketState::Mute } else { SocketState::Open };
        let mut socket = Socket {
            id,
            app: app.to_owned(),
            state,
            opened_at_ms: now_ms,
            closed_at_ms: None,
            disconnect: None,
            close_at_ms: None,
            outbox: VecDeque::new(),
        };
        let count = self.open_sockets(app).count() + 1;
        if !is_mute {
            let hello = json!({ "type": "hello", "num_connections": count, "connection_info": { "app_id": app },
                                "debug_info": { "host": format!("applink-{id}"), "build_number": 1,
                                                "approximate_connection_time": 18_060 } });
            socket.outbox.push_back(Frame::Text(hello.to_string()));
        }
        self.sockets.push(socket);
        if count > SOCKETS_MAX {
            self.disconnect(id, "too_many_websockets", Some(now_ms));
        }
        id
    }

    /// Asks a client to leave a socket; closes it at that time, if one is given.
    pub fn disconnect(&mut self, id: u64, reason: &str, close_at_ms: Option<u64>) {
        let Some(socket) = self.socket(id) else { return };
        let frame = json!({ "type": "disconnect", "reason": reason,
                            "debug_info": { "host": format!("applink-{id}") } });
        socket.disconnect = Some(reason.to_owned());
        socket.close_at_ms = close_at_ms;
        socket.outbox.push_back(Frame::Text(frame.to_string()));
    }

    /// Ends a socket.
    pub fn end(&mut self, id: u64, how: Frame) {
        if let Some(socket) = self.socket(id) {
            socket.outbox.push_back(how);
        }
    }

    /// Cuts every socket.
    pub fn cut_all(&mut self) {
        for socket in self.sockets.iter_mut().filter(|socket| socket.state != SocketState::Closed) {
            socket.outbox.push_back(Frame::Cut);
        }
    }

    /// Makes a socket a zombie.
    pub fn silence(&mut self, id: u64) {
        if let Some(socket) = self.socket(id) {
            socket.state = SocketState::Silent;
        }
    }

    /// A socket is gone.
    pub fn closed(&mut self, id: u64, now_ms: u64) {
        if let Some(socket) = self.socket(id) {
            socket.state = SocketState::Closed;
            socket.closed_at_ms = Some(now_ms);
        }
    }

    /// What a socket has to send now, and how it is. Of a silent one only its end is told.
    pub fn take(&mut self, id: u64) -> (Vec<Frame>, SocketState) {
        let Some(socket) = self.socket(id) else { return (vec![Frame::Cut], SocketState::Closed) };
        let mut frames: Vec<_> = socket.outbox.drain(..).collect();
        if socket.state == SocketState::Silent {
            frames.retain(|frame| !matches!(frame, Frame::Text(_)));
        }
        (frames, socket.state)
    }

    /// The sockets of an app that the network takes for open.
    pub fn open_sockets(&self, app: &str) -> impl Iterator<Item = u64> {
        let is_open = move |socket: &&Socket| {
            socket.app == app && matches!(socket.state, SocketState::Open | SocketState::Silent)
        };
        self.sockets.iter().filter(is_open).map(|socket| socket.id)
    }

    /// Every socket of an app that is not gone.
    #[must_use]
    pub fn living(&self, app: &str) -> Vec<u64> {
        let lives = |socket: &&Socket| socket.app == app && socket.state != SocketState::Closed;
        self.sockets.iter().filter(lives).map(|socket| socket.id).collect()
    }

    fn socket(&mut self, id: u64) -> Option<&mut Socket> {
        self.sockets.iter_mut().find(|socket| socket.id == id && socket.state != SocketState::Closed)
    }

    /// Does what is due; returns whether anything was.
    pub fn tick(&mut self, now_ms: u64, settings: &Settings) -> bool {
        let mut has_changed = false;
        for socket in &mut self.sockets {
            if socket.close_at_ms.is_some_and(|at_ms| at_ms <= now_ms) {
                socket.close_at_ms = None;
                socket.outbox.push_back(Frame::Close);
                has_changed = true;
            }
        }
        for n in self.pending.iter().copied().collect::<Vec<_>>() {
            match self.deliveries[n].state {
                State::Due(at_ms) if at_ms <= now_ms => self.attempt(n, now_ms, settings),
                State::Out(until_ms) if until_ms <= now_ms => self.deliveries[n].failed(now_ms, settings),
                State::Due(_) | State::Out(_) => continue,
                State::Acked | State::GivenUp => drop(self.pending.remove(&n)),
            }
            has_changed = true;
        }
        has_changed
    }

    /// When something is due next.
    #[must_use]
    pub fn next_due_ms(&self) -> Option<u64> {
        let closes = self.sockets.iter().filter_map(|socket| socket.close_at_ms);
        let pending = self.pending.iter().map(|n| &self.deliveries[*n]);
        let tries = pending.filter_map(|delivery| match delivery.state {
            State::Due(at_ms) | State::Out(at_ms) => Some(at_ms),
            State::Acked | State::GivenUp => None,
        });
        closes.chain(tries).min()
    }

    fn attempt(&mut self, n: usize, now_ms: u64, settings: &Settings) {
        let open: Vec<_> = self.open_sockets(&self.deliveries[n].app).collect();
        let socket = fastrand::choice(&open).copied();
        self.made += 1;
        let envelope = format!("{:08x}-0000-4000-8000-{:012x}", fastrand::u32(..), self.made);
        self.envelopes.insert(envelope.clone(), n);
        let delivery = &mut self.deliveries[n];
        if let Some(id) = socket
            && let Some(target) = self.sockets.iter_mut().find(|socket| socket.id == id)
        {
            target.outbox.push_back(Frame::Text(delivery.enveloped(&envelope).to_string()));
        }
        delivery.attempts.push(Attempt { envelope, socket, at_ms: now_ms, acked_at_ms: None });
        delivery.state = State::Out(now_ms + settings.ack_within_ms);
        if socket.is_none() {
            delivery.failed(now_ms, settings);
        }
    }

    /// An acknowledgement; returns the delivery, if this is the one that counts.
    pub fn ack(&mut self, envelope: &str, response: Option<Value>, now_ms: u64) -> Option<&Delivery> {
        let delivery = &mut self.deliveries[*self.envelopes.get(envelope)?];
        let is_last = delivery.attempts.last().is_some_and(|attempt| attempt.envelope == envelope);
        let attempt = delivery.attempts.iter_mut().find(|attempt| attempt.envelope == envelope)?;
        attempt.acked_at_ms.get_or_insert(now_ms);
        if !is_last || !matches!(delivery.state, State::Out(until_ms) if now_ms < until_ms) {
            return None;
        }
        delivery.state = State::Acked;
        delivery.response = response;
        Some(delivery)
    }
}

impl Delivery {
    fn failed(&mut self, now_ms: u64, settings: &Settings) {
        let is_event = self.kind == "events_api";
        let pause = settings.retry_after_ms.get(self.attempts.len() - 1).filter(|_| is_event);
        self.state = pause.map_or(State::GivenUp, |pause_ms| State::Due(now_ms + pause_ms));
    }

    fn enveloped(&self, envelope: &str) -> Value {
        let mut shown = json!({ "envelope_id": envelope, "type": self.kind, "payload": self.payload,
                                "accepts_response_payload": self.kind != "events_api" });
        if self.kind == "events_api" {
            let reason = self
                .attempts
                .last()
                .map_or("", |last| if last.socket.is_some() { "timeout" } else { "connection_failed" });
            shown["retry_attempt"] = self.attempts.len().into();
            shown["retry_reason"] = reason.into();
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(kind: &str) -> Delivery {
        Delivery {
            app: "A1".into(),
            kind: kind.into(),
            what: "message".into(),
            event_id: None,
            channel: None,
            ts: None,
            state: State::Due(0),
            attempts: Vec::new(),
            response: None,
            payload: json!({ "n": 1 }),
        }
    }

    fn sent(links: &mut Links, socket: u64) -> Vec<Value> {
        let frames = links.take(socket).0.into_iter();
        let text = |frame| if let Frame::Text(text) = frame { serde_json::from_str(&text).ok() } else { None };
        frames.filter_map(text).filter(|frame: &Value| frame["type"] != "hello").collect()
    }

    #[test]
    fn an_event_comes_again_at_once_after_a_minute_and_after_five_and_then_no_more() {
        let (mut links, settings) = (Links::default(), Settings::default());
        let socket = links.open("A1", false, 0);
        links.deliver(delivery("events_api"));
        let mut seen = Vec::new();
        while let Some(due_ms) = links.next_due_ms() {
            links.tick(due_ms, &settings);
            let frames = sent(&mut links, socket);
            seen.extend(
                frames.iter().map(|frame| (due_ms, frame["retry_attempt"].clone(), frame["retry_reason"].clone())),
            );
        }
        let expected = [(0, 0, ""), (3_000, 1, "timeout"), (66_000, 2, "timeout"), (369_000, 3, "timeout")];
        assert_eq!(seen, expected.map(|(at, n, why)| (at, json!(n), json!(why))));
        assert_eq!(links.deliveries[0].state, State::GivenUp);
    }

    #[test]
    fn only_an_acknowledgement_in_time_counts() {
        let (mut links, settings) = (Links::default(), Settings::default());
        let socket = links.open("A1", false, 0);
        links.deliver(delivery("events_api"));
        links.tick(0, &settings);
        let first = sent(&mut links, socket)[0]["envelope_id"].as_str().unwrap().to_owned();
        links.tick(3_000, &settings);
        links.tick(3_000, &settings);
        let second = sent(&mut links, socket)[0]["envelope_id"].as_str().unwrap().to_owned();
        assert_eq!(links.ack(&first, None, 3_001), None);
        assert!(links.ack(&second, Some(json!({})), 3_002).is_some());
        assert_eq!((links.deliveries[0].state, links.next_due_ms()), (State::Acked, None));
    }

    #[test]
    fn with_no_socket_open_an_event_waits_for_its_retry_and_a_command_does_not() {
        let (mut links, settings) = (Links::default(), Settings::default());
        for kind in ["events_api", "slash_commands"] {
            links.deliver(delivery(kind));
        }
        links.open("A1", true, 0);
        links.tick(0, &settings);
        links.tick(0, &settings);
        assert_eq!(links.deliveries[0].state, State::Due(60_000));
        assert_eq!(links.deliveries[1].state, State::GivenUp);
        let socket = links.open("A1", false, 10);
        links.tick(60_000, &settings);
        assert_eq!(sent(&mut links, socket)[0]["retry_reason"], "connection_failed");
    }

    #[test]
    fn the_eleventh_socket_is_told_to_leave_and_a_silent_one_says_nothing() {
        let mut links = Links::default();
        let sockets: Vec<_> = (0..11).map(|_| links.open("A1", false, 0)).collect();
        assert_eq!(sent(&mut links, sockets[10])[0]["reason"], "too_many_websockets");
        links.silence(sockets[0]);
        links.disconnect(sockets[0], "warning", None);
        assert_eq!(sent(&mut links, sockets[0]), [] as [Value; 0]);
        assert_eq!(links.redeem("none"), None);
        let ticket = links.ticket("A1");
        assert_eq!((links.redeem(&ticket), links.redeem(&ticket)), (Some("A1".into()), None));
    }
}
