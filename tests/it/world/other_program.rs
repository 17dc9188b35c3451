//! Another program that uses the store's file.

use std::time::Duration;

use super::World;

/// Another program that holds the store until this is dropped.
pub struct OtherProgram(#[expect(dead_code, reason = "holds the lock")] rusqlite::Connection);

impl OtherProgram {
    /// Waits until it has the store.
    pub fn holds_the_store_of(world: &World) -> Self {
        Self::takes_the_store_of(world, Duration::from_secs(30)).unwrap()
    }

    /// Waits for so long; `None` if others have it.
    pub fn takes_the_store_of(world: &World, within: Duration) -> Option<Self> {
        let conn = rusqlite::Connection::open(world.file("state/lastword.db")).ok()?;
        conn.busy_timeout(within).ok()?;
        conn.execute_batch("BEGIN EXCLUSIVE").ok()?;
        Some(Self(conn))
    }
}
