//! What the supervisor does about children that hang, fail again and again or are of another build.

use std::{
    net::TcpListener,
    os::unix::net::UnixDatagram,
    time::{Duration, Instant},
};

use lastword_tests::{ledger::Settings as Conduct, oracle::Findings};

use crate::world::{Settings, Who, World, text};

/// Short patience, and a deployment that is otherwise at its defaults.
const IMPATIENT: &str = "restart: { hung_after: 2s, kill_after: 500ms }";

async fn world_with(top: &str) -> World {
    World::start_with(Settings { top: top.into(), ..Settings::default() }).await
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
