//! One turn as JSON.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
};
use lastword_core::{store::TurnView, turn::TurnState};
use serde_json::{Value, json};

use super::{Api, ApiError};

/// `GET /api/v1/turns/{turn}`.
pub(super) async fn show(
    State(api): State<Api>,
    turn: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, ApiError> {
    Ok(Json(turn_json(&api.own_turn(turn).await?)))
}

/// A turn as `docs/api.md` describes it. Times are milliseconds since the Unix epoch.
pub(super) fn turn_json(turn: &TurnView) -> Value {
    json!({
        "turn": turn.id,
        "conversation": turn.place.conversation,
        "thread": turn.place.thread,
        "state": turn.state,
        "attempt": turn.attempt,
        "text": turn.text,
        "reply": turn.reply,
        "is_error": is_error(turn),
        "reason": turn.reason.as_ref().map(|reason| reason.code()),
        "merged_into": turn.merged_into,
        "accepted_at": turn.accepted_at,
        "ended_at": turn.ended_at,
    })
}

fn is_error(turn: &TurnView) -> bool {
    match turn.state {
        TurnState::Failed | TurnState::Cancelled => true,
        TurnState::Queued | TurnState::Running | TurnState::Done => false,
        // Its reply is its lead's, whose state is not in this view.
        TurnState::Merged => turn.reply.as_deref().is_some_and(|reply| reply.starts_with("Error:")),
    }
}
