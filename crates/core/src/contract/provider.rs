//! What every provider must keep, whatever its network.
//!
//! Each rule is a function over a [`Network`]: a fresh provider, the network behind it, and a hand that can spoil the
//! next request. [`provider_contract!`](crate::provider_contract) turns all rules into tests. A rule that a network
//! can't break (there is nothing to lose on the web) passes without saying anything: `inject` answers
//! [`Injected::Impossible`], or [`Network::shown`] answers `None`.

use std::collections::BTreeSet;

use async_trait::async_trait;
use futures_util::StreamExt;

use crate::{
    capability::{Capabilities, Idempotency},
    delivery::Form,
    ids::{ConversationId, Cursor, DeliveryKey, MessageId, Place, UpdateId},
    outcome::{Rejection, SendOutcome},
    provider::{Batch, Inbound, Provider, SendRequest, UpdateStream},
    update::{Update, UpdateKind},
};

/// One provider with the network behind it, fresh for one rule.
#[async_trait]
pub trait Network: Send + Sync {
    /// The provider under test.
    fn provider(&self) -> &dyn Provider;

    /// A conversation that the provider hears and may post to.
    fn conversation(&self) -> ConversationId;

    /// A person says something there; returns when the network has it, or is sure to get it.
    async fn say(&self, text: &str);

    /// Every message of the bot that people can see there, oldest first; `None` if the provider's network shows none,
    /// because people read the store.
    async fn shown(&self) -> Option<Vec<Shown>>;

    /// Spoils what comes next.
    async fn inject(&self, fault: Fault) -> Injected;

    /// Ends an outage.
    async fn recover(&self);

    /// A message that could be the network's own, and never was.
    fn lost_message(&self) -> MessageId {
        MessageId::new("999999")
    }
}

/// A message of the bot as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// As the network calls it.
    pub id: MessageId,
    /// Its text now.
    pub text: String,
}

/// What can be done to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The next post or edit is applied, and its answer is lost.
    AnswerLost,
    /// The next post or edit is refused for now, with this hint.
    Refused {
        /// The hint, in milliseconds.
        after_ms: i64,
    },
    /// The next post or edit is refused for ever: the bot may not post here.
    Rejected,
    /// Nothing works and nothing is applied, until [`Network::recover`].
    Outage,
}

/// Whether a fault is in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injected {
    /// It is.
    Ready,
    /// This network can't fail like that.
    Impossible,
}

/// How many streams in a row may end under one receiver; a healthy network needs no more than a few.
const RECONNECTS_MAX: u32 = 20;

/// A receiver that reconnects with the last committed cursor whenever its stream ends, as the bridge does.
struct Listener<'a> {
    provider: &'a dyn Provider,
    stream: UpdateStream,
    cursor: Option<Cursor>,
    /// What was heard before: as the inbox does, it is dropped.
    heard: BTreeSet<UpdateId>,
    reconnects: u32,
}

impl<'a> Listener<'a> {
    fn new(network: &'a dyn Network) -> Self {
        Self::resume(network, None, BTreeSet::new())
    }

    fn resume(network: &'a dyn Network, cursor: Option<Cursor>, heard: BTreeSet<UpdateId>) -> Self {
        let provider = network.provider();
        Self { provider, stream: provider.receive(cursor.clone()), cursor, heard, reconnects: 0 }
    }

    /// The next batch that holds anything.
    async fn batch(&mut self) -> Batch {
        loop {
            match self.stream.next().await {
                Some(Ok(Inbound::Batch(batch))) if !batch.updates.is_empty() => return batch,
                Some(Ok(Inbound::Batch(batch))) => self.confirm(batch),
                Some(Ok(Inbound::Alive) | Err(_)) => {}
                None => {
                    self.reconnects += 1;
                    assert!(self.reconnects <= RECONNECTS_MAX, "streams end one after the other");
                    self.stream = self.provider.receive(self.cursor.clone());
                }
            }
        }
    }

    /// Commits and acknowledges, as the bridge does.
    fn confirm(&mut self, batch: Batch) {
        self.cursor = batch.cursor.or(self.cursor.take());
        batch.ack.confirm();
    }

    /// The next thing that a person said, confirmed.
    async fn hears(&mut self) -> Update {
        loop {
            let batch = self.batch().await;
            let mut new: Vec<_> = batch.updates.clone();
            new.retain(|update| self.heard.insert(update.id.clone()));
            self.confirm(batch);
            assert!(new.len() <= 1, "one thing was said: {new:?}");
            if let Some(update) = new.pop() {
                return update;
            }
        }
    }
}

