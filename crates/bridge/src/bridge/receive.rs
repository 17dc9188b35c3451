//! Receiving for one account, through every loss of the link.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use lastword_core::{
    decide::{backoff, policy::Policy},
    provider::{ALIVE_WITHIN_MS, Inbound, ReceiveError},
    store::{AccountLease, StoreError},
};

use tokio::task::JoinSet;

use super::{
    accept::{Accepting, Taken},
    account::{Account, Accounts},
    health::WITHHELD,
    kept::{self, Kept},
    notice::Notices,
};
use crate::process::{
    member::Member,
    patience::{chance, pause},
};

/// How many marks may be on their way; more are left out.
const RECEIPTS_MAX: usize = 32;
/// The longest silence of a link that is not taken for dead.
const SILENCE_MAX: Duration = Duration::from_millis(2 * ALIVE_WITHIN_MS);

/// The least pause after another receiver was met, and how much chance adds: longer than a poll of a network waits, so that
/// two receivers do not throw each other out again and again.
const CONTENDED_PAUSE: Duration = Duration::from_secs(12);
const CONTENDED_CHANCE: Duration = Duration::from_secs(12);

/// Receives until the task is dropped, through every loss of the link. `number` tells the bridge's accounts apart.
pub(super) async fn keep_receiving(
    member: Arc<Member>,
    account: Arc<Account>,
    number: usize,
    policy: Arc<Policy>,
    accounts: Accounts,
    notices: Arc<Notices>,
) {
    let accepting =
        Accepting { member: &member, account: &account, policy: &policy, accounts: &accounts, notices: &notices };
    let mut kept = Kept::new(accepting, number);
    let mut failures = 0;
    loop {
        let ended = receive(&account, accepting, &mut kept, &mut failures).await;
        failures += 1;
        let mut wait = pause(backoff::CONNECT, failures);
        if let Ended::Link(ReceiveError::Lost { retry_after_ms: Some(hint), .. }) = &ended {
            wait = wait.max(Duration::from_millis(hint.unsigned_abs()));
        }
        if let Ended::Link(ReceiveError::Contended) = &ended {
            wait = wait.max(CONTENDED_PAUSE + CONTENDED_CHANCE.mul_f64(chance()));
        }
        let trouble = ended.to_string();
        if failures == 1 || failures % 20 == 0 {
            tracing::warn!(account = %account.id, failures, "not receiving: {trouble}");
        }
        account.health.lost(trouble);
        tokio::time::sleep(wait).await;
    }
}

/// Why a round of receiving ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("{0}")]
    Link(#[from] ReceiveError),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("another process still acts for this account")]
    LeaseHeld,
    #[error("the network has said nothing for too long")]
    Silent,
    #[error("{WITHHELD}")]
    Withheld,
    #[error("the network ended the stream")]
    OutOfUpdates,
}

async fn receive(account: &Arc<Account>, accepting: Accepting<'_>, kept: &mut Kept<'_>, failures: &mut u32) -> Ended {
    match try_receive(account, accepting, kept, failures).await {
        Ok(never) => match never {},
        Err(ended) => ended,
    }
}

async fn try_receive(
    account: &Arc<Account>,
    accepting: Accepting<'_>,
    kept: &mut Kept<'_>,
    failures: &mut u32,
) -> Result<std::convert::Infallible, Ended> {
    let member = accepting.member;
    let (bot, _) = lease(member, account).await?;
    let mut receipts = JoinSet::new();
    // What was said first goes first, and says where to resume.
    mark(account, kept::replay(accepting, &bot).await?, &mut receipts);
    mark(account, kept.drain().await?, &mut receipts);
    let (bot, AccountLease { cursor, .. }) = lease(member, account).await?;
    account.barred.recall(&*member.oversight, &account.id).await;
    // Who we are is no evidence that we receive: only what the stream yields is.
    let mut stream = account.provider.receive(cursor);
    tracing::info!(account = %account.id, "receiving");
    loop {
        let inbound = tokio::select! {
            // What was said first goes first, however much comes.
            biased;
            drained = kept.drain(), if !kept.is_empty() => {
                mark(account, drained?, &mut receipts);
                continue;
            }
            () = account.reconnects.notified() => {
                // It may have been meant for an earlier link.
                if account.health.evidence().is_withheld() {
                    return Err(Ended::Withheld);
                }
                continue;
            }
            inbound = in_time(stream.next()) => inbound?,
        };
        match inbound.ok_or(Ended::OutOfUpdates)?? {
            Inbound::Alive => {}
            Inbound::Batch(batch) => {
                account.health.offered();
                match kept.accept(&bot, batch).await {
                    // Refused, and so offered again: the link stands, and it was not asked in vain.
                    Err(StoreError::Unavailable(_)) => {}
                    Ok(taken) => mark(account, taken, &mut receipts),
                    Err(error) => return Err(error.into()),
                }
            }
        }
        *failures = 0;
        account.health.received();
    }
}

/// Marks what was taken, without holding up what comes next.
fn mark(account: &Arc<Account>, taken: Taken, receipts: &mut JoinSet<()>) {
    while receipts.try_join_next().is_some() {}
    for (place, message) in taken {
        if account.provider.receipts().is_none() || receipts.len() >= RECEIPTS_MAX {
            return;
        }
        let account = Arc::clone(account);
        receipts.spawn(async move {
            if let Some(network) = account.provider.receipts() {
                network.taken(&place, &message).await;
            }
        });
    }
}

/// Takes the right to act for an account, under the name that its network has for it, which it says.
pub(super) async fn lease(member: &Member, account: &Account) -> Result<(String, AccountLease), Ended> {
    let identity = in_time(account.provider.identity()).await??;
    let lease = member.store.lease(&account.id, &identity, &member.incarnation).await?;
    lease.map(|lease| (identity, lease)).ok_or(Ended::LeaseHeld)
}

/// A peer that accepts and then says nothing looks alive: only a deadline notices it.
async fn in_time<T>(round: impl Future<Output = T>) -> Result<T, Ended> {
    tokio::time::timeout(SILENCE_MAX, round).await.map_err(|_| Ended::Silent)
}
