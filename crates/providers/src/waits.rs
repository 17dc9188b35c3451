//! Waiting for what there may be: without it, for ever, so that a `select!` is left to the others.

use futures_util::future::BoxFuture;
use tokio::time::Instant;

/// What comes of a future, if there is one.
pub(crate) async fn maybe<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

/// Until a time, if there is one.
pub(crate) async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
