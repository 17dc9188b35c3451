//! On a full disk promises are kept on the reserve, and nothing new is taken on.

use std::time::{Duration, Instant};

use lastword_core::store::StoreError;

use super::{
    group_commit::{Answer, job_as, writer},
    *,
};
use crate::{
    reserve::Reserve,
    sqlite::{
        engine::Engine,
        job::{Class, Job},
        row::run,
    },
};

fn takes(class: Class, bytes: u32) -> (Box<dyn Job>, Answer<()>) {
    job_as(class, move |tx| {
        run(tx.conn(), "INSERT INTO hint (account, user, at) VALUES (hex(randomblob(?1)), 'x', 1)", [bytes])?;
        Ok(())
    })
}

fn is_taken(mut answer: Answer<()>) -> bool {
    match answer.try_recv().expect("an answer") {
        Ok(()) => true,
        Err(StoreError::Unavailable(_)) => false,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_commit_of_both_keeps_the_promise_and_refuses_what_is_new() {
    let folder = folder();
    let reserve = Reserve::open(&folder.path().join("reserve"), 4_096).unwrap();
    let mut writer = writer(folder.path()).keeping(reserve);
    let full = writer.disk_full();
    let pages = number(writer.conn(), "PRAGMA page_count");
    writer.conn().pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    let (large, refused) = takes(Class::New, 100_000);
    let (promise, kept) = takes(Class::Promised, 8);
    writer.commit(vec![promise, large]);
    assert!(!is_taken(refused) && is_taken(kept) && *full.borrow());
    let (small, refused) = takes(Class::New, 8);
    let (promise, kept) = takes(Class::Promised, 8);
    writer.commit(vec![small, promise]);
    assert!(!is_taken(refused), "while the reserve is released, nothing new is taken on");
    assert!(is_taken(kept));
    let begin = Instant::now();
    loop {
        let (small, answer) = takes(Class::New, 8);
        writer.commit(vec![small]);
        if is_taken(answer) {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "the reserve is not taken back");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!*full.borrow());
    assert_eq!(number(writer.conn(), "SELECT count(*) FROM hint"), 3);
}

#[tokio::test]
async fn removing_what_is_old_waits_and_leaves_the_reserve_to_promises() {
    let folder = folder();
    let reserve = Reserve::open(&folder.path().join("reserve"), 4_096).unwrap();
    let mut writer = writer(folder.path()).keeping(reserve);
    let pages = number(writer.conn(), "PRAGMA page_count");
    writer.conn().pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    let (large, refused) = takes(Class::New, 100_000);
    writer.commit(vec![large]);
    assert!(!is_taken(refused));
    let engine = Engine::Inline(Box::new(std::sync::Mutex::new(writer)));
    let removed = engine.write_unchecked(|_| Ok(())).await;
    assert!(matches!(removed, Err(StoreError::Unavailable(_))), "{removed:?}");
    engine.write(|_| Ok(())).await.expect("a promise is kept");
}
