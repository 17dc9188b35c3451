//! Progress where the network shows it by edits: the placeholder follows the turn's stream until the terminal comes, and
//! people see that it is being worked on.
//!
//! Turns of one conversation share its pace. Best effort, and never in the way of the last word: the terminal waits for this process's own edit on its way, and
//! learns whether one was left unresolved.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lastword_core::{
    capability::{EditSupport, TextLimit},
    decide::{pace::Pace, split::tail},
    delivery::Form,
    ids::{AccountId, ConversationId, MessageId, Place, Timestamp, TurnId},
    outcome::{Rejection, Retry, RetryScope, SendOutcome},
    provider::{DraftOutcome, PRESENCE_EVERY_MS, SendRequest},
    store::{DeliveryClaim, Store, StoreError, StreamKind, StreamPosition, Topic},
};
use tokio::{task::JoinSet, time::Instant};

use super::{
    account::Account,
    deliver::{ATTEMPT_MAX, Shared, in_time},
};

/// How often to look without being woken.
const POLL: Duration = Duration::from_millis(500);

/// Of conversations, and of accounts as a whole.
type Paces = BTreeMap<(AccountId, Option<ConversationId>), Pace>;

/// The placeholders that this process posted and keeps up to date.
pub(super) struct ProgressEdits {
    live: Mutex<BTreeMap<TurnId, Arc<Live>>>,
    paces: Mutex<Paces>,
    begin: Instant,
}

struct Live {
    turn: TurnId,
    /// The message that shows it; without one, a draft does.
    message: Option<MessageId>,
    placeholder: DeliveryClaim,
    /// When people were told last that it is being worked on.
    presented_at: Mutex<Option<Instant>>,
    /// Held while an edit is on its way.
    shown: tokio::sync::Mutex<Shown>,
}

#[derive(Default)]
struct Shown {
    position: Option<StreamPosition>,
    text: String,
    is_stale: bool,
    is_unresolved: bool,
    is_ended: bool,
}

impl ProgressEdits {
    pub(super) fn new() -> Self {
        Self { live: Mutex::default(), paces: Mutex::default(), begin: Instant::now() }
    }

    /// Keeps this placeholder up to date from now on; the draft in its place, where no `message` was posted.
    pub(super) fn begin(&self, placeholder: &DeliveryClaim, message: Option<MessageId>) {
        let Some(turn) = placeholder.turn else { return };
        let live = Live {
            turn,
            message,
            placeholder: placeholder.clone(),
            presented_at: Mutex::default(),
            shown: tokio::sync::Mutex::default(),
        };
        self.live().insert(turn, Arc::new(live));
    }

    /// Stops editing, after the edit that may be on its way: whether one was left unresolved.
    ///
    /// May be asked again by every attempt of the terminal, until [`ProgressEdits::forget`].
    pub(super) async fn end(&self, turn: TurnId) -> bool {
        let live = self.live().get(&turn).map(Arc::clone);
        let Some(live) = live else { return false };
        let mut shown = live.shown.lock().await;
        shown.is_ended = true;
        self.leave(&live);
        shown.is_unresolved
    }

    /// The terminal is settled.
    pub(super) fn forget(&self, turn: TurnId) {
        self.live().remove(&turn);
    }

    /// The network wants to be left alone for so long: no progress is shown meanwhile, wherever it meant.
    pub(super) fn heed(&self, place: &Place, retry: &Retry) {
        let Some(after_ms) = retry.after_ms else { return };
        let until = self.now().plus_ms(after_ms);
        let mut paces = self.paces();
        paces.entry(conversation_of(place)).or_default().rest_until(until);
        match retry.scope {
            RetryScope::Message | RetryScope::Conversation => {}
            RetryScope::Account => {
                let of_account = paces.iter_mut().filter(|((account, _), _)| *account == place.account);
                of_account.for_each(|(_, pace)| pace.rest_until(until));
            }
        }
    }

