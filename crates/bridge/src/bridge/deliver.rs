//! Delivery: heads of lanes are claimed, attempted once, and settled by what the network said.
//!
//! The claim (key and attempt) is in the store before the first byte leaves; an outcome is recorded before anything
//! else of its lane leaves. A bridge that dies in between leaves a doubt, and the next one resolves it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lastword_core::{
    alert::AlertCode,
    capability::Capabilities,
    decide::deliver::{Circumstances, PLACEHOLDER_TEXT, Step, may_show_twice, settle, settle_find, settle_wait, step},
    delivery::{DeliveryKind, Form},
    faults::{self, Point},
    ids::{DeliveryId, DeliveryKey},
    outcome::{Rejection, SendOutcome},
    provider::SendRequest,
    store::{DeliveryClaim, HELD_CAUSE, Settlement, StoreError, Topic},
};
use tokio::time::Instant;

use super::{
    account::{Account, Accounts},
    in_flight::{Claimed, InFlight},
    progress::{self, ProgressEdits},
    upload,
};
use crate::{
    log::QUOTES,
    process::{
        member::Member,
        patience::{Complaint, chance, until_answered},
    },
};

/// How many attempts may be on their way at once.
const IN_FLIGHT_MAX: usize = 128;
/// How often to look without being woken: the truth, where wake-ups are only a hint.
const POLL: Duration = Duration::from_millis(250);
/// The longest that one attempt may take; what it achieved is unknown then.
pub(super) const ATTEMPT_MAX: Duration = Duration::from_secs(30);

/// What the tasks of the delivery share.
pub(super) struct Shared {
    pub(super) member: Arc<Member>,
    pub(super) accounts: Accounts,
    pub(super) progress: ProgressEdits,
    /// Whether nothing is due and nothing is on its way.
    pub(super) is_idle: AtomicBool,
}

impl Shared {
    pub(super) fn new(member: Arc<Member>, accounts: Accounts) -> Self {
        Self { member, accounts, progress: ProgressEdits::new(), is_idle: AtomicBool::new(false) }
    }
}

