//! The store is out, in every way that it can be: nothing is lost, nothing is said twice, and people are told.

use std::{path::PathBuf, time::Duration};

use lastword::process::exit::EXIT_STORE;
use lastword_core::faults::Point;
use lastword_tests::oracle::Findings;
use serde_json::Value;

use crate::world::{OtherProgram, Settings, Who, World, dying_at};

/// What people read while the store is out.
const NOTICE: &str = "My storage is unavailable; your message is kept and will be answered.";

async fn readiness(world: &World) -> Option<(u16, Value)> {
    let page = reqwest::get(world.url("/readyz")).await.ok()?;
    Some((page.status().as_u16(), page.json().await.ok()?))
}

/// Waits until `/readyz` is not ready and names this trouble of the store.
async fn in_trouble(world: &World, cause: &str) {
    world
        .until("/readyz names the trouble", async |world| {
            let (status, page) = readiness(world).await?;
            (status == 503 && page["store"]["trouble"].as_str()?.contains(cause)).then_some(())
        })
        .await;
}

async fn notices_in(world: &World, conversation: &str) -> usize {
    let book = world.book().await;
    book.bot.iter().filter(|bot| bot.conversation == conversation && bot.text == NOTICE).count()
}

async fn told(world: &World, conversation: &str) {
    world.until("people are told", async |world| (notices_in(world, conversation).await > 0).then_some(())).await;
}

/// The journal's files that end like this.
fn journal_files(world: &World, suffix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(world.file("state/journal")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.to_string_lossy().ends_with(suffix)).collect()
}

fn journals(world: &World) -> usize {
    journal_files(world, ".journal").len()
}

async fn journaled(world: &World) {
    world.until("the answer is journaled", async |world| (journals(world) > 0).then_some(())).await;
}

async fn goes_on(world: &World) {
    assert_eq!(world.judge().await, Findings::default());
    world.until("it is ready", async |world| world.is_ready().await.then_some(())).await;
    world.until("no journal is left", async |world| (journals(world) == 0).then_some(())).await;
}

#[tokio::test]
async fn people_are_told_once_and_answered_when_another_program_lets_go_of_the_store() {
    let world = World::start().await;
    let running = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let other = OtherProgram::holds_the_store_of(&world);
    let confirmed = world.book().await.confirmed;
    world.alice_says("go #t2").await;
    world.says("bob", "other", "go #t3").await;
    world.says("eve", "strangers", "let me in").await;
    world.open_gate();
    journaled(&world).await;
    for conversation in ["main", "other"] {
        told(&world, conversation).await;
    }
    in_trouble(&world, "locked").await;
    assert_eq!(world.book().await.confirmed, confirmed, "nothing was accepted");
    assert!(!world.has_last_word(&running).await, "the journal delivers nothing");
    let late = world.says("alice", "late", "go #t4").await;
    told(&world, "late").await;
    drop(other);
    assert_eq!(world.last_word(&running).await, "done #t1");
    assert_eq!(world.last_word(&late).await, "done #t4");
    goes_on(&world).await;
    for (conversation, times) in [("main", 1), ("other", 1), ("late", 1), ("strangers", 0)] {
        assert_eq!(notices_in(&world, conversation).await, times, "{conversation}");
    }
    assert!(world.log().contains("store_unavailable"));
    assert!(!world.file("state/told.json").exists(), "the next outage is another one");
}

#[tokio::test]
async fn a_journaled_answer_beats_the_error_of_its_dead_worker_and_a_new_bridge_tells_nobody_again() {
    let world = World::start().await;
    let running = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let other = OtherProgram::holds_the_store_of(&world);
    let waiting = world.alice_says("go #t2").await;
    world.open_gate();
    journaled(&world).await;
    world.kill(Who::Worker).await;
    told(&world, "main").await;
    world.kill(Who::Bridge).await;
    in_trouble(&world, "can't be used now").await;
    drop(other);
    assert_eq!(world.last_word(&running).await, "done #t1");
    assert_eq!(world.last_word(&waiting).await, "done #t2");
    goes_on(&world).await;
    assert_eq!(notices_in(&world, "main").await, 1);
}

