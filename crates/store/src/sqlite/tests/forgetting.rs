//! What is forgotten is nowhere in the files, and what is removed takes nothing with it.

use lastword_core::{
    contract::store::ACCOUNT,
    ids::{AccountId, UserId},
    reason::Reason,
    store::{HintRule, Intake, Oversight, Retention, Settlement, Standing},
};

use super::*;

const TOKEN: &[u8] = b"xylophone-7741";

fn holds_token(folder: &Path) -> Vec<String> {
    let holds = |path: &Path| std::fs::read(path).unwrap().windows(TOKEN.len()).any(|window| window == TOKEN);
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| holds(path)).map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

#[tokio::test]
async fn no_byte_of_a_forgotten_person_is_left() {
    let folder = folder();
    let world = world(folder.path(), |options| options).await;
    let token = String::from_utf8(TOKEN.to_vec()).unwrap();
    let long = format!("{token} ").repeat(2_000);
    for n in 0..20 {
        let mut turn = lastword_core::contract::store::turn("plain", &format!("u{n}"));
        turn.asked.text = if n % 2 == 0 { long.clone() } else { token.clone() };
        turn.asked.sender = UserId::new(&token);
        turn.asked.sender_name = Some(token.clone());
        turn.prompt.clone_from(&turn.asked.text);
        world.takes(&format!("u{n}"), Intake::Turn(turn)).await;
        world.asks("plain b", &format!("of somebody else {n}")).await;
        for claim in world.claims().await {
            let answer = if &*claim.place.conversation.to_string() == "plain" { &*token } else { "ok" };
            let standing = world.store.progress(claim.fence, Some(answer.into())).await.unwrap();
            assert_eq!(standing, Standing::Current);
            world.answers(&claim, answer).await;
        }
        let claim = world.due().await.remove(0);
        let pause =
            lastword_core::store::Pause { until: claim.now, scope: lastword_core::outcome::RetryScope::Message };
        let cause = format!("can't parse {}", claim.text);
        world.settles(&claim, Settlement::Deferred { pause, cause }).await;
        world.delivers_all().await;
    }
    let mut asked = lastword_core::contract::store::asked("plain", "let me in");
    asked.sender = UserId::new(&token);
    let hint = HintRule { text: format!("Tell the operator {token}."), every_ms: 1 };
    world.takes("refused", Intake::Refuse { asked, reason: Reason::NotAllowed, hint }).await;
    world.delivers_all().await;
    assert!(!holds_token(folder.path()).is_empty());
    let reader = beside(folder.path());
    reader.execute_batch("BEGIN; SELECT count(*) FROM turn").unwrap();
    let (account, user) = (AccountId::new(ACCOUNT), UserId::new(&token));
    let mut emptied = 0;
    loop {
        let forgotten = world.store.forget(&account, &user, 7).await.unwrap();
        emptied += forgotten.emptied;
        if !forgotten.has_more {
            break;
        }
    }
    assert_eq!(emptied, 20);
    let begin = std::time::Instant::now();
    assert!(!world.store.shorten_log().await.unwrap(), "somebody still reads it");
    assert!(begin.elapsed() < std::time::Duration::from_millis(800), "nobody waits for readers");
    assert!(!holds_token(folder.path()).is_empty(), "and so it is still there");
    reader.execute_batch("COMMIT").unwrap();
    assert!(world.store.shorten_log().await.unwrap());
    assert_eq!(holds_token(folder.path()), Vec::<String>::new());
    world.is_sound().await;
}

#[tokio::test]
async fn what_is_removed_leaves_no_row_behind_and_references_are_checked_again() {
    let folder = folder();
    let world = world(folder.path(), |options| options).await;
    for n in 0..10 {
        world.asks("a", &format!("{n}")).await;
        world.answers(&world.claims().await[0], "ok").await;
        let terminal = world.due().await.remove(0);
        let at = Some(terminal.now);
        let message = lastword_core::ids::MessageId::new("m");
        world.settles(&terminal, Settlement::Delivered { message, assert_at: at, notice: None }).await;
        world.delivers_all().await;
    }
    world.clock.advance_ms(1_000);
    let all = Retention { turns_ms: Some(500), ..Retention::default() };
    assert_eq!(world.store.prune(&all, 100).await.unwrap().removed, 10);
    let conn = beside(folder.path());
    for table in ["turn", "delivery", "inbox", "marker", "trace", "process_group", "progress"] {
        assert_eq!(number(&conn, &format!("SELECT count(*) FROM {table}")), 0, "{table}");
    }
    world.asks("a", "again").await;
    world.is_sound().await;
    let orphan = "INSERT INTO marker (turn) VALUES (12345)";
    let store = SqliteStore::open(options(folder.path(), HandClock::at(0)).inline()).unwrap();
    store.prune(&all, 1).await.unwrap();
    let refused = store.engine.write(move |tx| crate::sqlite::row::run(tx.conn(), orphan, [])).await;
    assert!(refused.is_err(), "references are checked after a prune as before");
}
