//! What becomes of what a backup holds when it takes the place of a store.

use lastword_core::{
    alert::AlertCode,
    delivery::{DeliveryHappened, DeliveryState},
    ids::{Attempt, TurnId},
    reason::Reason,
    store::{Elected, End},
};
use rusqlite::Connection;

use super::{
    alert, delivery, deployment,
    elect::{self, Word},
};
use crate::sqlite::{
    failure::{Failure, Res},
    restore::OwedAfterRestore,
    row::{all, change_one, one, run},
    tx::Tx,
};

/// Why a delivery of a backup was given up.
const CAUSE: &str = "restored from a backup";

/// Gives the store a new name for its delivery keys: turn numbers that were given since the backup are given again.
pub(crate) fn rename(conn: &Connection) -> Res<String> {
    let fresh = deployment::random();
    change_one(conn, "UPDATE deployment SET id = ?1", [&fresh])?;
    Ok(fresh)
}

/// Decides what is owed; how many turns were ended and how many deliveries were given up.
pub(crate) fn decide(tx: &Tx<'_>, owed: OwedAfterRestore) -> Res<(u64, u64)> {
    let (ended, given_up) = match owed {
        OwedAfterRestore::Keep => (0, 0),
        OwedAfterRestore::Drop => {
            let newest = one(tx.conn(), "SELECT max(id) FROM delivery", [], |row| row.get::<Option<i64>>())?.flatten();
            let ended = end_owed(tx)?;
            let given_up = give_up_open(tx, newest.unwrap_or(0))?;
            run(tx.conn(), "UPDATE account SET cursor = NULL, holder = NULL, fence = fence + 1", [])?;
            // One whose turn can't be read keeps its marker, and so its owner.
            run(
                tx.conn(),
                "DELETE FROM incarnation WHERE id NOT IN (SELECT owner FROM marker WHERE owner IS NOT NULL)",
                [],
            )?;
            (ended, given_up)
        }
    };
    let detail = match owed {
        OwedAfterRestore::Keep => "what it owed is kept, and answered".to_owned(),
        OwedAfterRestore::Drop => format!("{ended} turns that it owed were ended, {given_up} deliveries given up"),
    };
    alert::raise(tx, AlertCode::BackupRestored, "store", &detail)?;
    Ok((ended, given_up))
}

fn end_owed(tx: &Tx<'_>) -> Res<u64> {
    const OWED: &str = "SELECT turn, attempt, progress FROM marker ORDER BY turn";
    let owed = all(tx.conn(), OWED, [], |row| Ok((row.turn()?, Attempt(row.get()?), row.get::<i64>()?)))?;
    let mut ended = 0;
    for (turn, attempt, progress) in owed {
        let one = || end(tx, turn, attempt, progress.unsigned_abs());
        ended += u64::from(tx.unless_damaged("turn", turn.0, one)?.is_some());
    }
    Ok(ended)
}

fn end(tx: &Tx<'_>, turn: TurnId, attempt: Attempt, progress: u64) -> Res<()> {
    let parts = [Reason::Restored.last_word()];
    let end = End::Errored(Reason::Restored);
    let word = Word { turn, attempt, end: &end, parts: &parts, files: &[], if_progress: Some(progress) };
    match elect::elect(tx, &word)? {
        Elected::Won => Ok(()),
        Elected::Lost => Err(Failure::Damaged("it is owed, but in no state to end".into())),
    }
}

/// Every delivery that is on its way, as if each were attempted once more and refused. Those up to `newest`, which the
/// backup held, may have arrived since it was made: whoever wants one sent after all has that doubt first.
fn give_up_open(tx: &Tx<'_>, newest: i64) -> Res<u64> {
    const OPEN: &str = "SELECT id, state FROM delivery WHERE ended_at IS NULL";
    const SQL: &str = "UPDATE delivery SET state = ?3, holder = NULL, cause = ?4, ended_at = ?5,
             doubted_at = ifnull(doubted_at, CASE WHEN id <= ?6 THEN ?5 END)
         WHERE id = ?1 AND state = ?2";
    let open = all(tx.conn(), OPEN, [], |row| Ok((row.get::<i64>()?, row.word(DeliveryState::from_stored)?)))?;
    for (id, state) in &open {
        let sending = match state {
            DeliveryState::Sending => DeliveryState::Sending,
            waiting => delivery::after(*waiting, DeliveryHappened::Claimed)?,
        };
        let dead = delivery::after(sending, DeliveryHappened::GivenUp)?;
        change_one(tx.conn(), SQL, (id, state.as_str(), dead.as_str(), CAUSE, tx.now().0, newest))?;
        tx.count(super::tally::Tally::delivery_died);
    }
    Ok(open.len() as u64)
}
