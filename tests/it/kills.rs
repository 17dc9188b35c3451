//! Whatever is killed, whenever: one last word each.

use std::{path::PathBuf, time::Duration};

use lastword_tests::oracle::Findings;

use crate::world::{Settings, Who, World};

#[tokio::test]
async fn a_killed_agent_ends_its_turn_with_an_error() {
    let world = World::start().await;
    let asked = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    world.kill(Who::Agent).await;
    let word = world.last_word(&asked).await;
    insta::assert_snapshot!(word, @"Error: the agent died before it could answer. /retry asks it again.");
    assert_eq!(world.judge().await, Findings::default());
}

#[tokio::test]
async fn a_killed_shim_ends_its_turn_and_leaves_no_agent_behind() {
    let world = World::start().await;
    let asked = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let agent = world.pid(Who::Agent).await;
    world.kill(Who::Shim).await;
    assert!(world.last_word(&asked).await.starts_with("Error: "));
    world.until("the agent is gone", async |_| agent.is_gone().then_some(())).await;
    assert_eq!(world.judge().await, Findings::default());
}

#[tokio::test]
async fn a_worker_killed_with_ten_turns_running_errs_them_all_and_the_next_goes_on() {
    let world =
        World::start_with(Settings { top: "limits: { max_concurrent: 16 }".into(), ..Settings::default() }).await;
    let mut asked = Vec::new();
    for n in 0..10 {
        asked.push(world.says("alice", &format!("c{n}"), &format!("gate #t{n}")).await);
        asked.push(world.says("bob", &format!("c{n}"), &format!("then #w{n}")).await);
    }
    for n in 0..10 {
        world.begun(&format!("#t{n}")).await;
    }
    let agent = world.pid(Who::Agent).await;
    world.kill(Who::Worker).await;
    for (n, message) in asked.iter().enumerate() {
        let word = world.last_word(message).await;
        if n % 2 == 0 {
            assert!(word.starts_with("Error: the work on this was interrupted"), "{word}");
        } else {
            assert!(word.starts_with("done #w"), "{word}");
        }
    }
    world.until("no agent outlives its worker", async |_| agent.is_gone().then_some(())).await;
    assert_eq!(world.judge().await, Findings::default());
}

#[tokio::test]
async fn a_turn_that_may_run_again_runs_again_when_its_worker_is_killed() {
    let world =
        World::start_with(Settings { agent: "on_lost: replay\nmax_attempts: 3".into(), ..Settings::default() }).await;
    let asked = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    world.kill(Who::Worker).await;
    world.until("the second attempt has begun", async |world| (world.runs_of("#t1") == 2).then_some(())).await;
    world.open_gate();
    assert_eq!(world.last_word(&asked).await, "done #t1");
    assert_eq!(world.judge().await, Findings::default());
}

#[tokio::test]
async fn attempts_end_and_then_the_last_word_is_an_error() {
    let world =
        World::start_with(Settings { agent: "on_lost: replay\nmax_attempts: 2".into(), ..Settings::default() }).await;
    let asked = world.alice_says("gate #t1").await;
    for attempt in 1..=2 {
        world.until("the attempt has begun", async |world| (world.runs_of("#t1") == attempt).then_some(())).await;
        world.kill(Who::Worker).await;
    }
    assert!(world.last_word(&asked).await.starts_with("Error: the work on this was interrupted"));
    assert_eq!(world.judge().await, Findings::default());
}

#[tokio::test]
async fn a_killed_bridge_loses_no_turn_and_the_next_one_delivers() {
    let world = World::start().await;
    let running = world.alice_says("gate #t1").await;
    let waiting = world.alice_says("next #t2").await;
    world.begun("#t1").await;
    world.kill(Who::Bridge).await;
    world.open_gate();
    let while_down = world.alice_says("third #t3").await;
    for (message, word) in [(running, "done #t1"), (waiting, "done #t2"), (while_down, "done #t3")] {
        assert_eq!(world.last_word(&message).await, word);
    }
    assert_eq!(world.runs_of("#t1"), 1, "the turn ran on in the worker");
    assert_eq!(world.judge().await, Findings::default());
}

#[tokio::test]
async fn a_killed_supervisor_leaves_no_child_and_the_next_start_decides() {
    let mut world = World::start().await;
    let running = world.alice_says("escape #t1").await;
    let waiting = world.alice_says("next #t2").await;
    world.begun("#t1").await;
    world.kill_supervisor().await;
    world.start_supervisor();
    assert!(world.last_word(&running).await.starts_with("Error: the work on this was interrupted"));
    assert_eq!(world.last_word(&waiting).await, "done #t2");
    assert_eq!(world.judge().await, Findings::default());
}

