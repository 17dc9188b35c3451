//! Telling the operator's own systems of alerts, through HTTP and none of our accounts. Whoever outlives the others does it:
//! the supervisor, and a bridge that has none.
//!
//! Guarantee: every alert is posted when it opens and when it is over, again and again until the webhook takes it, over
//! every start of every process; nothing else waits for it. What the store can't keep while it is out each process posts
//! by itself, and it may come once more when the store has it. One may come twice, and is known by its `id`.

use std::{collections::HashSet, sync::Arc, time::Duration};

use anyhow::Context as _;
use lastword_core::{
    alert::{Alert, AlertCode, AlertView},
    decide::backoff::Backoff,
    store::{Oversight, StoreError},
};
use reqwest_012 as http;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{
    alerts::Alerts,
    patience::{Complaint, pause},
};
use crate::{
    build_id::build,
    config::{Config, WebhookConfig},
    report::{alerts_json, unstored_json},
};

/// How often to look for news.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many looks an alert waits for the store before it is posted without.
const STORED_LOOKS: u32 = 5;
/// Between two attempts to post.
const AGAIN: Backoff = Backoff { first_ms: 1_000, max_ms: 300_000 };
/// How long one attempt may take.
const POSTED_WITHIN: Duration = Duration::from_secs(10);
/// How long the store may take to say what is new, and to note what was posted.
const STORE_WITHIN: Duration = Duration::from_secs(5);
/// How long posting may hold up the end of a supervisor.
const LAST_WITHIN: Duration = Duration::from_secs(5);
/// The most alerts in one request.
const ALERTS_MAX: usize = 50;

/// Whose alerts a process posts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Those of the store, and its own that the store does not have.
    All,
    /// Its own that the store does not have: somebody else posts the others.
    UnstoredOnly,
}

/// Posts until it is dropped.
pub fn keep_posting(
    config: &Config,
    oversight: &Arc<dyn Oversight>,
    alerts: &Arc<Alerts>,
    whose: Whose,
) -> impl Future<Output = ()> + Send + use<> {
    let hook = config.alerts.webhook.clone().and_then(Hook::of);
    let (oversight, alerts) = (Arc::clone(oversight), Arc::clone(alerts));
    async move {
        let Some(hook) = hook else { return std::future::pending().await };
        let (mut unstored, mut stored) = (Unstored::default(), Stored::default());
        let (mut failures, mut complaint) = (0, Complaint::default());
        loop {
            // First what no store has to be asked for.
            let mut posted = unstored.post(&hook, &alerts, STORED_LOOKS).await;
            if whose == Whose::All {
                posted = posted.and(stored.post(&hook, &*oversight).await);
            }
            let wait = match posted {
                Ok(()) => {
                    failures = 0;
                    complaint.over();
                    LOOK_EVERY
                }
                Err(error) => {
                    failures += 1;
                    complaint
                        .failed("alerts can't be posted to the webhook; they are posted later", &format!("{error:#}"));
                    pause(AGAIN, failures)
                }
            };
            tokio::time::sleep(wait).await;
        }
    }
}

/// Posts what is left, as far as the webhook takes it at once: for the end of a supervisor that gave up.
pub async fn post_last(config: &Config, oversight: &dyn Oversight, alerts: &Alerts) {
    let Some(hook) = config.alerts.webhook.clone().and_then(Hook::of) else { return };
    let (mut unstored, mut stored) = (Unstored::default(), Stored::default());
    let all = async { stored.post(&hook, oversight).await.and(unstored.post(&hook, alerts, 0).await) };
    match tokio::time::timeout(LAST_WITHIN, all).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!("not every alert could be posted; the next start goes on: {error:#}"),
        Err(_) => tracing::warn!("not every alert could be posted in time; the next start goes on"),
    }
}

/// The webhook.
struct Hook {
    client: http::Client,
    url: SecretString,
    token: Option<SecretString>,
}

