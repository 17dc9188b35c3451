//! The network over HTTP: `/api/<method>`, `/link/`, `/upload/…`, `/files-pri/…`, and for tests `/control` and `/book`.

mod api;
mod files;
mod link;

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, Path, Query, State},
    http::StatusCode,
    response::{Html, IntoResponse, Response},
    routing::{any, get, post},
};
use futures_util::stream;
use serde::Deserialize;
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use super::{
    book::Book,
    control::{Deed, carry_out},
    errors::Refusal,
    fault::FaultScript,
    methods::FILE_BYTES_MAX,
    network::Network,
    settings::{Outage, Settings},
    validate::{Contract, Violation},
};
use crate::{door::Door, ledger};

/// The largest request: a file and what is around it.
const REQUEST_BYTES_MAX: usize = FILE_BYTES_MAX + 1_000_000;
/// How long nothing happens at most.
const IDLE: Duration = Duration::from_secs(3_600);

/// A network that serves on a free loopback port until it is dropped.
pub struct Server {
    url: String,
    control_url: String,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Starts with nobody in it.
    ///
    /// # Errors
    /// When no loopback port can be had.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let hand = TcpListener::bind("127.0.0.1:0").await?;
        let control_url = format!("http://{}", hand.local_addr()?);
        let shared = Shared {
            network: Arc::new(Mutex::new(Network::new(url.clone()))),
            late: Arc::default(),
            heard: Arc::new(watch::channel(()).0),
            contract: Contract::from_env().map(Arc::new),
        };
        let outage = shared.clone();
        let door = Door::new(listener, shared.heard.subscribe(), move || outage.outage())?;
        let mut tasks = JoinSet::new();
        tasks.spawn(pace(shared.clone()));
        let (network, control) = (network(&shared).merge(control(&shared)), control(&shared));
        tasks.spawn(async move { ended(axum::serve(door, network).await) });
        tasks.spawn(async move { ended(axum::serve(hand, control).await) });
        Ok(Self { url, control_url, _tasks: tasks })
    }

    /// `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where `/control` and `/book` are to be had whatever outage there is.
    #[must_use]
    pub fn control_url(&self) -> &str {
        &self.control_url
    }
}

fn ended(how: io::Result<()>) {
    if let Err(error) = how {
        eprintln!("the network stopped serving: {error}");
    }
}

#[derive(Clone)]
struct Shared {
    network: Arc<Mutex<Network>>,
    /// Sockets, and requests that live on in the network after their sender is gone.
    late: Arc<Mutex<JoinSet<()>>>,
    heard: Arc<watch::Sender<()>>,
    contract: Option<Arc<Contract>>,
}

impl Shared {
    fn network(&self) -> MutexGuard<'_, Network> {
        self.network.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has everybody who waits look again.
    fn wake(&self) {
        self.heard.send_replace(());
    }

    /// Has something done beside; it ends with the server.
    fn aside(&self, what: impl Future<Output = ()> + Send + 'static) {
        let mut late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        while late.try_join_next().is_some() {}
        late.spawn(what);
    }

    fn outage(&self) -> Option<Outage> {
        self.network().settings.outage
    }

    /// Waits for the end of an outage of which nobody is told anything.
    async fn hang(&self) -> Response {
        let mut heard = self.heard.subscribe();
        while self.outage() == Some(Outage::Hang) && heard.changed().await.is_ok() {}
        cut()
    }
}

