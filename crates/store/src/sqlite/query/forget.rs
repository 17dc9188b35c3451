//! Forgetting a person: what they wrote and were answered, their name and their id.

use lastword_core::{
    ids::{AccountId, PlaceId, TurnId, UserId},
    store::{Forgotten, SessionOf},
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
    was_forgotten: bool,
    has_more: bool,
}

/// Looks at every turn of an account: nothing in a message's way is kept for this, because it is seldom asked.
pub(crate) fn look(conn: &Connection, account: &AccountId, user: &UserId, limit: usize) -> Res<Found> {
    const SQL: &str = "SELECT t.id, ifnull(t.merged_into, t.id) FROM place p JOIN turn t ON t.place = p.id
         WHERE p.account = ?1 AND t.sender = ?2 ORDER BY t.id";
    let theirs = all(conn, SQL, (account.as_str(), user.as_str()), |row| Ok((row.turn()?, row.turn()?)))?;
    let mut found = Found { ended: Vec::new(), left: Vec::new(), was_forgotten: false, has_more: false };
    if theirs.is_empty() {
        const BEFORE: &str =
            "SELECT 1 FROM place p JOIN turn t ON t.place = p.id WHERE p.account = ?1 AND t.sender = ?2 LIMIT 1";
        found.was_forgotten = one(conn, BEFORE, (account.as_str(), NOBODY), |_| Ok(()))?.is_some();
    }
    for (turn, lead) in theirs {
        match is_settled(conn, turn)? {
            false => found.left.push(turn),
            true if found.ended.len() < limit => found.ended.push((turn, lead)),
            true => found.has_more = true,
        }
    }
    Ok(found)
}

/// Erases what was found, as far as it still holds. The log keeps it until it is emptied.
pub(crate) fn forget(tx: &Tx<'_>, account: &AccountId, user: &UserId, found: &Found) -> Res<Forgotten> {
    const RENAME: &str = "UPDATE turn SET sender = ?2 WHERE id = ?1";
    const TOLD: &str = "DELETE FROM hint WHERE account = ?1 AND user = ?2";
    // A hint names whom it was for; it belongs to no turn.
    const HINTS: &str = "UPDATE delivery SET text = '', posted_text = NULL
         WHERE turn IS NULL AND ended_at IS NOT NULL AND instr(ifnull(posted_text, text) || text, ?2) > 0
             AND place IN (SELECT id FROM place WHERE account = ?1)";
    let mut forgotten = Forgotten { left: found.left.clone(), has_more: found.has_more, ..Forgotten::default() };
    for (turn, lead) in &found.ended {
        if !is_settled(tx.conn(), *turn)? {
            forgotten.left.push(*turn);
            continue;
        }
        erase::turn(tx, *turn)?;
        if lead != turn {
            erase::joined(tx, *lead)?;
        }
        run(tx.conn(), RENAME, (turn.0, NOBODY))?;
        forgotten.emptied += 1;
    }
    for sql in [TOLD, HINTS] {
        forgotten.hints += run(tx.conn(), sql, (account.as_str(), user.as_str()))? as u64;
    }
    forgotten.was_forgotten = found.was_forgotten;
    Ok(forgotten)
}

/// See [`Oversight::sessions_of`](lastword_core::store::Oversight::sessions_of). Turns of a place are numbered without
/// a gap, so a session is whole if no number is missing in it, nor the one before it and the one behind it.
pub(crate) fn sessions_of(conn: &Connection, account: &AccountId, user: &UserId) -> Res<Vec<SessionOf>> {
    const SQL: &str = "SELECT s.place, s.session, s.n = s.last - s.first + 1
             AND (s.first = 1 OR EXISTS (SELECT 1 FROM turn b WHERE b.place = s.place AND b.seq = s.first - 1))
             AND (s.last = s.next_seq - 1 OR EXISTS (SELECT 1 FROM turn b WHERE b.place = s.place AND b.seq = s.last + 1))
         FROM (SELECT t.place, t.session, min(t.seq) AS first, max(t.seq) AS last, count(*) AS n, p.next_seq
               FROM place p JOIN turn t ON t.place = p.id
               WHERE p.account = ?1 AND p.running IS NULL AND p.head IS NULL
                   AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.place = p.id AND d.lane IS NOT NULL
                       AND d.ended_at IS NULL AND d.files IS NOT NULL)
               GROUP BY t.place, t.session HAVING sum(t.sender <> ?2 AND t.sender <> ?3) = 0) s
         ORDER BY s.place, s.session";
    all(conn, SQL, (account.as_str(), user.as_str(), NOBODY), |row| {
        Ok(SessionOf { place: PlaceId(row.get()?), session: row.get()?, is_whole: row.get()? })
    })
}
