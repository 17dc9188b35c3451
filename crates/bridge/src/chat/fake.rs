//! A fake of the bridge's API for the tests of the chat: scenes played in order, on a port that survives a restart.

use std::{
    collections::VecDeque,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
    routing::{get, post},
};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use super::api::Api;

/// What the bridge does next.
#[derive(Clone)]
pub(super) enum Scene {
    /// Answers a POST with 503.
    Unready,
    /// Answers a POST with 403 and this sentence.
    Refused(&'static str),
    /// Accepts what is posted, and streams these events to the next watcher; then ends the stream.
    Says {
        /// Name and text of each.
        events: Vec<(&'static str, &'static str)>,
        /// Whether the stream ends before its terminal.
        is_cut: bool,
    },
    /// Streams a little, and nothing more until `/stop` is said; then ends with its error.
    WorksUntilStopped,
    /// Streams a little, and nothing more.
    WorksForEver,
}

impl Scene {
    pub(super) fn says(events: &[(&'static str, &'static str)]) -> Self {
        Self::Says { events: events.to_vec(), is_cut: false }
    }

    /// The stream breaks off behind these events; the next scene goes on with the same turn.
    pub(super) fn then_cut(self) -> Self {
        match self {
            Self::Says { events, .. } => Self::Says { events, is_cut: true },
            other => other,
        }
    }
}

#[derive(Default)]
struct Stage {
    scenes: VecDeque<Scene>,
    posts: Vec<Value>,
    history: Value,
    /// What each watcher resumed from.
    resumed: Vec<String>,
    events_sent: u32,
    watchers: watch::Sender<usize>,
    stops: watch::Sender<usize>,
}

/// A served fake.
pub(super) struct Fake {
    stage: Arc<Mutex<Stage>>,
    address: SocketAddr,
    server: JoinSet<()>,
}

impl Fake {
    pub(super) async fn start(scenes: Vec<Scene>) -> Self {
        let stage = Stage { scenes: scenes.into(), history: json!([]), ..Stage::default() };
        let stage = Arc::new(Mutex::new(stage));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { server: serve(listener, stage.clone()), stage, address }
    }

    /// Stops listening, and starts again at the same address with what it remembers.
    pub(super) async fn restart(&mut self) {
        self.server.shutdown().await;
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.server = serve(listener, self.stage.clone());
    }

    /// Stops for good; who calls its address now finds nobody.
    pub(super) async fn stop(mut self) -> Api {
        self.server.shutdown().await;
        self.api()
    }

    pub(super) fn set_history(&self, messages: Value) {
        self.stage.lock().unwrap().history = messages;
    }

    pub(super) fn api(&self) -> Api {
        Api::new(&format!("http://{}/", self.address), None).unwrap()
    }

    pub(super) fn posts(&self) -> Vec<Value> {
        self.stage.lock().unwrap().posts.clone()
    }

    /// Returns when somebody watches a turn.
    pub(super) fn watched(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut watchers = self.stage.lock().unwrap().watchers.subscribe();
        async move { watchers.wait_for(|watchers| *watchers > 0).await.map(drop).unwrap() }
    }