fn said(update: &Update) -> &str {
    match &update.kind {
        UpdateKind::Posted(message) => &message.text,
        other => panic!("a person posted, and the provider reports {other:?}"),
    }
}

fn request(network: &dyn Network, key: &str, text: &str) -> SendRequest {
    SendRequest {
        key: DeliveryKey::new(key),
        attempt: 1,
        place: Place {
            account: network.provider().account().clone(),
            conversation: network.conversation(),
            thread: None,
        },
        reply_to: None,
        text: text.to_owned(),
        form: Form::Plain,
    }
}

fn capabilities(network: &dyn Network) -> Capabilities {
    network.provider().capabilities(&network.conversation())
}

async fn posts(network: &dyn Network, key: &str, text: &str) -> MessageId {
    match network.provider().send(&request(network, key, text)).await {
        SendOutcome::Delivered(id) => id,
        other => panic!("a healthy network takes a post; got {other:?}"),
    }
}

async fn texts(network: &dyn Network) -> Option<Vec<String>> {
    Some(network.shown().await?.into_iter().map(|shown| shown.text).collect())
}

/// The account's name and the bot's identity do not change between two questions.
pub async fn identity_is_stable(network: &dyn Network) {
    let provider = network.provider();
    let first = provider.identity().await.expect("a healthy network knows the bot");
    assert!(!first.is_empty());
    assert_eq!(provider.identity().await.expect("and again"), first);
    assert_eq!(provider.account(), provider.account());
}

/// What a person says arrives with its account, its conversation and its text.
pub async fn what_a_person_says_arrives_in_its_place(network: &dyn Network) {
    let mut listener = Listener::new(network);
    network.say("hello, bridge").await;
    let update = listener.hears().await;
    assert_eq!(said(&update), "hello, bridge");
    assert_eq!(&update.place.account, network.provider().account());
    assert_eq!(update.place.conversation, network.conversation());
    assert!(!update.sender.is_bot, "a person said it");
}

/// A batch that nobody confirmed is offered again, under the same ids.
pub async fn an_unconfirmed_batch_is_offered_again(network: &dyn Network) {
    let mut listener = Listener::new(network);
    network.say("are you there?").await;
    let refused = listener.batch().await;
    let ids: Vec<_> = refused.updates.iter().map(|update| update.id.clone()).collect();
    drop(refused.ack);
    let again = listener.batch().await;
    assert_eq!(again.updates.iter().map(|update| update.id.clone()).collect::<Vec<_>>(), ids);
    listener.confirm(again);
}

/// A batch that was confirmed is not offered again.
pub async fn a_confirmed_batch_is_not_offered_again(network: &dyn Network) {
    let mut listener = Listener::new(network);
    network.say("first").await;
    assert_eq!(said(&listener.hears().await), "first");
    network.say("second").await;
    assert_eq!(said(&listener.hears().await), "second");
}

/// A stream dropped with a batch in hand loses nothing: the next stream offers it.
pub async fn a_stream_dropped_before_the_commit_loses_nothing(network: &dyn Network) {
    network.say("do not lose me").await;
    let mut dying = Listener::new(network);
    drop(dying.batch().await);
    drop(dying);
    assert_eq!(said(&Listener::new(network).hears().await), "do not lose me");
}

/// Receiving resumes behind the committed cursor, on another stream.
pub async fn receiving_resumes_behind_the_committed_cursor(network: &dyn Network) {
    let mut before = Listener::new(network);
    network.say("before the restart").await;
    before.hears().await;
    let Listener { cursor, heard, stream, .. } = before;
    drop(stream);
    network.say("after the restart").await;
    assert_eq!(said(&Listener::resume(network, cursor, heard).hears().await), "after the restart");
}

/// A stream whose network is out yields at most one error, then ends; the next one works.
pub async fn a_failing_stream_yields_one_error_and_ends(network: &dyn Network) {
    if network.inject(Fault::Outage).await == Injected::Impossible {
        return;
    }
    let mut stream = network.provider().receive(None);
    let mut errors = 0;
    while let Some(item) = stream.next().await {
        errors += usize::from(item.is_err());
        assert!(errors <= 1, "a stream ends on its first error");
    }
    assert_eq!(errors, 1, "an outage is an error, not silence");
    network.recover().await;
    network.say("good morning").await;
    assert_eq!(said(&Listener::new(network).hears().await), "good morning");
}

