//! The network over HTTP: `/bot<token>/<method>`, `/file/bot<token>/<path>`, and for tests `/control` and `/book`.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, Path, Query, Request, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use futures_util::stream;
use serde::Deserialize;
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use super::{
    book::{Book, Call},
    control::{self, Deed},
    errors::{Answer, Refusal, envelope},
    fault::{Fault, FaultScript},
    methods::{self, FILE_BYTES_MAX},
    network::Network,
    request::Args,
    settings::{Outage, Settings},
    validate::{Contract, Violation},
};
use crate::ledger;

/// The largest request: a file and what is around it.
const REQUEST_BYTES_MAX: usize = FILE_BYTES_MAX + 1_000_000;

/// What fetching a file is called among the methods.
const DOWNLOAD: &str = "download";

/// A network that serves on a free loopback port until it is dropped.
pub struct Server {
    url: String,
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
        let shared = Shared {
            network: Arc::default(),
            late: Arc::default(),
            heard: Arc::new(watch::channel(()).0),
            contract: Contract::from_env().map(Arc::new),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            if let Err(error) = axum::serve(listener, router(shared)).await {
                eprintln!("the network stopped serving: {error}");
            }
        });
        Ok(Self { url, _tasks: tasks })
    }

    /// `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

#[derive(Clone)]
struct Shared {
    network: Arc<Mutex<Network>>,
    /// Requests that live on in the network after their sender is gone.
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
}

fn router(shared: Shared) -> Router {
    Router::new()
        .route("/control/faults", post(add_faults).delete(clear_faults))
        .route("/control/settings", post(settings))
        .route("/control/violations", get(violations).delete(clear_violations))
        .route("/control/ledger", get(ledger_of))
        .route("/control/{deed}", post(deed))
        .route("/book", get(book))
        .fallback(api)
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state(shared)
}

// --- the network's side ----------------------------------------------------------------------------------------------

async fn api(State(shared): State<Shared>, request: Request) -> Response {
    if let Some(out) = out(&shared.network()) {
        return out;
    }
    let path = request.uri().path().replace("%3A", ":").replace("%3a", ":");
    let not_found = || Refusal::new(404, "Not Found").into_response();
    if let Some((token, path)) = path.strip_prefix("/file/bot").and_then(|rest| rest.split_once('/')) {
        let bot = match bot_of(&shared.network(), token) {
            Ok(bot) => bot,
            Err(refusal) => return refusal.into_response(),
        };
        let args = Args { values: [("path".to_owned(), path.into())].into_iter().collect(), ..Args::default() };
        return Asked { bot, token: token.into(), method: DOWNLOAD.into(), args: args.into() }.play(shared).await;
    }
    let Some((token, method)) = path.strip_prefix("/bot").and_then(|rest| rest.split_once('/')) else {
        return not_found();
    };
    let bot = match bot_of(&shared.network(), token) {
        Ok(bot) => bot,
        Err(refusal) => return refusal.into_response(),
    };
    let token = token.to_owned();
    let args = match Args::read(request).await {
        Ok(args) => args,
        Err(refusal) => return refusal.into_response(),
    };
    let method = if method.is_empty() { args.text("method") } else { method.to_owned() };
    Asked { bot, token, method: method.to_lowercase(), args: Arc::new(args) }.play(shared).await
}

/// Whose token it is. What can't be a token is no address at all.
fn bot_of(network: &Network, token: &str) -> Result<i64, Refusal> {
    let is_token = token.split_once(':').is_some_and(|(id, _)| id.parse::<i64>().is_ok());
    if !is_token {
        return Err(Refusal::new(404, "Not Found"));
    }
    let bot = network.bot_of(token).ok_or_else(Refusal::unauthorized)?;
    if bot.is_logged_out { Err(Refusal::new(400, "Logged out")) } else { Ok(bot.id) }
}

fn file(network: &Network, path: &str) -> Response {
    match network.files.values().find(|stored| stored.path == path) {
        Some(stored) => ([(CONTENT_TYPE, "application/octet-stream")], stored.bytes.clone()).into_response(),
        None => Refusal::new(404, "Not Found").into_response(),
    }
}

/// Why nothing can be asked now, if so.
fn out(network: &Network) -> Option<Response> {
    Some(match network.settings.outage? {
        Outage::Cut => cut(),
        Outage::Gateway => gateway(),
        Outage::Fail => failed(),
    })
}