#[tokio::test]
async fn a_damaged_record_is_decided_without_it_and_kept_for_the_operator() {
    let world = World::start().await;
    let mut asked = Vec::new();
    for n in 1..=2 {
        asked.push(world.says("alice", &format!("c{n}"), &format!("gate #t{n}")).await);
        world.begun(&format!("#t{n}")).await;
    }
    let other = OtherProgram::holds_the_store_of(&world);
    world.open_gate();
    let file = world
        .until("both answers are journaled", async |world| {
            let file = journal_files(world, ".journal").pop()?;
            let lines = std::fs::read_to_string(&file).ok()?.lines().count();
            (lines == 2).then_some(file)
        })
        .await;
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("done #t1", "done #t7")).unwrap();
    world.kill(Who::Worker).await;
    drop(other);
    assert!(world.last_word(&asked[0]).await.starts_with("Error: the work on this was interrupted"));
    assert_eq!(world.last_word(&asked[1]).await, "done #t2");
    goes_on(&world).await;
    assert_eq!(journal_files(&world, ".damaged").len(), 1);
    assert!(world.log().contains("journal_damaged"));
}

/// One answer is finished while the store is out, and a process dies at `point`; returns the last word.
async fn dies_at(point: Point) -> String {
    breaks_at(point, "abort").await
}

/// The same by a panic, which the process may survive.
async fn panics_at(point: Point) -> String {
    breaks_at(point, "panic").await
}

async fn breaks_at(point: Point, how: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let once = directory.path().join("once");
    let env = dying_at(point.as_str(), 1, how, &once);
    let mut world = World::start_with(Settings { env, ..Settings::default() }).await;
    let running = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let other = OtherProgram::holds_the_store_of(&world);
    let died = async |world: &World| world.until("it died", async |_| (!once.exists()).then_some(())).await;
    world.open_gate();
    match point {
        Point::JournalBeforeForget => {
            journaled(&world).await;
            drop(other);
            died(&world).await;
        }
        Point::ReplayAfterElect => {
            journaled(&world).await;
            world.kill(Who::Worker).await;
            drop(other);
            died(&world).await;
            // The supervisor replays what its child left, unless a sweep is faster.
            if how == "abort" && world.ends_soon().await {
                world.start_supervisor();
            }
        }
        _ => {
            died(&world).await;
            drop(other);
        }
    }
    let word = world.last_word(&running).await;
    goes_on(&world).await;
    word
}

/// The points that are passed only while the store is out, each with its test here.
pub const DRIVEN: &[Point] =
    &[Point::JournalBeforeAppend, Point::JournalAfterAppend, Point::JournalBeforeForget, Point::ReplayAfterElect];

#[tokio::test]
async fn a_worker_that_dies_before_its_answer_is_journaled_leaves_an_error() {
    assert!(dies_at(Point::JournalBeforeAppend).await.starts_with("Error: the work on this was interrupted"));
}

#[tokio::test]
async fn a_worker_that_dies_with_its_answer_journaled_leaves_the_answer() {
    assert_eq!(dies_at(Point::JournalAfterAppend).await, "done #t1");
}

#[tokio::test]
async fn an_answer_that_is_elected_and_still_journaled_shows_once() {
    assert_eq!(dies_at(Point::JournalBeforeForget).await, "done #t1");
}

#[tokio::test]
async fn a_replay_that_is_cut_off_is_replayed_again_and_shows_once() {
    assert_eq!(dies_at(Point::ReplayAfterElect).await, "done #t1");
}

#[tokio::test]
async fn a_panic_at_any_of_these_points_leaves_one_last_word() {
    // What was asked of the store before the panic may still be granted, and beats the error.
    panics_at(Point::JournalBeforeAppend).await;
    for point in [Point::JournalAfterAppend, Point::JournalBeforeForget, Point::ReplayAfterElect] {
        assert_eq!(panics_at(point).await, "done #t1", "{}", point.as_str());
    }
}

#[tokio::test]
async fn a_lock_that_somebody_holds_in_silence_sends_answers_into_the_journal() {
    let world = World::start().await;
    let running = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let lock = std::fs::File::open(world.file("state/lastword.db.commit-lock")).unwrap();
    lock.lock().unwrap();
    world.open_gate();
    journaled(&world).await;
    in_trouble(&world, "does not answer").await;
    world.kill(Who::Worker).await;
    world.kill(Who::Bridge).await;
    in_trouble(&world, "does not answer").await;
    drop(lock);
    assert_eq!(world.last_word(&running).await, "done #t1");
    goes_on(&world).await;
}

