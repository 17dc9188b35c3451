//! `/api/<method>`: one request, with what goes wrong with it.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Path, Request, State},
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};

use super::{Shared, cut, gateway, out};
use crate::slack::{
    book::Call,
    errors::{Refusal, envelope},
    fault::Fault,
    methods::{self, Caller},
    request::Args,
    validate::Violation,
};

pub(super) async fn api(State(shared): State<Shared>, Path(method): Path<String>, request: Request) -> Response {
    if let Some(out) = out(&shared).await {
        return out;
    }
    let args = match Args::read(request, methods::takes_json(&method)).await {
        Ok(args) => args,
        Err(refusal) => return refusal.into_response(),
    };
    let caller = Caller::of(&shared.network(), args.token.as_deref());
    Asked { caller, method, args: Arc::new(args) }.play(shared).await
}

/// A request that arrived whole.
#[derive(Clone)]
struct Asked {
    caller: Caller,
    method: String,
    args: Arc<Args>,
}

impl Asked {
    async fn play(self, shared: Shared) -> Response {
        let app = self.caller.app().map(ToOwned::to_owned);
        let channel = ["channel", "channel_id", "channels"].into_iter().find_map(|name| self.args.given(name));
        let (fault, call) = {
            let mut network = shared.network();
            let at_ms = network.now_ms();
            let (method, outcome) = (self.method.clone(), String::new());
            network.calls.push(Call { app: app.clone(), method, channel: channel.clone(), at_ms, outcome });
            let call = network.calls.len() - 1;
            if let Some(contract) = &shared.contract {
                let app = app.clone().unwrap_or_default();
                let violation = |what| Violation { app: app.clone(), method: self.method.clone(), what };
                network.violations.extend(contract.call(&self.method, &self.args).into_iter().map(violation));
            }
            (network.faults.next(app.as_deref().unwrap_or_default(), &self.method, channel.as_deref()), call)
        };
        match fault {
            None => self.apply(&shared, call),
            Some(Fault::DropBefore) => cut(),
            Some(Fault::CutAfter) => {
                self.apply(&shared, call);
                cut()
            }
            Some(Fault::Limited { retry_after_s, is_bare }) => limited(retry_after_s, is_bare),
            Some(Fault::ErrorBefore { error }) => Refusal::new(error).into_response(),
            Some(Fault::ErrorAfter { error }) => {
                self.apply(&shared, call);
                Refusal::new(error).into_response()
            }
            Some(Fault::GatewayBefore) => gateway(),
            Some(Fault::GatewayAfter) => {
                self.apply(&shared, call);
                gateway()
            }
            Some(Fault::GarbleAfter) => {
                self.apply(&shared, call);
                ([(CONTENT_TYPE, "application/json; charset=utf-8")], "{\"ok\":tr").into_response()
            }
            Some(Fault::DelayBefore { ms }) => self.apply_late(&shared, call, ms).await,
            Some(Fault::DelayAfter { ms }) => {
                let answer = self.apply(&shared, call);
                tokio::time::sleep(Duration::from_millis(ms)).await;
                answer
            }
        }
    }

    fn apply(&self, shared: &Shared, call: usize) -> Response {
        let (answer, scopes) = {
            let mut network = shared.network();
            let answer = self.within_limits(&mut network);
            let answer = answer.and_then(|()| methods::call(&mut network, &self.caller, &self.method, &self.args));
            let outcome = answer.as_ref().map_or_else(|refusal| refusal.error.clone(), |_| "ok".to_owned());
            if let Some(call) = network.calls.get_mut(call) {
                call.outcome = outcome;
            }
            let scopes = if let Caller::Bot(install) = &self.caller { Some(install.provided()) } else { None };
            (answer, scopes)
        };
        shared.wake();
        let mut response = envelope(answer);
        if let Some(scopes) = scopes.and_then(|scopes| HeaderValue::from_str(&scopes).ok()) {
            response.headers_mut().insert("x-oauth-scopes", scopes);
        }
        response
    }

    /// <https://docs.slack.dev/apis/web-api/rate-limits>: each method has its own count for each app in each workspace.
    fn within_limits(&self, network: &mut crate::slack::network::Network) -> Result<(), Refusal> {
        if !network.settings.limits.is_some_and(|limits| limits.has_tiers) {
            return Ok(());
        }
        let Some(most) = methods::per_minute(&self.method) else { return Ok(()) };
        let whose = match &self.caller {
            Caller::Bot(install) => &install.user,
            Caller::App(app) => &app.id,
            Caller::Nobody => return Ok(()),
        };
        let (what, now) = (format!("{} {whose}", self.method), network.now_ms());
        network.limiter.count(what, most, 60_000, now).map_err(Refusal::limited)
    }

    /// Applies later, in a task of its own: this future is dropped when the sender leaves, the request is not.
    async fn apply_late(self, shared: &Shared, call: usize, ms: u64) -> Response {
        let (answered, answer) = tokio::sync::oneshot::channel();
        let inner = shared.clone();
        shared.aside(async move {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            let _ = answered.send(self.apply(&inner, call));
        });
        answer.await.unwrap_or_else(|_| cut())
    }
}

/// Too much, said by Slack or by something before it.
fn limited(retry_after_s: u64, is_bare: bool) -> Response {
    if !is_bare {
        return Refusal::limited(retry_after_s).into_response();
    }
    let mut response = (StatusCode::TOO_MANY_REQUESTS, "").into_response();
    response.headers_mut().remove(CONTENT_TYPE);
    response.headers_mut().insert("retry-after", HeaderValue::from(retry_after_s));
    response
}
