//! Accepting a batch: a decision about each update, one transaction, and only then the ack.
//!
//! A batch that the store refuses because of what is in it is taken apart, so that one poisonous update neither holds
//! up the others nor makes the account deaf: it is kept escaped, and answered with an `Error:`.

use std::time::Duration;

use lastword_core::{
    alert::AlertCode,
    decide::{
        intake::{Decision, intake, unless_too_old},
        policy::Policy,
    },
    faults::{self, Bug, Point},
    ids::{Cursor, MessageId, Place},
    provider::{Ack, Batch},
    reason::Reason,
    store::{Asked, IngestBatch, IngestItem, Ingested, Intake, NewTurn, Store, StoreError},
    update::{Update, UpdateKind},
};
use tokio::time::Instant;

use super::{
    account::{Account, Accounts},
    look::Looks,
    notice::Notices,
    thread::Threads,
};
use crate::process::{alerts::Alerts, member::Member, patience::until_answered};

/// How long one offer of a batch waits for the store. Then it is refused, and the network offers it again, together with
/// what people said meanwhile.
pub(super) const OFFER_MAX: Duration = Duration::from_secs(5);
/// How much of an update that can't be stored is kept, in characters.
const KEPT_CHARS_MAX: usize = 4_096;

/// What accepting takes, beside a batch.
#[derive(Clone, Copy)]
pub(super) struct Accepting<'a> {
    pub(super) member: &'a Member,
    pub(super) account: &'a Account,
    pub(super) policy: &'a Policy,
    pub(super) accounts: &'a Accounts,
    pub(super) notices: &'a Notices,
}

/// The messages that wait for an agent now.
pub(super) type Taken = Vec<(Place, MessageId)>;

/// How long the store may take, and who is told then.
#[derive(Clone, Copy)]
pub(super) struct Patience<'a> {
    pub(super) max: Duration,
    pub(super) waiting: &'a [Place],
}

impl Accepting<'_> {
    /// Commits a batch, then acknowledges it. An `Err` refuses the batch.
    pub(super) async fn accept(self, batch: Batch) -> Result<Taken, StoreError> {
        let Batch { updates, cursor, ack } = batch;
        let waiting = self.waiting(&updates);
        self.commit(updates, cursor, &mut Some(ack), Patience { max: OFFER_MAX, waiting: &waiting }).await
    }

    /// Commits updates, then confirms what acknowledges them. An `Err` means that it was not confirmed.
    pub(super) async fn commit(
        self,
        updates: Vec<Update>,
        cursor: Option<Cursor>,
        ack: &mut Option<Ack>,
        patience: Patience<'_>,
    ) -> Result<Taken, StoreError> {
        let Self { member, account, policy, accounts, notices } = self;
        let about = accounts.about();
        let mut items = Vec::with_capacity(updates.len());
        let mut looks = Looks::begin();
        // Until the store says what they are about, nobody knows who waits for an answer to them.
        let updates = self.within(patience, Threads::default().read(&*member.store, policy, updates)).await?;
        for update in &updates {
            let intake = match intake(policy, account.shape(&update.place.conversation), &about, update) {
                Decision::Ready(intake) => {
                    unless_too_old(intake, update, member.clock.now(), account.update_age_max_ms)
                }
                Decision::Look { asked, look } => looks.answer(member, accounts, asked, look).await,
            };
            items.push(IngestItem { update: update.id.clone(), intake });
        }
        let batch = IngestBatch { account: account.id.clone(), holder: member.incarnation.clone(), items, cursor };
        let reasons: Vec<_> = batch.items.iter().map(|item| reason(&item.intake).cloned()).collect();
        if faults::has(Bug::AckBeforeCommit) {
            ack.take().into_iter().for_each(Ack::confirm);
        }
        faults::point(Point::IngestBeforeCommit);
        let ingested = self.within(patience, ingest(&*member.store, &member.alerts, &batch)).await?;
        notices.end();
        if batch.items.iter().any(|item| matches!(&item.intake, Intake::Turn(turn) if !turn.files.is_empty())) {
            account.files_wanted.notify_one();
        }
        faults::point(Point::IngestBeforeAck);
        ack.take().into_iter().for_each(Ack::confirm);
        faults::point(Point::IngestAfterAck);
        let taken = batch.items.iter().zip(&ingested).filter_map(|(item, ingested)| match &item.intake {
            Intake::Turn(turn) if ingested.is_new && ingested.update == item.update => {
                Some((turn.asked.place.clone(), turn.asked.message.clone()))
            }
            _ => None,
        });
        let taken = taken.collect();
        for (update, ingested) in updates.iter().zip(&ingested) {
            if ingested.is_new && ingested.update == update.id && is_ours(member, policy, update).await {
                account.barred.heard(&member.alerts, update);
            }
        }
        for (ingested, reason) in ingested.iter().zip(reasons).filter(|(ingested, _)| ingested.is_new) {
            let (account, update, turn) = (&account.id, &ingested.update, ingested.turn.map(|turn| turn.0));
            match reason {
                None => tracing::debug!(%account, %update, turn, "accepted"),
                Some(reason) => {
                    tracing::info!(%account, %update, turn, reason = reason.code(), "not for an agent: {}", reason.for_operator());
                }
            }
        }
        Ok(taken)
    }

    /// Waits for the store; whoever waits is told of an outage after that.
    async fn within<T>(
        self,
        patience: Patience<'_>,
        asking: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let begin = Instant::now();
        let out = async {
            tokio::time::sleep(patience.max).await;
            self.notices.begin(begin, self.member.committed_at());
            self.notices.maybe_tell(self.account, patience.waiting).await;
        };
        tokio::select! {
            biased;
            answered = asking => answered,
            () = out => Err(StoreError::Unavailable("it has not accepted a batch in time".into())),
        }
    }

    /// Where somebody waits for an answer to these, as far as that can be told without the store.
    pub(super) fn waiting(self, updates: &[Update]) -> Vec<Place> {
        let shape = |update: &Update| self.account.shape(&update.place.conversation);
        let waiting = updates.iter().filter_map(|update| match intake(self.policy, shape(update), "", update) {
            Decision::Ready(intake) => asked_by_friends(&intake).map(|asked| asked.place.clone()),
            Decision::Look { asked, .. } => Some(asked.place),
        });
        waiting.collect()
    }
}

