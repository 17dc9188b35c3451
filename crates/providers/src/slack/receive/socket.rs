//! One socket of Socket Mode.
//!
//! Guarantee: it never looks alive when it is not. Opening it has deadlines, a peer that says nothing is asked, and one
//! that does not answer is given up. <https://docs.slack.dev/apis/events-api/using-socket-mode>

use std::{sync::Arc, time::Duration};

use futures_util::{
    SinkExt, StreamExt,
    stream::{self, BoxStream, SplitSink, SplitStream},
};
use lastword_core::{outcome::Cause, provider::ReceiveError};
use serde_json::{Value, json};
use tokio::{net::TcpStream, sync::Mutex, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{Bytes, Message, protocol::WebSocketConfig},
};

use super::super::{
    Link,
    me::{done, lost, page},
};
use crate::{
    fields::Fields,
    http::{is_loopback, said},
};

/// How long the connection, its handshake and the greeting may take, each.
const OPENED_WITHIN: Duration = Duration::from_secs(10);
/// How long a peer may say nothing before it is asked, and then before it is given up: the link is shown to stand as
/// often as core wants to see it.
const QUIET_MAX: Duration = Duration::from_secs(7);
/// How long one small frame may take to leave.
const WRITTEN_WITHIN: Duration = Duration::from_secs(5);
/// The largest frame; Slack's are far below.
const FRAME_BYTES_MAX: usize = 16 << 20;

type Connection = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What a socket says.
#[derive(Debug)]
pub(in super::super) enum Frame {
    /// It is there.
    Alive,
    /// Something happened, or was asked.
    Envelope(Envelope),
    /// It will end soon, or has to.
    Disconnect {
        /// In Slack's word.
        reason: String,
    },
}

/// What is acknowledged as one.
#[derive(Debug, Default)]
pub(in super::super) struct Envelope {
    /// What it is acknowledged by.
    pub(in super::super) id: String,
    /// `events_api`, `slash_commands`, `interactive`.
    pub(in super::super) kind: String,
    pub(in super::super) payload: Fields,
    /// Whether the acknowledgement may say something.
    pub(in super::super) takes_answer: bool,
}

/// The half that is written to.
#[derive(Clone)]
pub(super) struct Writer(Arc<Mutex<SplitSink<Connection, Message>>>);

/// A socket that has greeted us.
pub(super) struct Socket {
    pub(super) writer: Writer,
    /// Ends with its first error.
    pub(super) frames: BoxStream<'static, Result<Frame, Cause>>,
}

impl Writer {
    /// Tells Slack that it may forget an envelope. What can't be written is offered again by Slack.
    pub(super) async fn acknowledge(&self, envelope: &str, answer: Option<Value>) {
        let mut text = json!({ "envelope_id": envelope });
        if let Some(answer) = answer {
            text["payload"] = answer;
        }
        if let Err(error) = self.write(Message::text(text.to_string())).await {
            tracing::debug!("an envelope could not be acknowledged: {error}");
        }
    }

    async fn write(&self, message: Message) -> Result<(), Cause> {
        let written = async { self.0.lock().await.send(message).await.map_err(|error| said(&error)) };
        timeout(WRITTEN_WITHIN, written).await.map_err(|_| "the socket takes nothing")?
    }
}

/// Opens one, and waits for its greeting.
pub(super) async fn open(link: Arc<Link>) -> Result<Socket, ReceiveError> {
    let found = done(&link, link.client.open_connection().await, "app_token", "general")?;
    let url: String = found.get("url").ok_or_else(|| lost("apps.connections.open names no address".into()))?;
    let is_safe = url.starts_with("wss://") || (is_loopback(link.client.api_url()) && url.starts_with("ws://"));
    if !is_safe {
        return Err(lost("apps.connections.open names an address that is not wss://".into()));
    }
    let limits =
        WebSocketConfig::default().max_message_size(Some(FRAME_BYTES_MAX)).max_frame_size(Some(FRAME_BYTES_MAX));
    let connecting = timeout(OPENED_WITHIN, connect_async_with_config(url, Some(limits), true));
    let (connection, _) = connecting
        .await
        .map_err(|_| lost("the socket did not open in time".into()))?
        .map_err(|error| lost(format!("the socket did not open: {}", said(&error))))?;
    let (writer, mut reader) = connection.split();
    let writer = Writer(Arc::new(Mutex::new(writer)));
    let greeting = timeout(OPENED_WITHIN, greeted(&link, &mut reader));
    greeting.await.map_err(|_| lost("the socket opened, and then said nothing".into()))??;
    Ok(Socket { frames: frames(writer.clone(), reader), writer })
}

