//! Claiming deliveries that are due: the head of each lane, and what may overtake.

use lastword_core::{
    capability::Via,
    delivery::{DeliveryHappened, DeliveryKind, DeliveryState, Form},
    ids::{DeliveryId, DeliveryKey, IncarnationId, MessageId, Timestamp},
    store::{DeliveryClaim, PAUSE_MS_MAX},
};

use rusqlite::{Connection, Params};

use super::{delivery, place};
use crate::sqlite::{
    failure::{Failure, Res, is_broken_rule},
    row::{self, Columns, Unreadable, all, change_one},
    tx::Tx,
};

/// What [`read`] reads, behind the delivery's id.
macro_rules! columns {
    () => {
        "SELECT d.id, d.state, d.key, d.attempts, p.account, p.conversation, p.thread, d.kind, d.turn,
             d.via, d.form, ifnull(d.posted_text, d.text), d.reply_to, d.target, d.doubted_at, d.failed_at,
             a.delivered_at, t.placeholder, t.placeholder_holder,
             CASE WHEN t.state <> 'cancelled' THEN t.started_at END, d.files "
    };
}

struct Due {
    state: DeliveryState,
    claim: DeliveryClaim,
}

pub(crate) fn claim(tx: &Tx<'_>, holder: &IncarnationId, limit: usize) -> Res<Vec<DeliveryClaim>> {
    const TAKE: &str = "UPDATE delivery SET state = ?3, holder = ?4, attempts = ?5, claimed_at = ?6
         WHERE id = ?1 AND state = ?2";
    let mut claims = Vec::new();
    assertions_wait_anew(tx)?;
    for Due { state, claim } in due(tx, holder, limit)? {
        let next = delivery::after(state, DeliveryHappened::Claimed)?;
        let change = (claim.id.0, state.as_str(), next.as_str(), holder.as_str(), claim.attempt, tx.now().0);
        if change_sound(tx, claim.id.0, TAKE, change)? {
            claims.push(claim);
        }
    }
    Ok(claims)
}

/// Changes a delivery, unless what its row held before breaks a rule: that is reported, and keeps nobody else waiting.
fn change_sound(tx: &Tx<'_>, id: i64, sql: &str, change: impl Params) -> Res<bool> {
    match change_one(tx.conn(), sql, change) {
        Ok(()) => Ok(true),
        Err(Failure::Sql(error)) if is_broken_rule(&error) => {
            tx.damaged("delivery", id, &error.to_string())?;
            Ok(false)
        }
        Err(failure) => Err(failure),
    }
}

/// An assertion that began to wait later than now, because the clock was set back, waits its whole time again: what it
/// waits for is a request that may still be on its way, and how long that has been, nobody knows.
fn assertions_wait_anew(tx: &Tx<'_>) -> Res<()> {
    const FIND: &str = "SELECT id, state FROM delivery INDEXED BY delivery_waits
         WHERE state IN ('pending', 'ambiguous') AND kind = ?1 AND not_before > ?2 AND claimed_at > ?2";
    const WAIT: &str = "UPDATE delivery SET not_before = min(?3 + not_before - claimed_at, ?4), claimed_at = ?3
         WHERE id = ?1 AND state = ?2";
    let now = tx.now();
    let believed_until = now.plus_ms(PAUSE_MS_MAX);
    let found = all(tx.conn(), FIND, (DeliveryKind::Assertion.as_str(), now.0), |row| {
        Ok((row.get::<i64>()?, row.get::<String>()?))
    })?;
    for (id, state) in found {
        change_sound(tx, id, WAIT, (id, state, now.0, believed_until.0))?;
    }
    Ok(())
}

