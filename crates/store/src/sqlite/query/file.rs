//! Files that came with messages: wanted, fetched, and told to the agent.

use lastword_core::{
    file::{Fetched, RemoteFile, TurnFile},
    ids::{IncarnationId, PlaceId, TurnId, UserId},
    store::{Topic, WantedFile},
};
use rusqlite::Connection;

use super::place;
use crate::sqlite::{
    failure::{Failure, Res},
    row::{all, one, run},
    tx::Tx,
};

/// The turn waits for these files from now on.
pub(crate) fn want(tx: &Tx<'_>, turn: TurnId, files: &[RemoteFile]) -> Res<()> {
    const SQL: &str = "INSERT INTO file (turn, n, remote) VALUES (?1, ?2, ?3)";
    for (n, file) in (1_i64..).zip(files) {
        let remote = serde_json::to_string(file).map_err(|error| Failure::Refused(error.to_string()))?;
        run(tx.conn(), SQL, (turn.0, n, remote))?;
    }
    Ok(())
}

/// See [`lastword_core::store::Store::wanted_files`].
pub(crate) fn wanted(conn: &Connection, holder: &IncarnationId, limit: usize) -> Res<Vec<WantedFile>> {
    const SQL: &str = "SELECT f.turn, f.n, p.account, p.conversation, p.thread, p.id, t.session, f.remote
         FROM file f INDEXED BY file_wanted CROSS JOIN turn t ON t.id = f.turn CROSS JOIN place p ON p.id = t.place
             CROSS JOIN account a ON a.account = p.account
         WHERE f.result IS NULL AND t.state = 'queued' AND a.holder = ?1
         ORDER BY f.turn, f.n LIMIT ?2";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    all(conn, SQL, (holder.as_str(), limit), |row| {
        Ok(WantedFile {
            turn: row.turn()?,
            n: row.get()?,
            place: place::read_place(row)?,
            place_id: PlaceId(row.get()?),
            session: row.get()?,
            file: row.json()?,
        })
    })
}

/// See [`lastword_core::store::Store::file_fetched`].
pub(crate) fn fetched(tx: &Tx<'_>, turn: TurnId, n: u32, fetched: &Fetched) -> Res<()> {
    const SQL: &str = "UPDATE file SET result = ?3 WHERE turn = ?1 AND n = ?2 AND result IS NULL";
    const WANTED: &str = "SELECT 1 FROM file WHERE turn = ?1 AND result IS NULL LIMIT 1";
    let result = serde_json::to_string(fetched).map_err(|error| Failure::Refused(error.to_string()))?;
    run(tx.conn(), SQL, (turn.0, n, result))?;
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

/// What `sender` sent with the turns that `lead` answered goes with `turn`, too; a path belongs to its session.
pub(crate) fn ask_again(tx: &Tx<'_>, lead: TurnId, sender: &UserId, turn: TurnId) -> Res<()> {
    const FIND: &str = "SELECT f.remote, f.result, t.session = n.session
         FROM turn t JOIN file f ON f.turn = t.id JOIN turn n ON n.id = ?3
         WHERE (t.id = ?1 OR t.merged_into = ?1) AND t.sender = ?2 AND f.result IS NOT NULL ORDER BY t.seq, f.n";
    const SQL: &str = "INSERT INTO file (turn, n, remote, result) VALUES (?1, ?2, ?3, ?4)";
    const GONE: &str = r#"{"failed":{"why":"it was sent before a fresh start"}}"#;
    let files = all(tx.conn(), FIND, (lead.0, sender.as_str(), turn.0), |row| {
        Ok((row.get::<String>()?, row.get::<String>()?, row.get::<bool>()?))
    })?;
    for (n, (remote, result, is_here)) in (1_i64..).zip(files) {
        run(tx.conn(), SQL, (turn.0, n, remote, if is_here { result } else { GONE.to_owned() }))?;
    }
    Ok(())
}
