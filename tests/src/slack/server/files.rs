//! Addresses beside the Web API: uploads, downloads, the page that asks who one is, and answers to commands.

use std::{io, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{FromRequest, Multipart, Path, Request, State},
    http::{
        HeaderMap, StatusCode,
        header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION},
    },
    response::{Html, IntoResponse, Response},
};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::{Shared, cut, gateway, out};
use crate::slack::{
    book::Call,
    errors::Refusal,
    fault::Fault,
    message::Author,
    network::{Content, Network},
    people::TokenState,
};

/// Takes a file in, as the body or as the first file of a form.
pub(super) async fn upload(State(shared): State<Shared>, Path(ticket): Path<String>, request: Request) -> Response {
    if let Some(out) = out(&shared).await {
        return out;
    }
    let Some(bytes) = content(request).await else { return (StatusCode::BAD_REQUEST, "no file").into_response() };
    let whose = shared.network().files.values().find(|file| file.ticket.as_deref() == Some(&ticket)).cloned();
    let app = whose.and_then(|file| shared.network().install_of(&file.user).map(|install| install.app.clone()));
    let fault = count(&shared, app.as_deref(), "upload");
    let apply = || shared.network().upload(&ticket, bytes.clone());
    match fault {
        None | Some(Fault::DelayAfter { .. } | Fault::DelayBefore { .. }) => {
            if let Some(Fault::DelayAfter { ms } | Fault::DelayBefore { ms }) = fault {
                tokio::time::sleep(Duration::from_millis(ms)).await;
            }
            match apply() {
                Ok(said) => said.into_response(),
                Err(why) => (StatusCode::BAD_REQUEST, why).into_response(),
            }
        }
        Some(Fault::DropBefore) => cut(),
        Some(Fault::Limited { retry_after_s, .. }) => Refusal::limited(retry_after_s).into_response(),
        Some(Fault::ErrorBefore { error }) => (StatusCode::INTERNAL_SERVER_ERROR, error).into_response(),
        Some(Fault::GatewayBefore) => gateway(),
        Some(Fault::CutAfter | Fault::GarbleAfter) => {
            let _ = apply();
            cut()
        }
        Some(Fault::ErrorAfter { .. } | Fault::GatewayAfter) => {
            let _ = apply();
            gateway()
        }
    }
}

async fn content(request: Request) -> Option<Vec<u8>> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("multipart/form-data") {
        return Some(Bytes::from_request(request, &()).await.ok()?.to_vec());
    }
    let mut parts = Multipart::from_request(request, &()).await.ok()?;
    while let Some(part) = parts.next_field().await.ok()? {
        if part.file_name().is_some() || matches!(part.name(), Some("file" | "body")) {
            return Some(part.bytes().await.ok()?.to_vec());
        }
    }
    None
}

