//! Posting a message, and reading what was said before.

use axum::{
    Json,
    body::Bytes,
    extract::{
        Query, State,
        rejection::{BytesRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
};
use lastword_core::{
    ids::{ConversationId, Place, ThreadId, TurnId},
    update::Update,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, ApiError, Refusal, turns::turn_json};
use crate::web::{
    convert::{CONVERSATION_DEFAULT, Posted, check_id, short},
    receive::NotAccepted,
};

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 200;

/// `POST /api/v1/messages`: answers 202 once the message is committed.
///
/// Dying at any point before that leaves the caller without a 202, and a repeat under the same id finds what there is.
pub(super) async fn post(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    if !is_json(&headers) {
        return Err(Refusal::UnsupportedContentType.into());
    }
    let body = body.map_err(|rejection| unreadable(&rejection, api.settings.body_bytes_max))?;
    let posted = Posted::parse(&body).map_err(ApiError::invalid)?;
    if api.closing.is_cancelled() {
        return Err(Refusal::NotReceiving.saying("the bridge is stopping; send it again soon"));
    }
    let update = posted.into_update(&api.account, &api.settings.user, api.clock.now());
    let Update { id, place, .. } = update.clone();
    let offered = tokio::select! {
        biased;
        offered = api.inlet.offer(update) => offered,
        // What is not confirmed by now may never be: the caller should not keep a stopping bridge waiting.
        () = api.closing.cancelled() => Err(NotAccepted::TooSlow),
    };
    offered.map_err(|why| match why {
        NotAccepted::NotReceiving => {
            Refusal::NotReceiving.saying("the bridge does not receive now; send it again soon")
        }
        NotAccepted::Full => Refusal::TooMany.saying("too many messages are waiting; send it again soon"),
        NotAccepted::Refused | NotAccepted::TooSlow => {
            let again = format!("the message could not be confirmed; send it again with \"id\": {}", json!(id));
            Refusal::NotConfirmed.saying(again)
        }
    })?;
    let turn = api.store.turn_of(&api.account, &id).await.map_err(ApiError::store)?;
    let turn = turn.ok_or(Refusal::NotAccepted)?;
    // A repeated id is the message that it was: where it was said then is where it is answered.
    let view = api.store.turn(turn).await.map_err(ApiError::store)?;
    let place = view.map_or(place, |view| view.place);
    let accepted = json!({
        "turn": turn,
        "update": id,
        "conversation": place.conversation,
        "thread": place.thread,
        "events": format!("/api/v1/turns/{turn}/events"),
    });
    Ok((StatusCode::ACCEPTED, Json(accepted)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryQuery {
    conversation: Option<String>,
    thread: Option<String>,
    before: Option<i64>,
    limit: Option<usize>,
}

/// `GET /api/v1/messages`: what was said in a place, oldest first.
pub(super) async fn history(
    State(api): State<Api>,
    query: Result<Query<HistoryQuery>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Query(query) = query.map_err(|rejection| ApiError::invalid(short(&rejection.body_text())))?;
    let conversation = query.conversation.unwrap_or_else(|| CONVERSATION_DEFAULT.into());
    check_id("conversation", &conversation).map_err(ApiError::invalid)?;
    query.thread.as_deref().map_or(Ok(()), |thread| check_id("thread", thread)).map_err(ApiError::invalid)?;
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(ApiError::invalid(format!("`limit` is 1 to {LIMIT_MAX}")));
    }
    let place = Place {
        account: api.account.clone(),
        conversation: ConversationId::new(conversation),
        thread: query.thread.map(ThreadId::new),
    };
    let turns = api.store.history(&place, query.before.map(TurnId), limit).await.map_err(ApiError::store)?;
    let messages: Vec<Value> = turns.iter().map(turn_json).collect();
    Ok(Json(json!({ "conversation": place.conversation, "thread": place.thread, "messages": messages })))
}

fn is_json(headers: &HeaderMap) -> bool {
    let raw = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    raw.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn unreadable(rejection: &BytesRejection, body_bytes_max: usize) -> ApiError {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let message = format!("the body is larger than {body_bytes_max} bytes; send less at once");
        return Refusal::TooLarge.saying(message);
    }
    ApiError::invalid(short(&rejection.body_text()))
}
