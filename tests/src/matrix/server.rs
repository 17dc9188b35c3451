//! The way to the homeserver, and what a test may do with it: `/control/…`.

mod control;
mod pass;

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use super::{
    fault::Faults,
    settings::{Home, Settings},
    synapse::Synapse,
};
use crate::door::{Door, Outage};

/// The largest request: a file and what is around it.
const REQUEST_BYTES_MAX: usize = 100_000_000;

/// A request that came to the proxy, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Its method.
    pub method: String,
    /// Its path, decoded.
    pub path: String,
    /// What befell it, in the words of the fault.
    pub fault: Option<String>,
    /// What the homeserver answered, if it was asked.
    pub status: Option<u16>,
    /// Milliseconds since the start.
    pub at_ms: u64,
}

/// A Synapse and the proxy in front of it, until it is dropped.
pub struct Server {
    url: String,
    control_url: String,
    home_url: String,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Starts both; returns when the homeserver answers.
    ///
    /// # Errors
    /// When Synapse does not start, or no loopback port can be had.
    pub async fn start(python: &Path, directory: &Path, home: &Home) -> io::Result<Self> {
        let mut synapse = Synapse::prepare(python, directory, home)?;
        synapse.start().await?;
        let home_url = synapse.url();
        Self::before(home_url, Some(synapse)).await
    }

    /// A proxy in front of what somebody else serves.
    async fn before(home_url: String, synapse: Option<Synapse>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let hand = TcpListener::bind("127.0.0.1:0").await?;
        let control_url = format!("http://{}", hand.local_addr()?);
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
        let shared = Shared {
            home_url: home_url.clone().into(),
            http: http.map_err(io::Error::other)?,
            state: Arc::default(),
            synapse: Arc::new(tokio::sync::Mutex::new(synapse)),
            late: Arc::default(),
            heard: Arc::new(watch::channel(()).0),
            started: Instant::now(),
        };
        let outage = shared.clone();
        let door = Door::new(listener, shared.heard.subscribe(), move || outage.outage())?;
        let way = Router::new()
            .fallback(pass::pass)
            .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
            .with_state(shared.clone());
        let control = Router::new()
            .route("/control/faults", post(control::add_faults).delete(control::clear_faults))
            .route("/control/settings", post(control::settings))
            .route("/control/synapse/{deed}", post(control::synapse))
            .route("/control/calls", get(control::calls))
            .with_state(shared);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { ended(axum::serve(door, way).await) });
        tasks.spawn(async move { ended(axum::serve(hand, control).await) });
        Ok(Self { url, control_url, home_url, _tasks: tasks })
    }

    /// The proxy: `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where `/control` is.
    #[must_use]
    pub fn control_url(&self) -> &str {
        &self.control_url
    }

    /// The homeserver itself, past the proxy.
    #[must_use]
    pub fn home_url(&self) -> &str {
        &self.home_url
    }
}

fn ended(how: io::Result<()>) {
    if let Err(error) = how {
        eprintln!("the proxy stopped serving: {error}");
    }
}

#[derive(Default)]
struct State {
    settings: Settings,
    faults: Faults,
    calls: Vec<Call>,
}

#[derive(Clone)]
struct Shared {
    home_url: Arc<str>,
    http: reqwest::Client,
    state: Arc<Mutex<State>>,
    synapse: Arc<tokio::sync::Mutex<Option<Synapse>>>,
    /// Requests that live on after their sender is gone.
    late: Arc<Mutex<JoinSet<()>>>,
    heard: Arc<watch::Sender<()>>,
    started: Instant,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outage(&self) -> Option<Outage> {
        self.state().settings.outage
    }

    /// Has something done beside; it ends with the server.
    fn aside(&self, what: impl Future<Output = ()> + Send + 'static) {
        let mut late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        while late.try_join_next().is_some() {}
        late.spawn(what);
    }
}

#[cfg(test)]
mod tests;
