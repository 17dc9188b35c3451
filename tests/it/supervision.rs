//! What the supervisor does about children that hang, fail again and again or are of another build.

use std::{
    net::TcpListener,
    os::unix::net::UnixDatagram,
    time::{Duration, Instant},
};

use lastword_tests::{ledger::Settings as Conduct, oracle::Findings};

use crate::world::{Settings, Who, World};

/// Short patience, and a deployment that is otherwise at its defaults.
const IMPATIENT: &str = "restart: { hung_after: 2s, kill_after: 500ms }";

async fn world_with(top: &str) -> World {
    World::start_with(Settings { top: top.into(), ..Settings::default() }).await
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// How often the log says something.
fn said(world: &World, what: &str) -> usize {
    world.log().matches(what).count()
}

// --- hung ----------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_hung_worker_is_replaced_and_its_turn_has_one_last_word() {
    let world = world_with(IMPATIENT).await;
    let asked = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let agent = world.pid(Who::Agent).await;
    let worker = world.freeze(Who::Worker).await;
    let begin = Instant::now();
    world.until("the worker is gone", async |_| worker.is_gone().then_some(())).await;
    assert!(world.last_word(&asked).await.starts_with("Error: the work on this was interrupted"));
    eprintln!("a hung worker was replaced and its turn answered within {:?}", begin.elapsed());
    world.until("the agent is gone", async |_| agent.is_gone().then_some(())).await;
    assert!(world.log().contains("child_hung"), "{}", world.log());
    let next = world.alice_says("go #t2").await;
    assert_eq!(world.last_word(&next).await, "done #t2");
    assert_eq!(world.judge().await, Findings::default());
}

#[tokio::test]
async fn a_hung_bridge_is_replaced_and_the_answer_is_delivered() {
    let world = world_with(IMPATIENT).await;
    let asked = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let bridge = world.freeze(Who::Bridge).await;
    world.open_gate();
    assert_eq!(world.last_word(&asked).await, "done #t1");
    assert!(bridge.is_gone());
    assert_eq!(world.runs_of("#t1"), 1, "the turn ran on in the worker");
    assert_eq!(world.judge().await, Findings::default());
}

#[tokio::test]
async fn whoever_hangs_with_the_commit_lock_in_hand_is_killed_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let once = directory.path().join("once");
    std::fs::write(&once, "").unwrap();
    let world = World::start_with(Settings {
        env: vec![
            ("LASTWORD_CRASH_AT", "store.in_commit".into()),
            ("LASTWORD_CRASH_ONCE", once.display().to_string()),
            ("LASTWORD_CRASH_HOW", "stop".into()),
        ],
        ..Settings::default()
    })
    .await;
    world.alice_says("go #t1").await;
    world.until("somebody stops", async |_| (!once.exists()).then_some(())).await;
    let begin = Instant::now();
    // With everything else at its default: a child that only hangs is asked after ten seconds.
    world.until("it is killed", async |world| world.log().contains("commit lock in hand").then_some(())).await;
    eprintln!("whoever hung with the commit lock was killed within {:?}", begin.elapsed());
    world.says("bob", "other", "go #t2").await;
    assert_eq!(world.judge().await, Findings::default());
}

#[tokio::test]
async fn a_store_that_does_not_answer_makes_nobody_hang() {
    let world = world_with(IMPATIENT).await;
    let asked = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let lock = std::fs::File::options().write(true).open(world.file("state/lastword.db.commit-lock")).unwrap();
    lock.lock().unwrap();
    world.open_gate();
    // Longer than a child may be silent.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(!world.has_last_word(&asked).await, "nobody commits");
    lock.unlock().unwrap();
    assert_eq!(world.last_word(&asked).await, "done #t1");
    assert!(!world.log().contains("child_hung") && !world.log().contains("child_died"), "{}", world.log());
    assert_eq!(world.judge().await, Findings::default());
}