    /// Whether this turn, which has something new to show, may show it now.
    fn take(&self, live: &Live, support: EditSupport) -> bool {
        let (of_account, of_conversation) =
            (account_of(&live.placeholder.place), conversation_of(&live.placeholder.place));
        let mut paces = self.paces();
        let mut account = paces.remove(&of_account).unwrap_or_default();
        let intervals_ms = (support.interval_min_ms, support.account_interval_min_ms);
        let may =
            paces.entry(of_conversation).or_default().take_with(&mut account, live.turn, self.now(), intervals_ms);
        paces.insert(of_account, account);
        may
    }

    /// This turn has nothing to show now, and holds up no other.
    fn leave(&self, live: &Live) {
        let mut paces = self.paces();
        for of in [conversation_of(&live.placeholder.place), account_of(&live.placeholder.place)] {
            if let Some(pace) = paces.get_mut(&of) {
                pace.leave(live.turn);
            }
        }
    }

    /// An edit that took long counts from its end.
    fn rest(&self, live: &Live, interval_ms: i64) {
        if let Some(pace) = self.paces().get_mut(&conversation_of(&live.placeholder.place)) {
            pace.rest_until(self.now().plus_ms(interval_ms));
        }
    }

    fn forget_quiet_conversations(&self) {
        let now = self.now();
        self.paces().retain(|_, pace| pace.is_in_use(now));
    }

