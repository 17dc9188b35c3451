//! The store is out, and the network soon gives up what is not acknowledged: it is kept in the journal.

use std::path::PathBuf;

use lastword_core::faults::Point;
use lastword_tests::oracle::Findings;

use crate::world::{OtherProgram, Settings, Who, World, dying_at};

fn settings() -> Settings {
    Settings { account: "is_impatient: true".into(), ..Settings::default() }
}

fn journals(world: &World) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(world.file("state/journal")).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "inbound")).collect()
}

/// Waits until the network has forgotten so many updates.
async fn acknowledged(world: &World, updates: u64) {
    world.until("it is acknowledged", async |world| (world.book().await.confirmed == updates).then_some(())).await;
}

async fn goes_on(world: &World) {
    world.until("no journal is left", async |world| journals(world).is_empty().then_some(())).await;
    assert_eq!(world.judge().await, Findings::default());
}

#[tokio::test]
async fn what_was_acknowledged_while_the_store_was_out_is_answered_in_order_when_it_is_back() {
    let world = World::start_with(settings()).await;
    let before = world.alice_says("go #t1").await;
    assert_eq!(world.last_word(&before).await, "done #t1");
    acknowledged(&world, 1).await;
    assert!(journals(&world).is_empty(), "the store is well");
    let other = OtherProgram::holds_the_store_of(&world);
    let first = world.alice_says("go #t2").await;
    acknowledged(&world, 2).await;
    let second = world.alice_says("go #t3").await;
    acknowledged(&world, 3).await;
    assert_eq!(journals(&world).len(), 1);
    told(&world).await;
    drop(other);
    let third = world.alice_says("go #t4").await;
    for (asked, answer) in [(first, "done #t2"), (second, "done #t3"), (third, "done #t4")] {
        assert_eq!(world.last_word(&asked).await, answer);
    }
    goes_on(&world).await;
}

#[tokio::test]
async fn what_a_dead_bridge_acknowledged_is_answered_by_the_next() {
    let world = World::start_with(settings()).await;
    let other = OtherProgram::holds_the_store_of(&world);
    let asked = world.alice_says("go #t1").await;
    acknowledged(&world, 1).await;
    world.kill(Who::Bridge).await;
    drop(other);
    assert_eq!(world.last_word(&asked).await, "done #t1");
    goes_on(&world).await;
}

#[tokio::test]
async fn a_damaged_record_is_kept_for_the_operator_and_the_others_are_answered() {
    let mut world = World::start_with(settings()).await;
    let other = OtherProgram::holds_the_store_of(&world);
    for n in 1..=2 {
        world.says("alice", &format!("c{n}"), &format!("go #t{n}")).await;
        acknowledged(&world, n).await;
    }
    world.kill(Who::Supervisor).await;
    assert!(world.ends_soon().await);
    let file = journals(&world).remove(0);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("go #t1", "go #t7")).unwrap();
    drop(other);
    world.start_supervisor();
    world
        .until("the other is answered", async |world| {
            world.book().await.bot.iter().any(|bot| bot.text == "done #t2").then_some(())
        })
        .await;
    world.until("no journal is left", async |world| journals(world).is_empty().then_some(())).await;
    assert!(file.with_extension("damaged").exists());
    assert!(world.log().contains("journal_damaged"));
}

#[tokio::test]
async fn nothing_is_acknowledged_where_the_journal_would_not_last_or_can_not_be_written() {
    let top = "store: { journal_updates: false }".into();
    let world = World::start_with(Settings { top, ..settings() }).await;
    let other = OtherProgram::holds_the_store_of(&world);
    let asked = world.alice_says("go #t1").await;
    told(&world).await;
    assert_eq!((world.book().await.confirmed, journals(&world).len()), (0, 0));
    drop(other);
    assert_eq!(world.last_word(&asked).await, "done #t1");
    goes_on(&world).await;

    let world = World::start_with(settings()).await;
    let (directory, away) = (world.file("state/journal"), world.file("state/away"));
    std::fs::rename(&directory, &away).unwrap();
    let other = OtherProgram::holds_the_store_of(&world);
    let asked = world.alice_says("go #t1").await;
    told(&world).await;
    assert_eq!(world.book().await.confirmed, 0);
    assert!(world.log().contains("journal_unwritable"));
    std::fs::rename(&away, &directory).unwrap();
    acknowledged(&world, 1).await;
    drop(other);
    assert_eq!(world.last_word(&asked).await, "done #t1");
    goes_on(&world).await;
    world
        .until("the alert is closed", async |world| {
            let page = world.page().await?;
            let alerts = page["alerts"].as_array()?;
            (!alerts.iter().any(|alert| alert["code"] == "journal_unwritable")).then_some(())
        })
        .await;
}

async fn told(world: &World) {
    let notice = "My storage is unavailable; your message is kept and will be answered.";
    world
        .until("people are told", async |world| {
            world.book().await.bot.iter().any(|bot| bot.text == notice).then_some(())
        })
        .await;
}

/// The points that are passed only while the store of an impatient network is out.
pub const DRIVEN: &[Point] = &[Point::InboundBeforeKeep, Point::InboundAfterKeep, Point::InboundBeforeForget];

#[tokio::test]
async fn a_bridge_that_dies_or_panics_at_any_of_these_points_leaves_one_answer() {
    for (point, how) in DRIVEN.iter().flat_map(|point| [(*point, "abort"), (*point, "panic")]) {
        let directory = tempfile::tempdir().unwrap();
        let once = directory.path().join("once");
        let env = dying_at(point.as_str(), 1, how, &once);
        let world = World::start_with(Settings { env, ..settings() }).await;
        let other = OtherProgram::holds_the_store_of(&world);
        let asked = world.alice_says("go #t1").await;
        let died = async |world: &World| world.until("it died", async |_| (!once.exists()).then_some(())).await;
        if point == Point::InboundBeforeForget {
            acknowledged(&world, 1).await;
            drop(other);
            died(&world).await;
        } else {
            died(&world).await;
            drop(other);
        }
        assert_eq!(world.last_word(&asked).await, "done #t1", "{} by {how}", point.as_str());
        goes_on(&world).await;
    }
}