/// Delivers until the task is dropped. Returns only when an outcome can't be recorded at all: then this process must
/// end, so that what it holds is in nobody's hands.
pub(super) async fn deliver_all(shared: Arc<Shared>) -> anyhow::Result<()> {
    let mut woken = shared.member.store.subscribe(Topic::Deliveries);
    let mut in_flight = InFlight::default();
    let mut complaint = Complaint::default();
    loop {
        in_flight.settle_ended(&shared)?;
        let room = IN_FLIGHT_MAX.saturating_sub(in_flight.count());
        let claims = if room == 0 { Vec::new() } else { claim(&shared.member, room, &mut complaint).await };
        shared.is_idle.store(claims.is_empty() && in_flight.count() == 0, Ordering::SeqCst);
        let may_have_more = room > 0 && claims.len() == room;
        for claim in claims {
            faults::point(Point::DeliverAfterClaim);
            let attempted = Claimed::of(&claim);
            in_flight.start(attempted, deliver(Arc::clone(&shared), claim));
        }
        if may_have_more {
            continue;
        }
        tokio::select! {
            biased;
            ended = in_flight.next() => in_flight.ended(&shared, ended)?,
            () = woken.woken() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

async fn claim(member: &Member, room: usize, complaint: &mut Complaint) -> Vec<DeliveryClaim> {
    match member.store.claim_deliveries(&member.incarnation, room).await {
        Ok(claims) => {
            complaint.over();
            claims
        }
        Err(error) => {
            complaint.failed("deliveries could not be claimed", &error);
            Vec::new()
        }
    }
}

/// Records what an attempt achieved; `false` when the delivery is in other hands by now.
pub(super) async fn record(
    member: &Member,
    delivery: DeliveryId,
    attempt: u32,
    settlement: &Settlement,
) -> Result<bool, StoreError> {
    let settle = || member.store.settle(&member.incarnation, delivery, attempt, settlement.clone());
    until_answered("an outcome", settle).await
}

async fn deliver(shared: Arc<Shared>, claim: DeliveryClaim) -> Result<(), StoreError> {
    let Some(account) = shared.accounts.get(&claim.place.account) else {
        // Only leased accounts are claimed, and only configured ones are leased.
        return Err(StoreError::Damaged(format!("account {} is not here", claim.place.account)));
    };
    let settlement = attempt(&account, &shared, &claim).await;
    faults::point(Point::DeliverBeforeSettle);
    log(&claim, &settlement);
    let is_recorded = record(&shared.member, claim.id, claim.attempt, &settlement).await?;
    faults::point(Point::DeliverAfterSettle);
    if !is_recorded {
        tracing::warn!(delivery = %claim.id, "an outcome came too late: the delivery is in other hands");
        return Ok(());
    }
    if let Settlement::Delivered { .. } | Settlement::GivenUp { .. } = &settlement {
        upload::forget(&shared.member, &claim);
    }
    let is_last_word = claim.kind == DeliveryKind::Terminal
        && matches!(settlement, Settlement::Delivered { .. } | Settlement::GivenUp { .. });
    if let Some(turn) = claim.turn.filter(|_| is_last_word) {
        shared.progress.forget(turn);
    }
    if let Settlement::Delivered { .. } | Settlement::TargetRecorded { .. } = &settlement {
        account.barred.delivered(&shared.member.alerts, &account.id, &claim.place.conversation);
    }
    match settlement {
        Settlement::Delivered { message, .. } => {
            account.health.delivered();
            // Only now: an orphan of a placeholder that was never recorded must stay as empty as it was posted.
            if claim.kind == DeliveryKind::Placeholder && account.is_followed() {
                shared.progress.begin(&claim, Some(message));
            }
        }
        Settlement::NotNeeded => {
            if account.is_followed() {
                shared.progress.begin(&claim, None);
            }
        }
        Settlement::TargetRecorded { .. } => account.health.delivered(),
        Settlement::Deferred { cause, .. } | Settlement::Doubted { cause, .. } | Settlement::Reshaped { cause, .. } => {
            account.health.not_delivered(claim.id, &cause)
        }
        Settlement::GivenUp { cause } => account.health.not_attempted(claim.id, &cause),
        Settlement::Held { .. } => account.health.not_attempted(claim.id, HELD_CAUSE),
    }
    if is_last_word {
        // Everything is recorded: nothing waits for this, and nothing is lost with it.
        progress::rest(&account, &claim.place).await;
    }
    Ok(())
}

/// Makes the one attempt that the row asks for, and decides what follows.
async fn attempt(account: &Account, shared: &Shared, claim: &DeliveryClaim) -> Settlement {
    let capabilities = account.provider.capabilities(&claim.place.conversation);
    let step = step(claim, &capabilities, account.unknown);
    let claimed = Instant::now();
    let may_be_overwritten = match (claim.kind, claim.turn) {
        (DeliveryKind::Terminal, Some(turn)) => {
            let left_unresolved = shared.progress.end(turn).await;
            account.shows_progress && (left_unresolved || claim.is_taken_over)
        }
        _ => false,
    };
    // The store's clock goes on from the claim: pauses begin when the attempt has ended.
    let circumstances = || Circumstances {
        now: claim.now.plus_ms(i64::try_from(claimed.elapsed().as_millis()).unwrap_or(i64::MAX)),
        chance: chance(),
        may_be_overwritten,
        request_lifetime_ms: capabilities.request_lifetime_ms,
        notify_after_ms: account.notify_after_ms,
    };
    let request = SendRequest {
        // Who looks for the answer must not find what only stands in for it.
        key: if step == Step::PostPlaceholder { placeholder_key(&claim.key) } else { claim.key.clone() },
        attempt: claim.attempt,
        place: claim.place.clone(),
        reply_to: claim.reply_to.clone(),
        text: match step {
            Step::PostPlaceholder if claim.kind != DeliveryKind::Placeholder => PLACEHOLDER_TEXT.to_owned(),
            _ => claim.text.clone(),
        },
        form: claim.form,
    };
    let outcome = match &step {
        Step::Post if !claim.files.is_empty() && claim.form != Form::Apology => {
            upload::post_files(account, &shared.member, claim, &request).await
        }
        Step::Post | Step::PostPlaceholder => match account.provider.streams() {
            // A stream begins with nothing: what says something of its own is a message.
            Some(streams) if claim.kind == DeliveryKind::Placeholder && claim.text == PLACEHOLDER_TEXT => {
                in_time(streams.open(&request)).await
            }
            _ => in_time(account.provider.send(&request)).await,
        },
        Step::Edit(target) => match account.provider.edits() {
            Some(edits) => in_time(edits.edit(target, &request)).await,
            None => SendOutcome::Rejected(Rejection::TargetLost),
        },
        Step::Find => {
            let found = match account.provider.reconcile() {
                Some(reconcile) => {
                    let find = tokio::time::timeout(ATTEMPT_MAX, reconcile.find(&claim.place, &claim.key));
                    find.await.unwrap_or_else(|_| Err("the network did not answer in time".into()))
                }
                None => Err("this network can't be asked".into()),
            };
            return settle_find(claim, found, circumstances());
        }
        Step::Wait { until } => return settle_wait(*until),
        Step::Draft => return Settlement::NotNeeded,
        Step::Hold { until } => return Settlement::Held { until: *until },
        Step::GiveUp(cause) => return Settlement::GivenUp { cause: (*cause).to_owned() },
    };
    if let SendOutcome::Retry(retry) = &outcome {
        shared.progress.heed(&claim.place, retry);
    }
    raise_for(account, &shared.member, claim, &capabilities, &step, &outcome);
    settle(claim, &step, outcome, circumstances())
}

fn placeholder_key(key: &DeliveryKey) -> DeliveryKey {
    DeliveryKey::new(format!("{key}-p"))
}

/// Tells the operator what nobody but them can help with.
fn raise_for(
    account: &Account,
    member: &Member,
    claim: &DeliveryClaim,
    capabilities: &Capabilities,
    step: &Step,
    outcome: &SendOutcome,
) {
    match outcome {
        SendOutcome::Delivered(_) => sends(account, member),
        SendOutcome::Rejected(rejection @ Rejection::Unauthorized) => {
            // First: a canary that arrives meanwhile would say that all is well.
            account.health.not_delivered(claim.id, &rejection.to_string());
            can_not_send(account, member, rejection);
        }
        SendOutcome::Retry(_) | SendOutcome::Rejected(_) | SendOutcome::Unknown(_) => {}
    }
    if may_show_twice(claim, capabilities, step, outcome) {
        let turn = claim.turn.map(|turn| format!(" of turn {turn}")).unwrap_or_default();
        let detail = format!("delivery {}{turn}, attempt {}", claim.id, claim.attempt);
        member.alerts.raise(AlertCode::DeliveryPerhapsTwice, account.id.as_str(), detail);
    }
}

/// Tells the operator that an account can send, if that is news.
pub(super) fn sends(account: &Account, member: &Member) {
    if account.health.can_send(true) {
        member.alerts.resolve(AlertCode::AccountNotSending, account.id.as_str());
    }
}

/// Tells the operator that an account's credentials are refused.
pub(super) fn can_not_send(account: &Account, member: &Member, rejection: &Rejection) {
    account.health.can_send(false);
    member.alerts.raise(AlertCode::AccountNotSending, account.id.as_str(), rejection.to_string());
}

pub(super) async fn in_time(attempt: impl Future<Output = SendOutcome>) -> SendOutcome {
    within(ATTEMPT_MAX, attempt).await
}

pub(super) async fn within(max: Duration, attempt: impl Future<Output = SendOutcome>) -> SendOutcome {
    tokio::time::timeout(max, attempt)
        .await
        .unwrap_or_else(|_| SendOutcome::Unknown("the network did not answer in time".into()))
}

fn log(claim: &DeliveryClaim, settlement: &Settlement) {
    let (delivery, attempt, account) = (claim.id, claim.attempt, &claim.place.account);
    let turn = claim.turn.map(|turn| turn.0);
    match settlement {
        Settlement::Delivered { .. } => {
            tracing::debug!(%delivery, attempt, %account, turn, kind = claim.kind.as_str(), "delivered");
        }
        Settlement::NotNeeded => tracing::debug!(%delivery, attempt, %account, turn, "a draft takes its place"),
        Settlement::TargetRecorded { .. } => tracing::debug!(%delivery, attempt, %account, turn, "placeholder posted"),
        Settlement::Deferred { cause, .. } => {
            tracing::info!(target: QUOTES, %delivery, attempt, %account, turn, "not accepted yet: {cause}");
        }
        Settlement::Doubted { cause, .. } => {
            tracing::warn!(target: QUOTES, %delivery, attempt, %account, turn, "may or may not have arrived: {cause}");
        }
        Settlement::Held { .. } => {
            tracing::warn!(%delivery, attempt, %account, turn, "may or may not have arrived; held, as the account's policy says");
        }
        Settlement::Reshaped { cause, form, .. } => {
            tracing::warn!(target: QUOTES, %delivery, attempt, %account, turn, form = form.as_str(), "refused like this, goes on in another way: {cause}");
        }
        Settlement::GivenUp { cause } if claim.kind == DeliveryKind::Placeholder => {
            tracing::info!(target: QUOTES, %delivery, attempt, %account, turn, "placeholder given up: {cause}");
        }
        Settlement::GivenUp { cause } if claim.kind == DeliveryKind::Hint => {
            tracing::info!(target: QUOTES, %delivery, attempt, %account, turn, "notice given up: {cause}");
        }
        Settlement::GivenUp { cause } => {
            tracing::error!(target: QUOTES, %delivery, attempt, %account, turn, kind = claim.kind.as_str(), "given up: {cause}");
        }
    }
}
