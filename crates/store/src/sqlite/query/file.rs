//! Files that came with messages: wanted, fetched, and told to the agent.

use lastword_core::{
    file::{Fetched, RemoteFile, TurnFile},
    ids::{AccountId, IncarnationId, PlaceId, TurnId, UserId},
    store::{Topic, WantedFile},
};
use rusqlite::Connection;
use serde::Serialize;

use super::place;
use crate::sqlite::{
    damage,
    failure::{Failure, Res},
    row::{self, Columns, Unreadable, all, one, run},
    tx::Tx,
};

/// What [`read`] reads, behind the turn's id.
macro_rules! columns {
    () => {
        "SELECT f.turn, f.n, p.account, p.conversation, p.thread, p.id, t.session, f.remote "
    };
}

/// The turn waits for these files from now on.
pub(crate) fn want(tx: &Tx<'_>, turn: TurnId, files: &[RemoteFile]) -> Res<()> {
    const SQL: &str = "INSERT INTO file (turn, n, remote) VALUES (?1, ?2, ?3)";
    for (n, file) in (1_i64..).zip(files) {
        run(tx.conn(), SQL, (turn.0, n, encode(file)?))?;
    }
    Ok(())
}

/// See [`lastword_core::store::Store::wanted_files`].
pub(crate) fn wanted(
    conn: &Connection,
    account: &AccountId,
    holder: &IncarnationId,
    limit: usize,
) -> Res<Vec<WantedFile>> {
    const SQL: &str = concat!(
        columns!(),
        "FROM file f INDEXED BY file_wanted CROSS JOIN turn t ON t.id = f.turn CROSS JOIN place p ON p.id = t.place
             CROSS JOIN account a ON a.account = p.account
         WHERE f.result IS NULL AND t.state = 'queued' AND a.account = ?1 AND a.holder = ?2
         ORDER BY f.turn, f.n"
    );
    let (found, damaged) = row::parted(conn, SQL, (account.as_str(), holder.as_str()), limit, read)?;
    // One that can't be read keeps nobody else's waiting. The audit names it, too.
    damaged.iter().for_each(|(turn, why)| damage::report("file of turn", *turn, why));
    Ok(found)
}

/// The turns with files that are wanted and could not be fetched, whoever may fetch them.
pub(crate) fn unreadable(conn: &Connection) -> Res<Vec<Unreadable>> {
    const SQL: &str = concat!(
        columns!(),
        "FROM file f INDEXED BY file_wanted CROSS JOIN turn t ON t.id = f.turn CROSS JOIN place p ON p.id = t.place
         WHERE f.result IS NULL AND t.state = 'queued'"
    );
    row::unreadable(conn, SQL, [], read)
}

fn read(turn: i64, row: &mut Columns<'_>) -> Res<WantedFile> {
    Ok(WantedFile {
        turn: TurnId(turn),
        n: row.get()?,
        place: place::read_place(row)?,
        place_id: PlaceId(row.get()?),
        session: row.get()?,
        file: row.json()?,
    })
}

/// See [`lastword_core::store::Store::file_fetched`].
pub(crate) fn fetched(tx: &Tx<'_>, turn: TurnId, n: u32, fetched: &Fetched) -> Res<()> {
    const SQL: &str = "UPDATE file SET result = ?3 WHERE turn = ?1 AND n = ?2 AND result IS NULL";
    const WANTED: &str = "SELECT 1 FROM file WHERE turn = ?1 AND result IS NULL LIMIT 1";
    run(tx.conn(), SQL, (turn.0, n, encode(fetched)?))?;
    if one(tx.conn(), WANTED, [turn.0], |_| Ok(()))?.is_none() {
        tx.touch(Topic::Turns);
    }
    Ok(())
}

/// The files of a turn and of those merged into it, in the order in which they came.
pub(crate) fn of_turn(conn: &Connection, lead: TurnId) -> Res<Vec<TurnFile>> {
    const SQL: &str = "SELECT f.remote, f.result FROM turn t JOIN file f ON f.turn = t.id
         WHERE t.id = ?1 OR t.merged_into = ?1 ORDER BY t.seq, f.n";
    all(conn, SQL, [lead.0], |row| {
        let RemoteFile { name, .. } = row.json()?;
        Ok(TurnFile { name, fetched: row.json()? })
    })
}

/// What `sender` sent with the turns that `lead` answered goes with `turn`, too. What does not lie in the working
/// directory of its session is wanted again.
pub(crate) fn ask_again(tx: &Tx<'_>, lead: TurnId, sender: &UserId, turn: TurnId) -> Res<()> {
    const FIND: &str = "SELECT f.remote, CASE WHEN t.session = n.session THEN f.result END
         FROM turn t JOIN file f ON f.turn = t.id JOIN turn n ON n.id = ?3
         WHERE (t.id = ?1 OR t.merged_into = ?1) AND t.sender = ?2 ORDER BY t.seq, f.n";
    const SQL: &str = "INSERT INTO file (turn, n, remote, result) VALUES (?1, ?2, ?3, ?4)";
    let files = all(tx.conn(), FIND, (lead.0, sender.as_str(), turn.0), |row| {
        Ok((row.get::<String>()?, row.opt_json::<Fetched>()?))
    })?;
    for (n, (remote, result)) in (1_i64..).zip(files) {
        let here = result.filter(|result| matches!(result, Fetched::Here { .. }));
        let here = here.as_ref().map(encode).transpose()?;
        run(tx.conn(), SQL, (turn.0, n, remote, here))?;
    }
    Ok(())
}

/// Whether `sender` sent files with the turns that `lead` answered.
pub(crate) fn came_with(conn: &Connection, lead: TurnId, sender: &UserId) -> Res<bool> {
    const SQL: &str = "SELECT 1 FROM turn t JOIN file f ON f.turn = t.id
         WHERE (t.id = ?1 OR t.merged_into = ?1) AND t.sender = ?2 LIMIT 1";
    Ok(one(conn, SQL, (lead.0, sender.as_str()), |_| Ok(()))?.is_some())
}

fn encode(value: &impl Serialize) -> Res<String> {
    serde_json::to_string(value).map_err(|error| Failure::Refused(error.to_string()))
}