/// What is delivered is what people see, under the id that was reported.
pub async fn a_delivered_post_is_what_people_see(network: &dyn Network) {
    let id = posts(network, "k-shown", "the answer").await;
    if let Some(shown) = network.shown().await {
        assert_eq!(shown, [Shown { id, text: "the answer".into() }]);
    }
}

/// A refusal with a hint is a retry with that hint; nothing is shown, so the provider did not try again by itself.
pub async fn one_call_is_one_attempt_and_keeps_the_networks_hint(network: &dyn Network) {
    if network.inject(Fault::Refused { after_ms: 3_000 }).await == Injected::Impossible {
        return;
    }
    match network.provider().send(&request(network, "k-hint", "patience")).await {
        SendOutcome::Retry(retry) => assert_eq!(retry.after_ms, Some(3_000)),
        other => panic!("a refusal that time lifts is a retry; got {other:?}"),
    }
    assert_eq!(texts(network).await.unwrap_or_default(), [""; 0], "a refused post is not shown");
    posts(network, "k-hint", "patience").await;
}

/// A certain refusal is a rejection, and nothing is shown.
pub async fn a_certain_refusal_is_a_rejection(network: &dyn Network) {
    if network.inject(Fault::Rejected).await == Injected::Impossible {
        return;
    }
    match network.provider().send(&request(network, "k-rejected", "may I?")).await {
        SendOutcome::Rejected(Rejection::Forbidden) => {}
        other => panic!("a bot that may not post is rejected as forbidden; got {other:?}"),
    }
    assert_eq!(texts(network).await.unwrap_or_default(), [""; 0]);
}

/// A lost answer is unknown, although the network took the post.
pub async fn a_lost_answer_is_unknown(network: &dyn Network) {
    if network.inject(Fault::AnswerLost).await == Injected::Impossible {
        return;
    }
    match network.provider().send(&request(network, "k-lost", "did you hear?")).await {
        SendOutcome::Unknown(_) => {}
        other => panic!("nobody can know what became of it; got {other:?}"),
    }
    if let Some(texts) = texts(network).await {
        assert_eq!(texts, ["did you hear?"]);
    }
}

/// An outage is never taken for a delivery, nor for a refusal that would throw the message away.
pub async fn an_outage_is_neither_delivered_nor_rejected(network: &dyn Network) {
    if network.inject(Fault::Outage).await == Injected::Impossible {
        return;
    }
    match network.provider().send(&request(network, "k-out", "anybody?")).await {
        SendOutcome::Retry(_) | SendOutcome::Unknown(_) => {}
        other => panic!("an outage ends; got {other:?}"),
    }
    network.recover().await;
    assert_eq!(texts(network).await.unwrap_or_default(), [""; 0]);
}

/// Where keys are native, a post repeated under one key shows once, even after its answer was lost.
pub async fn a_post_repeated_under_its_key_shows_once(network: &dyn Network) {
    if !matches!(capabilities(network).idempotency, Idempotency::Native { .. }) {
        return;
    }
    if network.inject(Fault::AnswerLost).await == Injected::Ready {
        let lost = network.provider().send(&request(network, "k-native", "once")).await;
        assert!(matches!(lost, SendOutcome::Unknown(_)), "got {lost:?}");
    }
    let first = posts(network, "k-native", "once").await;
    assert_eq!(posts(network, "k-native", "once").await, first, "one key, one message");
    if let Some(texts) = texts(network).await {
        assert_eq!(texts, ["once"]);
    }
}

/// Where edits exist, an edit repeated after a lost answer shows one text and counts as delivered.
pub async fn a_repeated_edit_shows_once_and_counts_as_delivered(network: &dyn Network) {
    let Some(edits) = network.provider().edits() else { return };
    let target = posts(network, "k-edit", "…").await;
    let edit = request(network, "k-edit", "the last word");
    if network.inject(Fault::AnswerLost).await == Injected::Ready {
        let lost = edits.edit(&target, &edit).await;
        assert!(matches!(lost, SendOutcome::Unknown(_)), "got {lost:?}");
    }
    for _ in 0..2 {
        match edits.edit(&target, &edit).await {
            SendOutcome::Delivered(id) => assert_eq!(id, target),
            other => panic!("an unchanged edit is delivered; got {other:?}"),
        }
    }
    if let Some(shown) = network.shown().await {
        assert_eq!(shown, [Shown { id: target, text: "the last word".into() }]);
    }
}

