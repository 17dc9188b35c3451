//! Recording what an attempt achieved.

use lastword_core::{
    alert::AlertCode,
    capability::Via,
    delivery::{DeliveryHappened, DeliveryKind, DeliveryState, Form},
    ids::{DeliveryId, IncarnationId, MessageId, PlaceId, Timestamp, TurnId},
    outcome::RetryScope,
    store::{HELD_CAUSE, PAUSE_MS_MAX, Pause, Settlement, Topic, Traced},
};
use rusqlite::{Connection, params};

use super::{
    account, alert,
    delivery::{self, AT_ONCE, Key, NewDelivery, PART_TERMINAL},
    deployment, place,
    tally::{Latency, NOT_POSTED},
    trace::{self, Happened},
};
use crate::sqlite::{
    failure::{Failure, Res},
    row::{change_one, one},
    tx::Tx,
};

struct Sent {
    id: DeliveryId,
    kind: DeliveryKind,
    place: PlaceId,
    account: String,
    conversation: String,
    turn: Option<TurnId>,
    form: Form,
    text: String,
    attempt: u32,
    has_failed: bool,
    cause: Option<String>,
    created_at: Timestamp,
    /// When this attempt began, and with it every pause that follows from it.
    claimed_at: Timestamp,
}

/// `false`: this attempt is not `holder`'s any more, and nothing was changed.
pub(crate) fn settle(
    tx: &Tx<'_>,
    holder: &IncarnationId,
    id: DeliveryId,
    attempt: u32,
    settlement: &Settlement,
) -> Res<bool> {
    let Some(sent) = find(tx.conn(), holder, id, attempt)? else { return Ok(false) };
    let state = delivery::after(DeliveryState::Sending, happened(settlement))?;
    match settlement {
        Settlement::Delivered { message, assert_at, notice } => {
            delivered(tx, holder, &sent, state, message)?;
            if let Some(at) = assert_at {
                assert_once_more(tx, &sent, message, *at)?;
            }
            if let Some(text) = notice {
                notify(tx, &sent, text)?;
            }
        }
        Settlement::TargetRecorded { target } => target_recorded(tx, &sent, state, target)?,
        Settlement::Deferred { pause, cause } => {
            let pause = believable(tx, *pause);
            failed(tx, &sent, state, pause, cause)?;
            hold_back(tx, &sent, pause)?;
        }
        Settlement::Doubted { pause, cause } => {
            let pause = believable(tx, *pause);
            failed(tx, &sent, state, pause, cause)?;
            hold_back(tx, &sent, pause)?;
        }
        Settlement::Held { until } => {
            let pause = believable(tx, Pause { until: *until, scope: RetryScope::Message });
            failed(tx, &sent, state, pause, HELD_CAUSE)?;
        }
        Settlement::Reshaped { form, via, text, cause } => {
            reshaped(tx, &sent, state, (*form, *via), text.as_deref(), cause)?;
        }
        Settlement::NotNeeded => not_needed(tx, &sent, state)?,
        Settlement::GivenUp { cause } => {
            given_up(tx, &sent, state, cause)?;
            tx.count(super::tally::Tally::delivery_died);
        }
    }
    write_down(tx, &sent, settlement)?;
    hold_or_release(tx, &sent, settlement)?;
    tx.touch(Topic::Deliveries);
    Ok(true)
}

/// The rare in the trace, what was given up or replaced as an alert, and how long a last word took.
fn write_down(tx: &Tx<'_>, sent: &Sent, settlement: &Settlement) -> Res<()> {
    let (what, why) = match settlement {
        Settlement::Delivered { .. } => {
            if sent.kind == DeliveryKind::Terminal {
                tx.count(|tally| tally.took(Latency::Delivered, tx.now().since_ms(sent.created_at)));
            }
            return Ok(());
        }
        Settlement::GivenUp { cause } => {
            return match sent.kind {
                // Somebody waits for a last word that will not come.
                DeliveryKind::Terminal | DeliveryKind::Part => tell(tx, sent, AlertCode::DeliveryGivenUp, cause),
                DeliveryKind::Assertion => tell(tx, sent, AlertCode::TextPerhapsStale, cause),
                DeliveryKind::Placeholder | DeliveryKind::Hint => Ok(()),
            };
        }
        Settlement::NotNeeded => return Ok(()),
        Settlement::TargetRecorded { .. } if !sent.has_failed => return Ok(()),
        Settlement::TargetRecorded { .. } => {
            (Traced::DeliveryTarget, format!("after: {}", sent.cause.as_deref().unwrap_or("a lost holder")))
        }
        Settlement::Deferred { cause, .. } => (Traced::DeliveryDeferred, cause.clone()),
        Settlement::Doubted { cause, .. } => (Traced::DeliveryDoubted, cause.clone()),
        Settlement::Held { .. } => (Traced::DeliveryDoubted, HELD_CAUSE.to_owned()),
        Settlement::Reshaped { form, via, cause, .. } => {
            if *form == Form::Apology && matches!(sent.kind, DeliveryKind::Terminal | DeliveryKind::Part) {
                tx.count(|tally| tally.rare(NOT_POSTED, "", 1));
                tell(tx, sent, AlertCode::ReplyNotPosted, cause)?;
            }
            (Traced::DeliveryReshaped, format!("{} by {}: {cause}", form.as_str(), via.as_str()))
        }
    };
    let Some(turn) = sent.turn else { return Ok(()) };
    // Without the attempt, so that the same trouble again is counted and not told again.
    let detail = format!("delivery {}, {}: {why}", sent.id, sent.kind.as_str());
    trace::record(tx, &Happened { turn, delivery: Some(sent.id.0), at: tx.now(), what, detail: &detail })
}

