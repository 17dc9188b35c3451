//! The bridge's HTTP side: the web API of its provider, and what monitors ask.

mod health;
mod metrics;
mod waiting;

use std::{convert::Infallible, os::fd::AsFd, sync::Arc, time::Duration};

use anyhow::Context;
use axum::{Router, routing::get, serve::ListenerExt};
use lastword_providers::web::guard;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    bridge::account::{Accounts, guard_settings},
    config::Config,
    process::{join::Waiting, member::Member},
};

/// How long connections may take to close at the end.
const CLOSING_MAX: Duration = Duration::from_secs(1);

/// Binds the configured address, or says what to change.
pub async fn bind(config: &Config) -> anyhow::Result<TcpListener> {
    let listen = config.http.listen;
    TcpListener::bind(listen).await.with_context(|| {
        format!("can't listen on {listen}; is another program there? Set `http.listen` to a free address")
    })
}

/// Answers on `listener` for as long as the bridge waits for its store, and never returns without a failure. Dropped, it
/// leaves the listener to the bridge itself.
pub fn while_waiting(
    listener: &TcpListener,
    config: &Config,
    why: &Waiting,
) -> impl Future<Output = anyhow::Result<Infallible>> + use<> {
    let (mut why, config) = (why.subscribe(), config.clone());
    let same = listener.as_fd().try_clone_to_owned().map(std::net::TcpListener::from);
    async move {
        // A bridge that does not wait is not answered for.
        why.wait_for(Option::is_some).await?;
        let listener = TcpListener::from_std(same?)?;
        axum::serve(listener, waiting::router(&config, why)).await?;
        anyhow::bail!("HTTP ended")
    }
}

/// Everything that is served. Only `/healthz`, which tells nothing, is open to everybody who can connect.
pub fn router(member: &Arc<Member>, accounts: &Accounts, web: Router) -> Router {
    let health = health::Health::new(Arc::clone(member), accounts.clone());
    let monitors = Router::new()
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::metrics))
        .with_state(Arc::new(health));
    guard(monitors, guard_settings(&member.config)).route("/healthz", get(health::healthz)).merge(web)
}

/// Serves until `ended`.
pub async fn serve(listener: TcpListener, router: Router, ended: CancellationToken) -> anyhow::Result<()> {
    let listen = listener.local_addr()?;
    tracing::info!(%listen, "listening");
    let begin_to_end = ended.clone();
    // A piece of a stream is small and must not wait for the next.
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    let serving = axum::serve(listener, router).with_graceful_shutdown(begin_to_end.cancelled_owned());
    let enough = async {
        ended.cancelled().await;
        tokio::time::sleep(CLOSING_MAX).await;
    };
    // Streams end with the bridge and are resumed at the next one.
    tokio::select! {
        served = serving => served.context("HTTP"),
        () = enough => Ok(()),
    }
}
