//! The model's numbers as core's names and back, so that core's decisions can be asked.

use lastword_core::{
    decide::deliver::PLACEHOLDER_TEXT,
    ids::{AccountId, ConversationId, DeliveryId, DeliveryKey, IncarnationId, MessageId, Place, Timestamp, TurnId},
    reason::Reason,
    store::DeliveryClaim,
};

use super::{
    state::{Doubt, Hand, Says, Text},
    variant::LIFETIME_MS,
};

/// The time of every claim and settlement in the model, where only differences count.
pub const NOW: Timestamp = Timestamp(100 * LIFETIME_MS);
/// The account of every variant.
pub const ACCOUNT: &str = "bot";
/// The deadline that a sweep names.
pub const DEADLINE_MS: i64 = 60_000;

/// The one place.
pub fn place() -> Place {
    Place { account: AccountId::new(ACCOUNT), conversation: ConversationId::new("room"), thread: None }
}

pub fn bridge(number: usize) -> IncarnationId {
    IncarnationId::new(format!("bridge-{number}"))
}

pub fn worker(number: usize) -> IncarnationId {
    IncarnationId::new(format!("worker-{number}"))
}

/// The network's name of a bubble.
pub fn message(bubble: u8) -> MessageId {
    MessageId::new(format!("m{bubble}"))
}

/// The bubble that the network calls so.
pub fn bubble_of(message: &MessageId) -> u8 {
    message.as_str().strip_prefix('m').and_then(|number| number.parse().ok()).expect("a message of the model")
}

/// The delivery that the store numbers from 1.
pub fn delivery(number: u8) -> DeliveryId {
    DeliveryId(i64::from(number) + 1)
}

/// The turn that the store numbers from 1.
pub fn turn(number: u8) -> TurnId {
    TurnId(i64::from(number) + 1)
}

/// Why an agent, a sweep or a lost worker ends a turn.
pub fn reason(says: Says) -> Option<Reason> {
    match says {
        Says::Answer => None,
        Says::Failure => Some(Reason::AgentSilent),
        Says::Overdue => Some(Reason::TooSlow { after_ms: DEADLINE_MS }),
        Says::Lost => Some(Reason::WorkerLost),
    }
}

/// What people read.
pub fn text(text: Text) -> String {
    match text {
        Text::Dots => PLACEHOLDER_TEXT.into(),
        Text::Progress => "so far".into(),
        Text::Apology { .. } => "Error: the reply could not be posted".into(),
        Text::Word(word) => match reason(word.says) {
            Some(reason) => reason.last_word(),
            None => format!("answer {}.{}, part {}", word.turn, word.attempt, word.part),
        },
    }
}

/// A claim as the store hands it to a bridge.
///
/// Left out, because nothing here comes to the eighth attempt: since when it fails, and whether others succeed.
pub fn claim(hand: &Hand) -> DeliveryClaim {
    let Hand { delivery: number, seen, is_taken_over, .. } = *hand;
    DeliveryClaim {
        id: delivery(number),
        key: DeliveryKey::new(format!("k{number}")),
        attempt: seen.attempts,
        place: place(),
        kind: seen.kind,
        turn: Some(turn(seen.turn)),
        via: seen.via,
        form: seen.form,
        text: text(seen.text),
        files: Vec::new(),
        reply_to: None,
        target: seen.target.map(message),
        doubted_at: seen.doubt.map(|doubt| match doubt {
            Doubt::Young => NOW,
            Doubt::Old => NOW.plus_ms(-LIFETIME_MS),
        }),
        failed_at: None,
        others_succeed: false,
        is_taken_over,
        unheard_since: None,
        now: NOW,
    }
}
