//! The schema's history. Migrations only add, so that an older binary starts on a newer schema.

use refinery::{Migration, Runner};
use rusqlite::Connection;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The migrations that this build knows.
pub(crate) fn known() -> Vec<Migration> {
    embedded::migrations::runner().get_migrations().clone()
}

/// Brings the schema up to `migrations`, all or nothing. A migration that this build does not know is a newer
/// build's: it stays. One that it knows otherwise is an error. Call it under the commit lock.
pub(crate) fn migrate(conn: &mut Connection, migrations: &[Migration]) -> Result<(), refinery::Error> {
    Runner::new(migrations).set_grouped(true).set_abort_missing(false).set_abort_divergent(true).run(conn)?;
    Ok(())
}
