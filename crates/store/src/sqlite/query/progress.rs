//! What an attempt reports: process groups, and progress with the text that people may see.

use lastword_core::{
    agent::ProcessGroup,
    faults::{self, Bug},
    ids::{Attempt, Fence, IncarnationId, TurnId},
    store::{Standing, Topic},
};
use rusqlite::Connection;

use super::elect;
use crate::sqlite::{
    failure::Res,
    row::{all, one, run},
    tx::Tx,
};

pub(crate) fn record_group(tx: &Tx<'_>, fence: Fence, group: ProcessGroup) -> Res<Standing> {
    const CURRENT: &str = "SELECT 1 FROM marker WHERE turn = ?1 AND attempt = ?2 AND owner IS NOT NULL";
    const SQL: &str = "INSERT INTO process_group (turn, attempt, pid, started_ticks) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO NOTHING";
    let fence = as_compared(tx, fence)?;
    if one(tx.conn(), CURRENT, (fence.turn.0, fence.attempt.0), |_| Ok(()))?.is_none() {
        return Ok(Standing::Superseded);
    }
    run(tx.conn(), SQL, (fence.turn.0, fence.attempt.0, group.pid, group.started_ticks.cast_signed()))?;
    Ok(Standing::Current)
}

/// Counts a sign of progress; `text` becomes the next event of the attempt's stream.
pub(crate) fn record(tx: &Tx<'_>, fence: Fence, text: Option<&str>) -> Res<Standing> {
    const BUMP: &str = "UPDATE marker SET progress = progress + 1
         WHERE turn = ?1 AND attempt = ?2 AND owner IS NOT NULL";
    const APPEND: &str = "INSERT INTO progress (turn, attempt, n, text)
         VALUES (?1, ?2, 1 + ifnull((SELECT max(n) FROM progress WHERE turn = ?1 AND attempt = ?2), 0), ?3)";
    let fence = as_compared(tx, fence)?;
    if run(tx.conn(), BUMP, (fence.turn.0, fence.attempt.0))? == 0 {
        return Ok(Standing::Superseded);
    }
    if let Some(text) = text {
        run(tx.conn(), APPEND, (fence.turn.0, fence.attempt.0, text))?;
        tx.touch(Topic::Streams);
    }
    Ok(Standing::Current)
}

/// What a write of this attempt is held against.
fn as_compared(tx: &Tx<'_>, fence: Fence) -> Res<Fence> {
    if !faults::has(Bug::NoAttemptFence) {
        return Ok(fence);
    }
    let current = elect::current_attempt(tx.conn(), fence.turn)?;
    Ok(Fence { attempt: current.unwrap_or(fence.attempt), ..fence })
}

/// Forgets the process groups of a turn's attempts: it ended, or begins anew.
pub(crate) fn forget_groups(tx: &Tx<'_>, turn: TurnId) -> Res<()> {
    run(tx.conn(), "DELETE FROM process_group WHERE turn = ?1", [turn.0])?;
    Ok(())
}

/// Forgets what people saw of a turn's attempts: it ended, or begins anew.
pub(crate) fn forget_texts(tx: &Tx<'_>, turn: TurnId) -> Res<()> {
    run(tx.conn(), "DELETE FROM progress WHERE turn = ?1", [turn.0])?;
    Ok(())
}

/// The turns that an incarnation runs and still owes.
pub(crate) fn running(conn: &Connection, owner: &IncarnationId) -> Res<Vec<Fence>> {
    const SQL: &str = "SELECT turn, attempt FROM marker WHERE owner = ?1 ORDER BY turn";
    all(conn, SQL, [owner.as_str()], |row| Ok(Fence { turn: row.turn()?, attempt: Attempt(row.get()?) }))
}