/// Waiting deliveries of accounts leased by `holder` that nothing open in their lane precedes, and that are not paused.
fn due(tx: &Tx<'_>, holder: &IncarnationId, limit: usize) -> Res<Vec<Due>> {
    const SQL: &str = concat!(
        columns!(),
        "FROM delivery d INDEXED BY delivery_waits
             CROSS JOIN place p ON p.id = d.place CROSS JOIN account a ON a.account = p.account
             LEFT JOIN turn t ON t.id = d.turn
         WHERE d.state IN ('pending', 'ambiguous') AND a.holder = ?1
             AND (d.lane IS NULL OR NOT EXISTS (
                 SELECT 1 FROM delivery e WHERE e.place = d.place AND e.lane IS NOT NULL AND e.lane < d.lane
                     AND e.ended_at IS NULL))
             AND NOT (d.not_before BETWEEN ?2 + 1 AND ?3 AND d.claimed_at <= ?2)
             AND NOT (p.paused_until BETWEEN ?2 + 1 AND ?3 AND p.paused_at <= ?2)
             AND NOT (a.paused_until BETWEEN ?2 + 1 AND ?3 AND a.paused_at <= ?2)
         ORDER BY d.id"
    );
    // A pause that began later than now, or ends later than any may, is from before the clock was set back, and over.
    let now = tx.now();
    let believed_until = now.plus_ms(PAUSE_MS_MAX);
    tx.readable(SQL, (holder.as_str(), now.0, believed_until.0), limit, "delivery", |id, row| {
        read(DeliveryId(id), holder, now, row)
    })
}

/// The deliveries that are on their way and could not be claimed, whoever may claim them.
pub(crate) fn unreadable(conn: &Connection) -> Res<Vec<Unreadable>> {
    const WAITING: &str = concat!(
        columns!(),
        "FROM delivery d INDEXED BY delivery_waits CROSS JOIN place p ON p.id = d.place
             LEFT JOIN account a ON a.account = p.account LEFT JOIN turn t ON t.id = d.turn
         WHERE d.state IN ('pending', 'ambiguous')"
    );
    const SENDING: &str = concat!(
        columns!(),
        "FROM delivery d INDEXED BY delivery_of_a_holder CROSS JOIN place p ON p.id = d.place
             LEFT JOIN account a ON a.account = p.account LEFT JOIN turn t ON t.id = d.turn
         WHERE d.holder IS NOT NULL"
    );
    let nobody = IncarnationId::new("");
    let read = |id, row: &mut Columns<'_>| read(DeliveryId(id), &nobody, Timestamp(0), row);
    let mut unreadable = row::unreadable(conn, WAITING, [], read)?;
    unreadable.extend(row::unreadable(conn, SENDING, [], read)?);
    Ok(unreadable)
}

fn read(id: DeliveryId, holder: &IncarnationId, now: Timestamp, row: &mut Columns<'_>) -> Res<Due> {
    let state = row.word(DeliveryState::from_stored)?;
    let mut claim = DeliveryClaim {
        id,
        key: row.name(DeliveryKey::new)?,
        attempt: row.get::<u32>()?.saturating_add(1),
        place: place::read_place(row)?,
        kind: row.word(DeliveryKind::from_stored)?,
        turn: row.opt_turn()?,
        via: row.word(Via::from_stored)?,
        form: row.word(Form::from_stored)?,
        text: row.get()?,
        files: Vec::new(),
        reply_to: row.opt_message()?,
        target: row.opt_message()?,
        doubted_at: row.opt_at()?,
        failed_at: row.opt_at()?,
        others_succeed: false,
        is_taken_over: false,
        unheard_since: None,
        now,
    };
    let delivered_at = row.opt_at()?;
    claim.others_succeed = claim.failed_at.is_some_and(|failed| delivered_at.is_some_and(|at| at > failed));
    let placeholder: Option<MessageId> = row.opt_message()?;
    let posted_by = row.opt_name(IncarnationId::new)?;
    let started_at = row.opt_at()?;
    claim.files = row.opt_json()?.unwrap_or_default();
    if claim.kind == DeliveryKind::Terminal {
        if claim.via == Via::Edit && claim.target.is_none() {
            claim.target = placeholder;
            claim.unheard_since = started_at.filter(|_| claim.target.is_some());
        }
        claim.is_taken_over = posted_by.is_some_and(|by| by != *holder);
    }
    Ok(Due { state, claim })
}
