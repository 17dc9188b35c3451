//! Core's oversight, call by call: each is one job of a commit, or one read. Whatever looks at a whole table looks in
//! a read, so that no message waits for it.

use std::sync::Arc;

use async_trait::async_trait;
use lastword_core::{
    alert::{Alert, AlertCode, AlertView, Messaging},
    ids::{AccountId, Place, Timestamp, UserId},
    store::{
        Audit, Forgotten, IdleSession, Measures, Outbound, Oversight, Pruned, Retention, Role, SessionOf, StoreError,
        Trace, TraceOf,
    },
};
use rusqlite::Connection;

use super::{
    SqliteStore, checkpoint,
    engine::Engine,
    query::{alert, audit, forget, herald, idle, life, measures, outbox, prune, tally},
};

#[async_trait]
impl Oversight for SqliteStore {
    async fn raise(&self, alert: &Alert) -> Result<(), StoreError> {
        let Alert { code, subject, detail } = alert.clone();
        self.engine.write(move |tx| alert::raise(tx, code, &subject, &detail)).await
    }

    async fn resolve(&self, code: AlertCode, subject: &str) -> Result<bool, StoreError> {
        let subject = subject.to_owned();
        self.engine.write(move |tx| alert::resolve(tx, code, &subject)).await
    }

    async fn resolve_numbered(&self, id: i64) -> Result<bool, StoreError> {
        self.engine.write(move |tx| alert::resolve_numbered(tx, id)).await
    }

    async fn alerts(&self, with_resolved: bool, limit: usize) -> Result<Vec<AlertView>, StoreError> {
        self.engine.read(move |conn| alert::list(conn, with_resolved, limit)).await
    }

    async fn tell(&self, to: &[Place], every_ms: i64, configured: Messaging) -> Result<usize, StoreError> {
        let now = self.clock.now();
        if to.is_empty() || !self.engine.read(move |conn| herald::has_news(conn, now, every_ms, configured)).await? {
            return Ok(0);
        }
        let to = to.to_vec();
        self.engine.write(move |tx| herald::tell(tx, &to, every_ms, configured)).await
    }

    async fn unposted(&self, limit: usize) -> Result<Vec<AlertView>, StoreError> {
        let now = self.clock.now();
        self.engine.read(move |conn| alert::unposted(conn, now, limit)).await
    }

    async fn posted(&self, alerts: &[AlertView]) -> Result<(), StoreError> {
        let posted: Vec<_> = alerts.iter().map(|alert| (alert.id, alert.resolved_at.is_some())).collect();
        self.engine.write(move |tx| posted.iter().try_for_each(|(id, is_over)| alert::posted(tx, *id, *is_over))).await
    }

    async fn outbox(&self, account: &AccountId, limit: usize) -> Result<Vec<Outbound>, StoreError> {
        let (account, now) = (account.clone(), self.clock.now());
        self.engine.read(move |conn| outbox::list(conn, &account, now, limit)).await
    }

    async fn trace(&self, of: &TraceOf) -> Result<Option<Trace>, StoreError> {
        let of = of.clone();
        self.engine.read(move |conn| life::life(conn, &of)).await
    }

    async fn audit(&self) -> Result<Audit, StoreError> {
        let alone = Arc::clone(&self.auditing).try_acquire_owned();
        let alone = alone.map_err(|_| StoreError::Unavailable("an audit is running already".into()))?;
        let audit = move |conn: &Connection| {
            let _alone = alone;
            audit::audit(conn)
        };
        self.engine.read_long(audit).await
    }

    async fn measures(&self) -> Result<Measures, StoreError> {
        let now = self.clock.now();
        self.engine.read(move |conn| measures::measures(conn, now)).await
    }

    async fn count_restart(&self, role: Role) -> Result<(), StoreError> {
        let count = move |tally: &mut tally::Tally| tally.rare(tally::RESTART, role.as_str(), 1);
        self.engine
            .write(move |tx| {
                tx.count(count);
                Ok(())
            })
            .await
    }

    async fn prune(&self, retention: &Retention, limit: usize) -> Result<Pruned, StoreError> {
        let (retention, now) = (*retention, self.clock.now());
        let found = self.engine.read_long(move |conn| prune::look(conn, now, &retention, limit)).await?;
        self.engine.write_unchecked(move |tx| prune::prune(tx, &retention, &found, limit)).await
    }

    async fn forget(&self, account: &AccountId, user: &UserId, limit: usize) -> Result<Forgotten, StoreError> {
        let (of, who) = (account.clone(), user.clone());
        let found = self.engine.read_long(move |conn| forget::look(conn, &of, &who, limit)).await?;
        let (of, who) = (account.clone(), user.clone());
        self.engine.write(move |tx| forget::forget(tx, &of, &who, &found)).await
    }

    async fn sessions_of(&self, account: &AccountId, user: &UserId) -> Result<Vec<SessionOf>, StoreError> {
        let (account, user) = (account.clone(), user.clone());
        self.engine.read(move |conn| forget::sessions_of(conn, &account, &user)).await
    }

    async fn shorten_log(&self) -> Result<bool, StoreError> {
        let files = self.files.clone();
        if matches!(self.engine, Engine::Inline(_)) {
            return checkpoint::empty_log(&files);
        }
        let done = tokio::task::spawn_blocking(move || checkpoint::empty_log(&files));
        done.await.map_err(|error| StoreError::Unavailable(error.into()))?
    }

    async fn idle_sessions(&self, before: Timestamp) -> Result<Vec<IdleSession>, StoreError> {
        self.engine.read_long(move |conn| idle::sessions(conn, before)).await
    }
}