    pub(super) fn resumed(&self) -> Vec<String> {
        self.stage.lock().unwrap().resumed.clone()
    }
}

fn serve(listener: TcpListener, stage: Arc<Mutex<Stage>>) -> JoinSet<()> {
    let router = Router::new()
        .route("/api/v1/messages", post(say).get(history))
        .route("/api/v1/turns/{turn}/events", get(watch))
        .with_state(stage);
    let mut server = JoinSet::new();
    server.spawn(async move { axum::serve(listener, router).await.unwrap() });
    server
}

async fn say(State(stage): State<Arc<Mutex<Stage>>>, Json(body): Json<Value>) -> Response {
    let mut stage = stage.lock().unwrap();
    let is_stop = body["text"] == "/stop";
    stage.posts.push(body);
    let refusal = |status: StatusCode, message: &str| {
        (status, Json(json!({ "error": { "code": "no", "message": message } }))).into_response()
    };
    match stage.scenes.front() {
        _ if is_stop => stage.stops.send_modify(|stops| *stops += 1),
        Some(Scene::Unready) => {
            stage.scenes.pop_front();
            return refusal(StatusCode::SERVICE_UNAVAILABLE, "not yet");
        }
        Some(Scene::Refused(message)) => return refusal(StatusCode::FORBIDDEN, message),
        Some(_) | None => {}
    }
    (StatusCode::ACCEPTED, Json(json!({ "turn": stage.posts.len() }))).into_response()
}

async fn history(State(stage): State<Arc<Mutex<Stage>>>) -> Json<Value> {
    Json(json!({ "messages": stage.lock().unwrap().history }))
}

async fn watch(State(stage): State<Arc<Mutex<Stage>>>, headers: HeaderMap) -> Response {
    let mut playing = stage.lock().unwrap();
    let after = headers.get("last-event-id").map(|value| value.to_str().unwrap().to_owned());
    playing.resumed.push(after.unwrap_or_default());
    playing.watchers.send_modify(|watchers| *watchers += 1);
    let (events, is_cut, then) = match playing.scenes.pop_front() {
        Some(Scene::Says { events, is_cut }) => (events, is_cut, stream::empty().boxed()),
        Some(Scene::WorksForEver) => (vec![("progress", "wor")], false, stream::pending().boxed()),
        Some(Scene::WorksUntilStopped) => {
            let mut stops = playing.stops.subscribe();
            let stopped = async move {
                stops.wait_for(|stops| *stops > 0).await.unwrap();
                spell("error", "Error: stopped", "end")
            };
            (vec![("progress", "wor")], false, stream::once(stopped).boxed())
        }
        Some(Scene::Unready | Scene::Refused(_)) | None => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
    };
    let events: Vec<_> = events
        .into_iter()
        .map(|(name, text)| {
            playing.events_sent += 1;
            spell(name, text, &format!("1.{}", playing.events_sent))
        })
        .collect();
    // A bridge that dies takes its connections with it; this one closes them.
    let close = [("connection", if is_cut { "close" } else { "keep-alive" })];
    (close, Sse::new(stream::iter(events).chain(then))).into_response()
}

fn spell(name: &str, text: &str, id: &str) -> Result<Event, Infallible> {
    Ok(Event::default().event(name).id(id).data(json!({ "text": text }).to_string()))
}

/// What stands on a terminal of so many columns after these bytes, without blanks at the ends of rows.
pub(super) fn seen(bytes: &[u8], columns: usize) -> String {
    let (mut rows, mut row, mut column) = (vec![Vec::new()], 0_usize, 0_usize);
    let mut chars = std::str::from_utf8(bytes).unwrap().chars();
    while let Some(c) = chars.next() {
        match c {
            '\n' => (row, column) = (row + 1, 0),
            '\r' => column = 0,
            '\u{1b}' => {
                assert_eq!(chars.next(), Some('['));
                let (mut number, mut kind) = (String::new(), chars.next().unwrap());
                while kind.is_ascii_digit() {
                    number.push(kind);
                    kind = chars.next().unwrap();
                }
                let number: usize = number.parse().unwrap_or(1);
                match kind {
                    'A' => row -= number,
                    'C' => column += number,
                    'K' => rows[row].truncate(column),
                    'J' => {
                        rows.truncate(row + 1);
                        rows[row].truncate(column);
                    }
                    'm' => {}
                    other => panic!("what is {other}?"),
                }
            }
            c => {
                if column == columns {
                    (row, column) = (row + 1, 0);
                }
                if rows.len() <= row {
                    rows.resize(row + 1, Vec::new());
                }
                if rows[row].len() <= column {
                    rows[row].resize(column + 1, ' ');
                }
                rows[row][column] = c;
                column += 1;
            }
        }
        if rows.len() <= row {
            rows.resize(row + 1, Vec::new());
        }
    }
    let rows: Vec<_> = rows.iter().map(|row| row.iter().collect::<String>().trim_end().to_owned()).collect();
    rows.join("\n")
}
