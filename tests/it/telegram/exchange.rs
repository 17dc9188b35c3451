//! Files both ways, by the real binary: from people to the agent, and from the agent to people.

use lastword_core::faults::Point;
use serde_json::json;

use super::network::Telegram;
use crate::world::{Settings, World};

/// Waits for the last word on a message. Progress may read like the beginning of one: first wait for what follows it.
async fn answer(world: &World, telegram: &Telegram, chat: i64, message: i64) -> String {
    world
        .until("the last word is there", async |_| {
            let shown = telegram.shown(chat, None).await.into_iter().filter(|shown| shown.reply_to == Some(message));
            let mut texts = shown.map(|shown| shown.now().text.clone());
            texts.find(|text| text.starts_with("Error:") || text.contains("done #"))
        })
        .await
}

/// Waits until so many files of the bot are there; a line each, with what follows them.
async fn files(world: &World, telegram: &Telegram, chat: i64, count: usize) -> String {
    world
        .until("the files are there", async |_| {
            let shown = telegram.shown(chat, None).await;
            let lines: Vec<_> = shown
                .into_iter()
                .filter_map(|message| {
                    let file = message.attachment?;
                    let album = if message.album.is_some() { " in an album" } else { "" };
                    Some(format!("{} {} {}{album}", file.kind, file.name, file.size_bytes))
                })
                .collect();
            (lines.len() >= count).then(|| lines.join("\n"))
        })
        .await
}

#[tokio::test]
async fn what_a_person_sends_reaches_the_agent_and_what_it_leaves_comes_back() {
    let telegram = Telegram::start().await;
    let world = telegram.world("").await;
    let alice = telegram.alice().await;
    let note = json!({ "kind": "document", "name": "../../notes?.txt", "text": "milk and bread" });
    let asked = telegram.says(json!({ "text": "copy #t1", "file": note })).await;
    assert_eq!(files(&world, &telegram, alice, 1).await, "document 1-1-_.._notes_.txt 14");
    assert_eq!(
        answer(&world, &telegram, alice, asked).await,
        "Files that came with this message, in your working directory:\n\
         • inbox/1-1-_.._notes_.txt (../../notes?.txt, 14 bytes)done #t1"
    );
    world.judge().await;
    assert_eq!(telegram.network.violations().await, []);
    let spool = std::fs::read_dir(world.file("state/spool/1-1")).unwrap();
    assert_eq!(spool.count(), 0, "what is sent is not kept");
}

