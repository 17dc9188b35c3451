//! What was said while nobody listened: found in the histories of our conversations.
//!
//! Slack offers an event again for a few minutes only. What it gave up is found here, and what it did not is dropped by
//! the inbox, because both have one name. <https://docs.slack.dev/reference/methods/conversations.history>

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

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

/// The conversations in which something waits for what was said there before it: they are looked through first.
#[derive(Clone, Debug, Default)]
pub(super) struct Awaited(Arc<Mutex<BTreeSet<String>>>);

impl Awaited {
    pub(super) fn insert(&self, conversation: &str) {
        self.lock().insert(conversation.to_owned());
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is not looked through yet.
#[derive(Debug)]
struct Unseen {
    /// The types of conversations that were not asked for yet.
    types: VecDeque<(&'static str, &'static str)>,
    gaps: Vec<Gap>,
    met: BTreeSet<String>,
}

/// What is to be done next.
#[derive(Debug)]
enum Next {
    Ask((&'static str, &'static str)),
    Look(Gap),
}

impl Unseen {
    fn everything() -> Self {
        Self { types: TYPES.into(), gaps: Vec::new(), met: BTreeSet::new() }
    }

    fn found(&mut self, gaps: Vec<Gap>) {
        self.met.extend(gaps.iter().map(|gap| gap.conversation.clone()));
        self.gaps.extend(gaps);
    }

    /// First where somebody waits; where that is, is asked before anything else is looked through.
    fn next(&mut self, awaited: &Awaited) -> Option<Next> {
        let awaited = awaited.lock();
        let first = self.gaps.iter().position(|gap| awaited.contains(&gap.conversation));
        let is_one_unmet = awaited.iter().any(|conversation| !self.met.contains(conversation));
        if first.is_none()
            && (self.gaps.is_empty() || is_one_unmet)
            && let Some(of_type) = self.types.pop_front()
        {
            return Some(Next::Ask(of_type));
        }
        (!self.gaps.is_empty()).then(|| Next::Look(self.gaps.remove(first.unwrap_or(0))))
    }
}

/// Everything for us that was said after what is known, and not before `oldest`, conversation by conversation.
pub(super) fn missed(
    link: Arc<Link>,
    me: Me,
    seen: &Seen,
    oldest: Option<Ts>,
    awaited: Awaited,
) -> BoxStream<'static, Found> {
    let Some(latest) = seen.latest else { return stream::empty().boxed() };
    let from = latest.minus_ms(OFFERED_AGAIN_MS).max(oldest.unwrap_or_default()).max(seen.begun.unwrap_or_default());
    // The roots of the others are in what is looked through.
    let known: Vec<_> = seen.threads().into_iter().filter(|(_, root)| Ts::read(root) < Some(from)).collect();
    let begin = (Unseen::everything(), link, me, awaited, known);
    stream::unfold(begin, move |(mut unseen, link, me, awaited, known)| async move {
        let found = match unseen.next(&awaited)? {
            Next::Ask(of_type) => {
                let gaps = gaps_of(&link, of_type, &known).await;
                let is_whole = gaps.is_ok();
                unseen.found(gaps.unwrap_or_default());
                Found { updates: Vec::new(), known: None, is_whole }
            }
            Next::Look(gap) => {
                let found = look(&link, &me, &gap, from).await;
                let is_whole = found.is_ok();
                // Its threads were looked through before it.
                let known = gap.thread.is_none().then_some(gap.conversation);
                Found { updates: found.unwrap_or_default(), known, is_whole }
            }
        };
        Some((found, (unseen, link, me, awaited, known)))
    })
    .boxed()
}

/// Our conversations of a type, and in them the threads that we know.
async fn gaps_of(
    link: &Link,
    (of_type, kind): (&str, &'static str),
    known: &[(String, String)],
) -> Result<Vec<Gap>, Later> {
    let fields = [("types", of_type), ("exclude_archived", "true")];
    let mut gaps = Vec::new();
    let found = pages(link, "users.conversations", &fields, "channels").await?;
    for conversation in found.iter().filter_map(|found| found.get::<String>("id")) {
        let threads = known.iter().filter(|(place, _)| *place == conversation);
        gaps.extend(threads.map(|(_, thread)| Gap {
            conversation: conversation.clone(),
            kind,
            thread: Some(thread.clone()),
        }));
        gaps.push(Gap { conversation, kind, thread: None });
    }
    Ok(gaps)
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
            let went_on =
                found.iter().filter(|message| message.has("latest_reply") && !is_answered_by_us_alone(message, me));
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

/// Whether nobody but us has replied: most questions, which need not be asked about one by one.
/// <https://docs.slack.dev/messaging/retrieving-messages#finding_threads>
fn is_answered_by_us_alone(root: &Fields, me: &Me) -> bool {
    let users: Vec<String> = root.get("reply_users").unwrap_or_default();
    root.get::<u64>("reply_users_count") == Some(1) && users == [me.user.as_str()]
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

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(conversation: &str, thread: Option<&str>) -> Gap {
        Gap { conversation: conversation.into(), kind: "im", thread: thread.map(str::to_owned) }
    }

    /// What is done next: a type that is asked for, or a conversation that is looked through.
    fn next(unseen: &mut Unseen, awaited: &Awaited) -> String {
        match unseen.next(awaited) {
            Some(Next::Ask((of_type, _))) => of_type.to_owned(),
            Some(Next::Look(gap)) => format!("{}{}", gap.conversation, gap.thread.map_or("", |_| " thread")),
            None => "nothing".into(),
        }
    }

    #[test]
    fn where_somebody_waits_is_looked_first() {
        let (mut unseen, awaited) = (Unseen::everything(), Awaited::default());
        let mut done = vec![next(&mut unseen, &awaited)];
        unseen.found(vec![gap("D1", None), gap("D2", Some("1.0")), gap("D2", None)]);
        awaited.insert("D2");
        done.extend([next(&mut unseen, &awaited), next(&mut unseen, &awaited)]);
        awaited.insert("C9");
        done.push(next(&mut unseen, &awaited));
        unseen.found(vec![gap("C9", None)]);
        for _ in 0..6 {
            done.push(next(&mut unseen, &awaited));
        }
        assert_eq!(
            done,
            ["im", "D2 thread", "D2", "mpim", "C9", "D1", "private_channel", "public_channel", "nothing", "nothing"]
        );
    }

    #[test]
    fn a_question_that_we_alone_have_answered_is_not_asked_about() {
        let me = Me { user: "U1".into(), ..Me::default() };
        let is = |root: &str| is_answered_by_us_alone(&Fields::read(root).unwrap(), &me);
        assert!(is(r#"{"reply_users_count":1,"reply_users":["U1"]}"#));
        assert!(!is(r#"{"reply_users_count":2,"reply_users":["U1","U2"]}"#));
        assert!(!is(r#"{"reply_users_count":1,"reply_users":["U2"]}"#));
        assert!(!is("{}"));
    }
}
