//! Rooms whose messages only those who are in them can read.

use serde_json::json;

use super::network::{is_answered_once, listens, says, shown, world, world_with};
use crate::world::{Matrix, Settings, Who};
use lastword_tests::matrix::Home;

#[tokio::test]
async fn an_encrypted_room_works_both_ways_and_outlives_every_process() {
    let Some(matrix) = Matrix::maybe_start().await else { return };
    let mut world = world(&matrix, "").await;
    let (alice, bob) = (matrix.person("alice").await, matrix.person("bob").await);
    let bot = matrix.bot().user.as_str();
    let room = alice.opens(json!({ "name": "cellar", "invite": [bot, bob.id()], "is_encrypted": true })).await;
    bob.does("join", json!({ "room": room })).await;
    for person in [&alice, &bob] {
        person.sees(&room, bot).await;
    }
    alice.sees(&room, bob.id()).await;
    let asked = alice.says_to(&room, bot, "go #t1").await;
    says(&world, &matrix, &alice, &room, "done #t1").await;
    bob.says_so(&room, "go #t2", json!({ "thread": asked, "mentions": [bot] })).await;
    says(&world, &matrix, &bob, &room, "done #t2").await;

    // Keys and device are kept, and what is said meanwhile is read by the next process.
    let devices = alice.does("members", json!({ "room": room })).await[bot].clone();
    world.kill_supervisor().await;
    alice.says_to(&room, bot, "go #t3").await;
    alice.does("rotate_keys", json!({ "room": room })).await;
    alice.says_to(&room, bot, "go #t4").await;
    world.start_supervisor();
    listens(&world).await;
    says(&world, &matrix, &alice, &room, "done #t4").await;
    assert_eq!(alice.does("members", json!({ "room": room })).await[bot], devices, "it is the same device");

    // A key that comes late is waited for, also by the next process.
    alice.says_so(&room, "go #t5", json!({ "mentions": [bot], "holds_keys": true })).await;
    alice.does("rotate_keys", json!({ "room": room })).await;
    alice.says_to(&room, bot, "go #t6").await;
    says(&world, &matrix, &alice, &room, "done #t6").await;
    world.kill(Who::Bridge).await;
    listens(&world).await;
    alice.does("release_keys", json!({ "room": room })).await;
    says(&world, &matrix, &alice, &room, "done #t5").await;

    world.judge().await;
    alice.catches_up().await;
    let shown = shown(&matrix, &alice, &room).await;
    assert!(shown.iter().all(|message| message.event.is_encrypted && message.is_readable()));
    let mut words: Vec<_> = shown.iter().map(|word| word.now().text.clone()).collect();
    words.sort();
    assert_eq!(words, ["done #t1", "done #t2", "done #t3", "done #t4", "done #t5", "done #t6"]);
}

/// Between the SDK's save and our commit, with a homeserver that tells an answer twice to whoever asks twice.
#[tokio::test]
async fn a_bridge_that_dies_before_it_commits_a_sync_loses_nothing_of_it() {
    let Some(matrix) = Matrix::maybe_start_with(Home { keeps_syncs: true, ..Home::default() }).await else { return };
    let once = tempfile::NamedTempFile::new().unwrap();
    let once = once.into_temp_path();
    let settings = Settings {
        // The first commit is that of the first sync, the second that of the room.
        env: vec![
            ("LASTWORD_CRASH_AT", "ingest.before_commit:3".to_owned()),
            ("LASTWORD_CRASH_ONCE", once.display().to_string()),
        ],
        ..Settings::default()
    };
    let world = world_with(&matrix, "allow: { users: ['*'] }", settings).await;
    let alice = matrix.person("alice").await;
    let room = alice.secret(&matrix.bot().user).await;
    for n in 0..20 {
        alice.says(&room, &format!("go #t{n}")).await;
        if !once.exists() {
            break;
        }
        world
            .until("it died or answered", async |_| {
                let words = shown(&matrix, &alice, &room).await;
                let is_answered = words.iter().any(|word| word.now().text.contains(&format!("done #t{n}")));
                (!once.exists() || is_answered).then_some(())
            })
            .await;
    }
    assert!(!once.exists(), "no bridge died");
    alice.says(&room, "go #last").await;
    says(&world, &matrix, &alice, &room, "done #last").await;
    is_answered_once(&world, &matrix, &alice).await;
}
