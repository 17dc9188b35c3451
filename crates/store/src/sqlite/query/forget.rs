//! Forgetting a person: what they wrote and were answered, their name and their id.

use std::collections::BTreeSet;

use lastword_core::{
    ids::{AccountId, PlaceId, TurnId, UserId},
    store::Forgotten,
};
use rusqlite::Connection;

use super::{erase, prune::is_settled};
use crate::sqlite::{
    failure::Res,
    row::{all, one, run},
    tx::Tx,
};

/// Who is named in the rows of whoever was forgotten.
const NOBODY: &str = "(forgotten)";

/// What one look found.
#[derive(Debug)]
pub(crate) struct Found {
    /// Turns of theirs that ended, with the turn that answers for each.
    ended: Vec<(TurnId, TurnId)>,
    /// Turns of theirs that are owed or on their way.
    left: Vec<TurnId>,
    has_more: bool,
}

/// Looks at every turn of an account: nothing in a message's way is kept for this, because it is seldom asked.
pub(crate) fn look(conn: &Connection, account: &AccountId, user: &UserId, limit: usize) -> Res<Found> {
    const SQL: &str = "SELECT t.id, ifnull(t.merged_into, t.id) FROM place p JOIN turn t ON t.place = p.id
         WHERE p.account = ?1 AND t.sender = ?2 ORDER BY t.id";
    let theirs = all(conn, SQL, (account.as_str(), user.as_str()), |row| Ok((row.turn()?, row.turn()?)))?;
    let mut found = Found { ended: Vec::new(), left: Vec::new(), has_more: false };
    for (turn, lead) in theirs {
        match is_settled(conn, turn)? {
            false => found.left.push(turn),
            true if found.ended.len() < limit => found.ended.push((turn, lead)),
            true => found.has_more = true,
        }
    }
    Ok(found)
}

/// Erases what was found, as far as it still holds, so that nothing of it is left in the files.
pub(crate) fn forget(tx: &Tx<'_>, account: &AccountId, user: &UserId, found: &Found) -> Res<Forgotten> {
    const RENAME: &str = "UPDATE turn SET sender = ?2 WHERE id = ?1 RETURNING place";
    const TOLD: &str = "DELETE FROM hint WHERE account = ?1 AND user = ?2";
    // A hint names whom it was for; it belongs to no turn.
    const HINTS: &str = "UPDATE delivery SET text = '', posted_text = NULL
         WHERE turn IS NULL AND ended_at IS NOT NULL AND instr(ifnull(posted_text, text) || text, ?2) > 0
             AND place IN (SELECT id FROM place WHERE account = ?1)";
    let mut forgotten = Forgotten { left: found.left.clone(), has_more: found.has_more, ..Forgotten::default() };
    let mut places = BTreeSet::new();
    for (turn, lead) in &found.ended {
        if !is_settled(tx.conn(), *turn)? {
            forgotten.left.push(*turn);
            continue;
        }
        erase::turn(tx, *turn)?;
        if lead != turn {
            erase::joined(tx, *lead)?;
        }
        places.extend(one(tx.conn(), RENAME, (turn.0, NOBODY), |row| row.get::<i64>())?);
        forgotten.emptied += 1;
    }
    run(tx.conn(), TOLD, (account.as_str(), user.as_str()))?;
    run(tx.conn(), HINTS, (account.as_str(), user.as_str()))?;
    for place in places {
        forgotten.places.extend(sessions_of(tx.conn(), PlaceId(place), user)?);
    }
    tx.shorten_log();
    Ok(forgotten)
}

/// The sessions of a place in which nobody else asked anything and nothing is owed.
fn sessions_of(conn: &Connection, place: PlaceId, user: &UserId) -> Res<Vec<(PlaceId, u32)>> {
    const SQL: &str = "SELECT DISTINCT t.session FROM turn t JOIN place p ON p.id = t.place
         WHERE t.place = ?1 AND p.running IS NULL AND p.head IS NULL
             AND NOT EXISTS (SELECT 1 FROM turn o WHERE o.place = ?1 AND o.sender <> ?2 AND o.sender <> ?3)
         ORDER BY t.session";
    all(conn, SQL, (place.0, user.as_str(), NOBODY), |row| Ok((place, row.get()?)))
}
