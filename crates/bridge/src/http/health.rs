//! `/healthz`: the process answers. `/readyz`: the bridge is able, with the evidence and its age.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State, http::StatusCode};
use lastword_core::store::{Role, StoreError};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    bridge::account::Accounts,
    build_id::build,
    process::{member::Member, vitals::Vital},
    report::{alerts_json, unstored_json},
};

/// Evidence older than this no longer counts, in milliseconds.
const EVIDENCE_MAX_MS: u128 = 5_000;
/// How long the store may take for all that a page wants to know; a monitor must not wait for one that is out.
pub(super) const READ_MAX: Duration = Duration::from_secs(3);
/// The most alerts on the page.
const ALERTS_MAX: usize = 20;

/// What the pages are made from.
pub(super) struct Health {
    pub(super) member: Arc<Member>,
    pub(super) accounts: Accounts,
    pub(super) begin: Instant,
}

impl Health {
    pub(super) fn new(member: Arc<Member>, accounts: Accounts) -> Self {
        Self { member, accounts, begin: Instant::now() }
    }

    /// Whether the store takes what is new: a heartbeat was committed lately, and its disk has room.
    pub(super) fn store_takes(&self) -> bool {
        self.member.committed_at().is_some_and(is_fresh) && !self.member.is_disk_full()
    }
}

/// The process answers; nothing more is claimed.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// 200 when store, worker and every account have fresh evidence of their ability, otherwise 503; the page says which.
pub(super) async fn readyz(State(health): State<Arc<Health>>) -> (StatusCode, Json<Value>) {
    let reads = (store(&health), worker(&health), alerts(&health));
    let ((store_ready, store), (worker_ready, worker), alerts) = tokio::join!(reads.0, reads.1, reads.2);
    let (accounts_ready, accounts) = accounts(&health);
    let is_ready = store_ready && worker_ready && accounts_ready;
    let page = json!({
        "ready": is_ready,
        "build": build(),
        "uptime_ms": age_ms(health.begin),
        "store": store,
        "worker": worker,
        "accounts": accounts,
        "alerts": alerts,
    });
    (if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(page))
}

/// What the store says within [`READ_MAX`], or its trouble.
pub(super) async fn in_time<T>(read: impl Future<Output = Result<T, StoreError>>) -> Result<T, String> {
    within(READ_MAX, read).await
}

async fn within<T>(max: Duration, read: impl Future<Output = Result<T, StoreError>>) -> Result<T, String> {
    match tokio::time::timeout(max, read).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("it does not answer within {} ms", max.as_millis())),
    }
}

/// Able when a heartbeat of this process was committed lately, and it can be read.
async fn store(health: &Health) -> (bool, Value) {
    let beat = health.member.committed_at();
    let is_disk_full = health.member.is_disk_full();
    let mut is_ready = health.store_takes();
    let mut page = json!({ "last_commit_age_ms": beat.map(age_ms), "disk_full": is_disk_full });
    if let Some(trouble) = health.member.store_trouble() {
        page["trouble"] = json!(trouble.cause);
        page["out_ms"] = json!(age_ms(trouble.since));
    }
    match in_time(health.member.store.counts()).await {
        Ok(counts) => {
            page["turns"] = json!({
                "accepted": counts.accepted,
                "replied": counts.replied,
                "errored": counts.errored,
                "stopped": counts.stopped,
                "merged": counts.merged,
                "queued": counts.queued,
                "running": counts.running,
            });
            page["dropped"] = json!(counts.dropped);
            page["deliveries"] = json!({ "open": counts.deliveries_open, "dead": counts.deliveries_dead });
        }
        Err(trouble) => {
            is_ready = false;
            page["trouble"] = match page["trouble"].as_str() {
                Some(writing) => json!(format!("{writing}; reading: {trouble}")),
                None => json!(trouble),
            };
        }
    }
    page["ready"] = json!(is_ready);
    (is_ready, page)
}

/// Able when a worker's heart was seen to beat lately.
async fn worker(health: &Health) -> (bool, Value) {
    // A worker that has just come is seen at once, not with the next sweep.
    if let Ok(living) = in_time(health.member.store.living()).await {
        health.member.vitals.read(&living);
    }
    let workers: Vec<Vital> =
        health.member.vitals.all().into_iter().filter(|vital| vital.process.role == Role::Worker).collect();
    let is_ready = workers.iter().any(|vital| is_fresh(vital.beaten_at));
    let seen: Vec<_> = workers
        .iter()
        .map(|vital| {
            json!({
                "pid": vital.process.pid,
                "build": vital.process.build,
                "last_heartbeat_age_ms": age_ms(vital.beaten_at),
            })
        })
        .collect();
    (is_ready, json!({ "ready": is_ready, "workers": seen }))
}

/// What needs an operator, the newest first. None of it makes a bridge unable by itself: evidence does.
async fn alerts(health: &Health) -> Vec<Value> {
    let mut open: Vec<_> = health.member.alerts.unstored().iter().rev().map(unstored_json).collect();
    match in_time(health.member.oversight.alerts(false, ALERTS_MAX)).await {
        Ok(stored) => open.extend(alerts_json(&stored)),
        Err(error) => tracing::debug!("alerts could not be read: {error}"),
    }
    open.truncate(ALERTS_MAX);
    open
}

/// Able when every account's network has answered lately.
fn accounts(health: &Health) -> (bool, Value) {
    let mut are_ready = true;
    let mut pages = serde_json::Map::new();
    for account in health.accounts.values() {
        let evidence = account.health.evidence();
        are_ready &= evidence.is_ready();
        pages.insert(
            account.id.to_string(),
            json!({
                "ready": evidence.is_ready(),
                "last_received_age_ms": evidence.received_at.map(age_ms),
                "last_delivered_age_ms": evidence.delivered_at.map(age_ms),
                "pending": evidence.pending.map(|(pending, _)| pending),
                "pending_age_ms": evidence.pending.map(|(_, at)| age_ms(at)),
                "trouble": evidence.receive_trouble(),
                "send_trouble": evidence.send_trouble,
            }),
        );
    }
    (are_ready, Value::Object(pages))
}

fn is_fresh(at: Instant) -> bool {
    age_ms(at) <= EVIDENCE_MAX_MS
}

fn age_ms(at: Instant) -> u128 {
    at.elapsed().as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_read_that_is_stuck_is_a_trouble_in_time() {
        let stuck = std::future::pending::<Result<(), _>>();
        assert_eq!(within(Duration::from_millis(5), stuck).await.unwrap_err(), "it does not answer within 5 ms");
        assert_eq!(in_time(async { Ok(7) }).await, Ok(7));
    }
}
