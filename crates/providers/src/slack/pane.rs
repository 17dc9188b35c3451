//! The assistant pane: what it suggests, what its threads are called, and that an answer is being worked on.
//!
//! Best effort: no message waits for it. <https://docs.slack.dev/ai/developing-ai-apps>

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use lastword_core::ids::Place;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Link, client::Answer, settings::Prompt};

/// What is shown while an answer is being worked on, behind the bot's name.
const WORKING: &str = "is thinking…";
/// Slack takes a status off after two minutes. <https://docs.slack.dev/reference/methods/assistant.threads.setStatus>
const STATUS_EVERY: Duration = Duration::from_secs(60);
/// After so long Slack has taken it off by itself.
const STATUS_MAX: Duration = Duration::from_secs(150);
/// How many suggestions a pane shows. <https://docs.slack.dev/reference/methods/assistant.threads.setSuggestedPrompts>
const PROMPTS_MAX: usize = 4;
/// How many threads are remembered to be without a title.
const THREADS_MAX: usize = 1_000;

/// What is to be set in a thread of the pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Aside {
    pub(super) conversation: String,
    pub(super) thread: String,
    pub(super) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Suggestions, for a thread that was opened just now.
    Prompts,
    /// What was asked first.
    Title(String),
}

/// The threads in which something stands that is not for ever.
#[derive(Debug, Default)]
pub(super) struct Threads {
    /// Opened, and nothing said yet.
    fresh: BTreeMap<(String, String), ()>,
    /// With a status since then.
    working: BTreeMap<(String, String), Instant>,
}

impl Threads {
    pub(super) fn opened(&mut self, conversation: &str, thread: &str) {
        if self.fresh.len() >= THREADS_MAX {
            self.fresh.pop_first();
        }
        self.fresh.insert((conversation.to_owned(), thread.to_owned()), ());
    }

    /// Whether the first message of a thread that was opened is said now.
    pub(super) fn begins(&mut self, conversation: &str, thread: &str) -> bool {
        self.fresh.remove(&(conversation.to_owned(), thread.to_owned())).is_some()
    }

    fn is_status_due(&mut self, place: (String, String)) -> bool {
        let is_due = self.working.get(&place).is_none_or(|since| since.elapsed() >= STATUS_EVERY);
        if is_due {
            self.working.retain(|_, since| since.elapsed() < STATUS_MAX);
            self.working.insert(place, Instant::now());
        }
        is_due
    }
}

/// Sets it, with one request.
pub(super) fn set(link: Arc<Link>, aside: Aside) -> BoxFuture<'static, ()> {
    async move {
        if aside.what == What::Prompts && link.settings.prompts.is_empty() {
            return;
        }
        let (method, body) = request(&aside, &link.settings.prompts);
        if let Answer::Refused(refusal) = link.client.call(method, &body).await {
            tracing::debug!(account = %link.account, "{method}: {refusal}");
        }
    }
    .boxed()
}

pub(super) fn request(aside: &Aside, prompts: &[Prompt]) -> (&'static str, Value) {
    let Aside { conversation, thread, what } = aside;
    match what {
        What::Prompts => {
            let prompts = prompts.iter().take(PROMPTS_MAX);
            let prompts: Vec<_> = prompts.map(|one| json!({ "title": one.title, "message": one.message })).collect();
            let body = json!({ "channel_id": conversation, "thread_ts": thread, "prompts": prompts });
            ("assistant.threads.setSuggestedPrompts", body)
        }
        What::Title(title) => {
            ("assistant.threads.setTitle", json!({ "channel_id": conversation, "thread_ts": thread, "title": title }))
        }
    }
}

/// Shows in a thread that it is being worked on. There is nowhere to show it outside of one.
pub(super) async fn working(link: &Link, place: &Place) {
    let Some(thread) = &place.thread else { return };
    let key = (place.conversation.as_str().to_owned(), thread.as_str().to_owned());
    if link.threads().is_status_due(key) {
        status(link, place, WORKING).await;
    }
}

/// Takes it off: an edit does not, as a post would.
pub(super) async fn rests(link: &Link, place: &Place) {
    let Some(thread) = &place.thread else { return };
    let key = (place.conversation.as_str().to_owned(), thread.as_str().to_owned());
    let was_shown = link.threads().working.remove(&key).is_some();
    if was_shown {
        status(link, place, "").await;
    }
}

async fn status(link: &Link, place: &Place, status: &str) {
    if let Answer::Refused(refusal) = link.client.call("assistant.threads.setStatus", &status_of(place, status)).await {
        tracing::debug!(account = %link.account, "a status was refused: {refusal}");
    }
}

pub(super) fn status_of(place: &Place, status: &str) -> Value {
    let thread = place.thread.as_ref().map(|thread| thread.as_str());
    json!({ "channel_id": place.conversation.as_str(), "thread_ts": thread, "status": status })
}
