//! The shim by itself: what ends with it, and when it starts anything.

use std::{
    cell::RefCell,
    io::{Read, Write},
    os::{fd::OwnedFd, unix::net::UnixStream, unix::process::CommandExt},
    process::{Child, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    entry,
    world::{DEADLINE, HELPERS, World, eventually},
};

/// A shim whose worker is this test.
struct Held {
    child: Child,
    lifeline: UnixStream,
}

impl Held {
    fn start(world: &World, script: &str) -> Self {
        let (lifeline, theirs) = UnixStream::pair().unwrap();
        let shim = entry::shim();
        let child = Command::new(&shim[0])
            .args(&shim[1..])
            .args(["/bin/sh", "-c", script])
            .current_dir(world.path())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        Self { child, lifeline }
    }

    /// Sends the first frame, which starts the agent, with an empty stdin.
    fn go(&mut self) {
        self.lifeline.write_all(&[0; 4]).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    /// Ends as a worker does that dies; the shim's exit code.
    fn lets_go(self) -> Option<i32> {
        let Self { child, lifeline } = self;
        drop(lifeline);
        let child = RefCell::new(child);
        eventually("the shim ends", || child.borrow_mut().try_wait().unwrap().is_some());
        child.into_inner().wait().unwrap().code()
    }

    /// The last line, after the shim has ended.
    fn ends(mut self) -> (String, Option<i32>) {
        let mut line = String::new();
        self.lifeline.set_read_timeout(Some(DEADLINE)).unwrap();
        self.lifeline.read_to_string(&mut line).unwrap();
        (line, self.child.wait().unwrap().code())
    }
}

fn lingering() -> String {
    format!("trap '' TERM INT HUP; echo $$ > pid.agent; {HELPERS} : > acted; while :; do sleep 1000; done")
}

#[test]
fn nothing_runs_before_the_first_frame() {
    let world = World::new();
    let held = Held::start(&world, ": > acted");
    // It ends at once when the lifeline does, and never had a reason to start anything.
    held.lets_go();
    assert!(!world.has("acted"));
}

#[test]
fn the_end_of_the_worker_ends_all_that_the_agent_started() {
    let world = World::new();
    let mut held = Held::start(&world, &lingering());
    held.go();
    eventually("the agent acts", || world.has("acted"));
    assert_eq!(world.living().len(), 5);
    held.lets_go();
    assert!(world.living().is_empty(), "{:?} outlived the shim", world.living());
}

#[test]
fn a_full_stdin_does_not_hide_the_end_of_the_worker() {
    let world = World::new();
    let mut held = Held::start(&world, &lingering());
    held.lifeline.write_all(&300_000_000u32.to_be_bytes()).unwrap();
    held.lifeline.set_nonblocking(true).unwrap();
    eventually("the agent acts", || world.has("acted"));
    // As much as fits into pipe, shim and socket; then one more end of the worker, with all that unread.
    while held.lifeline.write(&[b'x'; 65_536]).is_ok() {}
    held.lets_go();
    assert!(world.living().is_empty(), "{:?} outlived the shim", world.living());
}

#[test]
fn polite_signals_end_all_that_the_agent_started() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let world = World::new();
        let mut held = Held::start(&world, &lingering());
        held.go();
        eventually("the agent acts", || world.has("acted"));
        kill(held.pid(), signal).unwrap();
        assert_eq!(held.ends(), ("killed 15\n".to_owned(), Some(143)));
        assert!(world.living().is_empty(), "{:?} outlived the shim", world.living());
    }
}

#[test]
fn the_last_line_says_how_the_agent_ended() {
    let world = World::new();
    for (script, said) in [("exit 3", ("exited 3\n", 3)), ("kill -9 $$", ("killed 9\n", 137))] {
        let mut held = Held::start(&world, script);
        held.go();
        assert_eq!(held.ends(), (said.0.to_owned(), Some(said.1)));
    }
}

#[test]
fn orphans_are_reaped_while_the_agent_still_runs() {
    let world = World::new();
    let script =
        "for n in 1 2 3 4 5 6 7 8 9; do ( ( : & ) & ); done; while ps -o stat= --ppid $PPID | grep -q Z; do :; done";
    let mut held = Held::start(&world, script);
    held.go();
    assert_eq!(held.ends().0, "exited 0\n");
}