/// An alert about the conversation; [`super::erase`] knows its detail by how it begins.
fn tell(tx: &Tx<'_>, sent: &Sent, code: AlertCode, cause: &str) -> Res<()> {
    let Some(turn) = sent.turn else { return Ok(()) };
    let subject = format!("{}/{}", sent.account, sent.conversation);
    let detail = format!("turn {turn}, delivery {}, attempt {}: {cause}", sent.id, sent.attempt);
    alert::raise(tx, code, &subject, &detail)
}

/// Nobody but the operator can say whether what is held arrived: they are told when that begins, and the alert is closed
/// when nothing of the conversation is held any more.
fn hold_or_release(tx: &Tx<'_>, sent: &Sent, settlement: &Settlement) -> Res<()> {
    const OTHERS: &str = "SELECT 1 FROM delivery d JOIN place p ON p.id = d.place
         WHERE d.state IN ('pending', 'ambiguous') AND d.cause = ?1 AND p.account = ?2 AND p.conversation = ?3 LIMIT 1";
    let was_held = sent.cause.as_deref() == Some(HELD_CAUSE);
    match (was_held, settlement) {
        (false, Settlement::Held { .. }) => tell(tx, sent, AlertCode::DeliveryHeld, HELD_CAUSE),
        (false, _) | (true, Settlement::Held { .. }) => Ok(()),
        (true, _) => {
            if one(tx.conn(), OTHERS, (HELD_CAUSE, &sent.account, &sent.conversation), |_| Ok(()))?.is_none() {
                alert::resolve(tx, AlertCode::DeliveryHeld, &format!("{}/{}", sent.account, sent.conversation))?;
            }
            Ok(())
        }
    }
}

fn happened(settlement: &Settlement) -> DeliveryHappened {
    match settlement {
        Settlement::Delivered { .. } => DeliveryHappened::Accepted,
        Settlement::TargetRecorded { .. } => DeliveryHappened::TargetRecorded,
        Settlement::Deferred { .. } => DeliveryHappened::Deferred,
        Settlement::Doubted { .. } | Settlement::Held { .. } => DeliveryHappened::Doubted,
        Settlement::Reshaped { .. } => DeliveryHappened::Reshaped,
        Settlement::NotNeeded => DeliveryHappened::NotNeeded,
        Settlement::GivenUp { .. } => DeliveryHappened::GivenUp,
    }
}

fn find(conn: &Connection, holder: &IncarnationId, id: DeliveryId, attempt: u32) -> Res<Option<Sent>> {
    const SQL: &str =
        "SELECT d.kind, d.place, p.account, p.conversation, d.turn, d.form, ifnull(d.posted_text, d.text),
             d.failed_at IS NOT NULL OR d.doubted_at IS NOT NULL, d.cause, d.created_at, d.claimed_at
         FROM delivery d JOIN place p ON p.id = d.place
         WHERE d.id = ?1 AND d.state = 'sending' AND d.holder = ?2 AND d.attempts = ?3";
    one(conn, SQL, (id.0, holder.as_str(), attempt), |row| {
        Ok(Sent {
            id,
            kind: row.word(DeliveryKind::from_stored)?,
            place: PlaceId(row.get()?),
            account: row.get()?,
            conversation: row.get()?,
            turn: row.opt_turn()?,
            form: row.word(Form::from_stored)?,
            text: row.get()?,
            attempt,
            has_failed: row.get()?,
            cause: row.get()?,
            created_at: row.at()?,
            claimed_at: row.at()?,
        })
    })
}

fn delivered(tx: &Tx<'_>, holder: &IncarnationId, sent: &Sent, state: DeliveryState, message: &MessageId) -> Res<()> {
    const SQL: &str = "UPDATE delivery SET state = ?2, holder = NULL, message = ?3, ended_at = ?4
         WHERE id = ?1 AND state = 'sending'";
    const REMEMBER: &str = "UPDATE turn SET placeholder = ?2, placeholder_holder = ?3 WHERE id = ?1";
    change_one(tx.conn(), SQL, (sent.id.0, state.as_str(), message.as_str(), tx.now().0))?;
    account::delivered(tx, &sent.account)?;
    match (sent.kind, sent.turn) {
        (DeliveryKind::Placeholder, Some(turn)) => {
            change_one(tx.conn(), REMEMBER, (turn.0, message.as_str(), holder.as_str()))
        }
        _ => Ok(()),
    }
}

