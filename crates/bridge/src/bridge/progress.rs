//! Progress where the network shows it by edits: the placeholder follows the turn's stream until the terminal comes.
//!
//! Best effort, and never in the way of the last word: the terminal waits for this process's own edit on its way, and
//! learns whether one was left unresolved.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lastword_core::{
    capability::TextLimit,
    decide::split::tail,
    delivery::Form,
    ids::{MessageId, TurnId},
    outcome::{Rejection, SendOutcome},
    provider::{PRESENCE_EVERY_MS, SendRequest},
    store::{DeliveryClaim, Store, StoreError, StreamKind, StreamPosition, Topic},
};
use tokio::{task::JoinSet, time::Instant};

use super::deliver::{Shared, in_time};

/// How often to look without being woken.
const POLL: Duration = Duration::from_millis(500);

/// The placeholders that this process posted and keeps up to date.
#[derive(Default)]
pub(super) struct ProgressEdits {
    live: Mutex<BTreeMap<TurnId, Arc<Live>>>,
}

struct Live {
    turn: TurnId,
    message: MessageId,
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
    edited_at: Option<Instant>,
    is_stale: bool,
    is_unresolved: bool,
    is_ended: bool,
}

impl ProgressEdits {
    /// Keeps this placeholder up to date from now on.
    pub(super) fn begin(&self, placeholder: &DeliveryClaim, message: MessageId) {
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
        shown.is_unresolved
    }

    /// The terminal is settled.
    pub(super) fn forget(&self, turn: TurnId) {
        self.live().remove(&turn);
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

/// Edits once if there is something new and the network's pace allows it.
async fn follow(shared: Arc<Shared>, live: Arc<Live>) {
    let Some(account) = shared.accounts.get(&live.placeholder.place.account) else { return };
    let Ok(mut shown) = live.shown.try_lock() else { return };
    let capabilities = account.provider.capabilities(&live.placeholder.place.conversation);
    if let Err(error) = read(&*shared.member.store, live.turn, &mut shown, capabilities.text_max).await {
        tracing::debug!(turn = %live.turn, "progress could not be read: {error}");
    }
    let (Some(edits), Some(pace)) = (account.provider.edits(), capabilities.edits) else { return };
    let interval = Duration::from_millis(pace.interval_min_ms.unsigned_abs());
    let is_too_soon = shown.edited_at.is_some_and(|at| at.elapsed() < interval);
    if shown.is_ended || !shown.is_stale || shown.text.trim().is_empty() || is_too_soon {
        return;
    }
    let request = SendRequest {
        key: live.placeholder.key.clone(),
        attempt: live.placeholder.attempt,
        place: live.placeholder.place.clone(),
        reply_to: live.placeholder.reply_to.clone(),
        text: shown.text.clone(),
        form: Form::Plain,
    };
    let outcome = in_time(edits.edit(&live.message, &request)).await;
    shown.is_unresolved |= matches!(outcome, SendOutcome::Unknown(_));
    shown.is_stale = !matches!(outcome, SendOutcome::Delivered(_));
    shown.is_ended |= is_in_vain(&outcome);
    // A network's own hint counts from now on.
    let hint_ms = if let SendOutcome::Retry(retry) = &outcome { retry.after_ms } else { None };
    shown.edited_at = Some(Instant::now() + Duration::from_millis(hint_ms.unwrap_or_default().unsigned_abs()));
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
