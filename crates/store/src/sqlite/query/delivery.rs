//! Deliveries: inserting them, and finding a turn's.

use lastword_core::{
    capability::Via,
    decide::deliver::PLACEHOLDER_TEXT,
    delivery::{DeliveryHappened, DeliveryKind, DeliveryState, Form},
    file::OutFile,
    ids::{DeliveryId, MessageId, PlaceId, Timestamp, TurnId},
    store::Topic,
};
use rusqlite::{Connection, params};

use crate::sqlite::{
    failure::{Failure, Res},
    row::{all, change_one, one, run},
    tx::Tx,
};

/// The part of a turn that its placeholder is.
const PART_PLACEHOLDER: i64 = 0;
/// The part of a turn that its terminal is; further parts follow.
pub(crate) const PART_TERMINAL: i64 = 1;

/// Due on every clock, also on one that is set back.
pub(crate) const AT_ONCE: Timestamp = Timestamp(0);

/// A delivery to be inserted.
#[derive(Debug)]
pub(crate) struct NewDelivery<'a> {
    pub(crate) key: Key,
    pub(crate) place: PlaceId,
    pub(crate) turn: Option<TurnId>,
    pub(crate) lane: Option<i64>,
    pub(crate) kind: DeliveryKind,
    pub(crate) via: Via,
    pub(crate) form: Form,
    pub(crate) text: &'a str,
    /// What is posted as files, in place of the text; usually nothing.
    pub(crate) files: &'a [OutFile],
    pub(crate) reply_to: Option<&'a MessageId>,
    pub(crate) target: Option<&'a MessageId>,
    /// From when it waits and until when; `None`: at once.
    pub(crate) waits: Option<(Timestamp, Timestamp)>,
}

/// What makes a delivery's key its own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Key {
    /// A part of a turn's last word, or its placeholder.
    Part(TurnId, i64),
    /// One of the notices, numbered.
    Notice(i64),
    /// The assertion of a delivery, named by its number.
    Assertion(i64),
}

impl Key {
    /// ASCII, at most 64 characters, and never used twice: not within a deployment, nor in another.
    fn spell(self, deployment: &str) -> String {
        match self {
            Self::Part(turn, part) => format!("lw-{deployment}-{turn}-{part}"),
            Self::Notice(n) => format!("lw-{deployment}-n{n}"),
            Self::Assertion(of) => format!("lw-{deployment}-a{of}"),
        }
    }

    fn part(self) -> Option<i64> {
        match self {
            Self::Part(_, part) => Some(part),
            Self::Notice(_) | Self::Assertion(_) => None,
        }
    }
}

impl<'a> NewDelivery<'a> {
    /// The last word, or its first part.
    pub(crate) fn terminal(
        place: PlaceId,
        turn: TurnId,
        via: Via,
        lane: Option<i64>,
        text: &'a str,
        reply_to: &'a MessageId,
    ) -> Self {
        Self {
            key: Key::Part(turn, PART_TERMINAL),
            place,
            turn: Some(turn),
            lane,
            kind: DeliveryKind::Terminal,
            via,
            form: Form::Formatted,
            text,
            files: &[],
            reply_to: Some(reply_to),
            target: None,
            waits: None,
        }
    }

    /// The `n`-th message of a last word, counted from 1.
    pub(crate) fn nth_part(mut self, turn: TurnId, n: usize) -> Self {
        if n > 1 {
            self.key = Key::Part(turn, n as i64);
            self.kind = DeliveryKind::Part;
        }
        self
    }

    /// The `number`-th of what is no last word.
    pub(crate) fn notice(
        number: i64,
        place: PlaceId,
        turn: Option<TurnId>,
        text: &'a str,
        reply_to: Option<&'a MessageId>,
    ) -> Self {
        Self {
            key: Key::Notice(number),
            place,
            turn,
            lane: None,
            kind: DeliveryKind::Hint,
            via: Via::Post,
            form: Form::Formatted,
            text,
            files: &[],
            reply_to,
            target: None,
            waits: None,
        }
    }

