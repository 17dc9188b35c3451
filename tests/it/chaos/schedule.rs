//! What happens when, drawn from a seed.

use std::fmt;

use fastrand::Rng;
use lastword_tests::{
    ledger::{Fault, On},
    matrix, slack, telegram,
};

use super::people::{CHATS, Said};
use crate::world::{Faults, Network, Who};

/// The longest that a process stands still: shorter than a request lives in the network, which is a documented limit.
const FREEZE_MS_MAX: u64 = 3_000;
/// The longest that another program holds the store: longer than a batch is offered.
const LOCK_MS_MAX: u64 = 6_500;
/// The longest that the network refuses everything.
const OUT_MS_MAX: u64 = 2_500;
/// The longest that the network keeps a request, or its answer: shorter than a request's lifetime, too.
const SLOW_MS_MAX: u64 = 1_500;

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Event {
    Says(Said),
    /// SIGKILL.
    Kill(Who),
    /// SIGSTOP and SIGCONT.
    Freeze(Who),
    Thaw(Who),
    FreezeAll,
    ThawAll,
    /// Another program holds the store's lock.
    LockStore,
    UnlockStore,
    FillDisk,
    EmptyDisk,
    /// The network refuses everything.
    NetworkOut,
    NetworkBack,
    /// What becomes of the next requests in a conversation, or anywhere.
    Trouble(Option<&'static str>, Faults),
    /// Somebody else receives as the bot for a moment.
    Taken,
    /// The wall clock steps to this offset of the true time.
    Clock(&'static str),
}

/// How much of what is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Where.
    pub network: Network,
    /// How long it takes.
    pub seconds: u64,
    /// How many messages are said.
    pub messages: usize,
    /// How many faults happen.
    pub faults: usize,
    /// Whether the state has a disk of its own.
    pub has_disk: bool,
    /// Whether the clock can be set.
    pub has_clock: bool,
}

/// What happens in one round: the time of each event in milliseconds, in order.
#[derive(Clone, Debug)]
pub struct Schedule {
    pub seed: u64,
    pub events: Vec<(u64, Event)>,
}

impl Schedule {
    /// The same for the same seed and plan.
    pub fn draw(seed: u64, plan: Plan) -> Self {
        let mut rng = Rng::with_seed(seed);
        let end_ms = plan.seconds * 1_000;
        let mut events = Vec::new();
        for n in 0..plan.messages {
            events.push((rng.u64(..end_ms), Event::Says(Said::draw(&mut rng, &format!("#s{seed}m{n}"), plan.network))));
        }
        for _ in 0..plan.faults {
            let at = rng.u64(..end_ms);
            let (event, undone) = draw_fault(&mut rng, plan);
            events.push((at, event));
            events.extend(undone.map(|(after_ms, undone)| (at + after_ms, undone)));
        }
        events.sort_by_key(|(at, _)| *at);
        Self { seed, events }
    }
}

/// A fault, and what ends it.
fn draw_fault(rng: &mut Rng, plan: Plan) -> (Event, Option<(u64, Event)>) {
    const PROCESSES: &[Who] = &[Who::Bridge, Who::Bridge, Who::Worker, Who::Worker, Who::Shim, Who::Agent];
    let mut within = |max_ms: u64| rng.u64(300..max_ms);
    let (freeze_ms, lock_ms, out_ms) = (within(FREEZE_MS_MAX), within(LOCK_MS_MAX), within(OUT_MS_MAX));
    let who = PROCESSES[rng.usize(..PROCESSES.len())];
    match rng.u8(..40) {
        0..=15 => (Event::Kill(who), None),
        16..=18 => (Event::Kill(Who::Supervisor), None),
        19..=22 => (Event::Freeze(who), Some((freeze_ms, Event::Thaw(who)))),
        23 => (Event::FreezeAll, Some((freeze_ms, Event::ThawAll))),
        24..=26 => (Event::LockStore, Some((lock_ms, Event::UnlockStore))),
        27..=28 => (Event::NetworkOut, Some((out_ms, Event::NetworkBack))),
        29..=31 if plan.has_disk => (Event::FillDisk, Some((out_ms, Event::EmptyDisk))),
        32..=34 if plan.has_clock => (Event::Clock(["+1h", "-1h", "+3s", "-3s"][rng.usize(..4)]), None),
        32..=34 if matches!(plan.network, Network::Telegram | Network::Slack | Network::Matrix) => (Event::Taken, None),
        _ => (draw_trouble(rng, plan), None),
    }
}

fn draw_trouble(rng: &mut Rng, plan: Plan) -> Event {
    match plan.network {
        Network::Telegram => return draw_telegram_trouble(rng),
        Network::Slack => return draw_slack_trouble(rng),
        Network::Matrix => return draw_matrix_trouble(rng),
        Network::Native | Network::EditOnly | Network::Findable | Network::Careless => {}
    }
    let conversation = ["s0", "s1", "r0", "e0", "e1"][rng.usize(..5)];
    let on = [On::Any, On::Any, On::Post, On::Edit][rng.usize(..4)];
    let faults = std::iter::repeat_with(|| draw_request_fault(rng, plan)).take(3).collect();
    Event::Trouble(Some(conversation), Faults::Scripted(on, faults))
}

fn draw_telegram_trouble(rng: &mut Rng) -> Event {
    let method = [None, None, Some("sendMessage"), Some("editMessageText"), Some("getUpdates")][rng.usize(..5)];
    // A poll is in no chat.
    let conversation = (method != Some("getUpdates") && rng.bool()).then(|| CHATS[rng.usize(..CHATS.len())].0);
    let faults = std::iter::repeat_with(|| draw_telegram_fault(rng)).take(3).collect();
    Event::Trouble(conversation, Faults::Telegram(method, faults))
}

fn draw_slack_trouble(rng: &mut Rng) -> Event {
    const METHODS: [Option<&str>; 6] = [
        None,
        Some("chat.postMessage"),
        Some("chat.update"),
        Some("apps.connections.open"),
        Some("conversations.history"),
        Some("conversations.replies"),
    ];
    let method = METHODS[rng.usize(..METHODS.len())];
    // A socket is in no channel.
    let conversation =
        (method != Some("apps.connections.open") && rng.bool()).then(|| CHATS[rng.usize(..CHATS.len())].0);
    let faults = std::iter::repeat_with(|| draw_slack_fault(rng)).take(3).collect();
    Event::Trouble(conversation, Faults::Slack(method, faults))
}

fn draw_matrix_trouble(rng: &mut Rng) -> Event {
    const PATHS: [Option<&str>; 7] =
        [None, None, Some("/send/"), Some("/sync"), Some("/sendToDevice/"), Some("/keys/"), Some("/messages")];
    let path = PATHS[rng.usize(..PATHS.len())];
    // Only what is sent is sent into a room.
    let is_sent = path.is_none_or(|path| path == "/send/");
    let conversation = (is_sent && rng.bool()).then(|| CHATS[rng.usize(..CHATS.len())].0);
    let faults = std::iter::repeat_with(|| draw_matrix_fault(rng)).take(3).collect();
    Event::Trouble(conversation, Faults::Matrix(path.filter(|_| conversation.is_none()), faults))
}

fn draw_request_fault(rng: &mut Rng, plan: Plan) -> Fault {
    let ms = rng.u64(50..SLOW_MS_MAX);
    match rng.u8(..8) {
        0 => Fault::DropBefore,
        1 | 2 => Fault::CutAfter,
        3 => Fault::FailBefore,
        4 => Fault::FailAfter,
        // When the clock is set forward, a request on its way outlives its lifetime by it.
        5 if !plan.has_clock => Fault::DelayBefore { ms },
        5 | 6 => Fault::DelayAfter { ms },
        _ => {
            let scope = ["message", "conversation", "account"][rng.usize(..3)].to_owned();
            Fault::Limited { retry_after_ms: ms, scope }
        }
    }
}

fn draw_telegram_fault(rng: &mut Rng) -> telegram::Fault {
    use telegram::Fault;
    let ms = rng.u64(50..SLOW_MS_MAX);
    match rng.u8(..12) {
        0 => Fault::DropBefore,
        1 | 2 => Fault::CutAfter,
        3 => Fault::FailBefore,
        4 => Fault::FailAfter,
        5 => Fault::GatewayBefore,
        6 => Fault::GatewayAfter,
        7 => Fault::GarbleAfter,
        8 => Fault::DelayBefore { ms },
        9 | 10 => Fault::DelayAfter { ms },
        _ => Fault::Limited { retry_after_s: rng.u64(1..=3) },
    }
}

fn draw_slack_fault(rng: &mut Rng) -> slack::Fault {
    use slack::Fault;
    let ms = rng.u64(50..SLOW_MS_MAX);
    let error = ["internal_error", "fatal_error", "service_unavailable"][rng.usize(..3)].to_owned();
    match rng.u8(..12) {
        0 => Fault::DropBefore,
        1 | 2 => Fault::CutAfter,
        3 => Fault::ErrorBefore { error },
        4 => Fault::ErrorAfter { error },
        5 => Fault::GatewayBefore,
        6 => Fault::GatewayAfter,
        7 => Fault::GarbleAfter,
        8 => Fault::DelayBefore { ms },
        9 | 10 => Fault::DelayAfter { ms },
        _ => Fault::Limited { retry_after_s: rng.u64(1..=3), is_bare: rng.bool() },
    }
}

fn draw_matrix_fault(rng: &mut Rng) -> matrix::Fault {
    use matrix::Fault;
    let ms = rng.u64(50..SLOW_MS_MAX);
    match rng.u8(..12) {
        0 => Fault::DropBefore,
        1 | 2 => Fault::CutAfter,
        3 => Fault::FailBefore,
        4 => Fault::FailAfter,
        5 => Fault::GatewayBefore,
        6 => Fault::GatewayAfter,
        7 => Fault::GarbleAfter,
        8 => Fault::DelayBefore { ms },
        9 | 10 => Fault::DelayAfter { ms },
        _ => Fault::Limited { retry_after_ms: ms },
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Says(said) => said.fmt(f),
            Self::Kill(who) => write!(f, "kill the {who:?}"),
            Self::Freeze(who) => write!(f, "freeze the {who:?}"),
            Self::Thaw(who) => write!(f, "thaw the {who:?}"),
            Self::FreezeAll => f.write_str("freeze everybody"),
            Self::ThawAll => f.write_str("thaw everybody"),
            Self::LockStore => f.write_str("another program takes the store"),
            Self::UnlockStore => f.write_str("it lets go of the store"),
            Self::FillDisk => f.write_str("the disk is full"),
            Self::EmptyDisk => f.write_str("the disk has room again"),
            Self::NetworkOut => f.write_str("the network refuses everything"),
            Self::NetworkBack => f.write_str("the network is back"),
            Self::Trouble(conversation, faults) => write!(f, "in {}: {faults:?}", conversation.unwrap_or("all")),
            Self::Taken => f.write_str("somebody else receives as the bot"),
            Self::Clock(offset) => write!(f, "the clock steps to {offset}"),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at_ms, event) in &self.events {
            writeln!(f, "{:>7.3} s  {event}", *at_ms as f64 / 1_000.0)?;
        }
        Ok(())
    }
}
