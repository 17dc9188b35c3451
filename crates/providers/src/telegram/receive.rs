//! Long polls with our cursor.
//!
//! Guarantee: a poll confirms exactly what was committed, because the offset moves only after the acknowledgement; a
//! refused batch is polled again. <https://core.telegram.org/bots/api#getupdates>

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::{StreamExt, future::BoxFuture, stream};
use lastword_core::{
    ids::Cursor,
    outcome::Cause,
    provider::{Ack, Batch, Inbound, ReceiveError, UpdateStream},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use teloxide_core::{
    payloads::{GetMe, GetWebhookInfo},
    requests::Payload,
    types::{AllowedUpdate, Update as BotUpdate},
};

use super::{
    Link, album,
    client::{Answer, Refusal},
    commands,
    convert::Reader,
    settings::Edited,
    wire::Me,
};
use crate::http::ANSWER_MAX;

/// How long Telegram waits for news before it answers that there are none: shorter than the patience of the bridge.
const WAIT_S: u32 = 10;
/// How long an answer may take beyond that.
const BEYOND: Duration = Duration::from_secs(10);
/// How long the menu of commands may keep us from listening.
const MENU_MAX: Duration = Duration::from_secs(10);
/// How many updates are taken at once, Telegram's most.
const LIMIT: u8 = 100;

/// `getUpdates`, with offsets as wide as Telegram's identifiers may become.
#[derive(Debug, Serialize)]
pub(super) struct Poll {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) offset: Option<i64>,
    pub(super) limit: u8,
    pub(super) timeout: u32,
    pub(super) allowed_updates: Vec<AllowedUpdate>,
}

impl Payload for Poll {
    type Output = Vec<BotUpdate>;
    const NAME: &'static str = "GetUpdates";
}

/// Who the token belongs to.
pub(super) async fn identity(link: &Link) -> Result<Me, ReceiveError> {
    let found = done(link.client.call(&GetMe::new(), ANSWER_MAX).await)?;
    let me: Me = serde_json::from_str(found.get()).map_err(|error| lost(format!("getMe: {error}")))?;
    link.is_me(me.clone());
    Ok(me)
}

/// How many updates wait for us. <https://core.telegram.org/bots/api#getwebhookinfo>, which also knows it where there is no
/// webhook.
pub(super) async fn pending(link: &Link) -> Result<u64, Cause> {
    #[derive(Deserialize)]
    struct Info {
        pending_update_count: u64,
    }
    let found = done(link.client.call(&GetWebhookInfo::new(), ANSWER_MAX).await).map_err(|error| error.to_string())?;
    let info: Info = serde_json::from_str(found.get()).map_err(|error| format!("getWebhookInfo: {error}"))?;
    Ok(info.pending_update_count)
}

