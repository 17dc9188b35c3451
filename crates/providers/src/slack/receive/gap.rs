//! What was said while nobody listened: found in the histories of our conversations.
//!
//! Slack offers an event again for a few minutes only. What it gave up is found here, and what it did not is dropped by
//! the inbox, because both have one name. <https://docs.slack.dev/reference/methods/conversations.history>

use std::{sync::Arc, time::Duration};

use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use lastword_core::update::{Update, UpdateKind};

use super::{
    super::{
        Link,
        client::Answer,
        convert::Reader,
        me::Me,
        outcome::{Means, meaning},
        ts::Ts,
    },
    seen::Seen,
};
use crate::fields::Fields;

/// How long Slack offers an event again; so much of what is known may still have gaps.
const OFFERED_AGAIN_MS: i64 = 600_000;
/// How many messages are asked for at once; some apps get fewer.
const PAGE: &str = "200";
/// How many pages of one conversation are looked through.
const PAGES_MAX: usize = 50;
/// How often one page is asked for, and the pauses between.
const TRIES_MAX: u32 = 6;
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(90);

/// What was found in one place that was looked through.
#[derive(Debug)]
pub(super) struct Found {
    /// For us, in order.
    pub(super) updates: Vec<Update>,
    /// The conversation that is known now, as far as it could be.
    pub(super) known: Option<String>,
    /// Whether Slack answered; otherwise it is to be asked again.
    pub(super) is_whole: bool,
}

/// Slack did not answer.
#[derive(Debug)]
struct Later;

/// The types of conversations, and what events call them. Each is a permission of its own.
const TYPES: [(&str, &str); 4] =
    [("im", "im"), ("mpim", "mpim"), ("private_channel", "group"), ("public_channel", "channel")];

/// Where something may be missing.
#[derive(Clone, Debug)]
struct Gap {
    conversation: String,
    /// As events have it: `im`, `mpim`, `group`, `channel`.
    kind: &'static str,
    /// One thread; otherwise what is in none, and the threads that went on since.
    thread: Option<String>,
}

/// Everything for us that was said after what is known, and not before `oldest`, conversation by conversation.
pub(super) fn missed(link: Arc<Link>, me: Me, seen: &Seen, oldest: Option<Ts>) -> BoxStream<'static, Found> {
    let Some(latest) = seen.latest else { return stream::empty().boxed() };
    let from = latest.minus_ms(OFFERED_AGAIN_MS).max(oldest.unwrap_or_default()).max(seen.begun.unwrap_or_default());
    let known = seen.threads();
    let begin = Arc::clone(&link);
    stream::iter(TYPES)
        .then(move |of_type| {
            let (link, known) = (Arc::clone(&begin), known.clone());
            async move { gaps(&link, of_type, &known).await }
        })
        .flat_map(stream::iter)
        .then(move |gap| {
            let (link, me) = (Arc::clone(&link), me.clone());
            async move {
                let Ok(gap) = gap else { return Found { updates: Vec::new(), known: None, is_whole: false } };
                let found = look(&link, &me, &gap, from).await;
                let is_whole = found.is_ok();
                // Its threads were looked through before it.
                let known = gap.thread.is_none().then_some(gap.conversation);
                Found { updates: found.unwrap_or_default(), known, is_whole }
            }
        })
        .boxed()
}

/// Our conversations of a type, and in them the threads that we know.
async fn gaps(
    link: &Link,
    (of_type, kind): (&str, &'static str),
    known: &[(String, String)],
) -> Vec<Result<Gap, Later>> {
    let fields = [("types", of_type), ("exclude_archived", "true")];
    let mut gaps = Vec::new();
    let found = match pages(link, "users.conversations", &fields, "channels").await {
        Ok(found) => found,
        Err(later) => return vec![Err(later)],
    };
    for conversation in found.iter().filter_map(|found| found.get::<String>("id")) {
        let threads = known.iter().filter(|(place, _)| *place == conversation);
        gaps.extend(
            threads
                .map(|(_, thread)| Ok(Gap { conversation: conversation.clone(), kind, thread: Some(thread.clone()) })),
        );
        gaps.push(Ok(Gap { conversation, kind, thread: None }));
    }
    gaps
}

async fn look(link: &Link, me: &Me, gap: &Gap, from: Ts) -> Result<Vec<Update>, Later> {
    let oldest = from.to_string();
    let within = [("channel", gap.conversation.as_str()), ("oldest", &oldest), ("limit", PAGE)];
    let replies = async |thread: &str| {
        let fields = [("ts", thread)].into_iter().chain(within).collect::<Vec<_>>();
        pages(link, "conversations.replies", &fields, "messages").await
    };
    let found = match &gap.thread {
        Some(thread) => replies(thread).await?,
        None => {
            let mut found = pages(link, "conversations.history", &within, "messages").await?;
            let went_on = found.iter().filter(|message| message.has("latest_reply"));
            let went_on: Vec<String> = went_on.filter_map(|message| message.get("ts")).collect();
            for thread in went_on {
                found.extend(replies(&thread).await?);
            }
            found
        }
    };
    let reader = Reader { link, me };
    let mut updates: Vec<_> = found
        .iter()
        .filter(|message| message.get::<String>("ts").and_then(|ts| Ts::read(&ts)) > Some(from))
        .filter_map(|message| reader.remembered(&gap.conversation, gap.kind, message))
        .filter(|update| {
            matches!(&update.kind, UpdateKind::Posted(message) if message.is_addressed || message.goes_on)
                && !update.sender.is_bot
        })
        .collect();
    updates.sort_by_key(|update| update.sent_at);
    updates.dedup_by(|a, b| a.id == b.id);
    Ok(updates)
}

/// Every page of a list; of what Slack refuses for good there is nothing.
async fn pages(link: &Link, method: &str, fields: &[(&str, &str)], list: &str) -> Result<Vec<Fields>, Later> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    for _ in 0..PAGES_MAX {
        let mut fields = fields.to_vec();
        if !cursor.is_empty() {
            fields.push(("cursor", &cursor));
        }
        let Some(page) = patiently(link, method, &fields).await? else { return Ok(found) };
        found.extend(page.objects(list));
        let more = page.object("response_metadata").and_then(|more| more.get::<String>("next_cursor"));
        match more.filter(|more| !more.is_empty()) {
            Some(next) => cursor = next,
            None => return Ok(found),
        }
    }
    tracing::warn!(account = %link.account, "{method} has more than is looked through; what is older may be missing");
    Ok(found)
}

/// Asks until Slack answers; `None` where it refuses for good.
async fn patiently(link: &Link, method: &str, fields: &[(&str, &str)]) -> Result<Option<Fields>, Later> {
    let mut pause = PAUSE;
    for _ in 0..TRIES_MAX {
        match link.client.ask(method, fields).await {
            Answer::Done(found) => return Ok(Some(found)),
            Answer::Refused(refusal) => match meaning(&refusal) {
                Means::Limited | Means::Later(_) | Means::Nothing | Means::Unauthorized => {
                    let hint = refusal.retry_after_ms.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis);
                    pause = hint.unwrap_or(pause).min(PAUSE_MAX);
                }
                _ => {
                    tracing::warn!(account = %link.account, "what was missed can't be looked for with {method}: {refusal}");
                    return Ok(None);
                }
            },
            Answer::NotSent(_) | Answer::Lost(_) => {}
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
    tracing::warn!(account = %link.account, "what was missed could not be looked for with {method} yet: no answer");
    Err(Later)
}
