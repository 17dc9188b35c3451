//! The ledger over HTTP: the network's side and the test's side.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use super::{
    book::{Book, Post, Say, Settings},
    fault::{Fault, FaultScript, On},
};

/// The longest poll, whatever is asked for.
const WAIT_MS_MAX: u64 = 30_000;
/// The most updates of one poll.
const UPDATES_MAX: usize = 100;

/// A ledger that serves on a free loopback port until it is dropped.
pub struct Server {
    url: String,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Starts with an empty book.
    ///
    /// # Errors
    /// When no loopback port can be had.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Shared {
            book: Arc::default(),
            late: Arc::default(),
            heard: Arc::new(watch::channel(()).0),
            started: Instant::now(),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            if let Err(error) = axum::serve(listener, router(shared)).await {
                eprintln!("the ledger stopped serving: {error}");
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
    book: Arc<Mutex<Book>>,
    /// Requests that live on in the network after their sender is gone.
    late: Arc<Mutex<JoinSet<()>>>,
    heard: Arc<watch::Sender<()>>,
    started: Instant,
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn router(shared: Shared) -> Router {
    Router::new()
        .route("/identity", get(identity))
        .route("/updates", get(updates))
        .route("/messages", post(post_message))
        .route("/messages/{id}/edit", post(edit_message))
        .route("/find", get(find))
        .route("/admin/say", post(admin_say))
        .route("/admin/ledger", get(admin_ledger))
        .route("/admin/faults", post(admin_faults).delete(admin_clear_faults))
        .route("/admin/settings", post(admin_settings))
        .with_state(shared)
}

fn refusal(status: StatusCode, code: &str) -> Response {
    (status, Json(json!({ "error": code }))).into_response()
}

/// Why nothing can be asked now, if so.
fn out(book: &Book) -> Option<Response> {
    book.settings.is_out.then(|| refusal(StatusCode::SERVICE_UNAVAILABLE, "outage"))
}

async fn identity(State(shared): State<Shared>) -> Response {
    out(&shared.book()).unwrap_or_else(|| Json(json!({ "id": "ledger-bot" })).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Poll {
    after: Option<u64>,
    #[serde(default)]
    wait_ms: u64,
}

async fn updates(State(shared): State<Shared>, Query(poll): Query<Poll>) -> Response {
    let mut heard = shared.heard.subscribe();
    let waits = tokio::time::sleep(Duration::from_millis(poll.wait_ms.min(WAIT_MS_MAX)));
    tokio::pin!(waits);
    let mut is_last = false;
    loop {
        {
            let mut book = shared.book();
            if let Some(out) = out(&book) {
                return out;
            }
            let updates = book.updates(poll.after, UPDATES_MAX);
            if is_last || !updates.is_empty() {
                return Json(json!({ "updates": updates })).into_response();
            }
        }
        tokio::select! {
            _ = heard.changed() => {}
            () = &mut waits => is_last = true,
        }
    }
}

/// One request of the bot that changes the book.
#[derive(Clone)]
enum Change {
    Post(Post),
    Edit(String, Post),
}

impl Change {
    fn apply(&self, shared: &Shared) -> Response {
        let (mut book, now) = (shared.book(), shared.now_ms());
        let applied = match self {
            Self::Post(post) => book.post(post, now),
            Self::Edit(id, post) => book.edit(id, post, now),
        };
        match applied {
            Ok(id) => Json(json!({ "id": id })).into_response(),
            Err(code) => refusal(status_of(code), code),
        }
    }

    async fn play(self, shared: Shared) -> Response {
        let (conversation, on) = match &self {
            Self::Post(post) => (&post.conversation, On::Post),
            Self::Edit(_, post) => (&post.conversation, On::Edit),
        };
        let fault = {
            let mut book = shared.book();
            book.arrived();
            if let Some(out) = out(&book) {
                return out;
            }
            book.next_fault(conversation, on)
        };
        match fault {
            None => self.apply(&shared),
            Some(Fault::DropBefore) => cut(),
            Some(Fault::CutAfter) => {
                self.apply(&shared);
                cut()
            }
            Some(Fault::Limited { retry_after_ms, scope }) => {
                let body = json!({ "error": "limited", "retry_after_ms": retry_after_ms, "scope": scope });
                (StatusCode::TOO_MANY_REQUESTS, Json(body)).into_response()
            }
            Some(Fault::FailBefore) => refusal(StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            Some(Fault::FailAfter) => {
                self.apply(&shared);
                refusal(StatusCode::INTERNAL_SERVER_ERROR, "internal")
            }
            Some(Fault::DelayBefore { ms }) => self.apply_late(&shared, ms).await,
            Some(Fault::DelayAfter { ms }) => {
                let answer = self.apply(&shared);
                tokio::time::sleep(Duration::from_millis(ms)).await;
                answer
            }
            Some(Fault::Reject { code }) => refusal(status_of(&code), &code),
        }
    }

    /// Applies later, in a task of its own: this future is dropped when the sender leaves, the request is not.
    async fn apply_late(self, shared: &Shared, ms: u64) -> Response {
        let (answered, answer) = tokio::sync::oneshot::channel();
        let inner = shared.clone();
        shared.late.lock().unwrap_or_else(PoisonError::into_inner).spawn(async move {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            let _ = answered.send(self.apply(&inner));
        });
        answer.await.unwrap_or_else(|_| cut())
    }
}

/// Ends the connection in the middle of an answer.
fn cut() -> Response {
    let broken = stream::once(async { Err::<String, _>(io::Error::other("cut by the script")) });
    Response::new(Body::from_stream(broken))
}

fn status_of(code: &str) -> StatusCode {
    match code {
        "unauthorized" => StatusCode::UNAUTHORIZED,
        "forbidden" => StatusCode::FORBIDDEN,
        "gone" => StatusCode::GONE,
        "target_lost" => StatusCode::NOT_FOUND,
        _ => StatusCode::BAD_REQUEST,
    }
}

async fn post_message(State(shared): State<Shared>, Json(post): Json<Post>) -> Response {
    Change::Post(post).play(shared).await
}

async fn edit_message(State(shared): State<Shared>, Path(id): Path<String>, Json(post): Json<Post>) -> Response {
    Change::Edit(id, post).play(shared).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Find {
    conversation: String,
    key: String,
}

async fn find(State(shared): State<Shared>, Query(find): Query<Find>) -> Response {
    let book = shared.book();
    out(&book).unwrap_or_else(|| Json(json!({ "id": book.find(&find.conversation, &find.key) })).into_response())
}

async fn admin_say(State(shared): State<Shared>, Json(say): Json<Say>) -> Json<Value> {
    let said = shared.book().say(say, shared.now_ms());
    shared.heard.send_replace(());
    Json(json!({ "id": said.id, "n": said.n }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Since {
    #[serde(default)]
    since: u64,
}

/// The book, or what is new in it since an order.
async fn admin_ledger(State(shared): State<Shared>, Query(Since { since }): Query<Since>) -> Json<Book> {
    Json(shared.book().since(since))
}

async fn admin_faults(State(shared): State<Shared>, Json(script): Json<FaultScript>) -> StatusCode {
    shared.book().script(script);
    StatusCode::NO_CONTENT
}

async fn admin_clear_faults(State(shared): State<Shared>) -> StatusCode {
    shared.book().clear_faults();
    StatusCode::NO_CONTENT
}

/// Replaces all settings: what is left out goes back to its default.
async fn admin_settings(State(shared): State<Shared>, Json(settings): Json<Settings>) -> StatusCode {
    shared.book().settings = settings;
    // Polls that wait hear of an outage at once.
    shared.heard.send_replace(());
    StatusCode::NO_CONTENT
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn book(server: &Server, http: &reqwest::Client) -> Book {
        http.get(format!("{}/admin/ledger", server.url())).send().await.unwrap().json().await.unwrap()
    }

    #[tokio::test]
    async fn a_delayed_request_is_applied_although_its_sender_is_gone() {
        let server = Server::start().await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let script = json!({ "faults": [{ "kind": "delay_before", "ms": 50 }] });
        http.post(format!("{}/admin/faults", server.url())).json(&script).send().await.unwrap();
        let body = json!({ "key": "k", "conversation": "c", "thread": null, "reply_to": null, "text": "late",
                           "form": "plain" });
        let post = http.post(format!("{}/messages", server.url())).json(&body).send();
        let sender = tokio::select! {
            _ = post => "answered",
            () = async { while book(&server, &http).await.requests == 0 {} } => "gone",
        };
        assert_eq!(sender, "gone");
        while book(&server, &http).await.bot.is_empty() {}
    }

    #[tokio::test]
    async fn a_poll_that_waits_hears_what_is_said() {
        let server = Server::start().await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let poll = http.get(format!("{}/updates?wait_ms=20000", server.url())).send();
        let said = json!({ "conversation": "c", "text": "hello" });
        let say = http.post(format!("{}/admin/say", server.url())).json(&said).send();
        let (heard, said) = tokio::join!(poll, say);
        assert_eq!(said.unwrap().status(), 200);
        let heard: Value = heard.unwrap().json().await.unwrap();
        assert_eq!((&heard["updates"][0]["text"], &heard["updates"][0]["n"]), (&json!("hello"), &json!(1)));
    }
}