#[tokio::test]
async fn a_failed_sync_ends_the_process_and_its_restart_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let trigger = directory.path().join("break");
    let env = vec![("LASTWORD_BREAK_SYNC", trigger.display().to_string())];
    let top = "restart: { failures_max: 2, pause: 50ms, pause_max: 100ms }".to_owned();
    let world = World::start_with(Settings { env, top, ..Settings::default() }).await;
    let supervisor = world.pid(Who::Supervisor).await;
    for round in 0..4 {
        let before = world.alice_says(&format!("go #b{round}")).await;
        std::fs::write(&trigger, "").unwrap();
        for n in 0..5 {
            world.says("bob", &format!("c{n}"), &format!("go #r{round}n{n}")).await;
        }
        world.until("a disk broke", async |_| (!trigger.exists()).then_some(())).await;
        world
            .until("its process ended", async |world| {
                (world.log().matches("the store can't go on safely").count() > round).then_some(())
            })
            .await;
        world.last_word(&before).await;
    }
    goes_on(&world).await;
    assert!(!supervisor.is_gone() && !world.log().contains("breaker_open"), "a failing disk is no failed start");
}

#[tokio::test]
async fn children_wait_for_a_store_whose_disk_is_gone_and_go_on_when_it_is_back() {
    let world = World::start().await;
    let done = world.alice_says("go #t1").await;
    assert_eq!(world.last_word(&done).await, "done #t1");
    std::fs::rename(world.file("state"), world.file("away")).unwrap();
    for who in [Who::Worker, Who::Bridge] {
        world.kill(who).await;
    }
    let asked = world.alice_says("go #t2").await;
    in_trouble(&world, "state directory").await;
    let (worker, bridge) = (world.pid(Who::Worker).await, world.pid(Who::Bridge).await);
    let healthy = reqwest::get(world.url("/healthz")).await.unwrap();
    assert!(healthy.status().is_success());
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!worker.is_gone() && !bridge.is_gone(), "they wait and do not die of it");
    assert!(!world.file("state").exists(), "no empty store takes the place of the real one");
    std::fs::rename(world.file("away"), world.file("state")).unwrap();
    assert_eq!(world.last_word(&asked).await, "done #t2");
    goes_on(&world).await;
    assert!(!worker.is_gone() && !bridge.is_gone(), "they waited and did not start over");
}

#[tokio::test]
async fn a_store_whose_file_is_moved_away_takes_nothing_until_it_is_back() {
    let world = World::start().await;
    let running = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let (file, away) = (world.file("state/lastword.db"), world.file("away.db"));
    std::fs::rename(&file, &away).unwrap();
    in_trouble(&world, "not where it was").await;
    world.open_gate();
    let asked = world.says("bob", "other", "go #t2").await;
    journaled(&world).await;
    std::fs::write(&file, "another file").unwrap();
    in_trouble(&world, "another file is in its place").await;
    std::fs::rename(&away, &file).unwrap();
    assert_eq!(world.last_word(&running).await, "done #t1");
    assert_eq!(world.last_word(&asked).await, "done #t2");
    goes_on(&world).await;
}

#[tokio::test]
async fn a_state_directory_that_is_out_of_sight_for_a_moment_costs_nobody_anything() {
    let world = World::start().await;
    let running = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let (worker, bridge) = (world.pid(Who::Worker).await, world.pid(Who::Bridge).await);
    std::fs::rename(world.file("state"), world.file("away")).unwrap();
    // Several rounds of everybody's sweep.
    tokio::time::sleep(Duration::from_secs(3)).await;
    std::fs::rename(world.file("away"), world.file("state")).unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.open_gate();
    assert_eq!(world.last_word(&running).await, "done #t1");
    goes_on(&world).await;
    assert!(!worker.is_gone() && !bridge.is_gone(), "nobody was taken for dead");
}

#[tokio::test]
async fn a_first_start_without_a_store_says_so_and_ends() {
    let mut world =
        World::prepare(Settings { top: "store: { path: gone/lastword.db }".into(), ..Settings::default() }).await;
    world.start_supervisor();
    assert_eq!(world.ended().await, Some(EXIT_STORE.into()), "a service manager tries again");
    assert!(world.log().contains("gone/lastword.db"), "{}", world.log());
}

