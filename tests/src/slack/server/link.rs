//! `/link/`: one WebSocket of an app.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{Query, Request, State},
    http::{
        StatusCode,
        header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE},
    },
    response::{IntoResponse, Response},
};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::Value;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, frame::coding::CloseCode},
    },
};

use super::{Shared, out};
use crate::slack::{
    links::{Frame, SocketState},
    settings::Greeting,
};

type Socket = WebSocketStream<TokioIo<Upgraded>>;

#[derive(Deserialize)]
pub(super) struct Link {
    ticket: String,
}

pub(super) async fn link(State(shared): State<Shared>, Query(link): Query<Link>, mut request: Request) -> Response {
    if let Some(out) = out(&shared).await {
        return out;
    }
    let key = request.headers().get(SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
    let upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let (Some(key), Some(upgrade)) = (key, upgrade) else {
        return (StatusCode::BAD_REQUEST, "a WebSocket is expected").into_response();
    };
    let (app, greeting) = {
        let mut network = shared.network();
        (network.links.redeem(&link.ticket), network.settings.greeting)
    };
    let Some(app) = app else { return (StatusCode::NOT_FOUND, "no such ticket").into_response() };
    if greeting == Greeting::Hang {
        let mut heard = shared.heard.subscribe();
        while shared.network().settings.greeting == Greeting::Hang && heard.changed().await.is_ok() {}
    }
    let inner = shared.clone();
    shared.aside(async move {
        if let Ok(upgraded) = upgrade.await {
            let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
            serve(inner, socket, &app, greeting == Greeting::Mute).await;
        }
    });
    let headers = [(CONNECTION, "Upgrade"), (UPGRADE, "websocket"), (SEC_WEBSOCKET_ACCEPT, key.as_str())];
    (StatusCode::SWITCHING_PROTOCOLS, headers, Body::empty()).into_response()
}

/// Serves a socket to its end.
async fn serve(shared: Shared, mut socket: Socket, app: &str, is_mute: bool) {
    let mut heard = shared.heard.subscribe();
    let (id, ping_every_ms) = {
        let mut network = shared.network();
        let now = network.now_ms();
        (network.links.open(app, is_mute, now), network.settings.ping_every_ms)
    };
    shared.wake();
    let mut ping = tokio::time::interval(Duration::from_millis(ping_every_ms.max(1)));
    ping.reset();
    loop {
        let (frames, state) = shared.network().links.take(id);
        let is_still = matches!(state, SocketState::Silent | SocketState::Mute);
        if send(&mut socket, frames).await.is_err() || state == SocketState::Closed {
            break;
        }
        tokio::select! {
            _ = heard.changed() => {}
            _ = ping.tick(), if !is_still => {
                if socket.send(Message::Ping("Ping from applink".into())).await.is_err() {
                    break;
                }
            }
            came = socket.next(), if !is_still => match came {
                Some(Ok(Message::Text(text))) => acknowledge(&shared, &text),
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => {}
            },
        }
    }
    let mut network = shared.network();
    let now = network.now_ms();
    network.links.closed(id, now);
    drop(network);
    shared.wake();
}

/// Sends frames.
///
/// # Errors
/// When the socket is at its end.
async fn send(socket: &mut Socket, frames: Vec<Frame>) -> Result<(), ()> {
    for frame in frames {
        match frame {
            Frame::Text(text) => socket.send(Message::text(text)).await.map_err(drop)?,
            Frame::Close => {
                let why = CloseFrame { code: CloseCode::Normal, reason: "".into() };
                let _ = socket.close(Some(why)).await;
                return Err(());
            }
            Frame::Cut => return Err(()),
        }
    }
    Ok(())
}

/// `{"envelope_id": …, "payload": …}`
fn acknowledge(shared: &Shared, text: &str) {
    let Ok(ack) = serde_json::from_str::<Value>(text) else { return };
    let Some(envelope) = ack["envelope_id"].as_str() else { return };
    let response = Some(ack["payload"].clone()).filter(|payload| !payload.is_null());
    let mut network = shared.network();
    let now = network.now_ms();
    let answered = network
        .links
        .ack(envelope, response, now)
        .map(|delivery| (delivery.payload["response_url"].as_str().map(ToOwned::to_owned), delivery.response.clone()));
    if let Some((Some(url), Some(response))) = answered {
        network.respond_at(&url, &response);
    }
    drop(network);
    shared.wake();
}