#[tokio::test]
async fn what_escaped_from_its_agent_dies_with_the_worker() {
    let world = World::start().await;
    let asked = world.alice_says("escape #t1").await;
    world.begun("#t1").await;
    let agent = world.pid(Who::Agent).await;
    let escaped = world.until("the grandchild has escaped", async |world| world.escaped_from(Who::Shim)).await;
    world.kill(Who::Worker).await;
    assert!(world.last_word(&asked).await.starts_with("Error: "));
    world.until("nothing is left", async |_| (agent.is_gone() && escaped.is_gone()).then_some(())).await;
}

#[tokio::test]
async fn everything_killed_again_and_again_still_gives_one_last_word_each() {
    let mut world = World::start().await;
    world.open_gate();
    for round in 0..4 {
        for n in 0..5 {
            world.says("alice", &format!("c{n}"), &format!("gate #r{round}n{n}")).await;
        }
        match round {
            0 => drop(world.kill(Who::Worker).await),
            1 => drop(world.kill(Who::Bridge).await),
            2 => {
                world.kill_supervisor().await;
                world.start_supervisor();
            }
            _ => {
                world.kill(Who::Worker).await;
                world.kill(Who::Bridge).await;
            }
        }
    }
    assert_eq!(world.judge().await, Findings::default());
}

#[tokio::test]
async fn a_program_that_was_replaced_on_disk_still_starts_its_children_again() {
    let world = World::start_with(Settings { is_copied: true, ..Settings::default() }).await;
    std::fs::remove_file(world.program()).unwrap();
    world.kill(Who::Worker).await;
    world.kill(Who::Bridge).await;
    let asked = world.alice_says("go #t1").await;
    assert_eq!(world.last_word(&asked).await, "done #t1");
}

#[tokio::test]
async fn a_log_that_nobody_reads_stops_nothing_and_keeps_nobody_alive() {
    let mut world = World::start_with(Settings { is_unheard: true, ..Settings::default() }).await;
    let asked = world.alice_says("go #t1").await;
    assert_eq!(world.last_word(&asked).await, "done #t1");
    // Waits until every child is gone.
    world.kill_supervisor().await;
}

/// The file of the first worker's lock, by what its supervisor said when it started it.
fn lock_of_the_worker(world: &World) -> PathBuf {
    let log = world.log();
    let mut started = log.lines().filter(|line| line.contains("role=\"worker\"") && line.contains("started"));
    let id = started.find_map(|line| line.split_once("incarnation=")?.1.split_whitespace().next()).unwrap();
    world.file("state/incarnations").join(format!("{id}.lock"))
}

#[tokio::test]
async fn a_living_process_that_was_taken_for_dead_is_replaced() {
    let world = World::start().await;
    let worker = world.pid(Who::Worker).await;
    // Its lock alone, in a directory that others see to be the right one: no process can tell that from a death.
    std::fs::remove_file(lock_of_the_worker(&world)).unwrap();
    world.until("the worker is replaced", async |_| worker.is_gone().then_some(())).await;
    let asked = world.alice_says("go #t1").await;
    assert_eq!(world.last_word(&asked).await, "done #t1");
    assert_eq!(world.judge().await, Findings::default());
}

#[tokio::test]
async fn who_can_not_see_its_own_lock_takes_nobody_for_dead() {
    let world = World::start().await;
    let asked = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let (worker, bridge) = (world.pid(Who::Worker).await, world.pid(Who::Bridge).await);
    for lock in std::fs::read_dir(world.file("state/incarnations")).unwrap() {
        std::fs::remove_file(lock.unwrap().path()).unwrap();
    }
    // Several rounds of everybody's sweep.
    tokio::time::sleep(Duration::from_secs(4)).await;
    world.open_gate();
    assert_eq!(world.last_word(&asked).await, "done #t1");
    assert!(!worker.is_gone() && !bridge.is_gone());
    assert_eq!(world.judge().await, Findings::default());
    world.kill(Who::Worker).await;
    let asked = world.alice_says("go #t2").await;
    assert_eq!(world.last_word(&asked).await, "done #t2", "who was reaped is decided without any lock");
}

#[tokio::test]
async fn no_second_attempt_begins_beside_a_first_whose_shim_stands_still() {
    let world =
        World::start_with(Settings { agent: "on_lost: replay\nmax_attempts: 3".into(), ..Settings::default() }).await;
    let asked = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let (shim, agent) = (world.pid(Who::Shim).await, world.pid(Who::Agent).await);
    // It does not hear that its worker is gone.
    shim.freeze();
    world.kill(Who::Worker).await;
    world.until("the second attempt has begun", async |world| (world.runs_of("#t1") == 2).then_some(())).await;
    let was_gone = agent.is_gone();
    shim.thaw();
    assert!(was_gone, "two attempts run side by side");
    world.open_gate();
    assert_eq!(world.last_word(&asked).await, "done #t1");
    assert_eq!(world.judge().await, Findings::default());
}
