//! Long polls with our cursor.
//!
//! Guarantee: a poll confirms exactly what was committed, because the cursor moves only after the acknowledgement; a
//! refused batch is polled again.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use lastword_core::{
    ids::{AccountId, Cursor},
    outcome::Cause,
    provider::{Ack, Batch, Inbound, ReceiveError, UpdateStream},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    client::{Answer, Client, ask},
    convert::Said,
};

/// How long one poll waits for news; shorter than any patience of the readiness page.
const WAIT_MS: &str = "5000";
/// The first poll waits for nothing: it shows that the link stands.
const FIRST_WAIT_MS: &str = "0";

pub(super) async fn identity(client: &Client) -> Result<String, ReceiveError> {
    #[derive(serde::Deserialize)]
    struct Identity {
        id: String,
    }
    let identity: Identity = fetch(client, "/identity", &[]).await?;
    Ok(identity.id)
}

/// Polls until the first failure.
pub(super) fn stream(client: Arc<Client>, account: AccountId, resume_from: Option<Cursor>) -> UpdateStream {
    let polling = Polling { client, account, after: resume_from, offered: None, is_first: true };
    stream::unfold(Some(polling), |polling| async {
        let mut polling = polling?;
        match polling.next().await {
            Ok(inbound) => Some((Ok(inbound), Some(polling))),
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}

struct Polling {
    client: Arc<Client>,
    account: AccountId,
    /// The last update that is surely committed.
    after: Option<Cursor>,
    /// What is offered: the cursor behind it, and its fate.
    offered: Option<Offered>,
    is_first: bool,
}

type Offered = (Cursor, futures_util::future::BoxFuture<'static, bool>);

impl Polling {
    async fn next(&mut self) -> Result<Inbound, ReceiveError> {
        // Nothing new is asked for before the fate of what was offered is known.
        if let Some((behind, fate)) = &mut self.offered {
            if fate.await {
                self.after = Some(behind.clone());
            }
            self.offered = None;
        }
        let mut query = vec![("wait_ms", if self.is_first { FIRST_WAIT_MS } else { WAIT_MS })];
        query.extend(self.after.as_ref().map(|after| ("after", after.as_str())));
        #[derive(serde::Deserialize)]
        struct Updates {
            updates: Vec<Said>,
        }
        let Updates { updates } = fetch(&self.client, "/updates", &query).await?;
        self.is_first = false;
        let Some(last) = updates.last() else { return Ok(Inbound::Alive) };
        let cursor = Cursor::new(last.n.to_string());
        let (ack, confirmed) = Ack::pair();
        self.offered = Some((cursor.clone(), Box::pin(async { confirmed.await.is_ok() })));
        let updates = updates.into_iter().map(|said| said.into_update(&self.account)).collect();
        Ok(Inbound::Batch(Batch { updates, cursor: Some(cursor), ack }))
    }
}

async fn fetch<T: DeserializeOwned>(client: &Client, path: &str, query: &[(&str, &str)]) -> Result<T, ReceiveError> {
    let lost = |cause: Cause| ReceiveError::Lost { retry_after_ms: None, cause };
    match ask(client.get(path).query(query)).await {
        Answer::Whole { status: 200, body } => serde_json::from_value(body).map_err(|error| lost(Box::new(error))),
        Answer::Whole { status: 401, body } => {
            Err(ReceiveError::Unauthorized { cause: format!("HTTP 401 {}", said_why(&body)).into() })
        }
        Answer::Whole { status, body } => Err(lost(format!("HTTP {status} {}", said_why(&body)).into())),
        Answer::NotSent(cause) | Answer::Lost(cause) => Err(lost(cause)),
    }
}

fn said_why(body: &Value) -> &str {
    body["error"].as_str().unwrap_or_default()
}
