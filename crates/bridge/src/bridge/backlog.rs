//! What networks keep for us: a link may look alive and bring nothing. Where the network can be asked how much waits, it is,
//! and a link that brings none of it for long is made anew.

use std::{sync::Arc, time::Duration};

use lastword_core::decide::backoff::Backoff;
use tokio::time::Instant;

use super::account::Account;
use crate::process::patience::pause;

/// How often a network is asked.
const ASK_EVERY: Duration = Duration::from_secs(10);
/// The least time between two links that are made anew for it; it doubles up to the most, for what a new one does not cure.
const ANEW: Backoff = Backoff { first_ms: 60_000, max_ms: 1_800_000 };
/// How long its answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Asks until the task is dropped; ends at once where the network can't be asked.
pub(super) async fn watch(account: Arc<Account>) {
    let Some(network) = account.provider.backlog() else { return };
    let (mut made_anew, mut next_at) = (0, Instant::now());
    loop {
        tokio::time::sleep(ASK_EVERY).await;
        // While the link is down that is what is wrong.
        if !account.health.evidence().is_linked {
            continue;
        }
        let asked_at = Instant::now();
        match tokio::time::timeout(ANSWER_WITHIN, network.pending()).await {
            Ok(Ok(pending)) => account.health.keeps(pending, asked_at),
            Ok(Err(cause)) => tracing::debug!(account = %account.id, "how much waits is not known: {cause}"),
            Err(_) => tracing::debug!(account = %account.id, "how much waits is not known: no answer in time"),
        }
        if !account.health.evidence().is_withheld() {
            (made_anew, next_at) = (0, asked_at);
        } else if asked_at >= next_at {
            made_anew += 1;
            next_at = asked_at + pause(ANEW, made_anew);
            account.reconnects.notify_one();
        }
    }
}