    /// The message posted when a turn starts.
    pub(crate) fn placeholder(place: PlaceId, turn: TurnId, lane: i64, reply_to: &'a MessageId) -> Self {
        Self {
            key: Key::Part(turn, PART_PLACEHOLDER),
            kind: DeliveryKind::Placeholder,
            form: Form::Plain,
            ..Self::terminal(place, turn, Via::Post, Some(lane), PLACEHOLDER_TEXT, reply_to)
        }
    }
}

pub(crate) fn insert(tx: &Tx<'_>, new: &NewDelivery<'_>) -> Res<()> {
    const SQL: &str = "INSERT INTO delivery (key, place, turn, part, lane, kind, via, form, text, reply_to, target,
             not_before, created_at, claimed_at, files)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
    let (since, until) = new.waits.unwrap_or((AT_ONCE, AT_ONCE));
    let files = match new.files {
        [] => None,
        files => Some(serde_json::to_string(files).map_err(|error| Failure::Refused(error.to_string()))?),
    };
    run(
        tx.conn(),
        SQL,
        params![
            new.key.spell(tx.deployment()),
            new.place.0,
            new.turn.map(|turn| turn.0),
            new.key.part(),
            new.lane,
            new.kind.as_str(),
            new.via.as_str(),
            new.form.as_str(),
            new.text,
            new.reply_to.map(MessageId::as_str),
            new.target.map(MessageId::as_str),
            until.0,
            tx.now().0,
            since.0,
            files,
        ],
    )?;
    tx.touch(Topic::Deliveries);
    Ok(())
}

/// Whether the network is known to have it.
pub(crate) fn is_delivered(conn: &Connection, delivery: DeliveryId) -> Res<bool> {
    const SQL: &str = "SELECT 1 FROM delivery WHERE id = ?1 AND state = ?2";
    Ok(one(conn, SQL, (delivery.0, DeliveryState::Delivered.as_str()), |_| Ok(()))?.is_some())
}

/// The state after `happened`, or a refusal.
pub(crate) fn after(state: DeliveryState, happened: DeliveryHappened) -> Res<DeliveryState> {
    let refuse = || Failure::Refused(format!("a delivery that is {} can't be {happened:?}", state.as_str()));
    state.after(happened).ok_or_else(refuse)
}

/// Takes back a turn's placeholder that nobody is posting now: its terminal needs none any more.
pub(crate) fn supersede_placeholder(tx: &Tx<'_>, turn: TurnId) -> Res<()> {
    const FIND: &str = "SELECT id, state FROM delivery WHERE turn = ?1 AND part = 0";
    const SQL: &str = "UPDATE delivery SET state = ?3, ended_at = ?4 WHERE id = ?1 AND state = ?2";
    let found = one(tx.conn(), FIND, [turn.0], |row| Ok((row.get::<i64>()?, row.word(DeliveryState::from_stored)?)))?;
    let Some((id, state)) = found else { return Ok(()) };
    let Some(next) = state.after(DeliveryHappened::Superseded) else { return Ok(()) };
    change_one(tx.conn(), SQL, (id, state.as_str(), next.as_str(), tx.now().0))
}

/// The last word as it was elected, all parts; `None` before the election, and nothing once it is erased.
pub(crate) fn last_word(conn: &Connection, turn: TurnId) -> Res<Option<String>> {
    const SQL: &str = "SELECT text FROM delivery WHERE turn = ?1 AND part >= 1 ORDER BY part";
    let parts: Vec<String> = all(conn, SQL, [turn.0], |row| row.get())?;
    let is_erased = parts.iter().all(String::is_empty);
    Ok((!parts.is_empty()).then(|| if is_erased { String::new() } else { parts.join("\n") }))
}
