//! Alerts: one open row per code and subject, counted.

use lastword_core::{
    alert::{Alert, AlertCode, AlertView},
    ids::Timestamp,
};
use rusqlite::Connection;

use super::tally::{ALERT, Tally};
use crate::sqlite::{
    failure::Res,
    row::{Columns, all, run},
    tx::Tx,
};

/// The most characters of a detail.
const DETAIL_CHARS_MAX: usize = 500;

/// Opens an alert, or counts one more on the open one.
pub(crate) fn raise(tx: &Tx<'_>, code: AlertCode, subject: &str, detail: &str) -> Res<()> {
    const SQL: &str = "INSERT INTO alert (code, subject, detail, first_at, last_at) VALUES (?1, ?2, ?3, ?4, ?4)
         ON CONFLICT (code, subject) WHERE resolved_at IS NULL
         DO UPDATE SET detail = excluded.detail, count = count + 1, last_at = excluded.last_at";
    run(tx.conn(), SQL, (code.as_str(), plain(subject), plain(detail), tx.now().0))?;
    tx.count(|tally: &mut Tally| tally.rare(ALERT, code.as_str(), 1));
    Ok(())
}

/// Opens an alert unless it is open: for what is met again at every look.
pub(crate) fn raise_once(tx: &Tx<'_>, code: AlertCode, subject: &str, detail: &str) -> Res<()> {
    const OPEN: &str = "SELECT 1 FROM alert WHERE code = ?1 AND subject = ?2 AND resolved_at IS NULL";
    match all(tx.conn(), OPEN, (code.as_str(), subject), |_| Ok(()))?.is_empty() {
        true => raise(tx, code, subject, detail),
        false => Ok(()),
    }
}

pub(crate) fn resolve(tx: &Tx<'_>, code: AlertCode, subject: &str) -> Res<bool> {
    const SQL: &str = "UPDATE alert SET resolved_at = ?3 WHERE code = ?1 AND subject = ?2 AND resolved_at IS NULL";
    Ok(run(tx.conn(), SQL, (code.as_str(), plain(subject), tx.now().0))? > 0)
}

pub(crate) fn resolve_numbered(tx: &Tx<'_>, id: i64) -> Res<bool> {
    Ok(run(tx.conn(), "UPDATE alert SET resolved_at = ?2 WHERE id = ?1 AND resolved_at IS NULL", (id, tx.now().0))? > 0)
}

/// The newest, the one raised last first. One whose code is a newer build's is skipped.
pub(crate) fn list(conn: &Connection, with_resolved: bool, limit: usize) -> Res<Vec<AlertView>> {
    const SQL: &str = "SELECT code, id, subject, detail, count, first_at, last_at, resolved_at FROM alert
         WHERE ?1 OR resolved_at IS NULL ORDER BY last_at DESC, id DESC LIMIT ?2";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    Ok(all(conn, SQL, (with_resolved, limit), view)?.into_iter().flatten().collect())
}

/// How long ago one that nobody heard of may have ended to be posted all the same, in milliseconds.
const POSTED_WITHIN_MS: i64 = 3_600_000;

/// What the webhook does not have yet, oldest first. One whose code is a newer build's waits for that build.
pub(crate) fn unposted(conn: &Connection, now: Timestamp, limit: usize) -> Res<Vec<AlertView>> {
    const SQL: &str =
        "SELECT code, id, subject, detail, count, first_at, last_at, resolved_at FROM alert INDEXED BY alert_unposted
         WHERE (posted_at IS NULL OR (resolved_at IS NOT NULL AND end_posted_at IS NULL))
             AND (posted_at IS NOT NULL OR resolved_at IS NULL OR resolved_at > ?1)
         ORDER BY id";
    // Without a limit of the engine's: those that this build does not know must keep none of the others from being posted.
    let found = all(conn, SQL, [now.plus_ms(-POSTED_WITHIN_MS).0], view)?;
    Ok(found.into_iter().flatten().take(limit).collect())
}

/// The webhook has this one, as it is here; if it is closed meanwhile, it has still to hear of that.
pub(crate) fn posted(tx: &Tx<'_>, id: i64, is_over: bool) -> Res<()> {
    const SQL: &str = "UPDATE alert SET posted_at = coalesce(posted_at, ?2),
         end_posted_at = CASE WHEN ?3 THEN ?2 ELSE end_posted_at END WHERE id = ?1";
    run(tx.conn(), SQL, (id, tx.now().0, is_over))?;
    Ok(())
}

fn view(row: &mut Columns<'_>) -> Res<Option<AlertView>> {
    let Some(code) = AlertCode::from_stored(&row.get::<String>()?) else { return Ok(None) };
    let id = row.get()?;
    let alert = Alert { code, subject: row.get()?, detail: row.get()? };
    let count = row.get::<i64>()?.unsigned_abs();
    Ok(Some(AlertView { id, alert, count, first_at: row.at()?, last_at: row.at()?, resolved_at: row.opt_at()? }))
}

/// Fit for the operator's eyes: one line, and not a long one.
pub(crate) fn plain(text: &str) -> String {
    let (mut plain, mut chars) = (String::new(), 0);
    for c in text.chars() {
        if chars >= DETAIL_CHARS_MAX {
            plain.push('…');
            break;
        }
        match c.is_control() {
            true => plain.extend(c.escape_default().inspect(|_| chars += 1)),
            false => {
                plain.push(c);
                chars += 1;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_is_one_short_line() {
        assert_eq!(plain("no\nroute\u{1b}[31m"), "no\\nroute\\u{1b}[31m");
        assert_eq!(plain(&"ä".repeat(501)), format!("{}…", "ä".repeat(500)));
        assert_eq!(plain(&"ä".repeat(500)), "ä".repeat(500));
    }
}
