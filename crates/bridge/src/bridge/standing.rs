//! Where the bot may not write: the operator is told of a conversation that put it out, until it is let in again or
//! something arrives there after all.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use lastword_core::{
    alert::AlertCode,
    ids::{AccountId, ConversationId},
    store::Oversight,
    update::{Update, UpdateKind},
};

use crate::process::alerts::Alerts;

/// The most open alerts that are looked through.
const ALERTS_MAX: usize = 1_000;

/// The conversations of one account that put the bot out, as the operator was told.
#[derive(Debug, Default)]
pub(super) struct Barred(Mutex<BTreeSet<ConversationId>>);

impl Barred {
    /// Learns what an earlier bridge told the operator.
    pub(super) async fn recall(&self, oversight: &dyn Oversight, account: &AccountId) {
        match oversight.alerts(false, ALERTS_MAX).await {
            Ok(open) => {
                let subjects = open.iter().filter(|open| open.alert.code == AlertCode::ConversationBarred);
                let ours =
                    subjects.filter_map(|open| open.alert.subject.strip_prefix(account.as_str())?.strip_prefix('/'));
                self.conversations().extend(ours.map(ConversationId::new));
            }
            Err(error) => tracing::warn!(%account, "open alerts can't be read: {error}"),
        }
    }

    /// An update was committed, and for the first time.
    pub(super) fn heard(&self, alerts: &Alerts, update: &Update) {
        let (account, conversation) = (&update.place.account, &update.place.conversation);
        match &update.kind {
            UpdateKind::Barred { how } => {
                self.conversations().insert(conversation.clone());
                let detail = format!("the bot was {how}");
                alerts.raise(AlertCode::ConversationBarred, subject(account, conversation), detail);
            }
            UpdateKind::Admitted { how } => {
                tracing::info!(%account, %conversation, "the bot was {how}");
                self.conversations().remove(conversation);
                alerts.resolve(AlertCode::ConversationBarred, subject(account, conversation));
            }
            UpdateKind::Posted(_) | UpdateKind::Edited(_) | UpdateKind::Deleted(_) | UpdateKind::Other { .. } => {}
        }
    }

    /// The network took something that was posted there: whoever let the bot in again, we did not hear of it.
    pub(super) fn delivered(&self, alerts: &Alerts, account: &AccountId, conversation: &ConversationId) {
        if self.conversations().remove(conversation) {
            alerts.resolve(AlertCode::ConversationBarred, subject(account, conversation));
        }
    }

    fn conversations(&self) -> MutexGuard<'_, BTreeSet<ConversationId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn subject(account: &AccountId, conversation: &ConversationId) -> String {
    format!("{account}/{conversation}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lastword_core::{
        ids::{Place, Timestamp, UpdateId, UserId},
        update::Sender,
    };
    use lastword_store::{SqliteOptions, SqliteStore, SystemClock};

    use super::*;

    fn update(conversation: &str, kind: UpdateKind) -> Update {
        Update {
            id: UpdateId::new("u"),
            place: Place {
                account: AccountId::new("phone"),
                conversation: ConversationId::new(conversation),
                thread: None,
            },
            sender: Sender { id: UserId::new("alice"), name: None, is_bot: false },
            sent_at: Timestamp(0),
            kind,
        }
    }

    #[tokio::test]
    async fn the_operator_is_told_until_the_bot_is_let_in_or_heard() {
        let directory = tempfile::tempdir().unwrap();
        let options = SqliteOptions::new(directory.path().join("db"), Arc::new(SystemClock));
        let store = Arc::new(SqliteStore::open(options).unwrap());
        let alerts = Alerts::new(store.clone());
        let open = async || {
            alerts.store_last().await;
            let open = store.alerts(false, 10).await.unwrap();
            open.into_iter().map(|open| (open.alert.subject, open.alert.detail)).collect::<Vec<_>>()
        };
        let told = |conversation: &str| (format!("phone/{conversation}"), "the bot was kicked".to_owned());
        let account = AccountId::new("phone");
        let barred = Barred::default();
        for conversation in ["-1", "-2/x"] {
            barred.heard(&alerts, &update(conversation, UpdateKind::Barred { how: "kicked".into() }));
        }
        barred.delivered(&alerts, &account, &ConversationId::new("7"));
        assert_eq!(open().await, [told("-2/x"), told("-1")]);
        barred.heard(&alerts, &update("-1", UpdateKind::Admitted { how: "added".into() }));
        assert_eq!(open().await, [told("-2/x")]);
        // The next bridge knows it, and no other account takes it for its own.
        let (next, other) = (Barred::default(), Barred::default());
        other.recall(&*store, &AccountId::new("pho")).await;
        other.delivered(&alerts, &AccountId::new("pho"), &ConversationId::new("ne/-2/x"));
        assert_eq!(open().await.len(), 1);
        next.recall(&*store, &account).await;
        next.delivered(&alerts, &account, &ConversationId::new("-2/x"));
        assert_eq!(open().await, []);
    }
}
