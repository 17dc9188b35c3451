//! What monitors see while a bridge waits for its store: the process answers, and is not able.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    middleware::map_response,
    response::Response,
    routing::get,
};
use lastword_providers::web::guard;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::health::healthz;
use crate::{bridge::account::guard_settings, build_id::build, config::Config};

/// `/healthz` and `/readyz`; everything else is told to come back.
pub(super) fn router(config: &Config, why: watch::Receiver<Option<String>>) -> Router {
    let readiness = Router::new().route("/readyz", get(readyz)).with_state(Arc::new(why));
    guard(readiness, guard_settings(config))
        .route("/healthz", get(healthz))
        .fallback(not_yet)
        .layer(map_response(close))
}

/// The next request on the same connection may already be for the bridge itself.
async fn close(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

async fn readyz(State(why): State<Arc<watch::Receiver<Option<String>>>>) -> (StatusCode, Json<Value>) {
    let trouble = why.borrow().clone();
    let page = json!({ "ready": false, "build": build(), "store": { "ready": false, "trouble": trouble } });
    (StatusCode::SERVICE_UNAVAILABLE, Json(page))
}

async fn not_yet() -> StatusCode {
    StatusCode::SERVICE_UNAVAILABLE
}