/// Whether an update is about somebody or something of ours: strangers can't fill the operator's list of alerts.
async fn is_ours(member: &Member, policy: &Policy, update: &Update) -> bool {
    match &update.kind {
        UpdateKind::Barred { .. } if !policy.allows(update) => {
            member.store.history(&update.place, None, 1).await.is_ok_and(|turns| !turns.is_empty())
        }
        _ => true,
    }
}

async fn ingest(store: &dyn Store, alerts: &Alerts, batch: &IngestBatch) -> Result<Vec<Ingested>, StoreError> {
    let refused = match commit(store, batch).await {
        Err(error @ (StoreError::Refused(_) | StoreError::Damaged(_))) => error,
        answer => return answer,
    };
    // An empty batch is refused for the lease, never for what is in it.
    commit(store, &IngestBatch { items: Vec::new(), cursor: None, ..batch.clone() }).await?;
    tracing::error!(account = %batch.account, "a batch was refused and is taken apart: {refused}");
    let mut ingested = Vec::with_capacity(batch.items.len());
    for item in &batch.items {
        ingested.extend(ingest_alone(store, alerts, batch, item).await?);
    }
    // The cursor last: until every update is in, the network keeps them all.
    commit(store, &IngestBatch { items: Vec::new(), ..batch.clone() }).await?;
    Ok(ingested)
}

/// Ingests one update as it is, else with its text escaped and an error for an answer, else as its id alone.
async fn ingest_alone(
    store: &dyn Store,
    alerts: &Alerts,
    batch: &IngestBatch,
    item: &IngestItem,
) -> Result<Vec<Ingested>, StoreError> {
    let only = |intake: Intake| IngestBatch {
        items: vec![IngestItem { update: item.update.clone(), intake }],
        cursor: None::<Cursor>,
        ..batch.clone()
    };
    let mut forms = vec![item.intake.clone()];
    forms.extend(asked(&item.intake).map(|asked| Intake::Answer {
        asked: escaped(asked),
        text: Reason::Unstorable.last_word(),
        reason: Some(Reason::Unstorable),
    }));
    let mut forms = forms.into_iter().peekable();
    while let Some(form) = forms.next() {
        match commit(store, &only(form)).await {
            Err(cause @ (StoreError::Refused(_) | StoreError::Damaged(_))) => {
                // Before it is: whoever dies in between has told all the same.
                let kept = match forms.peek() {
                    Some(_) => "it is kept escaped and answered with an error",
                    None => "only its id is kept, and nobody is answered",
                };
                let detail = format!("update {}: {cause}; {kept}", item.update);
                alerts.raise(AlertCode::UpdateUnstorable, batch.account.as_str(), detail);
            }
            answer => return answer,
        }
    }
    commit(store, &only(Intake::Drop(Reason::Unstorable))).await
}

async fn commit(store: &dyn Store, batch: &IngestBatch) -> Result<Vec<Ingested>, StoreError> {
    until_answered("accepting messages", || store.ingest(batch.clone())).await
}

/// Why an update makes no agent's turn, where there is a reason.
fn reason(intake: &Intake) -> Option<&Reason> {
    match intake {
        Intake::Drop(reason) | Intake::Refuse { reason, .. } => Some(reason),
        Intake::Answer { reason, .. } => reason.as_ref(),
        Intake::Command { .. } | Intake::Turn(_) => None,
    }
}

fn asked(intake: &Intake) -> Option<&Asked> {
    match intake {
        Intake::Refuse { asked, .. } => Some(asked),
        _ => asked_by_friends(intake),
    }
}

/// What was asked by whom we talk to.
fn asked_by_friends(intake: &Intake) -> Option<&Asked> {
    match intake {
        Intake::Drop(_) | Intake::Refuse { .. } => None,
        Intake::Answer { asked, .. } | Intake::Command { asked, .. } | Intake::Turn(NewTurn { asked, .. }) => {
            Some(asked)
        }
    }
}

/// What people wrote, in plain ASCII: nothing in it can be refused, and nothing is lost.
fn escaped(asked: &Asked) -> Asked {
    let escape = |text: &str| text.chars().take(KEPT_CHARS_MAX).flat_map(char::escape_default).collect::<String>();
    Asked { text: escape(&asked.text), sender_name: asked.sender_name.as_deref().map(escape), ..asked.clone() }
}

#[cfg(test)]
mod tests;
