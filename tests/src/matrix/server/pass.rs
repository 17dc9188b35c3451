//! What becomes of a request on its way to the homeserver.

use std::{io, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    response::{Html, IntoResponse, Response},
};
use futures_util::stream;
use serde_json::{Value, json};

use super::{Call, Shared};
use crate::{door::Outage, matrix::fault::Fault};

/// What is about one connection only.
const HOPS: [HeaderName; 4] = [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION];

/// A request as it came.
#[derive(Clone)]
struct Asked {
    /// Its place among the calls.
    n: usize,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

pub async fn pass(State(shared): State<Shared>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let path = decoded(uri.path());
    let at_ms = u64::try_from(shared.started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (n, outage, fault) = {
        let mut state = shared.state();
        let outage = state.settings.outage;
        let fault = if outage.is_some() { None } else { state.faults.next(method.as_str(), &path) };
        let befell =
            outage.map(|outage| format!("{outage:?}")).or_else(|| fault.as_ref().map(|fault| format!("{fault:?}")));
        state.calls.push(Call { method: method.to_string(), path, fault: befell, status: None, at_ms });
        (state.calls.len() - 1, outage, fault)
    };
    if let Some(outage) = outage {
        return out(&shared, outage).await;
    }
    let asked = Asked { n, method, uri, headers, body };
    let Some(fault) = fault else { return until_out(&shared, apply(&shared, asked)).await };
    match fault {
        Fault::DropBefore => cut(),
        Fault::CutAfter => {
            apply(&shared, asked).await;
            cut()
        }
        Fault::Limited { retry_after_ms } => limited(retry_after_ms),
        Fault::Refused { status, errcode } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            said(status, json!({ "errcode": errcode, "error": "Refused by the script" }))
        }
        Fault::LoggedOut { is_soft } => {
            let body = json!({ "errcode": "M_UNKNOWN_TOKEN", "error": "Unknown token", "soft_logout": is_soft });
            said(StatusCode::UNAUTHORIZED, body)
        }
        Fault::FailBefore => failed(),
        Fault::FailAfter => {
            apply(&shared, asked).await;
            failed()
        }
        Fault::GatewayBefore => gateway(),
        Fault::GatewayAfter => {
            apply(&shared, asked).await;
            gateway()
        }
        Fault::GarbleAfter => {
            apply(&shared, asked).await;
            ([(header::CONTENT_TYPE, "application/json")], "{\"event_").into_response()
        }
        Fault::DelayBefore { ms } => apply_late(&shared, asked, ms).await,
        Fault::DelayAfter { ms } => {
            let answer = apply(&shared, asked).await;
            tokio::time::sleep(Duration::from_millis(ms)).await;
            answer
        }
    }
}

/// Asks the homeserver, and gives back what it says.
async fn apply(shared: &Shared, asked: Asked) -> Response {
    let path = asked.uri.path_and_query().map_or("/", |path| path.as_str());
    let request = shared.http.request(asked.method, format!("{}{path}", shared.home_url));
    let headers = without_hops(asked.headers);
    let Ok(answer) = request.headers(headers).body(asked.body).send().await else { return gateway() };
    let (status, headers) = (answer.status(), without_hops(answer.headers().clone()));
    shared.state().calls[asked.n].status = Some(status.as_u16());
    match answer.bytes().await {
        Ok(body) => (status, headers, body).into_response(),
        Err(_) => cut(),
    }
}

/// Applies later, in a task of its own: this future is dropped when the sender leaves, the request is not.
async fn apply_late(shared: &Shared, asked: Asked, ms: u64) -> Response {
    let (answered, answer) = tokio::sync::oneshot::channel();
    let inner = shared.clone();
    shared.aside(async move {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        let _ = answered.send(apply(&inner, asked).await);
    });
    answer.await.unwrap_or_else(|_| cut())
}

/// An outage ends also what waits for an answer, such as `/sync`.
async fn until_out(shared: &Shared, answer: impl Future<Output = Response>) -> Response {
    let mut heard = shared.heard.subscribe();
    tokio::pin!(answer);
    loop {
        tokio::select! {
            answer = &mut answer => return answer,
            changed = heard.changed() => match shared.outage() {
                Some(outage) => return out(shared, outage).await,
                None if changed.is_err() => return cut(),
                None => {}
            },
        }
    }
}

async fn out(shared: &Shared, outage: Outage) -> Response {
    match outage {
        Outage::Refuse | Outage::Cut => cut(),
        Outage::Hang => {
            let mut heard = shared.heard.subscribe();
            while shared.outage() == Some(Outage::Hang) && heard.changed().await.is_ok() {}
            cut()
        }
        Outage::Gateway => gateway(),
        Outage::Fail => failed(),
    }
}

/// Ends the connection in the middle of an answer.
fn cut() -> Response {
    let broken = stream::once(async { Err::<String, _>(io::Error::other("cut by the script")) });
    Response::new(Body::from_stream(broken))
}

/// What something in between answers.
fn gateway() -> Response {
    let page = "<html>\n<head><title>502 Bad Gateway</title></head>\n<body>502</body>\n</html>\n";
    (StatusCode::BAD_GATEWAY, Html(page)).into_response()
}

fn failed() -> Response {
    let body = json!({ "errcode": "M_UNKNOWN", "error": "Internal server error" });
    said(StatusCode::INTERNAL_SERVER_ERROR, body)
}

fn limited(retry_after_ms: u64) -> Response {
    let body = json!({ "errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests", "retry_after_ms": retry_after_ms });
    let mut answer = said(StatusCode::TOO_MANY_REQUESTS, body);
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after_ms.div_ceil(1_000)));
    answer
}

fn said(status: StatusCode, body: Value) -> Response {
    (status, Json(body)).into_response()
}

fn without_hops(mut headers: HeaderMap) -> HeaderMap {
    HOPS.iter().for_each(|name| drop(headers.remove(name)));
    headers
}

/// A path as it is meant: ids in it come encoded.
fn decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let code = others.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match code.filter(|_| *first == b'%').and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &others[2..];
            }
            None => {
                bytes.push(*first);
                rest = others;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
