//! Builds that replace one another: children of a new one, and the supervisor that follows them.

use std::time::Duration;

use lastword_core::faults::HandoverPoint;
use lastword_tests::oracle::Findings;

use crate::world::{Pid, Settings, Who, World, dying_at, text};

/// How often the log says something.
fn said(world: &World, what: &str) -> usize {
    world.log().matches(what).count()
}

async fn builds(world: &World) -> Option<(String, Vec<String>)> {
    let page = world.page().await?;
    let workers = page["worker"]["workers"].as_array()?;
    let workers = workers.iter().filter_map(|worker| Some(worker["build"].as_str()?.to_owned())).collect();
    Some((page["build"].as_str()?.to_owned(), workers))
}

const NEXT: &str = "LASTWORD_TEST_BUILD=next exec {program} \"$@\"";

/// A deployment whose supervisor follows its children soon.
fn settings() -> Settings {
    let top = "restart: { healthy_after: 1s, kill_after: 500ms }".into();
    Settings { is_copied: true, top, ..Settings::default() }
}

fn is_next(build: &str) -> bool {
    build.contains("(next")
}

/// Waits until bridge and worker are of the build `next`.
async fn changed(world: &World) {
    world
        .until("bridge and worker are of the next build", async |world| {
            let (bridge, workers) = builds(world).await?;
            (is_next(&bridge) && workers.iter().any(|build| is_next(build))).then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_new_build_takes_over_while_the_old_worker_finishes_its_turns() {
    let world = World::start_with(Settings { is_copied: true, ..Settings::default() }).await;
    let running = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let supervisor = world.pid(Who::Supervisor).await;
    world.replace_program(NEXT);
    changed(&world).await;
    let meanwhile = world.says("bob", "other", "go #t2").await;
    assert_eq!(world.last_word(&meanwhile).await, "done #t2", "the new worker takes new turns");
    assert!(!world.has_last_word(&running).await);
    world.open_gate();
    assert_eq!(world.last_word(&running).await, "done #t1");
    assert_eq!(world.runs_of("#t1"), 1);
    world
        .until("the old worker is gone", async |world| {
            let (_, workers) = builds(world).await?;
            workers.iter().all(|build| is_next(build)).then_some(())
        })
        .await;
    assert!(!supervisor.is_gone());
    assert_eq!(world.judge().await, Findings::default());
}

/// Waits until the supervisor is of the build `next` and keeps both children.
async fn inherited(world: &World) {
    world
        .until("the supervisor has changed, too", async |world| (said(world, " inherited role=") == 2).then_some(()))
        .await;
}

#[tokio::test]
async fn the_supervisor_becomes_the_build_of_its_children_and_keeps_them() {
    let mut world = World::start_with(settings()).await;
    let supervisor = world.pid(Who::Supervisor).await;
    let running = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    world.replace_program(NEXT);
    changed(&world).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(said(&world, " inherited role="), 0, "the old worker has still a turn to end");
    world.open_gate();
    assert_eq!(world.last_word(&running).await, "done #t1");
    let children = [world.pid(Who::Bridge).await, world.pid(Who::Worker).await];
    inherited(&world).await;
    assert!(!supervisor.is_gone() && children.iter().all(|child| !child.is_gone()), "{}", world.log());
    assert!(world.log().contains("INFO the supervisor becomes the build of its children"), "{}", world.log());
    // It has the lock, and is heard by its children and hears them.
    let refused = world.lastword(&["run"]).output().unwrap();
    assert!(text(&refused.stderr).contains("another Lastword already uses"), "{}", text(&refused.stderr));
    world.kill(Who::Bridge).await;
    let next = world.alice_says("go #t2").await;
    assert_eq!(world.last_word(&next).await, "done #t2");
    assert!(is_next(&builds(&world).await.unwrap().0));
    world.freeze(Who::Worker).await;
    world.until("the worker is gone", async |_| children[1].is_gone().then_some(())).await;
    let next = world.alice_says("go #t3").await;
    assert_eq!(world.last_word(&next).await, "done #t3");
    assert!(world.log().contains("child_hung"), "{}", world.log());
    assert_eq!(world.judge().await, Findings::default());
    assert_eq!(world.stop().await, Some(0));
}

#[tokio::test]
async fn children_end_with_a_supervisor_that_became_another_build() {
    let mut world = World::start_with(settings()).await;
    world.replace_program(NEXT);
    changed(&world).await;
    inherited(&world).await;
    let asked = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let children = [world.pid(Who::Bridge).await, world.pid(Who::Worker).await];
    world.kill(Who::Supervisor).await;
    let gone = async |_: &World| children.iter().all(|child| child.is_gone()).then_some(());
    world.until("they are gone", gone).await;
    world.start_supervisor();
    assert!(world.last_word(&asked).await.starts_with("Error: the work on this was interrupted"));
    assert_eq!(world.judge().await, Findings::default());
}

/// Its supervisor comes to `point` of its first handover, while a turn runs.
async fn at_handover(point: HandoverPoint, how: &str, next: &str) -> (World, String) {
    let directory = tempfile::tempdir().unwrap();
    let once = directory.path().join("once");
    let env = dying_at(point.as_str(), 1, how, &once);
    // Long enough for a turn to begin before.
    let top = "restart: { healthy_after: 4s, kill_after: 500ms }".into();
    let world = World::start_with(Settings { env, top, ..settings() }).await;
    world.replace_program(next);
    changed(&world).await;
    let asked = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    world.until("the supervisor is there", async |_| (!once.exists()).then_some(())).await;
    (world, asked)
}

#[tokio::test]
async fn a_supervisor_that_dies_while_it_becomes_another_build_is_one_that_dies() {
    for point in HandoverPoint::ALL {
        let (mut world, asked) = at_handover(*point, "abort", NEXT).await;
        world.ended().await;
        world.start_supervisor();
        assert!(world.last_word(&asked).await.starts_with("Error: the work on this was interrupted"));
        assert!(is_next(&builds(&world).await.unwrap().0));
        assert_eq!(world.judge().await, Findings::default());
        assert_eq!(world.stop().await, Some(0));
    }
}

/// Waits until the system has stopped it.
async fn stopped(world: &World) -> Pid {
    let supervisor = world.pid(Who::Supervisor).await;
    world.until("it is stopped", async |_| supervisor.is_stopped().then_some(())).await;
    supervisor
}

/// The same, and it is asked to stop, and has become another build that can't open the store while the lock is held.
async fn asked_to_stop_without_a_store() -> (World, String, Pid, std::fs::File) {
    let (world, asked) = at_handover(HandoverPoint::BeforeAdoption, "stop", NEXT).await;
    let supervisor = stopped(&world).await;
    let lock = std::fs::File::options().write(true).open(world.file("state/lastword.db.commit-lock")).unwrap();
    lock.lock().unwrap();
    supervisor.terminate();
    supervisor.thaw();
    (world, asked, supervisor, lock)
}

#[tokio::test]
async fn who_asks_a_supervisor_to_stop_while_it_becomes_another_build_is_heard() {
    let (mut world, asked, _, lock) = asked_to_stop_without_a_store().await;
    // The one of the build before made room.
    let both = async |world: &World| (said(world, "the bridge stops receiving") == 2).then_some(());
    world.until("the bridge is asked to stop", both).await;
    drop(lock);
    world.open_gate();
    assert_eq!(world.ended().await, Some(0), "{}", world.log());
    assert_eq!(world.last_word(&asked).await, "done #t1", "its turn had its grace: {}", world.log());
    assert_eq!(said(&world, " inherited role="), 0, "there was no store yet: {}", world.log());
}

#[tokio::test]
async fn who_asks_twice_a_supervisor_that_still_waits_for_the_store_is_heard_at_once() {
    let (mut world, asked, supervisor, lock) = asked_to_stop_without_a_store().await;
    world.until("it stops", async |world| (said(world, "stopping: running turns") == 1).then_some(())).await;
    supervisor.terminate();
    assert_eq!(world.ended().await, Some(1), "{}", world.log());
    assert_eq!(said(&world, "asked twice to stop"), 1, "{}", world.log());
    drop(lock);
    world.start_supervisor();
    assert!(world.last_word(&asked).await.starts_with("Error: the work on this was interrupted"));
    assert_eq!(world.judge().await, Findings::default());
}

#[tokio::test]
async fn a_supervisor_that_finds_no_store_when_it_has_become_another_build_says_so_and_lets_turns_finish() {
    let (mut world, asked) = at_handover(HandoverPoint::BeforeAdoption, "stop", NEXT).await;
    let supervisor = stopped(&world).await;
    let (store, away) = (world.file("state/lastword.db"), world.file("away"));
    std::fs::rename(&store, &away).unwrap();
    supervisor.thaw();
    let why = "there is no store: this deployment had its store at";
    world.until("it says so", async |world| (said(world, why) == 1).then_some(())).await;
    assert!(!world.has_last_word(&asked).await);
    std::fs::rename(&away, &store).unwrap();
    world.open_gate();
    assert_ne!(world.ended().await, Some(0), "{}", world.log());
    assert_eq!(world.last_word(&asked).await, "done #t1", "its turn had its grace: {}", world.log());
}

#[tokio::test]
async fn a_child_that_hangs_with_the_commit_lock_in_hand_does_not_hold_up_a_supervisor_that_becomes_another_build() {
    let directory = tempfile::tempdir().unwrap();
    let once = directory.path().join("once");
    let next = format!(
        "case \"$*\" in *\" bridge\") export LASTWORD_CRASH_AT=store.in_commit LASTWORD_CRASH_ONCE='{}';; esac; {NEXT}",
        once.display()
    );
    let (mut world, asked) = at_handover(HandoverPoint::BeforeAdoption, "stop", &next).await;
    let (supervisor, bridge) = (stopped(&world).await, world.pid(Who::Bridge).await);
    std::fs::write(&once, "").unwrap();
    let other = world.says("bob", "other", "go #t2").await;
    world.until("the bridge holds the lock", async |_| bridge.is_stopped().then_some(())).await;
    supervisor.thaw();
    inherited(&world).await;
    world.open_gate();
    assert_eq!(world.last_word(&asked).await, "done #t1");
    assert_eq!(world.last_word(&other).await, "done #t2");
    assert!(world.log().contains("there is no store yet, and silent for"), "{}", world.log());
    assert_eq!(world.judge().await, Findings::default());
    assert_eq!(world.stop().await, Some(0));
}

#[tokio::test]
async fn a_supervisor_does_not_become_a_build_that_would_not_take_over() {
    let mut world = World::start_with(settings()).await;
    // One whose configuration names another database by now.
    let check = world.lastword(&["check", "--heir-of", "/nowhere/lastword.db"]).output().unwrap();
    assert!(!check.status.success() && text(&check.stderr).contains("no longer /nowhere/lastword.db"));
    // An older one does not know what it is asked.
    world.replace_program(&format!("case \"$*\" in *--heir-of*) exit 2;; esac; {NEXT}"));
    changed(&world).await;
    let stays = "the supervisor stays the build that it is until its next start: it would not take over: it ended with";
    world.until("it stays", async |world| (said(world, stays) == 1).then_some(())).await;
    let asked = world.alice_says("go #t1").await;
    assert_eq!(world.last_word(&asked).await, "done #t1");
    assert_eq!(said(&world, " inherited role="), 0, "{}", world.log());
    assert!(is_next(&builds(&world).await.unwrap().0));
    assert_eq!(world.judge().await, Findings::default());
    assert_eq!(world.stop().await, Some(0));
}

#[tokio::test]
async fn a_supervisor_that_can_not_become_another_build_goes_on_as_it_is() {
    let mut world = World::start_with(settings()).await;
    world.replace_program(&format!("case \"$*\" in *--heir-of*) chmod a-x \"$0\";; esac; {NEXT}"));
    changed(&world).await;
    let stays = "the supervisor stays the build that it is until its next start: Permission denied";
    world.until("it stays", async |world| (said(world, stays) == 1).then_some(())).await;
    for (who, message) in [(Who::Bridge, "#t1"), (Who::Worker, "#t2")] {
        world.kill(who).await;
        let asked = world.alice_says(&format!("go {message}")).await;
        assert_eq!(world.last_word(&asked).await, format!("done {message}"));
    }
    assert_eq!(said(&world, stays), 1);
    assert_eq!(world.judge().await, Findings::default());
    assert_eq!(world.stop().await, Some(0));
}

#[tokio::test]
async fn a_broken_new_build_is_withdrawn_and_a_worse_one_is_not_even_tried() {
    let world = World::start_with(Settings { is_copied: true, ..Settings::default() }).await;
    let (old, _) = builds(&world).await.unwrap();
    let worker = world.pid(Who::Worker).await;
    world.replace_program("case \"$*\" in --version) echo 'lastword 9.9.9 (broken)';; *check) ;; *) exit 3;; esac");
    world.until("it is withdrawn", async |world| world.log().contains("going back").then_some(())).await;
    let asked = world.alice_says("go #t1").await;
    assert_eq!(world.last_word(&asked).await, "done #t1");
    assert_eq!(builds(&world).await.unwrap().0, old);
    assert!(!worker.is_gone(), "the worker was not touched");
    world.replace_program("exit 4");
    world.until("it is reported", async |world| world.log().contains("does not work").then_some(())).await;
    world.replace_program("case \"$*\" in --version) echo 'lastword 9.9.9 (strict)';; *) exit 78;; esac");
    world.until("it is reported", async |world| world.log().contains("does not take").then_some(())).await;
    assert_eq!(said(&world, "going back"), 1);
    assert_eq!(world.judge().await, Findings::default());
}

#[tokio::test]
async fn a_new_build_that_never_gets_ready_is_withdrawn() {
    let settings = Settings {
        is_copied: true,
        top: "restart: { start_within: 3s, kill_after: 500ms }".into(),
        ..Settings::default()
    };
    let world = World::start_with(settings).await;
    world.replace_program(
        "case \"$*\" in --version) echo 'lastword 9.9.9 (idle)';; *check) ;; *) exec sleep 1000;; esac",
    );
    world.until("it is withdrawn", async |world| world.log().contains("going back").then_some(())).await;
    let asked = world.alice_says("go #t1").await;
    assert_eq!(world.last_word(&asked).await, "done #t1");
    assert_eq!(world.judge().await, Findings::default());
}

#[tokio::test]
async fn a_new_build_is_only_reported_where_the_operator_wants_that() {
    let settings = Settings { is_copied: true, top: "restart: { stale: report }".into(), ..Settings::default() };
    let world = World::start_with(settings).await;
    let bridge = world.pid(Who::Bridge).await;
    world.replace_program(NEXT);
    world.until("it is reported", async |world| world.log().contains("child_stale").then_some(())).await;
    assert!(world.log().contains("it is only reported") && !bridge.is_gone());
}

/// The roles that `lastword alerts` says are of another build.
fn stale(world: &World) -> usize {
    let alerts = world.lastword(&["alerts"]).output().unwrap();
    text(&alerts.stdout).matches("child_stale").count()
}

#[tokio::test]
async fn the_same_build_installed_again_stays_what_it_is() {
    let world = World::start_with(Settings { is_copied: true, ..Settings::default() }).await;
    world.replace_program(NEXT);
    changed(&world).await;
    world.replace_program(&format!("# installed again\n{NEXT}"));
    world.until("it is seen", async |world| world.log().contains("replaced by the same build").then_some(())).await;
    world.kill(Who::Worker).await;
    let asked = world.alice_says("go #t1").await;
    assert_eq!(world.last_word(&asked).await, "done #t1");
    assert!(builds(&world).await.unwrap().1.iter().any(|build| is_next(build)), "{}", world.log());
    assert_eq!(said(&world, "going back"), 0);
}

#[tokio::test]
async fn a_build_that_is_only_reported_stays_reported_when_a_child_starts_again() {
    let settings = Settings { is_copied: true, top: "restart: { stale: report }".into(), ..Settings::default() };
    let world = World::start_with(settings).await;
    world.replace_program(NEXT);
    world.until("it is reported", async |world| (stale(world) == 2).then_some(())).await;
    for who in [Who::Bridge, Who::Worker] {
        world.kill(who).await;
    }
    world.until("they do their work again", async |world| (said(world, " ready role=") >= 4).then_some(())).await;
    let asked = world.alice_says("go #t1").await;
    assert_eq!(world.last_word(&asked).await, "done #t1");
    assert_eq!(stale(&world), 2);
}

#[tokio::test]
async fn the_limit_of_turns_holds_while_one_worker_replaces_another() {
    let settings = Settings { is_copied: true, top: "limits: { max_concurrent: 1 }".into(), ..Settings::default() };
    let world = World::start_with(settings).await;
    let running = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    world.replace_program(NEXT);
    changed(&world).await;
    let waiting = world.says("bob", "other", "go #t2").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.runs_of("#t2"), 0, "the old worker still runs one");
    world.open_gate();
    assert_eq!(world.last_word(&running).await, "done #t1");
    assert_eq!(world.last_word(&waiting).await, "done #t2");
    assert_eq!(world.judge().await, Findings::default());
}

#[tokio::test]
async fn a_new_build_may_wait_for_the_store_as_long_as_it_takes() {
    let top = "restart: { start_within: 3s, kill_after: 500ms }".into();
    let world = World::start_with(Settings { is_copied: true, top, ..Settings::default() }).await;
    let lock = std::fs::File::open(world.file("state/lastword.db.commit-lock")).unwrap();
    lock.lock().unwrap();
    world.kill(Who::Bridge).await;
    world.until("it waits", async |world| world.log().contains("waiting for the store").then_some(())).await;
    world.replace_program(NEXT);
    world.until("it makes room", async |world| (said(world, "waiting for the store") > 1).then_some(())).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    drop(lock);
    changed(&world).await;
    for code in ["going back", "child_hung", "child_late"] {
        assert_eq!(said(&world, code), 0, "{code}");
    }
    let asked = world.alice_says("go #t1").await;
    assert_eq!(world.last_word(&asked).await, "done #t1");
    assert_eq!(world.judge().await, Findings::default());
}

#[tokio::test]
async fn a_bridge_that_makes_room_delivers_the_last_words_of_a_deployment_that_stops() {
    let mut world = World::start_with(Settings { is_copied: true, ..Settings::default() }).await;
    let asked = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let bridge = world.freeze(Who::Bridge).await;
    world.replace_program(NEXT);
    world.until("it changes", async |world| world.log().contains("changing to it").then_some(())).await;
    world.terminate(Who::Supervisor).await;
    world.until("it stops", async |world| world.log().contains("stopping: running turns").then_some(())).await;
    bridge.thaw();
    world
        .until("it waits for the turn", async |world| world.log().contains("the bridge stops receiving").then_some(()))
        .await;
    world.open_gate();
    assert_eq!(world.ended().await, Some(0));
    assert!(world.has_last_word(&asked).await, "{}", world.log());
}
