//! What networks keep for us: a link may look alive and bring nothing. Where the network can be asked how much waits, it is,
//! and a link that brings none of it for long is made anew.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::account::Account;

/// How often a network is asked.
const ASK_EVERY: Duration = Duration::from_secs(10);
/// How long its answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Asks until the task is dropped; ends at once where the network can't be asked.
pub(super) async fn watch(account: Arc<Account>) {
    let Some(network) = account.provider.backlog() else { return };
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
        if account.health.evidence().is_withheld() {
            account.reconnects.notify_one();
        }
    }
}
