//! Recorded groups, decided from outside: after the worker or the shim itself is gone.

use std::time::Duration;

use lastword_agents::{
    command::CommandAgent,
    shim::{end_group, group_of, is_gone},
};
use lastword_core::{
    agent::{Agent, AgentOutcome},
    reason::Reason,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::world::{HELPERS, Said, World, block_on, eventually, script_settings};

/// Runs a lingering agent with its helpers, and does something to its shim as soon as it acts.
fn while_it_lingers(world: &World, act: impl Fn(i32)) -> (AgentOutcome, Said) {
    block_on(async {
        let agent =
            CommandAgent::new(script_settings(&format!("{HELPERS} ps -o ppid= $$ > shim; : > acted; sleep 1000")));
        let (request, mut said) = (world.request(""), Said::default());
        let mut run = agent.run(&request, &mut said);
        let outcome = loop {
            tokio::select! {
                outcome = &mut run => break outcome,
                () = tokio::time::sleep(Duration::from_millis(5)) => {
                    if world.has("acted") && std::fs::rename(world.path().join("acted"), world.path().join("done")).is_ok() {
                        let shim = std::fs::read_to_string(world.path().join("shim")).unwrap();
                        act(shim.trim().parse().unwrap());
                    }
                }
            }
        };
        drop(run);
        (outcome, said)
    })
}

#[test]
fn a_group_that_runs_is_not_gone_and_can_be_ended() {
    let world = World::new();
    let (outcome, said) = while_it_lingers(&world, |shim| {
        let group = group_of(shim);
        assert!(!is_gone(group));
        eventually("the group is gone", || {
            end_group(group);
            is_gone(group)
        });
        assert!(world.living().is_empty(), "{:?} outlived the group", world.living());
    });
    assert_eq!(outcome, AgentOutcome::Failed(Reason::AgentKilled { signal: 9 }));
    assert!(said.groups.iter().all(|group| is_gone(*group)));
}

#[test]
fn a_shim_that_was_killed_takes_its_tree_with_it() {
    let world = World::new();
    let (outcome, said) = while_it_lingers(&world, |shim| kill(Pid::from_raw(shim), Signal::SIGKILL).unwrap());
    assert_eq!(outcome, AgentOutcome::Failed(Reason::AgentKilled { signal: 9 }));
    eventually("the group is gone", || is_gone(said.groups[0]));
    eventually("what it started is gone", || world.living().is_empty());
}

#[test]
fn the_recorded_group_is_the_shims() {
    let world = World::new();
    let (_, said) = world.asks("ps -o pgid= $$ > group; echo x", "");
    let group: i32 = std::fs::read_to_string(world.path().join("group")).unwrap().trim().parse().unwrap();
    assert_eq!(said.groups[0].pid, group);
    assert_ne!(said.groups[0].started_ticks, 0);
    assert!(is_gone(said.groups[0]));
}