/// Polls until the first failure.
pub(super) fn stream(link: Arc<Link>, resume_from: Option<Cursor>) -> UpdateStream {
    let after = resume_from.and_then(|cursor| link.chats.resume(&cursor));
    let polling = Polling { link, after, offered: None, refused: None, is_registered: false, is_first: true };
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
    link: Arc<Link>,
    /// The last update that is surely committed.
    after: Option<i64>,
    /// What is offered: its last update, and its fate.
    offered: Option<(i64, BoxFuture<'static, bool>)>,
    /// The last update of an offer that was refused: it may be committed all the same, by whoever was slow.
    refused: Option<i64>,
    is_registered: bool,
    is_first: bool,
}

impl Polling {
    async fn next(&mut self) -> Result<Inbound, ReceiveError> {
        // Nothing new is asked for before the fate of what was offered is known.
        if let Some((last, fate)) = &mut self.offered {
            if fate.await {
                (self.after, self.refused) = (Some(*last), None);
            } else {
                self.refused = Some(*last);
            }
            self.offered = None;
        }
        let me = match self.link.me() {
            Some(me) => me,
            None => identity(&self.link).await?,
        };
        // The first poll waits for nothing: it shows at once that the link stands. Beside another receiver it shows
        // nothing, because it only throws that one out: then only a poll that could wait does.
        let is_contended = self.link.is_contended.load(Ordering::Relaxed);
        let wait_s = if self.is_first && !is_contended { 0 } else { WAIT_S };
        if !self.is_first && !std::mem::replace(&mut self.is_registered, true) {
            // The first poll has shown that the link stands.
            if tokio::time::timeout(MENU_MAX, commands::register(&self.link)).await.is_err() {
                tracing::warn!(account = %self.link.account, "the menu of commands could not be registered in time");
            }
        }
        self.is_first = false;
        let answer = self.link.client.call(&self.poll(wait_s), Duration::from_secs(wait_s.into()) + BEYOND).await;
        let found = done(answer);
        match &found {
            Err(ReceiveError::Contended) => self.link.is_contended.store(true, Ordering::Relaxed),
            Ok(_) if wait_s > 0 => self.link.is_contended.store(false, Ordering::Relaxed),
            Ok(_) | Err(_) => {}
        }
        let found = found?;
        let found: Vec<&RawValue> =
            serde_json::from_str(found.get()).map_err(|error| lost(format!("getUpdates: {error}")))?;
        if found.is_empty() {
            return Ok(Inbound::Alive);
        }
        self.offer(&me, &found)
    }

    fn poll(&self, timeout: u32) -> Poll {
        let mut allowed_updates = vec![AllowedUpdate::Message, AllowedUpdate::MyChatMember];
        if self.link.settings.edited == Edited::Rerun {
            allowed_updates.push(AllowedUpdate::EditedMessage);
        }
        Poll { offset: self.after.map(|last| last.saturating_add(1)), limit: LIMIT, timeout, allowed_updates }
    }

    fn offer(&mut self, me: &Me, found: &[&RawValue]) -> Result<Inbound, ReceiveError> {
        let reader = Reader { link: &self.link, me };
        let mut parts = Vec::with_capacity(found.len());
        // What comes behind a refused offer is joined to nothing in it: a part would be lost with a message that is known.
        let mut behind = Vec::new();
        let mut is_behind = false;
        let mut last = None;
        for json in found {
            let Some(read) = reader.read(json.get()) else {
                tracing::warn!(account = %self.link.account, "an update without a number is passed over");
                continue;
            };
            if let Some(news) = &read.news {
                tracing::warn!(account = %self.link.account, update = read.number, "{news}");
            }
            // Not the highest: after a week of silence Telegram counts from somewhere else.
            last = Some(read.number);
            let updates = if is_behind { &mut behind } else { &mut parts };
            updates.push((read.update, read.part));
            is_behind |= self.refused == last;
        }
        // Without a number nothing could ever be confirmed.
        let last = last.ok_or_else(|| lost("getUpdates: updates without numbers".into()))?;
        let (ack, confirmed) = Ack::pair();
        self.offered = Some((last, Box::pin(async { confirmed.await.is_ok() })));
        let cursor = Some(self.link.chats.cursor(last));
        let mut updates = album::joined(parts);
        updates.extend(album::joined(behind));
        Ok(Inbound::Batch(Batch { updates, cursor, ack }))
    }
}

/// The result, or why receiving ends.
fn done(answer: Answer) -> Result<Box<RawValue>, ReceiveError> {
    match answer {
        Answer::Done(result) => Ok(result),
        Answer::Refused(refusal) => Err(refused(&refusal)),
        Answer::NotSent(cause) => Err(lost(format!("Telegram can't be reached: {cause}"))),
        Answer::Lost(cause) => Err(lost(format!("no answer from Telegram: {cause}"))),
    }
}

/// <https://core.telegram.org/bots/api#making-requests>; 409 is for a second poller, and for a webhook.
fn refused(refusal: &Refusal) -> ReceiveError {
    match refusal.code {
        401 | 404 => ReceiveError::Unauthorized {
            cause: format!("{refusal}. The token is wrong or was revoked: ask BotFather for it").into(),
        },
        409 if refusal.description.to_lowercase().contains("webhook") => {
            lost(format!("{refusal}. The bot has a webhook, which another program set: deleteWebhook removes it"))
        }
        409 => ReceiveError::Contended,
        _ => ReceiveError::Lost { retry_after_ms: refusal.retry_after_ms, cause: refusal.to_string().into() },
    }
}

fn lost(cause: String) -> ReceiveError {
    ReceiveError::Lost { retry_after_ms: None, cause: Cause::from(cause) }
}

#[cfg(test)]
mod tests {
    use lastword_core::ids::AccountId;

    use super::*;
    use crate::telegram::{TelegramProvider, TelegramSettings};

    fn refusal(code: u16, description: &str) -> String {
        refused(&Refusal { code, description: description.into(), ..Refusal::default() }).to_string()
    }

    #[test]
    fn every_refusal_of_a_poll_has_its_cause() {
        assert!(refusal(401, "Unauthorized").starts_with("credentials refused: Telegram refused with 401"));
        assert!(refusal(404, "Not Found").starts_with("credentials refused"));
        assert_eq!(
            refusal(
                409,
                "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
            ),
            "another receiver holds this account"
        );
        assert!(
            refusal(409, "Conflict: can't use getUpdates method while webhook is active").contains("deleteWebhook")
        );
        assert!(refusal(502, "Bad Gateway").starts_with("link lost"));
        let limited = Refusal { code: 429, retry_after_ms: Some(5_000), ..Refusal::default() };
        assert!(matches!(refused(&limited), ReceiveError::Lost { retry_after_ms: Some(5_000), .. }));
    }

    #[test]
    fn an_unreadable_update_holds_up_neither_itself_nor_another() {
        let settings = TelegramSettings::new("4711:s", "http://127.0.0.1:1");
        let provider = TelegramProvider::new(AccountId::new("bot"), settings);
        let offered = |found: &str| {
            let found: Vec<&RawValue> = serde_json::from_str(found).unwrap();
            let link = Arc::clone(&provider.link);
            let mut polling =
                Polling { link, after: None, offered: None, refused: None, is_registered: true, is_first: false };
            let Inbound::Batch(batch) = polling.offer(&Me { id: 4711, username: String::new() }, &found).unwrap()
            else {
                panic!("there are updates")
            };
            let ids: Vec<_> = batch.updates.iter().map(|update| update.id.as_str().to_owned()).collect();
            (ids, batch.cursor)
        };
        let half = r#"{"update_id":7,"message":{"text":"\ud83d"}}"#;
        let good = r#"{"update_id":8,"message":{"message_id":1,"chat":{"id":7,"type":"private"},"text":"x"}}"#;
        assert_eq!(offered(&format!("[{half}]")), (vec!["7".into()], Some(Cursor::new("7"))));
        assert_eq!(offered(&format!("[{half},{good}]")), (vec!["7".into(), "8".into()], Some(Cursor::new("8"))));
        assert_eq!(offered(&format!("[{good},{half}]")), (vec!["8".into(), "7".into()], Some(Cursor::new("7"))));
    }

    #[test]
    fn a_poll_confirms_what_is_before_its_offset() {
        let poll = Poll { offset: Some(8), limit: 100, timeout: 10, allowed_updates: vec![AllowedUpdate::Message] };
        assert_eq!(
            serde_json::to_value(&poll).unwrap(),
            serde_json::json!({ "offset": 8, "limit": 100, "timeout": 10, "allowed_updates": ["message"] })
        );
    }
}
