//! A look at whole tables takes as long as it takes, and nothing else waits for it.

use std::{sync::mpsc, time::Duration};

use lastword_core::store::{Oversight, Retention, Store, StoreError};
use tokio::task::JoinSet;

use super::*;

/// Begins a long look that ends when the sender does.
async fn long_look(store: &Arc<SqliteStore>) -> (mpsc::SyncSender<()>, JoinSet<Result<(), StoreError>>) {
    let (release, released) = mpsc::sync_channel::<()>(1);
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let looking = Arc::clone(store);
    let mut task = JoinSet::new();
    task.spawn(async move {
        let look = move |_: &Connection| {
            let _ = begun.send(());
            let _ = released.recv();
            Ok(())
        };
        looking.engine.read_long(look).await
    });
    has_begun.await.expect("begins");
    (release, task)
}

fn store(folder: &Path) -> Arc<SqliteStore> {
    Arc::new(SqliteStore::open(options(folder, HandClock::at(0))).expect("opens"))
}

#[tokio::test]
async fn what_everybody_reads_does_not_wait_for_a_long_look() {
    let folder = folder();
    let store = store(folder.path());
    let (release, _task) = long_look(&store).await;
    let reads = async {
        for _ in 0..8 {
            store.counts().await.expect("reads");
            store.living().await.expect("reads");
        }
    };
    tokio::time::timeout(Duration::from_secs(10), reads).await.expect("nobody waits");
    let retention = Retention::default();
    let mut prune = Box::pin(store.prune(&retention, 10));
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut prune).await.is_err(), "long looks take turns");
    drop(release);
    prune.await.expect("prunes");
}

#[tokio::test]
async fn one_audit_runs_at_a_time_also_when_nobody_waits_for_it_any_more() {
    let folder = folder();
    let store = store(folder.path());
    let (release, _task) = long_look(&store).await;
    let given_up = tokio::time::timeout(Duration::from_millis(50), store.audit()).await;
    assert!(given_up.is_err());
    assert!(matches!(store.audit().await, Err(StoreError::Unavailable(_))), "the first still waits for its turn");
    drop(release);
    tokio::time::timeout(Duration::from_secs(10), async {
        while store.audit().await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("it ends");
}