pub(super) async fn download(
    State(shared): State<Shared>,
    Path((file, _)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    fetch(shared, &file, &headers).await
}

pub(super) async fn download_named(
    State(shared): State<Shared>,
    Path((file, _)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    fetch(shared, &file, &headers).await
}

/// Gives a file out to whoever may read it; everybody else is sent to a page in HTML, as people in browsers are.
///
/// <https://docs.slack.dev/reference/objects/file-object#authentication>
async fn fetch(shared: Shared, named: &str, headers: &HeaderMap) -> Response {
    if let Some(out) = out(&shared).await {
        return out;
    }
    let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let (app, found) = {
        let network = shared.network();
        let is_live = |install: &&crate::slack::people::Install| {
            Some(install.token.as_str()) == token
                && install.state == TokenState::Live
                && install.scopes.contains("files:read")
        };
        let install = network.installs.iter().find(is_live);
        let id = named.split_once('-').map_or(named, |(_, id)| id);
        let file = network.files.get(id).cloned();
        let found = install.map(|install| file.filter(|file| network.may_read(file, &install.user)));
        (install.map(|install| install.app.clone()), found)
    };
    let fault = count(&shared, app.as_deref(), "download");
    let file = match found {
        None => {
            let to = format!("/?redir=%2Ffiles-pri%2F{named}");
            return (StatusCode::FOUND, [(LOCATION, to)]).into_response();
        }
        Some(None) => return (StatusCode::NOT_FOUND, Html("<html><body>Not found</body></html>")).into_response(),
        Some(Some(file)) => file,
    };
    let whole = || ([(CONTENT_TYPE, file.mime.clone())], file.bytes.clone()).into_response();
    match fault {
        None => whole(),
        Some(Fault::DelayBefore { ms } | Fault::DelayAfter { ms }) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            whole()
        }
        Some(Fault::CutAfter | Fault::GarbleAfter) => {
            let half = Bytes::from(file.bytes[..file.bytes.len() / 2].to_vec());
            let cut = async {
                // What was written is flushed while nothing comes.
                tokio::task::yield_now().await;
                Err(io::Error::other("cut by the script"))
            };
            let broken = stream::iter([Ok(half)]).chain(stream::once(cut));
            let headers = [(CONTENT_TYPE, file.mime), (CONTENT_LENGTH, file.bytes.len().to_string())];
            (headers, Body::from_stream(broken)).into_response()
        }
        Some(Fault::Limited { retry_after_s, .. }) => Refusal::limited(retry_after_s).into_response(),
        Some(Fault::DropBefore) => cut(),
        Some(Fault::ErrorBefore { .. } | Fault::ErrorAfter { .. } | Fault::GatewayBefore | Fault::GatewayAfter) => {
            gateway()
        }
    }
}

/// Notes a request, and takes its fault.
fn count(shared: &Shared, app: Option<&str>, method: &str) -> Option<Fault> {
    let mut network = shared.network();
    let at_ms = network.now_ms();
    let (app, method) = (app.map(ToOwned::to_owned), method.to_owned());
    network.calls.push(Call { app: app.clone(), method: method.clone(), channel: None, at_ms, outcome: "ok".into() });
    network.faults.next(app.as_deref().unwrap_or_default(), &method, None)
}

pub(super) async fn login() -> Html<&'static str> {
    Html("<!DOCTYPE html><html lang=\"en\"><head><title>Slack | Sign in</title></head><body>Sign in</body></html>")
}

/// An answer to a command or to a button, at its `response_url`.
///
/// <https://docs.slack.dev/interactivity/handling-user-interaction#message_responses>
pub(super) async fn respond(State(shared): State<Shared>, request: Request) -> Response {
    if let Some(out) = out(&shared).await {
        return out;
    }
    let url = request.uri().path().to_owned();
    let body = Json::<Value>::from_request(request, &()).await;
    let Ok(Json(body)) = body else { return (StatusCode::BAD_REQUEST, "invalid_payload").into_response() };
    let is_done = shared.network().respond_at(&url, &body);
    shared.wake();
    if is_done { "ok".into_response() } else { (StatusCode::NOT_FOUND, "used_url").into_response() }
}

impl Network {
    /// Shows an answer to a command: to whoever gave it, unless it is meant for the channel. Whether there was one.
    pub fn respond_at(&mut self, url: &str, answer: &Value) -> bool {
        let Some((_, place)) = url.split_once("/commands/") else { return false };
        let mut parts = place.split('/');
        let (Some(bot), Some(channel), Some(user)) = (parts.next(), parts.next(), parts.next()) else { return false };
        let Some(install) = self.install_of(bot).cloned() else { return false };
        let text = answer["text"].as_str().unwrap_or_default().to_owned();
        let blocks = answer["blocks"].as_array().cloned().unwrap_or_default();
        if text.is_empty() && blocks.is_empty() {
            return true;
        }
        let author = Author::Bot { app: install.app, user: install.user, bot: install.bot };
        let content = Content { text, blocks, ..Content::default() };
        let mut message = self.new_message(channel, author, content);
        message.more = json!({ "response_type": answer["response_type"] });
        let is_for_all = answer["response_type"] == "in_channel";
        message.only_for = (!is_for_all).then(|| user.to_owned());
        self.publish(message);
        true
    }
}
