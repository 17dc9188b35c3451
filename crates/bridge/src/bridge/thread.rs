//! Threads that go on: where we were spoken to once, what is said next is meant for us without naming us.

use std::{collections::BTreeSet, time::Duration};

use lastword_core::{
    decide::policy::Policy,
    ids::Place,
    store::{Store, StoreError},
    update::{Update, UpdateKind},
};

/// Before a store that can't be asked is asked again.
const PAUSE: Duration = Duration::from_millis(500);

/// What is known of the places of one batch.
#[derive(Default)]
pub(super) struct Threads(BTreeSet<Place>);

impl Threads {
    /// The updates as they are meant. Waits for a store that can't be asked: without it a message might be lost.
    pub(super) async fn read(
        mut self,
        store: &dyn Store,
        policy: &Policy,
        mut updates: Vec<Update>,
    ) -> Result<Vec<Update>, StoreError> {
        for update in &mut updates {
            let may_talk = !update.sender.is_bot && policy.allows(update);
            let UpdateKind::Posted(message) = &mut update.kind else { continue };
            if !may_talk {
                continue;
            }
            if message.is_addressed {
                // What stands behind it in the batch may go on from here.
                self.0.insert(update.place.clone());
            } else if message.goes_on {
                message.is_addressed = self.knows(store, &update.place).await;
            }
        }
        Ok(updates)
    }

    async fn knows(&mut self, store: &dyn Store, place: &Place) -> bool {
        if self.0.contains(place) {
            return true;
        }
        loop {
            match store.history(place, None, 1).await {
                Ok(turns) if turns.is_empty() => return false,
                // A row that can't be read is a turn that was there.
                Ok(_) | Err(StoreError::Damaged(_) | StoreError::Refused(_)) => {
                    self.0.insert(place.clone());
                    return true;
                }
                Err(StoreError::Unavailable(_)) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use lastword_core::{
        capability::{ReplyShape, TextLimit, TextUnit, Via},
        decide::policy::{AccountPolicy, Allow},
        ids::{AccountId, ConversationId, Cursor, IncarnationId, MessageId, ThreadId, Timestamp, UpdateId, UserId},
        store::{Asked, Incarnation, IngestBatch, IngestItem, Intake, Role},
        update::{Message, Sender},
    };
    use lastword_store::{SqliteOptions, SqliteStore, SystemClock};

    use super::*;

    fn said(sender: &str, thread: &str, is_addressed: bool) -> Update {
        Update {
            id: UpdateId::new(format!("{sender} in {thread}")),
            place: Place {
                account: AccountId::new("a"),
                conversation: ConversationId::new("c"),
                thread: Some(ThreadId::new(thread)),
            },
            sender: Sender { id: UserId::new(sender), name: None, is_bot: false },
            sent_at: Timestamp(0),
            kind: UpdateKind::Posted(Message {
                id: MessageId::new("m"),
                text: "and then?".into(),
                is_addressed,
                goes_on: !is_addressed,
                files: Vec::new(),
            }),
        }
    }

    /// Somebody is answered in this thread.
    async fn answered(store: &SqliteStore, update: &Update) {
        let (account, holder) = (AccountId::new("a"), IncarnationId::new("bridge"));
        let bridge = Incarnation { id: holder.clone(), role: Role::Bridge, pid: 1, build: String::new(), beats: 0 };
        store.register(&bridge).await.unwrap();
        store.lease(&account, "bot", &holder).await.unwrap().unwrap();
        let shape = ReplyShape {
            via: Via::Post,
            text_max: TextLimit { max: 100, unit: TextUnit::Chars },
            has_placeholder: false,
            files: None,
        };
        let asked = Asked {
            place: update.place.clone(),
            shape,
            sender: update.sender.id.clone(),
            sender_name: None,
            message: MessageId::new("m"),
            text: "hello".into(),
        };
        let intake = Intake::Answer { asked, text: "hello".into(), reason: None };
        let items = vec![IngestItem { update: update.id.clone(), intake }];
        store.ingest(IngestBatch { account, holder, items, cursor: None::<Cursor> }).await.unwrap();
    }

    #[tokio::test]
    async fn a_thread_goes_on_without_a_mention_for_whom_may_talk() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(SqliteOptions::new(directory.path().join("db"), Arc::new(SystemClock))).unwrap();
        let account = AccountPolicy {
            users: Allow::Only([UserId::new("alice"), UserId::new("bob")].into()),
            ..AccountPolicy::default()
        };
        let policy = Policy { accounts: BTreeMap::from([(AccountId::new("a"), account)]), ..Policy::default() };
        answered(&store, &said("alice", "1", true)).await;
        let updates = [
            ("bob", "1", false),
            ("mallory", "1", false),
            ("bob", "2", false),
            ("mallory", "2", true),
            ("bob", "2", false),
            ("alice", "2", true),
            ("bob", "2", false),
        ];
        let updates = updates.map(|(sender, thread, is_addressed)| said(sender, thread, is_addressed)).into();
        let meant = Threads::default().read(&store, &policy, updates).await.unwrap();
        let is_ours = |update: &&Update| matches!(&update.kind, UpdateKind::Posted(message) if message.is_addressed);
        let ours: Vec<_> = meant.iter().filter(is_ours).map(|update| update.id.to_string()).collect();
        assert_eq!(ours, ["bob in 1", "mallory in 2", "alice in 2", "bob in 2"]);
    }
}