/// Where edits exist, editing a message that never was is a rejection that permits a fresh post.
pub async fn editing_a_lost_message_is_rejected_as_target_lost(network: &dyn Network) {
    let Some(edits) = network.provider().edits() else { return };
    match edits.edit(&network.lost_message(), &request(network, "k-gone", "hello?")).await {
        SendOutcome::Rejected(Rejection::TargetLost) => {}
        other => panic!("the target is certainly gone; got {other:?}"),
    }
}

/// Where posts can be looked up, presence and absence are both found out, and an outage is doubt.
pub async fn a_look_proves_presence_and_absence(network: &dyn Network) {
    let Some(reconcile) = network.provider().reconcile() else { return };
    let place = request(network, "", "").place;
    let id = posts(network, "k-find", "look for me").await;
    let found = reconcile.find(&place, &DeliveryKey::new("k-find")).await;
    assert_eq!(found.expect("a healthy network can be asked"), Some(id));
    let absent = reconcile.find(&place, &DeliveryKey::new("k-never")).await;
    assert_eq!(absent.expect("a healthy network can be asked"), None);
    if network.inject(Fault::Outage).await == Injected::Ready {
        assert!(reconcile.find(&place, &DeliveryKey::new("k-find")).await.is_err(), "doubt is no absence");
    }
}

/// The facets are what the capabilities promise.
pub async fn facets_agree_with_capabilities(network: &dyn Network) {
    let (provider, capabilities) = (network.provider(), capabilities(network));
    assert_eq!(provider.edits().is_some(), capabilities.edits.is_some(), "edits");
    assert_eq!(provider.files().is_some(), capabilities.files.is_some(), "files");
    assert!(capabilities.files.is_none_or(|files| files.album_max > 0), "an album of nothing");
    let shows = provider.drafts().is_some() || provider.presence().is_some();
    assert!(shows || !capabilities.drafts, "drafts");
    assert_eq!(provider.streams().is_some(), capabilities.streams.is_some(), "streams");
    assert!(capabilities.edits.is_some() || capabilities.streams.is_none(), "a stream ends by an edit");
    match capabilities.idempotency {
        Idempotency::Native { remembered_for_ms } => assert!(remembered_for_ms > 0, "a key that is not remembered"),
        Idempotency::EditOnly => assert!(capabilities.edits.is_some(), "edit-only without edits"),
        Idempotency::Findable => assert!(provider.reconcile().is_some(), "findable without a way to look"),
        Idempotency::None => {}
    }
    assert!(capabilities.text_max.max > 0);
    assert!(capabilities.request_lifetime_ms >= 0);
}

/// Turns every rule into a test. `$start` is an async function that returns a fresh [`Network`]; behind `maybe` it returns
/// an option, and where there is no network on this machine the rules are not run.
///
/// The using crate needs tokio with `macros`, `rt` and `time`. A rule that hangs fails after 20 seconds.
#[macro_export]
macro_rules! provider_contract {
    ($name:ident, $start:path) => {
        $crate::provider_contract!(@all $name, { Some($start().await) });
    };
    ($name:ident, maybe $start:path) => {
        $crate::provider_contract!(@all $name, { $start().await });
    };
    (@all $name:ident, $network:block) => {
        $crate::provider_contract!(@rules $name, $network, [
            identity_is_stable
            what_a_person_says_arrives_in_its_place
            an_unconfirmed_batch_is_offered_again
            a_confirmed_batch_is_not_offered_again
            a_stream_dropped_before_the_commit_loses_nothing
            receiving_resumes_behind_the_committed_cursor
            a_failing_stream_yields_one_error_and_ends
            a_delivered_post_is_what_people_see
            one_call_is_one_attempt_and_keeps_the_networks_hint
            a_certain_refusal_is_a_rejection
            a_lost_answer_is_unknown
            an_outage_is_neither_delivered_nor_rejected
            a_post_repeated_under_its_key_shows_once
            a_repeated_edit_shows_once_and_counts_as_delivered
            editing_a_lost_message_is_rejected_as_target_lost
            a_look_proves_presence_and_absence
            facets_agree_with_capabilities
        ]);
    };
    (@rules $name:ident, $network:block, [$($rule:ident)+]) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            $(#[tokio::test]
            async fn $rule() {
                let network = $network;
                let Some(network) = network else { return };
                let rule = $crate::contract::provider::$rule(&network);
                let limit = std::time::Duration::from_secs(20);
                assert!(tokio::time::timeout(limit, rule).await.is_ok(), "nothing happened for 20 s");
            })+
        }
    };
}