#[tokio::test]
async fn a_start_or_a_last_gasp_without_the_store_that_was_there_makes_no_empty_one() {
    let mut world = World::start().await;
    let done = world.alice_says("go #t1").await;
    assert_eq!(world.last_word(&done).await, "done #t1");
    assert_eq!(world.stop().await, Some(0));
    let store = world.file("state/lastword.db");
    let parts = ["", "-wal", "-shm"].map(|part| PathBuf::from(format!("{}{part}", store.display())));
    let away = |part: &PathBuf| world.file("away").with_extension(part.extension().unwrap());
    for part in parts.iter().filter(|part| part.exists()) {
        std::fs::rename(part, away(part)).unwrap();
    }
    for command in ["run", "last-gasp", "bridge", "worker"] {
        let refused = world.lastword(&[command]).output().unwrap();
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(EXIT_STORE.into()), "{command}: {said}");
        assert!(said.contains("lastword.db") && said.contains("restore"), "{command}: {said}");
        assert!(!store.exists(), "{command}");
    }
    for part in parts.iter().filter(|part| away(part).exists()) {
        std::fs::rename(away(part), part).unwrap();
    }
    world.start_supervisor();
    let next = world.alice_says("go #t2").await;
    assert_eq!(world.last_word(&next).await, "done #t2");
    goes_on(&world).await;
}

#[tokio::test]
async fn whoever_waits_for_the_store_at_a_start_can_be_stopped() {
    let mut world = World::start().await;
    assert_eq!(world.stop().await, Some(0));
    let lock = std::fs::File::open(world.file("state/lastword.db.commit-lock")).unwrap();
    lock.lock().unwrap();
    world.start_supervisor();
    world.until("it waits", async |world| world.log().contains("does not answer yet").then_some(())).await;
    assert_eq!(world.stop().await, Some(0));
}

#[tokio::test]
async fn a_deployment_stops_while_its_store_says_nothing() {
    let top = "shutdown_grace: 1s".to_owned();
    let mut world = World::start_with(Settings { top, ..Settings::default() }).await;
    let lock = std::fs::File::open(world.file("state/lastword.db.commit-lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(world.stop().await, Some(0));
    assert!(!world.log().contains("child_hung"), "{}", world.log());
}

#[tokio::test]
async fn nobody_who_is_well_is_failed_by_an_outage_longer_than_every_deadline() {
    let top = "deadlines: { idle: 3s, queue: 5s }".to_owned();
    let world = World::start_with(Settings { top, ..Settings::default() }).await;
    let mut talking = Vec::new();
    for n in 0..6 {
        talking.push(world.says("alice", &format!("c{n}"), &format!("talk #t{n}")).await);
        world.begun(&format!("#t{n}")).await;
    }
    let other = OtherProgram::holds_the_store_of(&world);
    let waiting = world.says("bob", "other", "go #w").await;
    // Longer than the idle deadline with the sweep's grace.
    tokio::time::sleep(Duration::from_secs(12)).await;
    drop(other);
    assert_eq!(world.last_word(&waiting).await, "done #w");
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.open_gate();
    for (n, talks) in talking.iter().enumerate() {
        let word = world.last_word(talks).await;
        assert!(word.ends_with(&format!("done #t{n}")), "{word}");
    }
    goes_on(&world).await;
}

#[tokio::test]
async fn who_waits_in_the_queue_through_an_outage_is_still_answered() {
    let top = "deadlines: { queue: 5s }\nlimits: { max_concurrent: 1 }".to_owned();
    let world = World::start_with(Settings { top, ..Settings::default() }).await;
    let running = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let waiting = world.says("bob", "other", "go #t2").await;
    world
        .until("both are accepted", async |world| {
            let (_, page) = readiness(world).await?;
            (page["store"]["turns"]["queued"] == 1).then_some(())
        })
        .await;
    let other = OtherProgram::holds_the_store_of(&world);
    world.kill(Who::Worker).await;
    tokio::time::sleep(Duration::from_secs(12)).await;
    drop(other);
    assert_eq!(world.last_word(&waiting).await, "done #t2");
    assert!(world.last_word(&running).await.starts_with("Error: the work on this was interrupted"));
    goes_on(&world).await;
}