/// A request that arrived whole.
#[derive(Clone)]
struct Asked {
    bot: i64,
    token: String,
    method: String,
    args: Arc<Args>,
}

impl Asked {
    async fn play(self, shared: Shared) -> Response {
        let chat = self.args.integer("chat_id");
        let fault = {
            let mut network = shared.network();
            let at_ms = network.now_ms();
            network.calls.push(Call { bot: self.bot, method: self.method.clone(), chat, at_ms });
            if let Some(refusal) = self.against_the_contract(&shared, &mut network) {
                return refusal.into_response();
            }
            network.faults.next(self.bot, &self.method, chat)
        };
        match fault {
            None => self.apply(&shared).await,
            Some(Fault::DropBefore) => cut(),
            Some(Fault::CutAfter) => {
                let answer = self.apply(&shared).await;
                if self.method == DOWNLOAD { half(answer).await } else { cut() }
            }
            Some(Fault::Limited { retry_after_s }) => Refusal::limited(retry_after_s).into_response(),
            Some(Fault::FailBefore) => failed(),
            Some(Fault::FailAfter) => {
                self.apply(&shared).await;
                failed()
            }
            Some(Fault::GatewayBefore) => gateway(),
            Some(Fault::GatewayAfter) => {
                self.apply(&shared).await;
                gateway()
            }
            Some(Fault::GarbleAfter) => {
                self.apply(&shared).await;
                ([(CONTENT_TYPE, "application/json")], "{\"ok\":tr").into_response()
            }
            Some(Fault::DelayBefore { ms }) => self.apply_late(&shared, ms).await,
            Some(Fault::DelayAfter { ms }) => {
                let answer = self.apply(&shared).await;
                tokio::time::sleep(Duration::from_millis(ms)).await;
                answer
            }
            Some(Fault::Reject { code, description, parameters }) => {
                Refusal { code, description, parameters }.into_response()
            }
        }
    }

    fn against_the_contract(&self, shared: &Shared, network: &mut Network) -> Option<Refusal> {
        let wrong = shared.contract.as_ref()?.call(&self.method, &self.args);
        let refusal = wrong.first().map(|what| Refusal::bad_request(format_args!("not documented: {what}")));
        let violation = |what| Violation { bot: self.bot, method: self.method.clone(), what };
        network.violations.extend(wrong.into_iter().map(violation));
        refusal
    }

    async fn apply(&self, shared: &Shared) -> Response {
        match self.method.as_str() {
            "getupdates" => return self.get_updates(shared).await,
            DOWNLOAD => return file(&shared.network(), &self.args.text("path")),
            _ => {}
        }
        let answer = methods::call(&mut shared.network(), self.bot, &self.method, &self.args);
        shared.wake();
        envelope(answer)
    }

    /// Applies later, in a task of its own: this future is dropped when the sender leaves, the request is not.
    async fn apply_late(self, shared: &Shared, ms: u64) -> Response {
        let (answered, answer) = tokio::sync::oneshot::channel();
        let inner = shared.clone();
        shared.late.lock().unwrap_or_else(PoisonError::into_inner).spawn(async move {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            let _ = answered.send(self.apply(&inner).await);
        });
        answer.await.unwrap_or_else(|_| cut())
    }

    /// <https://core.telegram.org/bots/api#getupdates>: the rules are those of [`super::queue`].
    async fn get_updates(&self, shared: &Shared) -> Response {
        let mut heard = shared.heard.subscribe();
        let offset = self.args.integer("offset").unwrap_or_default();
        let (timeout_s, limit, mine) = match self.begin_poll(shared, offset) {
            Poll::Answered(answer) => return envelope(answer),
            Poll::Refused { why, pause_ms } => return conflict(why, pause_ms).await,
            Poll::Waits { timeout_s, limit, mine } => (timeout_s, limit, mine),
        };
        // The poll that waited until now has to hear that it ended.
        shared.wake();
        let deadline = tokio::time::sleep(Duration::from_secs(timeout_s));
        tokio::pin!(deadline);
        let mut is_over = false;
        loop {
            let ended = {
                let mut network = shared.network();
                if let Some(out) = out(&network) {
                    return out;
                }
                // The token may have been taken away meanwhile.
                if let Err(refusal) = bot_of(&network, &self.token) {
                    return refusal.into_response();
                }
                let now = network.now_ms();
                let limit = if network.settings.is_withholding { 0 } else { limit };
                let Some(bot) = network.bots.get_mut(&self.bot) else { return cut() };
                let ended = bot.polls.ended(mine).map(|why| (why, bot.polls.conflict_pause_ms(now)));
                if ended.is_none() {
                    let updates = bot.queue.take(offset, limit);
                    if is_over || !updates.is_empty() {
                        return envelope(Ok(updates.into()));
                    }
                }
                ended
            };
            if let Some((why, pause_ms)) = ended {
                return conflict(why, pause_ms).await;
            }
            tokio::select! {
                _ = heard.changed() => {}
                () = &mut deadline => is_over = true,
            }
        }
    }

