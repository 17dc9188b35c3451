//! The attempts on their way: one that breaks leaves a doubt, never a lane that is blocked for ever.

use std::{collections::HashMap, sync::Arc};

use lastword_core::{
    alert::AlertCode,
    decide::deliver::settle_broken,
    ids::{AccountId, DeliveryId},
    store::{DeliveryClaim, StoreError},
};
use tokio::task::{Id, JoinError, JoinSet};

use super::deliver::{Shared, record};
use crate::process::patience::chance;

/// How an attempt's task ended.
pub(super) type Ended = Result<(Id, Result<(), StoreError>), JoinError>;

/// The attempts on their way, by task.
#[derive(Default)]
pub(super) struct InFlight {
    tasks: JoinSet<Result<(), StoreError>>,
    claims: HashMap<Id, Claimed>,
    /// How often in a row an attempt at a delivery broke; refusals and outages of the network do not count.
    broken: HashMap<DeliveryId, u32>,
}

/// Which attempt a task makes.
pub(super) struct Claimed {
    account: AccountId,
    delivery: DeliveryId,
    attempt: u32,
    /// Whether the task only records that the attempt broke.
    is_doubt: bool,
}

impl Claimed {
    pub(super) fn of(claim: &DeliveryClaim) -> Self {
        let account = claim.place.account.clone();
        Self { account, delivery: claim.id, attempt: claim.attempt, is_doubt: false }
    }
}

impl InFlight {
    pub(super) fn count(&self) -> usize {
        self.tasks.len()
    }

    pub(super) fn start(
        &mut self,
        claimed: Claimed,
        task: impl Future<Output = Result<(), StoreError>> + Send + 'static,
    ) {
        let id = self.tasks.spawn(task).id();
        self.claims.insert(id, claimed);
    }

    /// Waits for the next that ends; for ever if there is none. Cancel-safe.
    pub(super) async fn next(&mut self) -> Ended {
        match self.tasks.join_next_with_id().await {
            Some(ended) => ended,
            None => std::future::pending().await,
        }
    }

    /// Takes note of everything that has ended already.
    pub(super) fn settle_ended(&mut self, shared: &Arc<Shared>) -> anyhow::Result<()> {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.ended(shared, ended)?;
        }
        Ok(())
    }

    /// Takes note of one that has ended. An `Err` says that not even a doubt can be recorded: only the end of this
    /// process takes the delivery out of its hands.
    pub(super) fn ended(&mut self, shared: &Arc<Shared>, ended: Ended) -> anyhow::Result<()> {
        let (id, error) = match ended {
            Ok((id, Ok(()))) => {
                if let Some(claimed) = self.claims.remove(&id).filter(|claimed| !claimed.is_doubt) {
                    self.broken.remove(&claimed.delivery);
                }
                return Ok(());
            }
            Ok((id, Err(error))) => (id, anyhow::Error::from(error)),
            Err(panic) => (panic.id(), anyhow::Error::from(panic)),
        };
        let Some(Claimed { account, delivery, attempt, is_doubt }) = self.claims.remove(&id) else { return Ok(()) };
        if is_doubt {
            return Err(error.context(format!("delivery {delivery} can't be settled")));
        }
        tracing::error!(%delivery, attempt, "an attempt broke: {error:#}");
        let detail = format!("delivery {delivery}, attempt {attempt}");
        shared.member.alerts.raise(AlertCode::DeliveryBroken, account.as_str(), detail);
        let broken = self.broken.entry(delivery).and_modify(|times| *times += 1).or_insert(1);
        let id = self.tasks.spawn(doubt(Arc::clone(shared), delivery, attempt, *broken)).id();
        self.claims.insert(id, Claimed { account, delivery, attempt, is_doubt: true });
        Ok(())
    }
}

/// Records that nobody knows what an attempt achieved.
async fn doubt(shared: Arc<Shared>, delivery: DeliveryId, attempt: u32, broken: u32) -> Result<(), StoreError> {
    let settlement = settle_broken(broken, shared.member.clock.now(), chance());
    record(&shared.member, delivery, attempt, &settlement).await.map(|_| ())
}
