//! Telling admins of alerts in a chat. Whoever outlives the others does it: the supervisor, and a bridge that has none. It
//! only writes messages into the store, so that what is delivered by a later bridge, or by the last gasp, is told, too.

use std::{sync::Arc, time::Duration};

use lastword_core::{alert::Messaging, ids::Place, store::Oversight};

use crate::config::Config;

/// How often to look for news.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The least time between two messages, in milliseconds: what happens meanwhile comes together.
const TELL_EVERY_MS: i64 = 60_000;

/// The conversations in which somebody wants to know.
#[must_use]
pub fn listeners(config: &Config) -> Vec<Place> {
    let accounts = config.accounts.iter();
    accounts
        .filter_map(|(id, account)| {
            let conversation = account.alerts_to.clone()?;
            Some(Place { account: id.clone(), conversation, thread: None })
        })
        .collect()
}

/// Tells them, until the task is dropped; ends at once where nobody wants to know.
pub async fn keep_telling(oversight: Arc<dyn Oversight>, to: Vec<Place>, configured: Messaging) {
    while !to.is_empty() {
        if let Err(error) = oversight.tell(&to, TELL_EVERY_MS, configured).await {
            tracing::debug!("admins are not told yet: {error}");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