#[tokio::test]
async fn a_deployment_that_slept_as_a_whole_loses_nobody() {
    let world = world_with(IMPATIENT).await;
    let asked = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let everybody = world.everybody();
    for supervisor_first in [true, false] {
        let mut in_order = everybody.clone();
        if !supervisor_first {
            in_order.reverse();
        }
        in_order.iter().for_each(|pid| pid.freeze());
        tokio::time::sleep(Duration::from_secs(4)).await;
        in_order.iter().for_each(|pid| pid.thaw());
        // Long enough for whoever would be taken for hung.
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    world.open_gate();
    assert_eq!(world.last_word(&asked).await, "done #t1");
    assert_eq!(world.runs_of("#t1"), 1);
    let children = everybody.iter().take(3);
    assert!(children.clone().count() == 3 && children.clone().all(|pid| !pid.is_gone()), "{}", world.log());
    assert_eq!(world.judge().await, Findings::default());
}

// --- failing again and again ---------------------------------------------------------------------------------------

/// A bridge that dies while its worker has an answer, and can't come back because its port was taken.
async fn bridge_fails(world: &World) -> TcpListener {
    let supervisor = world.freeze(Who::Supervisor).await;
    world.kill(Who::Bridge).await;
    let port = world.take_port().await;
    world.open_gate();
    supervisor.thaw();
    port
}

/// A deployment that gave up while an answer was on its way.
async fn given_up(cooldown: &str) -> World {
    let mut world =
        world_with(&format!("restart: {{ failures_max: 3, pause: 50ms, pause_max: 100ms, cooldown: {cooldown} }}"))
            .await;
    let asked = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let port = bridge_fails(&world).await;
    assert_eq!(world.ended().await, Some(70), "{}", world.log());
    assert_eq!(world.last_word(&asked).await, "done #t1", "the last gasp delivered it");
    assert!(world.log().contains("breaker_open") && world.log().contains("last gasp: everything"), "{}", world.log());
    drop(port);
    world
}

#[tokio::test]
async fn a_bridge_that_never_comes_back_ends_in_a_last_gasp_and_the_next_start_waits_out_the_cooldown() {
    let mut world = given_up("6s").await;
    world.start_supervisor();
    world.until("it waits", async |world| world.log().contains("before trying once more").then_some(())).await;
    assert!(world.find(Who::Bridge).is_none() && world.find(Who::Worker).is_none());
    let next = world.alice_says("go #t2").await;
    assert_eq!(world.last_word(&next).await, "done #t2");
    assert_eq!(world.judge().await, Findings::default());
}

#[tokio::test]
async fn a_cooldown_ends_when_asked_to_stop_and_with_a_changed_configuration() {
    let mut world = given_up("1h").await;
    world.start_supervisor();
    world.until("it waits", async |world| world.log().contains("before trying once more").then_some(())).await;
    assert_eq!(world.stop().await, Some(0));
    let config = std::fs::read_to_string(world.config()).unwrap();
    std::fs::write(world.config(), format!("{config}# mended\n")).unwrap();
    world.start_supervisor();
    let next = world.alice_says("go #t2").await;
    assert_eq!(world.last_word(&next).await, "done #t2");
    assert_eq!(said(&world, "before trying once more"), 1);
    assert_eq!(world.judge().await, Findings::default());
}

#[tokio::test]
async fn a_last_gasp_is_cut_off_when_asked_to_stop_and_the_next_start_goes_on() {
    let mut world = world_with("restart: { failures_max: 2, pause: 50ms, cooldown: 100ms, last_gasp: 10m }").await;
    let asked = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    world.network().set(Conduct { is_out: true, ..Conduct::default() }).await;
    let port = bridge_fails(&world).await;
    world.until("it gasps", async |world| world.log().contains("giving up: a last gasp").then_some(())).await;
    assert_eq!(world.stop().await, Some(70));
    world.network().set(Conduct::default()).await;
    drop(port);
    world.start_supervisor();
    assert_eq!(world.last_word(&asked).await, "done #t1");
    assert_eq!(world.judge().await, Findings::default());
}

// --- the last gasp by hand -----------------------------------------------------------------------------------------

#[tokio::test]
async fn a_last_gasp_by_hand_decides_what_ran_delivers_what_is_due_and_leaves_the_queue() {
    let mut world = world_with("").await;
    let refused = world.lastword(&["last-gasp"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("another Lastword"), "{}", text(&refused.stderr));

    let running = world.alice_says("gate #t1").await;
    let waiting = world.alice_says("next #t2").await;
    world.begun("#t1").await;
    world
        .until("the second one waits", async |world| {
            (world.page().await?["store"]["turns"]["queued"] == 1).then_some(())
        })
        .await;
    world.kill_supervisor().await;
    let gasp = world.lastword(&["last-gasp"]).output().unwrap();
    assert_eq!(gasp.status.code(), Some(0), "{}", text(&gasp.stderr));
    assert!(text(&gasp.stdout).contains("has been delivered"), "{}", text(&gasp.stdout));
    assert!(world.last_word(&running).await.starts_with("Error: the work on this was interrupted"));
    assert!(!world.has_last_word(&waiting).await);
    world.start_supervisor();
    assert_eq!(world.last_word(&waiting).await, "done #t2");
    assert_eq!(world.judge().await, Findings::default());
}

#[tokio::test]
async fn a_last_gasp_says_what_it_could_not_deliver() {
    let mut world = world_with("restart: { last_gasp: 1s }").await;
    let asked = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    world.network().set(Conduct { is_out: true, ..Conduct::default() }).await;
    world.kill_supervisor().await;
    let gasp = world.lastword(&["last-gasp"]).output().unwrap();
    assert_eq!(gasp.status.code(), Some(1), "{}", text(&gasp.stderr));
    assert!(text(&gasp.stdout).contains("kept for the next start"), "{}", text(&gasp.stdout));
    world.network().set(Conduct::default()).await;
    world.start_supervisor();
    assert!(world.last_word(&asked).await.starts_with("Error: the work on this was interrupted"));
    assert_eq!(world.judge().await, Findings::default());
}

// --- stale ---------------------------------------------------------------------------------------------------------

async fn builds(world: &World) -> Option<(String, Vec<String>)> {
    let page = world.page().await?;
    let workers = page["worker"]["workers"].as_array()?;
    let workers = workers.iter().filter_map(|worker| Some(worker["build"].as_str()?.to_owned())).collect();
    Some((page["build"].as_str()?.to_owned(), workers))
}

const NEXT: &str = "LASTWORD_TEST_BUILD=next exec {program} \"$@\"";

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
    let top = "restart: { kill_after: 500ms }".into();
    let mut world = World::start_with(Settings { is_copied: true, top, ..Settings::default() }).await;
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
    let mut world = World::start_with(Settings { is_copied: true, ..Settings::default() }).await;
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

// --- the service manager -------------------------------------------------------------------------------------------

#[tokio::test]
async fn the_service_manager_hears_when_it_is_ready_lives_and_stops() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_nonblocking(true).unwrap();
    let heard = std::cell::RefCell::new(String::new());
    let hear = || {
        let mut message = [0; 1024];
        while let Ok(length) = manager.recv(&mut message) {
            heard.borrow_mut().push_str(&text(&message[..length]));
        }
        heard.borrow().clone()
    };
    let mut world = World::start_with(Settings {
        env: vec![("NOTIFY_SOCKET", path.display().to_string()), ("WATCHDOG_USEC", "400000".into())],
        ..Settings::default()
    })
    .await;
    world.until("READY=1 is heard", async |_| hear().contains("READY=1\n").then_some(())).await;
    world.until("the watchdog is fed", async |_| (hear().matches("WATCHDOG=1\n").count() > 3).then_some(())).await;
    assert!(hear().contains("STATUS=bridge ready, worker ready\n"), "{}", hear());
    assert!(!hear().contains("STOPPING"), "{}", hear());
    assert_eq!(world.stop().await, Some(0));
    world.until("STOPPING=1 is heard", async |_| hear().contains("STOPPING=1\n").then_some(())).await;
}
