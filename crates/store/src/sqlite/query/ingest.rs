//! Accepting updates: inbox row, turn, marker and cursor in one transaction.

use lastword_core::{
    ids::{AccountId, TurnId, UpdateId},
    reason::Reason,
    store::{Asked, IngestBatch, IngestItem, Ingested, Intake, NewTurn, Topic},
};
use rusqlite::Connection;

use super::{
    account, command, hint, place,
    turn::{self, Arrived, Task},
};
use crate::sqlite::{
    failure::{Failure, Res},
    row::{one, run},
    tx::Tx,
};

/// What an update made.
enum Made {
    Turn(TurnId),
    Nothing(Reason),
}

pub(crate) fn ingest(tx: &Tx<'_>, batch: &IngestBatch) -> Res<Vec<Ingested>> {
    account::advance(tx, &batch.account, &batch.holder, batch.cursor.as_ref())?;
    batch.items.iter().map(|item| take(tx, &batch.account, item)).collect()
}

fn take(tx: &Tx<'_>, account: &AccountId, item: &IngestItem) -> Res<Ingested> {
    let update = item.update.clone();
    if let Some(turn) = find(tx.conn(), account, &update)? {
        return Ok(Ingested { update, turn, is_new: false });
    }
    let turn = match accept(tx, account, &update, &item.intake)? {
        Made::Turn(turn) => {
            record(tx, account, &update, Some(turn), None)?;
            tx.touch(Topic::Streams);
            Some(turn)
        }
        Made::Nothing(reason) => {
            record(tx, account, &update, None, Some(&reason))?;
            tx.count(|tally| tally.dropped(&reason));
            None
        }
    };
    Ok(Ingested { update, turn, is_new: true })
}

fn accept(tx: &Tx<'_>, account: &AccountId, update: &UpdateId, intake: &Intake) -> Res<Made> {
    let resolve = |asked: &Asked| {
        if asked.place.account != *account {
            return Err(Failure::Refused(format!("a batch of account {account} holds one of {}", asked.place.account)));
        }
        place::resolve(tx, &asked.place, asked.shape)
    };
    match intake {
        Intake::Drop(reason) => Ok(Made::Nothing(reason.clone())),
        Intake::Refuse { asked, reason, hint } => {
            hint::maybe_give(tx, asked, hint)?;
            Ok(Made::Nothing(reason.clone()))
        }
        Intake::Answer { asked, text, reason } => {
            let arrived = Arrived { update, asked };
            turn::insert_answered(tx, &resolve(asked)?, arrived, None, text, reason.as_ref()).map(Made::Turn)
        }
        Intake::Command { asked, command } => {
            command::take(tx, &resolve(asked)?, Arrived { update, asked }, command).map(Made::Turn)
        }
        Intake::Turn(new) => queue(tx, &resolve(&new.asked)?, update, new).map(Made::Turn),
    }
}

fn queue(tx: &Tx<'_>, place: &place::PlaceRow, update: &UpdateId, new: &NewTurn) -> Res<TurnId> {
    let NewTurn { asked, agent, prompt, files, on_lost, may_collect, queue_max } = new;
    let (agent, prompt, files) = (agent.clone(), prompt.clone(), files.clone());
    let task = Task { agent, prompt, files, on_lost: *on_lost, may_collect: *may_collect };
    turn::queue_or_say_busy(tx, place, Arrived { update, asked }, &task, *queue_max)
}

/// What an update made earlier: `None` if the inbox does not have it.
pub(crate) fn find(conn: &Connection, account: &AccountId, update: &UpdateId) -> Res<Option<Option<TurnId>>> {
    const SQL: &str = "SELECT turn FROM inbox WHERE account = ?1 AND update_id = ?2";
    one(conn, SQL, (account.as_str(), update.as_str()), |row| row.opt_turn())
}

fn record(
    tx: &Tx<'_>,
    account: &AccountId,
    update: &UpdateId,
    turn: Option<TurnId>,
    reason: Option<&Reason>,
) -> Res<()> {
    const SQL: &str = "INSERT INTO inbox (account, update_id, turn, reason, at) VALUES (?1, ?2, ?3, ?4, ?5)";
    let reason = reason.map(turn::encode).transpose()?;
    run(tx.conn(), SQL, (account.as_str(), update.as_str(), turn.map(|turn| turn.0), reason, tx.now().0))?;
    Ok(())
}
