//! A served web account: the router on a free loopback port, and a client for it.

use std::sync::Arc;

use axum::Router;
use futures_util::StreamExt;
use lastword_core::{
    ids::{AccountId, Timestamp},
    provider::{Batch, Inbound, Provider, UpdateStream},
    store::Clock,
};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::store::FakeStore;
use crate::web::{WebProvider, WebSettings};

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp(1)
    }
}

/// A web account behind a real socket. Dropping it stops the server.
pub(super) struct Web {
    pub(super) provider: Arc<WebProvider>,
    pub(super) closing: CancellationToken,
    pub(super) store: Arc<FakeStore>,
    pub(super) http: reqwest::Client,
    pub(super) url: String,
    _server: JoinSet<()>,
}

impl Web {
    pub(super) async fn start() -> Self {
        Self::with(WebSettings::default()).await
    }

    pub(super) async fn with(settings: WebSettings) -> Self {
        let store = FakeStore::new();
        let closing = CancellationToken::new();
        let (provider, router) =
            WebProvider::new(AccountId::new("web"), store.clone(), Arc::new(Stopped), settings, closing.clone());
        let (url, server) = serve(router).await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { provider, closing, store, http, url, _server: server }
    }

    pub(super) fn post(&self, body: Value) -> reqwest::RequestBuilder {
        self.http.post(format!("{}/api/v1/messages", self.url)).json(&body)
    }

    pub(super) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("{}{path}", self.url))
    }

    /// Posts while a bridge accepts what comes, and returns status and body.
    pub(super) async fn accepted(&self, bridge: &mut UpdateStream, body: Value) -> (u16, Value) {
        let (answer, ()) = tokio::join!(self.post(body).send(), async {
            let batch = next_batch(bridge).await;
            batch.updates.iter().for_each(|update| self.store.accept(update));
            batch.ack.confirm();
        });
        read(answer.unwrap()).await
    }

    /// A stream that a bridge opened: what is posted from now on is offered.
    pub(super) async fn bridge(&self) -> UpdateStream {
        let mut stream = self.provider.receive(None);
        assert!(matches!(stream.next().await, Some(Ok(Inbound::Alive))));
        stream
    }
}

pub(super) async fn next_batch(stream: &mut UpdateStream) -> Batch {
    loop {
        match stream.next().await {
            Some(Ok(Inbound::Batch(batch))) => return batch,
            Some(Ok(Inbound::Alive)) => {}
            other => panic!("the web's stream does not end: {other:?}"),
        }
    }
}

pub(super) async fn read(answer: reqwest::Response) -> (u16, Value) {
    (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
}

async fn serve(router: Router) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut server = JoinSet::new();
    server.spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, server)
}