#[tokio::test]
async fn an_album_is_one_turn_and_pictures_come_back_as_one() {
    let telegram = Telegram::start().await;
    let world = telegram.world("").await;
    let alice = telegram.alice().await;
    let album = ["a", "b", "c"].map(|text| json!({ "kind": "photo", "name": "p.jpg", "text": text }));
    let asked = telegram.says(json!({ "text": "pictures #t1", "files": album })).await;
    assert_eq!(answer(&world, &telegram, alice, asked).await, "done #t1");
    insta::assert_snapshot!(files(&world, &telegram, alice, 3).await, @r"
    photo 1.png 9 in an album
    photo 2.png 9 in an album
    photo 3.png 9 in an album
    ");
    let inbox = std::fs::read_dir(world.file("state/places/1-1/inbox")).unwrap();
    assert_eq!(inbox.count(), 3);
    world.judge().await;
}

#[tokio::test]
async fn what_can_not_be_sent_as_it_is_goes_otherwise_or_is_named() {
    let telegram = Telegram::start().await;
    let world = telegram.world("").await;
    let alice = telegram.alice().await;
    let asked = telegram.says(json!({ "text": "odd #t1" })).await;
    assert_eq!(files(&world, &telegram, alice, 1).await, "document broken.png 9");
    assert_eq!(
        answer(&world, &telegram, alice, asked).await,
        "done #t1\n\n(Left in the agent's outbox, not sent here: empty.txt (empty), folder (it is no file), link.txt (a link).)"
    );
    world.judge().await;
}

#[tokio::test]
async fn a_message_that_is_only_a_file_that_can_not_be_had_says_why() {
    let telegram = Telegram::start().await;
    let world = telegram.world("").await;
    let alice = telegram.alice().await;
    let film = json!({ "kind": "video", "name": "film.mp4", "text": "x", "size_bytes": 20_000_001 });
    let asked = telegram.says(json!({ "file": film })).await;
    assert_eq!(
        answer(&world, &telegram, alice, asked).await,
        "Error: I could not take what you sent: film.mp4: it is larger than 20 MB, more than a bot may fetch."
    );
    // With a word beside it, the agent is asked all the same.
    let asked = telegram.says(json!({ "text": "copy #t2", "file": film })).await;
    let told = answer(&world, &telegram, alice, asked).await;
    assert!(told.contains("film.mp4 is not here: it is larger than 20 MB"), "{told}");
    world.judge().await;
}

#[tokio::test]
async fn whoever_dies_over_a_file_leaves_it_to_the_next() {
    let telegram = Telegram::start().await;
    let mut world = telegram.world("").await;
    let alice = telegram.alice().await;
    let failing = |kind: &str| vec![json!({ "kind": kind }); 40];
    telegram.does("faults", json!({ "method": "download", "faults": failing("cut_after") })).await;
    let note = json!({ "kind": "document", "name": "note.txt", "text": "milk and bread" });
    let asked = telegram.says(json!({ "text": "copy #t1", "file": note })).await;
    world.until("a download failed", async |world| world.log().contains("not fetched yet").then_some(())).await;
    world.kill_supervisor().await;
    telegram.network.clear_faults().await;
    telegram.does("faults", json!({ "method": "senddocument", "faults": failing("drop_before") })).await;
    world.start_supervisor();
    assert!(answer(&world, &telegram, alice, asked).await.ends_with("done #t1"));
    let failed = async |world: &World| world.log().contains("may or may not have arrived").then_some(());
    world.until("a post failed", failed).await;
    world.kill_supervisor().await;
    telegram.network.clear_faults().await;
    world.start_supervisor();
    assert_eq!(files(&world, &telegram, alice, 1).await, "document 1-1-note.txt 14");
    world.judge().await;
}

/// A process dies with files kept and nothing elected, elected and not posted, and posted and not recorded.
#[tokio::test]
async fn files_outlive_a_death_at_every_point_of_their_way_out() {
    for point in [Point::ElectBefore, Point::ElectAfter, Point::DeliverAfterClaim, Point::DeliverAfterSettle] {
        let telegram = Telegram::start().await;
        let once = tempfile::NamedTempFile::new().unwrap();
        let env = vec![
            // The first two deliveries of the turn are its placeholder and its text.
            (
                "LASTWORD_CRASH_AT",
                format!("{}:{}", point.as_str(), if point.as_str().starts_with("elect") { 1 } else { 3 }),
            ),
            ("LASTWORD_CRASH_ONCE", once.path().display().to_string()),
        ];
        let world = telegram.world_with("", Settings { env, ..Settings::default() }).await;
        let alice = telegram.alice().await;
        let asked = telegram.says(json!({ "text": "pictures #t1" })).await;
        if point == Point::ElectBefore {
            let interrupted = async |_: &World| {
                let word = answer(&world, &telegram, alice, asked).await;
                word.starts_with("Error: the work on this was interrupted").then_some(())
            };
            world.until("its error takes the place of its progress", interrupted).await;
        } else {
            let seen = files(&world, &telegram, alice, 3).await;
            assert_eq!(seen.lines().count(), 3, "{}: {seen}", point.as_str());
            assert_eq!(answer(&world, &telegram, alice, asked).await, "done #t1");
        }
        assert!(!once.path().exists(), "nobody died at {}", point.as_str());
        world.judge().await;
    }
}