async fn greeted(link: &Link, reader: &mut SplitStream<Connection>) -> Result<(), ReceiveError> {
    loop {
        let message = reader.next().await.ok_or_else(|| lost("the socket closed before its greeting".into()))?;
        let message = message.map_err(|error| lost(format!("the socket broke: {}", said(&error))))?;
        let Message::Text(text) = message else { continue };
        let found = Fields::read(&text).unwrap_or_default();
        match found.get::<String>("type").as_deref() {
            Some("hello") => return Ok(()),
            Some("disconnect") => return Err(refused(link, &found.get::<String>("reason").unwrap_or_default())),
            _ => return Err(lost("the socket does not greet as Slack's do".into())),
        }
    }
}

/// Why there is no socket, where Slack says so.
pub(super) fn refused(link: &Link, reason: &str) -> ReceiveError {
    match reason {
        "link_disabled" => ReceiveError::Unauthorized {
            cause: format!("Socket Mode is switched off for this app; {} switches it on", page(link, "socket-mode"))
                .into(),
        },
        // As many as there may be are open: other bridges, or sockets that Slack has not given up yet.
        "too_many_websockets" => ReceiveError::Lost {
            retry_after_ms: Some(30_000),
            cause: "Slack has as many sockets of this app as it allows".into(),
        },
        reason => lost(format!("Slack ended the socket: {reason}")),
    }
}

fn frames(writer: Writer, reader: SplitStream<Connection>) -> BoxStream<'static, Result<Frame, Cause>> {
    stream::unfold(Some((writer, reader, false)), |state| async {
        let (writer, mut reader, is_asked) = state?;
        match next(&writer, &mut reader, is_asked).await {
            Ok((frame, is_asked)) => Some((Ok(frame), Some((writer, reader, is_asked)))),
            Err(cause) => Some((Err(cause), None)),
        }
    })
    .boxed()
}

/// The next frame, and whether the peer owes us a sign of life.
async fn next(
    writer: &Writer,
    reader: &mut SplitStream<Connection>,
    mut is_asked: bool,
) -> Result<(Frame, bool), Cause> {
    loop {
        let Ok(message) = timeout(QUIET_MAX, reader.next()).await else {
            if is_asked {
                return Err("the socket has said nothing for too long".into());
            }
            writer.write(Message::Ping(Bytes::new())).await?;
            is_asked = true;
            continue;
        };
        match message.ok_or("the socket was closed")?.map_err(|error| said(&error))? {
            Message::Text(text) => {
                if let Some(frame) = read(&text) {
                    return Ok((frame, false));
                }
                is_asked = false;
            }
            Message::Close(_) => return Err("the socket was closed".into()),
            Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_) => {
                return Ok((Frame::Alive, false));
            }
        }
    }
}

/// Reads a frame; `None` for what can neither be acknowledged nor understood.
fn read(text: &str) -> Option<Frame> {
    let found = match Fields::read(text) {
        Some(found) => found,
        // Something in it can't be read: it is acknowledged, so that it does not come for ever.
        None => {
            let id = id_of_unreadable(text)?;
            return Some(Frame::Envelope(Envelope { id, kind: "unreadable".into(), ..Envelope::default() }));
        }
    };
    match (found.get::<String>("type").unwrap_or_default(), found.get::<String>("envelope_id")) {
        (kind, None) if kind == "disconnect" => {
            Some(Frame::Disconnect { reason: found.get("reason").unwrap_or_default() })
        }
        (_, None) => Some(Frame::Alive),
        (kind, Some(id)) => Some(Frame::Envelope(Envelope {
            id,
            kind,
            payload: found.object("payload").unwrap_or_default(),
            takes_answer: found.get("accepts_response_payload").unwrap_or_default(),
        })),
    }
}

/// The id of an envelope whose rest can't be read: half a surrogate pair, a number without end, too many levels.
fn id_of_unreadable(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("\"envelope_id\"")?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    let (id, _) = rest.split_once('"')?;
    let is_id = !id.is_empty() && id.len() <= 100 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    is_id.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_t_be_read_is_acknowledged_all_the_same() {
        let half = r#"{"payload":{"event":{"text":"\ud83d"}},"envelope_id":"ab-12","type":"events_api"}"#;
        assert!(
            matches!(read(half), Some(Frame::Envelope(Envelope { id, kind, .. })) if id == "ab-12" && kind == "unreadable")
        );
        assert!(read("nonsense").is_none() && read(r#"{"envelope_id":"a b" "#).is_none());
    }

    #[test]
    fn envelopes_and_ends_are_told_apart() {
        let envelope =
            r#"{"envelope_id":"e","type":"slash_commands","payload":{"a":1},"accepts_response_payload":true}"#;
        let Some(Frame::Envelope(envelope)) = read(envelope) else { panic!("an envelope") };
        assert!(envelope.takes_answer && envelope.payload.get("a") == Some(1) && envelope.kind == "slash_commands");
        assert!(
            matches!(read(r#"{"type":"disconnect","reason":"warning"}"#), Some(Frame::Disconnect { reason }) if reason == "warning")
        );
        assert!(matches!(read(r#"{"type":"hello"}"#), Some(Frame::Alive)));
    }
}
