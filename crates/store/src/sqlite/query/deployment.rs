//! The one row that names this database.

use lastword_core::{alert::Messaging, ids::Timestamp};
use rusqlite::Connection;
use uuid::Uuid;

use crate::sqlite::{
    failure::{Failure, Res},
    row::{one, run},
    tx::Tx,
};

/// The most characters of a deployment's id, so that every delivery key stays within 64.
const ID_CHARS_MAX: usize = 24;

/// The id that every delivery key of this database carries; made once.
pub(crate) fn found(conn: &Connection, wanted: Option<&str>, now: Timestamp) -> Res<String> {
    let fresh = wanted.map_or_else(random, str::to_owned);
    if fresh.is_empty() || fresh.len() > ID_CHARS_MAX || !fresh.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Failure::Refused(format!("{fresh:?} can't be a deployment's id: letters and digits, at most 24")));
    }
    run(conn, "INSERT OR IGNORE INTO deployment (one, id, created_at) VALUES (1, ?1, ?2)", (&fresh, now.0))?;
    let stored = one(conn, "SELECT id FROM deployment", [], |row| row.get())?;
    stored.ok_or_else(|| Failure::Damaged("the deployment's row is missing".into()))
}

/// Numbers a delivery that belongs to no turn; never the same number twice.
pub(crate) fn next_notice(conn: &Connection) -> Res<i64> {
    let next = one(conn, "UPDATE deployment SET notices = notices + 1 RETURNING notices", [], |row| row.get())?;
    next.ok_or_else(|| Failure::Damaged("the deployment's row is missing".into()))
}

/// Whether admins may be told something now, `every_ms` after they were told last. A time in the future is of a clock that
/// was set back.
pub(crate) fn may_tell(conn: &Connection, now: Timestamp, every_ms: i64) -> Res<bool> {
    const SQL: &str = "SELECT 1 FROM deployment WHERE alerts_told_at <= ?1 - ?2 OR alerts_told_at > ?1";
    Ok(one(conn, SQL, (now.0, every_ms), |_| Ok(()))?.is_some())
}

/// Admins are told something now.
pub(crate) fn told(tx: &Tx<'_>) -> Res<()> {
    run(tx.conn(), "UPDATE deployment SET alerts_told_at = ?1", [tx.now().0])?;
    Ok(())
}

/// How much admins are told unasked, as one of them said last; `None` is as configured, and so is what a newer build said.
pub(crate) fn messaging(conn: &Connection) -> Res<Option<Messaging>> {
    let said: Option<Option<String>> = one(conn, "SELECT messaging FROM deployment", [], |row| row.get())?;
    Ok(said.flatten().and_then(|said| Messaging::named(&said)))
}

/// From now on admins are told so much; `None` is as configured.
pub(crate) fn set_messaging(tx: &Tx<'_>, level: Option<Messaging>) -> Res<()> {
    run(tx.conn(), "UPDATE deployment SET messaging = ?1", [level.map(Messaging::as_str)])?;
    Ok(())
}

/// 16 hexadecimal digits, of which 62 bits are random.
pub(crate) fn random() -> String {
    let (_, low) = Uuid::now_v7().as_u64_pair();
    format!("{low:016x}")
}
