use std::sync::Arc;

use lastword_core::{
    capability::{ReplyShape, TextLimit, TextUnit, Via},
    ids::{AccountId, AgentId, ConversationId, IncarnationId, MessageId, Place, UpdateId, UserId},
    store::{Incarnation, OnLost, Role},
};
use lastword_store::{SqliteOptions, SqliteStore, SystemClock};

use super::*;

fn asked(account: &str, text: &str) -> Asked {
    Asked {
        place: Place { account: AccountId::new(account), conversation: ConversationId::new("c"), thread: None },
        shape: ReplyShape {
            via: Via::Post,
            text_max: TextLimit { max: 100, unit: TextUnit::Chars },
            has_placeholder: false,
            files: None,
        },
        sender: UserId::new("alice"),
        sender_name: None,
        message: MessageId::new("m"),
        text: text.into(),
    }
}

fn item(update: &str, account: &str) -> IngestItem {
    let turn = NewTurn {
        asked: asked(account, "hello"),
        agent: AgentId::new("demo"),
        prompt: "hello".into(),
        files: Vec::new(),
        on_lost: OnLost::Error,
        may_collect: false,
        queue_max: 10,
    };
    IngestItem { update: UpdateId::new(update), intake: Intake::Turn(turn) }
}

#[tokio::test]
async fn a_poisonous_update_neither_holds_up_the_others_nor_makes_the_account_deaf() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(SqliteOptions::new(directory.path().join("db"), Arc::new(SystemClock))).unwrap();
    let (account, holder) = (AccountId::new("a"), IncarnationId::new("bridge"));
    let bridge = Incarnation { id: holder.clone(), role: Role::Bridge, pid: 1, build: String::new(), beats: 0 };
    store.register(&bridge).await.unwrap();
    store.lease(&account, "bot", &holder).await.unwrap().unwrap();
    // The store refuses what claims to come from another account.
    let items = vec![item("u1", "a"), item("u2", "other"), item("u3", "a")];
    let batch = IngestBatch { account: account.clone(), holder: holder.clone(), items, cursor: Some(Cursor::new("9")) };
    let store = Arc::new(store);
    let alerts = Alerts::new(store.clone());
    let ingested = ingest(&*store, &alerts, &batch).await.unwrap();
    let unstorable: Vec<_> = alerts.unstored().iter().map(|alert| (alert.code, alert.subject.clone())).collect();
    assert_eq!(unstorable, [(AlertCode::UpdateUnstorable, "a".to_owned())]);
    let detail = alerts.unstored().remove(0).detail;
    assert!(detail.ends_with("only its id is kept, and nobody is answered"), "{detail}");
    let made: Vec<_> = ingested.iter().map(|one| (one.update.as_str(), one.turn.is_some())).collect();
    assert_eq!(made, [("u1", true), ("u2", false), ("u3", true)]);
    assert_eq!(store.counts().await.unwrap().dropped["unstorable"], 1);
    let lease = store.lease(&account, "bot", &holder).await.unwrap().unwrap();
    assert_eq!(lease.cursor, Some(Cursor::new("9")));
    // Offered again, it is known.
    assert!(ingest(&*store, &alerts, &batch).await.unwrap().iter().all(|one| !one.is_new));
}

#[tokio::test]
async fn without_the_lease_nothing_is_taken_apart_or_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(SqliteOptions::new(directory.path().join("db"), Arc::new(SystemClock))).unwrap();
    let store = Arc::new(store);
    let batch = IngestBatch {
        account: AccountId::new("a"),
        holder: IncarnationId::new("nobody"),
        items: vec![item("u1", "a")],
        cursor: None,
    };
    assert!(matches!(ingest(&*store, &Alerts::new(store.clone()), &batch).await, Err(StoreError::Refused(_))));
    assert!(store.counts().await.unwrap().dropped.is_empty());
}

#[test]
fn what_can_not_be_stored_is_kept_escaped() {
    let kept = escaped(&asked("a", "a\0b\u{202e}é"));
    assert_eq!(kept.text, "a\\u{0}b\\u{202e}\\u{e9}");
}
