//! The test's side.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{Call, Shared};
use crate::matrix::{fault::FaultScript, settings::Settings};

pub async fn add_faults(State(shared): State<Shared>, Json(script): Json<FaultScript>) -> StatusCode {
    shared.state().faults.add(script);
    StatusCode::NO_CONTENT
}

pub async fn clear_faults(State(shared): State<Shared>) -> StatusCode {
    shared.state().faults.clear();
    StatusCode::NO_CONTENT
}

/// Connections that wait hear of an outage at once.
pub async fn settings(State(shared): State<Shared>, Json(settings): Json<Settings>) -> StatusCode {
    shared.state().settings = settings;
    shared.heard.send_replace(());
    StatusCode::NO_CONTENT
}

pub async fn calls(State(shared): State<Shared>) -> Json<Vec<Call>> {
    Json(shared.state().calls.clone())
}

/// `start`, `stop`, `kill` or `restart`; answers when it is done.
pub async fn synapse(State(shared): State<Shared>, Path(deed): Path<String>) -> Response {
    let mut synapse = shared.synapse.lock().await;
    let Some(synapse) = synapse.as_mut() else { return StatusCode::NOT_FOUND.into_response() };
    let done = match deed.as_str() {
        "start" => synapse.start().await,
        "stop" => synapse.stop().await,
        "kill" => synapse.kill().await,
        "restart" => match synapse.stop().await {
            Ok(()) => synapse.start().await,
            Err(error) => Err(error),
        },
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    match done {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