    /// Milliseconds since this process began: a clock that never goes back.
    fn now(&self) -> Timestamp {
        Timestamp(i64::try_from(self.begin.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    fn paces(&self) -> MutexGuard<'_, Paces> {
        self.paces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current(&self) -> Vec<Arc<Live>> {
        self.live().values().map(Arc::clone).collect()
    }

    fn live(&self) -> MutexGuard<'_, BTreeMap<TurnId, Arc<Live>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Edits placeholders until the task is dropped.
pub(super) async fn edit_all(shared: Arc<Shared>) {
    let mut woken = shared.member.store.subscribe(Topic::Streams);
    let mut in_flight = JoinSet::new();
    loop {
        for live in shared.progress.current() {
            // Who is being edited already is followed by the next round.
            if live.shown.try_lock().is_ok_and(|shown| !shown.is_ended) {
                if live.is_presence_due() {
                    in_flight.spawn(present(Arc::clone(&shared), Arc::clone(&live)));
                }
                in_flight.spawn(follow(Arc::clone(&shared), live));
            }
        }
        shared.progress.forget_quiet_conversations();
        while let Some(ended) = in_flight.try_join_next() {
            if let Err(panic) = ended {
                tracing::error!("a progress edit died: {panic}");
            }
        }
        tokio::select! {
            biased;
            () = woken.woken() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

impl Live {
    /// Whether people are to be told again that it is being worked on; asking counts as telling.
    fn is_presence_due(&self) -> bool {
        let mut at = self.presented_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = at.is_none_or(|at| at.elapsed() >= Duration::from_millis(PRESENCE_EVERY_MS));
        if is_due {
            *at = Some(Instant::now());
        }
        is_due
    }
}

/// Holds nothing that a last word waits for.
async fn present(shared: Arc<Shared>, live: Arc<Live>) {
    let Some(account) = shared.accounts.get(&live.placeholder.place.account) else { return };
    if let Some(presence) = account.provider.presence() {
        presence.working(&live.placeholder.place).await;
    }
}

/// What showed that it is being worked on is taken off, where it does not go by itself; best effort.
pub(super) async fn rest(account: &Account, place: &Place) {
    if let Some(presence) = account.provider.presence() {
        let _ = tokio::time::timeout(ATTEMPT_MAX, presence.rests(place)).await;
    }
}

/// Edits once if there is something new and the conversation's pace allows it.
async fn follow(shared: Arc<Shared>, live: Arc<Live>) {
    let Some(account) = shared.accounts.get(&live.placeholder.place.account) else { return };
    let Ok(mut shown) = live.shown.try_lock() else { return };
    let capabilities = account.provider.capabilities(&live.placeholder.place.conversation);
    if let Err(error) = read(&*shared.member.store, live.turn, &mut shown, capabilities.text_max).await {
        tracing::debug!(turn = %live.turn, "progress could not be read: {error}");
    }
    let streams = account.provider.streams();
    let grows = live.message.as_ref().is_some_and(|message| streams.is_some_and(|streams| streams.grows(message)));
    let Some(support) = capabilities.streams.filter(|_| grows).or(capabilities.edits) else { return };
    // What a stream that can't be stopped leaves behind must not be taken for the answer.
    let text = if grows { but_newest_word(&shown.text) } else { &shown.text };
    let has_news = !shown.is_ended && shown.is_stale && !text.trim().is_empty();
    if !has_news || !account.shows_progress {
        return shared.progress.leave(&live);
    }
    if !shared.progress.take(&live, support) {
        return;
    }
    let Some(message) = &live.message else { return draft(&shared, &account, &live, &mut shown).await };
    let request = SendRequest {
        key: live.placeholder.key.clone(),
        attempt: live.placeholder.attempt,
        place: live.placeholder.place.clone(),
        reply_to: live.placeholder.reply_to.clone(),
        text: text.to_owned(),
        form: Form::Plain,
    };
    let outcome = match (streams, account.provider.edits()) {
        (Some(streams), _) => in_time(streams.append(message, &request)).await,
        (None, Some(edits)) => in_time(edits.edit(message, &request)).await,
        (None, None) => return,
    };
    shown.is_unresolved |= matches!(outcome, SendOutcome::Unknown(_));
    shown.is_stale = !matches!(outcome, SendOutcome::Delivered(_));
    shown.is_ended |= is_in_vain(&outcome);
    shared.progress.rest(&live, support.interval_min_ms);
    if let SendOutcome::Retry(retry) = &outcome {
        shared.progress.heed(&live.placeholder.place, retry);
    }
}

/// All but the word that was written last.
fn but_newest_word(text: &str) -> &str {
    let text = text.trim_end();
    text.rfind(char::is_whitespace).map_or("", |end| &text[..end])
}

/// Shows a draft once. It fades by itself, and no last word is overwritten by it.
async fn draft(shared: &Shared, account: &Account, live: &Live, shown: &mut Shown) {
    let Some(drafts) = account.provider.drafts() else { return };
    let place = &live.placeholder.place;
    match tokio::time::timeout(ATTEMPT_MAX, drafts.draft(place, live.turn, &shown.text)).await {
        Ok(DraftOutcome::Shown) => shown.is_stale = false,
        Ok(DraftOutcome::Later(retry)) => shared.progress.heed(place, &retry),
        Ok(DraftOutcome::Refused(cause)) => {
            tracing::debug!(account = %account.id, turn = %live.turn, "a draft was refused: {cause}");
            shown.is_ended = true;
        }
        Err(_) => {}
    }
}

/// Whose turns share a pace.
fn conversation_of(place: &Place) -> (AccountId, Option<ConversationId>) {
    (place.account.clone(), Some(place.conversation.clone()))
}

fn account_of(place: &Place) -> (AccountId, Option<ConversationId>) {
    (place.account.clone(), None)
}

/// Whether the next edit would be refused, too.
fn is_in_vain(outcome: &SendOutcome) -> bool {
    match outcome {
        SendOutcome::Rejected(rejection) => match rejection {
            Rejection::TargetLost | Rejection::Gone | Rejection::Forbidden | Rejection::Unauthorized => true,
            Rejection::Invalid { .. } => false,
        },
        SendOutcome::Delivered(_) | SendOutcome::Retry(_) | SendOutcome::Unknown(_) => false,
    }
}

/// Reads on in the turn's stream, to its terminal; keeps only what fits into a message.
async fn read(store: &dyn Store, turn: TurnId, shown: &mut Shown, text_max: TextLimit) -> Result<(), StoreError> {
    for event in store.stream(turn, shown.position).await? {
        shown.position = Some(event.position);
        shown.is_stale = true;
        match event.kind {
            StreamKind::Progress(text) => {
                shown.text.push_str(&text);
                shown.text = tail(&shown.text, text_max);
            }
            StreamKind::Reset => shown.text.clear(),
            StreamKind::Reply(_) | StreamKind::Error(_) => shown.is_ended = true,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_shows_all_but_the_newest_word() {
        assert_eq!(
            ["", "done", "done #t1\n", "step 1\ndone #t1"].map(but_newest_word),
            ["", "", "done", "step 1\ndone"]
        );
    }
}
