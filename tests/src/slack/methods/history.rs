//! What was said: a channel's messages newest first, a thread's oldest first, page by page.

use serde_json::{Value, json};

use super::{Call, metadata, page};
use crate::slack::{
    errors::{Answer, Refusal},
    message::{Message, microseconds},
};

/// The most messages of a page.
const PAGE_MAX: usize = 999;

/// The times between which messages are asked for.
struct Span {
    oldest: u64,
    latest: u64,
    is_inclusive: bool,
}

impl Span {
    fn holds(&self, ts: &str) -> bool {
        let at = microseconds(ts).unwrap_or_default();
        let is_edge = at == self.oldest || at == self.latest;
        (self.oldest < at && at < self.latest) || (is_edge && self.is_inclusive)
    }
}

impl Call<'_> {
    /// <https://docs.slack.dev/reference/methods/conversations.history>
    pub(super) fn history(self) -> Answer {
        let channel = self.args.needed("channel").map_err(|_| Refusal::new("channel_not_found"))?;
        let channel = self.joined(&channel)?.id.clone();
        let span = self.span()?;
        let is_here = |message: &&Message| {
            message.channel == channel
                && message.is_in_channel()
                && message.only_for.is_none()
                && span.holds(&message.ts)
                && self.is_seen(message)
        };
        let mut found: Vec<_> = self.network.messages.iter().filter(is_here).collect();
        found.sort_by_key(|message| std::cmp::Reverse(microseconds(&message.ts)));
        let (found, next) = page(found, self.args, 100, PAGE_MAX)?;
        let messages: Vec<_> = found.into_iter().map(|message| self.seen(message)).collect();
        let mut answer = json!({ "messages": messages, "has_more": !next.is_empty(), "pin_count": 0,
                                 "channel_actions_ts": null, "channel_actions_count": 0 });
        if !next.is_empty() {
            answer["response_metadata"] = metadata(next);
        }
        Ok(answer)
    }

    /// <https://docs.slack.dev/reference/methods/conversations.replies>: the root comes first, whatever the times say.
    pub(super) fn thread(self) -> Answer {
        let channel = self.args.needed("channel").map_err(|_| Refusal::new("channel_not_found"))?;
        let channel = self.joined(&channel)?.id.clone();
        let ts = self.args.given("ts").ok_or_else(|| Refusal::new("thread_not_found"))?;
        let root = self.network.any_message(&channel, &ts).filter(|message| self.is_seen(message));
        let root = root.ok_or_else(|| Refusal::new("thread_not_found"))?;
        let span = self.span()?;
        let mut found: Vec<_> = self.network.replies(&channel, &ts).filter(|reply| span.holds(&reply.ts)).collect();
        found.sort_by_key(|message| microseconds(&message.ts));
        found.insert(0, root);
        let (found, next) = page(found, self.args, 1_000, 1_000)?;
        let messages: Vec<_> = found.into_iter().map(|message| self.seen(message)).collect();
        let mut answer = json!({ "messages": messages, "has_more": !next.is_empty() });
        if !next.is_empty() {
            answer["response_metadata"] = metadata(next);
        }
        Ok(answer)
    }

    fn span(&self) -> Result<Span, Refusal> {
        let time = |name: &str, default| {
            let given = self.args.given(name).filter(|ts| ts != "now");
            let error = || Refusal::new(format!("invalid_ts_{name}"));
            given.map_or(Ok(default), |ts| microseconds(&ts).ok_or_else(error))
        };
        let (oldest, latest) = (time("oldest", 0)?, time("latest", u64::MAX)?);
        Ok(Span { oldest, latest, is_inclusive: self.args.is_true("inclusive") })
    }

    /// Whether there is anything left of a message: a deleted root leaves a stone.
    fn is_seen(&self, message: &Message) -> bool {
        !message.is_deleted || self.network.replies(&message.channel, &message.ts).next().is_some()
    }

    fn seen(&self, message: &Message) -> Value {
        if message.is_deleted {
            return self.network.tombstone(message);
        }
        self.network.shown(message, self.args.is_true("include_all_metadata"))
    }
}
