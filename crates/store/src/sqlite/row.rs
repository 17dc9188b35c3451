//! Reading rows: column after column, and never a default for what can't be read.

use lastword_core::ids::{MessageId, Timestamp, TurnId};
use rusqlite::{Connection, Params, Row, types::FromSql};

use super::failure::{Failure, Res};

/// Reads the columns of a row in their order.
pub(crate) struct Columns<'r> {
    row: &'r Row<'r>,
    next: usize,
}

impl<'r> Columns<'r> {
    pub(crate) fn of(row: &'r Row<'r>) -> Self {
        Self { row, next: 0 }
    }

    /// The next column as it is.
    pub(crate) fn get<T: FromSql>(&mut self) -> Res<T> {
        let column = self.next;
        self.next += 1;
        self.row.get(column).map_err(|error| self.damaged(column, &error.to_string()))
    }

    /// The next column as one of a closed set of words.
    pub(crate) fn word<T>(&mut self, read: impl FnOnce(&str) -> Option<T>) -> Res<T> {
        let column = self.next;
        self.next += 1;
        let raw = self.row.get_ref(column)?;
        let raw = raw.as_str().map_err(|error| self.damaged(column, &error.to_string()))?;
        read(raw).ok_or_else(|| self.damaged(column, &format!("{raw:?} is no word for it")))
    }

    /// The next column as JSON.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&mut self) -> Res<T> {
        let column = self.next;
        self.opt_json()?.ok_or_else(|| self.damaged(column, "it is empty"))
    }

    /// The next column as JSON, if there is any.
    pub(crate) fn opt_json<T: serde::de::DeserializeOwned>(&mut self) -> Res<Option<T>> {
        let column = self.next;
        let Some(raw) = self.get::<Option<String>>()? else { return Ok(None) };
        serde_json::from_str(&raw).map(Some).map_err(|error| self.damaged(column, &error.to_string()))
    }

    /// The next column as text of a distinct type.
    pub(crate) fn name<T>(&mut self, wrap: impl FnOnce(String) -> T) -> Res<T> {
        self.get().map(wrap)
    }

    /// The next column as text of a distinct type, if there is any.
    pub(crate) fn opt_name<T>(&mut self, wrap: impl FnOnce(String) -> T) -> Res<Option<T>> {
        Ok(self.get::<Option<String>>()?.map(wrap))
    }

    pub(crate) fn turn(&mut self) -> Res<TurnId> {
        self.get().map(TurnId)
    }

    pub(crate) fn opt_turn(&mut self) -> Res<Option<TurnId>> {
        Ok(self.get::<Option<i64>>()?.map(TurnId))
    }

    pub(crate) fn at(&mut self) -> Res<Timestamp> {
        self.get().map(Timestamp)
    }

    pub(crate) fn opt_at(&mut self) -> Res<Option<Timestamp>> {
        Ok(self.get::<Option<i64>>()?.map(Timestamp))
    }

    pub(crate) fn opt_message(&mut self) -> Res<Option<MessageId>> {
        self.opt_name(MessageId::new)
    }

    fn damaged(&self, column: usize, why: &str) -> Failure {
        let name = self.row.as_ref().column_name(column).unwrap_or("?");
        Failure::Damaged(format!("column {name}: {why}"))
    }
}

/// The first row of a query, if there is one.
pub(crate) fn one<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&mut Columns<'_>) -> Res<T>,
) -> Res<Option<T>> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    match rows.next()? {
        Some(row) => read(&mut Columns::of(row)).map(Some),
        None => Ok(None),
    }
}

/// Every row of a query; the first that can't be read fails it.
pub(crate) fn all<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(&mut Columns<'_>) -> Res<T>,
) -> Res<Vec<T>> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(&mut Columns::of(row))?);
    }
    Ok(found)
}

/// Up to `limit` rows of a query whose first column is the row's id; what can't be read is kept as it is, named in
/// the log, and skipped.
pub(crate) fn readable<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    limit: usize,
    what: &'static str,
    read: impl FnMut(i64, &mut Columns<'_>) -> Res<T>,
) -> Res<Vec<T>> {
    let (found, damaged) = parted(conn, sql, params, limit, read)?;
    for (id, why) in damaged {
        super::damage::report(what, id, &why);
    }
    Ok(found)
}

/// The rows that can be read, and those that can't.
pub(crate) type Parted<T> = (Vec<T>, Vec<Unreadable>);

/// The id of a row that can't be read, and the cause.
pub(crate) type Unreadable = (i64, String);

/// The same without naming anything.
pub(crate) fn parted<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    limit: usize,
    mut read: impl FnMut(i64, &mut Columns<'_>) -> Res<T>,
) -> Res<Parted<T>> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let (mut found, mut damaged) = (Vec::new(), Vec::new());
    while found.len() < limit {
        let Some(row) = rows.next()? else { break };
        let mut columns = Columns::of(row);
        let id: i64 = columns.get()?;
        match read(id, &mut columns) {
            Ok(item) => found.push(item),
            Err(Failure::Damaged(why)) => damaged.push((id, why)),
            Err(failure) => return Err(failure),
        }
    }
    Ok((found, damaged))
}

/// The rows of a query, whose first column is the row's id, that can't be read.
pub(crate) fn unreadable<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(i64, &mut Columns<'_>) -> Res<T>,
) -> Res<Vec<Unreadable>> {
    Ok(parted(conn, sql, params, usize::MAX, |id, row| read(id, row).map(drop))?.1)
}

/// Runs a statement that returns no rows and says how many it changed.
pub(crate) fn run(conn: &Connection, sql: &str, params: impl Params) -> Res<usize> {
    Ok(conn.prepare_cached(sql)?.execute(params)?)
}

/// Runs a statement that must change exactly one row; anything else means that the row was not what was read before.
pub(crate) fn change_one(conn: &Connection, sql: &str, params: impl Params) -> Res<()> {
    match run(conn, sql, params)? {
        1 => Ok(()),
        n => Err(Failure::Damaged(format!("a change of one row met {n}: {sql}"))),
    }
}
