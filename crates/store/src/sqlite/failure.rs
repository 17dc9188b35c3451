//! Why a job failed, and what its caller is told.

use lastword_core::store::StoreError;
use rusqlite::{Error as SqlError, ErrorCode, ffi};

/// Why a query or a job failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The engine said no.
    Sql(SqlError),
    /// One of our rules refused it.
    Refused(String),
    /// A row can't be read.
    Damaged(String),
}

/// What queries return.
pub(crate) type Res<T> = Result<T, Failure>;

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        Self::Sql(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(why) => Self::Refused(why.into()),
            Failure::Damaged(what) => Self::Damaged(what),
            Failure::Sql(error) => from_sql(error),
        }
    }
}

fn from_sql(error: SqlError) -> StoreError {
    match &error {
        _ if is_broken_rule(&error) => StoreError::Refused(error.into()),
        SqlError::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreError::Damaged(error.to_string()),
            _ => StoreError::Unavailable(error.into()),
        },
        SqlError::FromSqlConversionFailure(..)
        | SqlError::IntegralValueOutOfRange(..)
        | SqlError::Utf8Error(..)
        | SqlError::InvalidColumnType(..) => StoreError::Damaged(error.to_string()),
        _ => StoreError::Unavailable(error.into()),
    }
}

/// Whether a rule of the schema refused the write.
pub(crate) fn is_broken_rule(error: &SqlError) -> bool {
    let code = error.sqlite_error_code();
    // That one is the writer's: see its `Permit`.
    let is_not_permitted =
        error.sqlite_error().is_some_and(|engine| engine.extended_code == ffi::SQLITE_CONSTRAINT_COMMITHOOK);
    !is_not_permitted
        && matches!(code, Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch))
}

/// Whether the disk itself failed: what is on it is unknown until a restart replays the log.
pub(crate) fn is_disk_failure(error: &SqlError) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) && !is_full(error)
}

/// Whether the disk has no room. The log's index says so in words of its own.
pub(crate) fn is_full(error: &SqlError) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
        || error.sqlite_error().is_some_and(|engine| engine.extended_code == ffi::SQLITE_IOERR_SHMSIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine_says(code: i32) -> StoreError {
        Failure::Sql(SqlError::SqliteFailure(ffi::Error::new(code), None)).into()
    }

    #[test]
    fn a_full_disk_is_no_broken_disk() {
        let says = |code| SqlError::SqliteFailure(ffi::Error::new(code), None);
        for (code, full, broken) in [
            (ffi::SQLITE_FULL, true, false),
            (ffi::SQLITE_IOERR_SHMSIZE, true, false),
            (ffi::SQLITE_IOERR_FSYNC, false, true),
            (ffi::SQLITE_BUSY, false, false),
        ] {
            assert_eq!((is_full(&says(code)), is_disk_failure(&says(code))), (full, broken), "{code}");
        }
    }

    #[test]
    fn a_full_disk_is_worth_asking_again_and_a_broken_rule_is_not() {
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_BUSY, ffi::SQLITE_READONLY, ffi::SQLITE_IOERR] {
            assert!(matches!(engine_says(code), StoreError::Unavailable(_)), "{code}");
        }
        assert!(matches!(engine_says(ffi::SQLITE_CONSTRAINT), StoreError::Refused(_)));
        assert!(matches!(engine_says(ffi::SQLITE_CORRUPT), StoreError::Damaged(_)));
    }
}
