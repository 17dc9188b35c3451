//! Alerts: one open row per code and subject, counted.

use lastword_core::alert::{Alert, AlertCode, AlertView};
use rusqlite::Connection;

use super::tally::{ALERT, Tally};
use crate::sqlite::{
    failure::Res,
    row::{all, run},
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
    let found = all(conn, SQL, (with_resolved, limit), |row| {
        let Some(code) = AlertCode::from_stored(&row.get::<String>()?) else { return Ok(None) };
        let id = row.get()?;
        let alert = Alert { code, subject: row.get()?, detail: row.get()? };
        let count = row.get::<i64>()?.unsigned_abs();
        Ok(Some(AlertView { id, alert, count, first_at: row.at()?, last_at: row.at()?, resolved_at: row.opt_at()? }))
    })?;
    Ok(found.into_iter().flatten().collect())
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
