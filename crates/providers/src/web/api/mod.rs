//! The HTTP API of `docs/api.md`: routes, and what handlers share.
//!
//! Guarantee: an account shows its own turns only; every refusal is `{"error": {"code", "message"}}` with a cure.

mod error;
mod events;
mod messages;
mod turns;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, Request, rejection::PathRejection},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use lastword_core::{
    ids::{AccountId, TurnId},
    store::{Clock, Store, TurnView},
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub(super) use self::error::{ApiError, Refusal};
use super::{receive::Inlet, settings::WebSettings};

/// The most event streams open at once; the next is told to come back.
const WATCHERS_MAX: usize = 512;
/// How long any request but an event stream may take; longer than a handler waits for a commit.
const REQUEST_MAX: Duration = Duration::from_secs(15);

/// What handlers share.
#[derive(Clone)]
pub(super) struct Api {
    account: AccountId,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    inlet: Arc<Inlet>,
    closing: CancellationToken,
    settings: Arc<WebSettings>,
    watchers: Arc<Semaphore>,
}

impl Api {
    pub(super) fn new(
        account: AccountId,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        inlet: Arc<Inlet>,
        closing: CancellationToken,
        settings: WebSettings,
    ) -> Self {
        let (settings, watchers) = (Arc::new(settings), Arc::new(Semaphore::new(WATCHERS_MAX)));
        Self { account, store, clock, inlet, closing, settings, watchers }
    }

    /// A turn of this account; another account's does not exist here.
    async fn own_turn(&self, raw: Result<Path<String>, PathRejection>) -> Result<TurnView, ApiError> {
        let missing = || ApiError::from(Refusal::NoSuchTurn);
        let Path(raw) = raw.map_err(|_| missing())?;
        let turn = raw.parse().map(TurnId).map_err(|_| missing())?;
        let view = self.store.turn(turn).await.map_err(ApiError::store)?;
        view.filter(|view| view.place.account == self.account).ok_or_else(missing)
    }
}

/// The routes, without a guard.
pub(super) fn router(api: Api) -> Router {
    let body_bytes_max = api.settings.body_bytes_max;
    Router::new()
        .route("/api/v1/messages", post(messages::post).get(messages::history))
        .route("/api/v1/turns/{turn}", get(turns::show))
        .layer(middleware::from_fn(within_time))
        .route("/api/v1/turns/{turn}/events", get(events::watch))
        .layer(DefaultBodyLimit::max(body_bytes_max))
        .with_state(api)
}

async fn within_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_MAX, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::from(Refusal::TooSlow).into_response(),
    }
}