/// Sends what is due, when it is due.
async fn pace(shared: Shared) {
    let mut heard = shared.heard.subscribe();
    loop {
        let (has_changed, due_ms) = {
            let mut network = shared.network();
            let (now, settings) = (network.now_ms(), network.settings.clone());
            let has_changed = network.links.tick(now, &settings);
            (has_changed, network.links.next_due_ms().map(|due_ms| due_ms.saturating_sub(now)))
        };
        if has_changed {
            shared.wake();
        }
        let pause = due_ms.map_or(IDLE, Duration::from_millis);
        tokio::select! {
            _ = heard.changed() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// The test's side.
fn control(shared: &Shared) -> Router {
    Router::new()
        .route("/control/faults", post(add_faults).delete(clear_faults))
        .route("/control/settings", post(settings))
        .route("/control/violations", get(violations).delete(clear_violations))
        .route("/control/ledger", get(ledger_of))
        .route("/control/{deed}", post(deed))
        .route("/book", get(book))
        .with_state(shared.clone())
}

/// The network's side.
fn network(shared: &Shared) -> Router {
    Router::new()
        .route("/api/{method}", any(api::api))
        .route("/link/", get(link::link))
        .route("/upload/v1/{ticket}", post(files::upload))
        .route("/files-pri/{file}/{name}", get(files::download))
        .route("/files-pri/{file}/download/{name}", get(files::download_named))
        .route("/commands/{bot}/{channel}/{user}/{trigger}", post(files::respond))
        .route("/", get(files::login))
        .fallback(async || (StatusCode::NOT_FOUND, Html("<html><body>There's been a glitch</body></html>")))
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state(shared.clone())
}

/// Ends the connection in the middle of an answer.
fn cut() -> Response {
    let broken = stream::once(async { Err::<String, _>(io::Error::other("cut by the script")) });
    Response::new(Body::from_stream(broken))
}

/// What something in between answers.
fn gateway() -> Response {
    let page = "<html>\n<head><title>503 Service Unavailable</title></head>\n<body>503</body>\n</html>\n";
    (StatusCode::SERVICE_UNAVAILABLE, Html(page)).into_response()
}

/// Why nothing can be asked now, if so.
async fn out(shared: &Shared) -> Option<Response> {
    Some(match shared.outage()? {
        Outage::Refuse | Outage::Cut => cut(),
        Outage::Hang => shared.hang().await,
        Outage::Gateway => gateway(),
        Outage::Fail => Refusal::new("internal_error").into_response(),
    })
}

// --- the test's side -------------------------------------------------------------------------------------------------

async fn deed(State(shared): State<Shared>, Path(deed): Path<String>, body: Json<Value>) -> Response {
    let Json(mut body) = body;
    body["do"] = deed.into();
    let done = serde_json::from_value::<Deed>(body).map_err(|error| error.to_string());
    let done = done.and_then(|deed| carry_out(&mut shared.network(), deed));
    shared.wake();
    match done {
        Ok(done) => Json(done).into_response(),
        Err(why) => (StatusCode::BAD_REQUEST, why).into_response(),
    }
}

async fn add_faults(State(shared): State<Shared>, Json(script): Json<FaultScript>) -> StatusCode {
    shared.network().faults.add(script);
    StatusCode::NO_CONTENT
}

async fn clear_faults(State(shared): State<Shared>) -> StatusCode {
    shared.network().faults.clear();
    StatusCode::NO_CONTENT
}

async fn settings(State(shared): State<Shared>, Json(settings): Json<Settings>) -> StatusCode {
    {
        let mut network = shared.network();
        if settings.outage.is_some() {
            network.links.cut_all();
        }
        network.settings = settings;
    }
    shared.wake();
    StatusCode::NO_CONTENT
}

async fn violations(State(shared): State<Shared>) -> Json<Vec<Violation>> {
    Json(shared.network().violations.clone())
}

async fn clear_violations(State(shared): State<Shared>) -> StatusCode {
    shared.network().violations.clear();
    StatusCode::NO_CONTENT
}

async fn book(State(shared): State<Shared>) -> Json<Book> {
    Json(shared.network().book())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whose {
    app: Option<String>,
    #[serde(default)]
    since: u64,
}

/// The book of one app, or of the first, as the oracle reads it; or what is new in it since an order.
async fn ledger_of(State(shared): State<Shared>, Query(whose): Query<Whose>) -> Json<ledger::Book> {
    let network = shared.network();
    let app = whose.app.or_else(|| network.installs.first().map(|install| install.app.clone()));
    Json(network.book().ledger(&app.unwrap_or_default()).since(whose.since))
}

#[cfg(test)]
mod tests;