/// The same text over the same message, after whatever may still be on its way; once, and outside the lane.
fn assert_once_more(tx: &Tx<'_>, sent: &Sent, message: &MessageId, at: Timestamp) -> Res<()> {
    if sent.kind == DeliveryKind::Assertion {
        return Ok(());
    }
    delivery::insert(
        tx,
        &NewDelivery {
            key: Key::Assertion(sent.id.0),
            place: sent.place,
            turn: sent.turn,
            lane: None,
            kind: DeliveryKind::Assertion,
            via: Via::Edit,
            form: sent.form,
            text: &sent.text,
            files: &[],
            reply_to: None,
            target: Some(message),
            waits: Some((sent.claimed_at, at)),
        },
    )
}

/// That the last word is there: once, outside the lane, and only where it is all in one message.
fn notify(tx: &Tx<'_>, sent: &Sent, text: &str) -> Res<()> {
    const SQL: &str = "SELECT d.reply_to FROM delivery d WHERE d.id = ?1 AND d.part = ?2 AND NOT EXISTS
             (SELECT 1 FROM delivery m WHERE m.turn = d.turn AND m.part IS NOT NULL AND m.part > d.part)";
    let asked_by = one(tx.conn(), SQL, (sent.id.0, PART_TERMINAL), |row| row.opt_message())?;
    let Some(reply_to) = asked_by else { return Ok(()) };
    let number = deployment::next_notice(tx.conn())?;
    delivery::insert(tx, &NewDelivery::notice(number, sent.place, sent.turn, text, reply_to.as_ref()))
}

fn target_recorded(tx: &Tx<'_>, sent: &Sent, state: DeliveryState, target: &MessageId) -> Res<()> {
    const SQL: &str = "UPDATE delivery SET state = ?2, holder = NULL, target = ?3, not_before = ?4
         WHERE id = ?1 AND state = 'sending'";
    change_one(tx.conn(), SQL, (sent.id.0, state.as_str(), target.as_str(), AT_ONCE.0))
}

/// Pending means that nothing of any attempt was accepted, and so ends a doubt; ambiguous begins or keeps one. A doubt
/// that began later than now, because the clock was set back, begins again: its age is unknown.
fn failed(tx: &Tx<'_>, sent: &Sent, state: DeliveryState, pause: Pause, cause: &str) -> Res<()> {
    const SQL: &str =
        "UPDATE delivery SET state = ?2, holder = NULL, not_before = ?3, failed_at = ifnull(failed_at, ?4),
             doubted_at = CASE ?2 WHEN 'ambiguous' THEN min(ifnull(doubted_at, ?4), ?4) END, cause = ?5
         WHERE id = ?1 AND state = 'sending'";
    let change = params![sent.id.0, state.as_str(), pause.until.0, tx.now().0, cause];
    change_one(tx.conn(), SQL, change)
}

/// Cut to what [`super::claim_deliveries`] believes: a longer one would count as over at once.
fn believable(tx: &Tx<'_>, pause: Pause) -> Pause {
    Pause { until: pause.until.min(tx.now().plus_ms(PAUSE_MS_MAX)), ..pause }
}

fn hold_back(tx: &Tx<'_>, sent: &Sent, pause: Pause) -> Res<()> {
    match pause.scope {
        RetryScope::Message => Ok(()),
        RetryScope::Conversation => {
            place::pause_conversation(tx, (&sent.account, &sent.conversation), sent.claimed_at, pause.until)
        }
        RetryScope::Account => account::pause(tx, &sent.account, sent.claimed_at, pause.until),
    }
}

fn reshaped(
    tx: &Tx<'_>,
    sent: &Sent,
    state: DeliveryState,
    (form, via): (Form, Via),
    text: Option<&str>,
    cause: &str,
) -> Res<()> {
    const SQL: &str = "UPDATE delivery SET state = ?2, holder = NULL, form = ?3, via = ?4,
             target = CASE ?4 WHEN 'post' THEN NULL ELSE target END, posted_text = ifnull(?5, posted_text),
             not_before = ?6, cause = ?7
         WHERE id = ?1 AND state = 'sending'";
    let change = params![sent.id.0, state.as_str(), form.as_str(), via.as_str(), text, AT_ONCE.0, cause];
    change_one(tx.conn(), SQL, change)
}

/// Only a placeholder: nobody may take a last word back.
fn not_needed(tx: &Tx<'_>, sent: &Sent, state: DeliveryState) -> Res<()> {
    const SQL: &str = "UPDATE delivery SET state = ?2, holder = NULL, ended_at = ?3
         WHERE id = ?1 AND state = 'sending'";
    if sent.kind != DeliveryKind::Placeholder {
        return Err(Failure::Refused(format!("a {} is always needed", sent.kind.as_str())));
    }
    change_one(tx.conn(), SQL, (sent.id.0, state.as_str(), tx.now().0))
}

fn given_up(tx: &Tx<'_>, sent: &Sent, state: DeliveryState, cause: &str) -> Res<()> {
    const SQL: &str = "UPDATE delivery SET state = ?2, holder = NULL, cause = ?3, ended_at = ?4
         WHERE id = ?1 AND state = 'sending'";
    change_one(tx.conn(), SQL, (sent.id.0, state.as_str(), cause, tx.now().0))
}
