//! `/metrics`: figures for Prometheus, read from the store when asked for and from this process's evidence.
//!
//! Guarantee: the page is made even while the store is out; what only the store knows is missing then, and
//! `lastword_store_up` is 0. No label holds what people or agents wrote.

mod figures;
mod page;

use std::sync::Arc;

use axum::{
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use lastword_core::store::{Measures, Role};
use prometheus_client::{encoding::text, registry::Registry};
use tokio::time::Instant;

use self::figures::{AccountFigures, Figures};
use super::health::{Health, in_time};

/// As the format asks for it.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything, in the OpenMetrics text format.
pub(super) async fn metrics(State(health): State<Arc<Health>>) -> Response {
    let mut registry = Registry::with_prefix("lastword");
    registry.register_collector(Box::new(figures(&health).await));
    let mut body = String::new();
    match text::encode(&mut body, &registry) {
        Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS)], body).into_response(),
        Err(error) => {
            tracing::error!("/metrics can't be written: {error}");
            axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn figures(health: &Health) -> Figures {
    let seconds = |at: Option<Instant>| at.map(|at| at.elapsed().as_secs_f64());
    let accounts = health.accounts.values().map(|account| {
        let evidence = account.health.evidence();
        AccountFigures {
            id: account.id.to_string(),
            is_ready: evidence.is_ready(),
            received_age_s: seconds(evidence.received_at),
            delivered_age_s: seconds(evidence.delivered_at),
        }
    });
    let workers = health.member.vitals.all().into_iter().filter(|vital| vital.process.role == Role::Worker);
    Figures {
        up_s: health.begin.elapsed().as_secs_f64(),
        store_takes: health.store_takes(),
        disk_full: health.member.is_disk_full(),
        commit_age_s: seconds(health.member.committed_at()),
        heartbeat_ages_s: workers.map(|vital| vital.beaten_at.elapsed().as_secs_f64()).collect(),
        accounts: accounts.collect(),
        alerts_unstored: health.member.alerts.unstored().len() as u64,
        measures: measures(health).await,
    }
}

async fn measures(health: &Health) -> Option<Measures> {
    let measures = in_time(health.member.oversight.measures()).await;
    measures.inspect_err(|trouble| tracing::debug!("figures could not be read: {trouble}")).ok()
}
