//! A turn's stream as server-sent events.
//!
//! Guarantee: from any position on, a watcher sees every later event once and in order, and the stream ends after the
//! terminal. It ends early when the store fails or the bridge stops; the watcher resumes where it stood. Nothing
//! outlives a watcher that left: the stream owns all it holds.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header::CACHE_CONTROL},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::stream;
use lastword_core::{
    ids::TurnId,
    store::{Store, StreamEvent, StreamKind, StreamPosition, Subscription, Topic},
};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::{Api, ApiError, Refusal};
use crate::web::convert::short;

/// How often the store is asked even without a wake-up.
const POLL_EVERY: Duration = Duration::from_millis(250);
/// How often an idle stream sends a comment, so that the other side can tell quiet from dead.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(15);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WatchQuery {
    after: Option<String>,
}

/// `GET /api/v1/turns/{turn}/events`. Who stands at the end gets 204, which tells a browser not to come back.
pub(super) async fn watch(
    State(api): State<Api>,
    turn: Result<Path<String>, PathRejection>,
    query: Result<Query<WatchQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Query(query) = query.map_err(|rejection| ApiError::invalid(short(&rejection.body_text())))?;
    let turn = api.own_turn(turn).await?.id;
    // A browser that comes back repeats the old address, so its header is the newer word.
    let resumed = headers.get("last-event-id").map(|value| value.to_str().unwrap_or("?").to_owned()).or(query.after);
    let after = resumed.as_deref().map(position).transpose()?;
    if after == Some(StreamPosition::END) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let slot = api.watchers.clone().try_acquire_owned();
    let slot = slot.map_err(|_| Refusal::TooMany.saying("too many streams are open; come back soon"))?;
    let watcher = Watcher {
        turn,
        after,
        woken: api.store.subscribe(Topic::Streams),
        store: api.store,
        closing: api.closing,
        unsent: VecDeque::new(),
        is_over: false,
        _slot: slot,
    };
    let events = stream::unfold(watcher, |mut watcher| async {
        let event = watcher.next().await?;
        Some((Ok::<_, Infallible>(event), watcher))
    });
    let events = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE_EVERY));
    Ok(([(CACHE_CONTROL, "no-store")], events).into_response())
}

fn position(raw: &str) -> Result<StreamPosition, ApiError> {
    let cure = "`after` and Last-Event-ID are the id of an event of this stream, such as 1.4";
    StreamPosition::parse(raw).ok_or_else(|| ApiError::invalid(cure))
}

struct Watcher {
    turn: TurnId,
    after: Option<StreamPosition>,
    store: Arc<dyn Store>,
    /// Subscribed before the first read, so that nothing falls between them.
    woken: Box<dyn Subscription>,
    closing: CancellationToken,
    unsent: VecDeque<StreamEvent>,
    is_over: bool,
    _slot: OwnedSemaphorePermit,
}

impl Watcher {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.unsent.pop_front() {
                self.after = Some(event.position);
                self.is_over = matches!(event.kind, StreamKind::Reply(_) | StreamKind::Error(_));
                return Some(spell(event));
            }
            if self.is_over || self.closing.is_cancelled() {
                return None;
            }
            match self.store.stream(self.turn, self.after).await {
                Ok(events) => self.unsent.extend(events),
                Err(error) => {
                    tracing::warn!(turn = %self.turn, error = %error, "a turn's stream ended: the store did not answer");
                    return None;
                }
            }
            if self.unsent.is_empty() {
                tokio::select! {
                    () = self.woken.woken() => {}
                    () = tokio::time::sleep(POLL_EVERY) => {}
                    () = self.closing.cancelled() => {}
                }
            }
        }
    }
}

fn spell(event: StreamEvent) -> Event {
    let (name, text) = match event.kind {
        StreamKind::Progress(text) => ("progress", text),
        StreamKind::Reset => ("reset", String::new()),
        StreamKind::Reply(text) => ("reply", text),
        StreamKind::Error(text) => ("error", text),
    };
    Event::default().event(name).id(event.position.to_string()).data(json!({ "text": text }).to_string())
}