    fn begin_poll(&self, shared: &Shared, offset: i64) -> Poll {
        let mut network = shared.network();
        let (now, is_withholding) = (network.now_ms(), network.settings.is_withholding);
        let Some(bot) = network.bots.get_mut(&self.bot) else { return Poll::Answered(Err(Refusal::unauthorized())) };
        if bot.webhook.is_some() {
            let why =
                "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
            return Poll::Refused { why, pause_ms: bot.polls.conflict_pause_ms(now) };
        }
        match self.args.json("allowed_updates").map(methods::allowed_updates) {
            Ok(Some(kinds)) => bot.queue.allow(kinds),
            Ok(None) => {}
            Err(refusal) => return Poll::Answered(Err(refusal)),
        }
        let timeout_s = self.args.integer("timeout").unwrap_or_default();
        let (timeout_s, limit) = bot.polls.arrived(offset, timeout_s, self.args.integer("limit"), now);
        let updates = bot.queue.take(offset, if is_withholding { 0 } else { limit });
        if timeout_s == 0 || !updates.is_empty() {
            return Poll::Answered(Ok(updates.into()));
        }
        Poll::Waits { timeout_s, limit, mine: bot.polls.wait() }
    }
}

/// How a poll begins.
enum Poll {
    Answered(Answer),
    Refused { why: &'static str, pause_ms: u64 },
    Waits { timeout_s: u64, limit: usize, mine: u64 },
}

async fn conflict(why: &str, pause_ms: u64) -> Response {
    tokio::time::sleep(Duration::from_millis(pause_ms)).await;
    Refusal::conflict(why).into_response()
}

/// Ends the connection in the middle of an answer.
fn cut() -> Response {
    let broken = stream::once(async { Err::<String, _>(io::Error::other("cut by the script")) });
    Response::new(Body::from_stream(broken))
}

/// Ends the connection in the middle of a file.
async fn half(file: Response) -> Response {
    let (parts, body) = file.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let sent = stream::iter([Ok(bytes.slice(..bytes.len() / 2)), Err(io::Error::other("cut by the script"))]);
    Response::from_parts(parts, Body::from_stream(sent))
}

fn failed() -> Response {
    Refusal::new(500, "Internal Server Error").into_response()
}

fn gateway() -> Response {
    let page = "<html>\n<head><title>502 Bad Gateway</title></head>\n<body>502 Bad Gateway</body>\n</html>\n";
    (StatusCode::BAD_GATEWAY, Html(page)).into_response()
}

// --- the test's side -------------------------------------------------------------------------------------------------

async fn deed(State(shared): State<Shared>, Path(deed): Path<String>, body: Json<Value>) -> Response {
    let Json(mut body) = body;
    body["do"] = deed.into();
    let done = serde_json::from_value::<Deed>(body).map_err(|error| error.to_string());
    let done = done.and_then(|deed| control::carry_out(&mut shared.network(), deed));
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
    shared.network().settings = settings;
    // Polls that wait hear of an outage at once.
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
    bot: Option<i64>,
    #[serde(default)]
    since: u64,
}

/// The book of one bot, or of the first, as the oracle reads it; or what is new in it since an order.
async fn ledger_of(State(shared): State<Shared>, Query(whose): Query<Whose>) -> Json<ledger::Book> {
    let network = shared.network();
    let bot = whose.bot.or_else(|| network.bots.keys().next().copied());
    Json(network.book().ledger(bot.unwrap_or_default()).since(whose.since))
}

#[cfg(test)]
mod tests;
