//! Who was registered and not yet decided as lost.

use lastword_core::{
    agent::ProcessGroup,
    ids::{Attempt, Fence, IncarnationId},
    store::{Incarnation, Restart, Role, Standing},
};
use rusqlite::Connection;

use crate::sqlite::{
    failure::{Failure, Res},
    row::{all, one, run},
    tx::Tx,
};

pub(crate) fn register(tx: &Tx<'_>, incarnation: &Incarnation) -> Res<()> {
    const SQL: &str = "INSERT INTO incarnation (id, role, pid, build, registered_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (id) DO NOTHING";
    let Incarnation { id, role, pid, build, beats: _ } = incarnation;
    run(tx.conn(), SQL, (id.as_str(), role.as_str(), pid, build, tx.now().0))?;
    Ok(())
}

pub(crate) fn beat(tx: &Tx<'_>, incarnation: &IncarnationId) -> Res<Standing> {
    match run(tx.conn(), "UPDATE incarnation SET beat = beat + 1 WHERE id = ?1", [incarnation.as_str()])? {
        0 => Ok(Standing::Superseded),
        _ => Ok(Standing::Current),
    }
}

pub(crate) fn living(conn: &Connection) -> Res<Vec<Incarnation>> {
    all(conn, "SELECT id, role, pid, build, beat FROM incarnation ORDER BY registered_at, id", [], |row| {
        Ok(Incarnation {
            id: row.name(IncarnationId::new)?,
            role: row.word(Role::from_stored)?,
            pid: row.get()?,
            build: row.get()?,
            beats: row.get::<i64>()?.unsigned_abs(),
        })
    })
}

/// Those that began since admins were told of any, and who are told of them now: what they do, and their builds.
pub(crate) fn take_untold(tx: &Tx<'_>, limit: usize) -> Res<Vec<(Role, String)>> {
    const SQL: &str = "UPDATE incarnation SET told_at = ?1 WHERE id IN
         (SELECT id FROM incarnation WHERE told_at IS NULL ORDER BY registered_at, id LIMIT ?2) RETURNING role, build";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let told = all(tx.conn(), SQL, (tx.now().0, limit), |row| {
        // One that can't be read keeps nobody from hearing of the others.
        Ok(Role::from_stored(&row.get::<String>()?).zip(Some(row.get()?)))
    })?;
    Ok(told.into_iter().flatten().collect())
}

/// The names of those that a restart means.
pub(crate) fn who_lives(conn: &Connection, restart: Restart) -> Res<Vec<String>> {
    const SQL: &str =
        "SELECT id FROM incarnation WHERE (?1 AND role = 'bridge') OR (?2 AND role = 'worker') ORDER BY id";
    all(conn, SQL, [Role::Bridge, Role::Worker].map(|role| restart.means(role)), |row| row.get())
}

/// Refuses what is done in the name of an incarnation that nobody would ever decide as lost.
pub(crate) fn must_live(conn: &Connection, incarnation: &IncarnationId) -> Res<()> {
    if lives(conn, incarnation)? {
        return Ok(());
    }
    Err(Failure::Refused(format!("incarnation {incarnation} is not registered, or was decided as lost")))
}

pub(crate) fn lives(conn: &Connection, incarnation: &IncarnationId) -> Res<bool> {
    let found = one(conn, "SELECT 1 FROM incarnation WHERE id = ?1", [incarnation.as_str()], |_| Ok(()))?;
    Ok(found.is_some())
}

pub(crate) fn forget(tx: &Tx<'_>, incarnation: &IncarnationId) -> Res<()> {
    run(tx.conn(), "DELETE FROM incarnation WHERE id = ?1", [incarnation.as_str()])?;
    Ok(())
}

pub(crate) fn groups(conn: &Connection, incarnation: &IncarnationId) -> Res<Vec<(Fence, ProcessGroup)>> {
    const SQL: &str = "SELECT g.turn, g.attempt, g.pid, g.started_ticks
         FROM marker m JOIN process_group g ON g.turn = m.turn WHERE m.owner = ?1 ORDER BY g.turn, g.attempt";
    all(conn, SQL, [incarnation.as_str()], |row| {
        let fence = Fence { turn: row.turn()?, attempt: Attempt(row.get()?) };
        Ok((fence, ProcessGroup { pid: row.get()?, started_ticks: row.get::<i64>()?.cast_unsigned() }))
    })
}