impl Hook {
    fn of(config: WebhookConfig) -> Option<Self> {
        // Whoever is sent elsewhere would take the token along.
        let client = http::Client::builder().redirect(http::redirect::Policy::none()).timeout(POSTED_WITHIN).build();
        let client = client.inspect_err(|error| tracing::error!("there is no webhook: {error}")).ok()?;
        Some(Self { client, url: config.url?, token: config.token })
    }

    /// One request. No error shows the address, which may be a secret.
    async fn post(&self, alerts: &[Value]) -> anyhow::Result<()> {
        let body = json!({ "source": "lastword", "build": build(), "alerts": alerts });
        let mut request = self.client.post(self.url.expose_secret()).json(&body);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose_secret());
        }
        let answer = request.send().await.map_err(http::Error::without_url).context("it can't be reached")?;
        let status = answer.status();
        anyhow::ensure!(status.is_success(), "it answered {status}");
        Ok(())
    }
}

/// What the store has.
#[derive(Default)]
struct Stored {
    /// What was posted, and can't be noted yet: whether each was over.
    unnoted: HashSet<(i64, bool)>,
}

impl Stored {
    async fn post(&mut self, hook: &Hook, oversight: &dyn Oversight) -> anyhow::Result<()> {
        loop {
            // A store that is out or stuck is asked again: what it can't take now, each process posts by itself.
            let Some(mut news) = asked(oversight.unposted(ALERTS_MAX)).await? else { return Ok(()) };
            if news.is_empty() {
                self.unnoted.clear();
                return Ok(());
            }
            let key = |alert: &AlertView| (alert.id, alert.resolved_at.is_some());
            let (noted, unposted): (Vec<_>, Vec<_>) =
                news.drain(..).partition(|alert| self.unnoted.contains(&key(alert)));
            if !unposted.is_empty() {
                hook.post(&alerts_json(&unposted)).await?;
                self.unnoted.extend(unposted.iter().map(key));
            }
            let posted: Vec<_> = noted.into_iter().chain(unposted).collect();
            if asked(oversight.posted(&posted)).await?.is_none() {
                return Ok(());
            }
            posted.iter().for_each(|alert| _ = self.unnoted.remove(&key(alert)));
        }
    }
}

/// What the store says; `None` while it is out.
async fn asked<T>(asking: impl Future<Output = Result<T, StoreError>>) -> anyhow::Result<Option<T>> {
    match tokio::time::timeout(STORE_WITHIN, asking).await {
        Ok(Ok(answer)) => Ok(Some(answer)),
        Ok(Err(StoreError::Unavailable(_))) | Err(_) => Ok(None),
        Ok(Err(error)) => Err(error.into()),
    }
}

/// What this process raised and the store does not have.
#[derive(Default)]
struct Unstored {
    /// For how many looks the store has not taken what waits.
    looks: u32,
    /// What was posted.
    posted: HashSet<(AlertCode, String)>,
}

impl Unstored {
    /// `looks`: for how many an alert waits for the store.
    async fn post(&mut self, hook: &Hook, alerts: &Alerts, looks: u32) -> anyhow::Result<()> {
        let waiting = alerts.unstored();
        let key = |alert: &Alert| (alert.code, alert.subject.clone());
        // Who waits no more is stored, or over.
        self.posted.retain(|posted| waiting.iter().any(|alert| key(alert) == *posted));
        self.looks = if waiting.is_empty() { 0 } else { self.looks.saturating_add(1) };
        let news: Vec<&Alert> = waiting.iter().filter(|alert| !self.posted.contains(&key(alert))).collect();
        if news.is_empty() || self.looks < looks {
            return Ok(());
        }
        hook.post(&news.iter().map(|alert| unstored_json(alert)).collect::<Vec<_>>()).await?;
        self.posted.extend(news.into_iter().map(key));
        Ok(())
    }
}
