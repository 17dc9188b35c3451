//! The end of an agent: whatever it started is killed and reaped, wherever it went.

use std::{
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, kill, killpg},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{Pid, getpid},
};

use super::table;

/// Pause between two rounds of killing.
const ROUND_MS: u64 = 1;
/// When to stop waiting for what can't be killed: another user's process, or one stuck in the kernel.
pub(crate) const GIVE_UP_AFTER_MS: u64 = 5_000;

/// Reaps every dead child; calls `found` for each. `false` when there are no children left at all, and so, for a
/// subreaper, no descendants.
pub(crate) fn reap(mut found: impl FnMut(WaitStatus)) -> bool {
    loop {
        match waitpid(None::<Pid>, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => return true,
            Ok(status) => found(status),
            Err(Errno::EINTR) => {}
            Err(_) => return false,
        }
    }
}

/// Kills and reaps everything below this process, round by round until nothing is left.
///
/// Where the process table can't be read, the only way to reach all of the group is to go with it.
pub(crate) fn end_all() {
    let me = getpid();
    let begun = Instant::now();
    while reap(|_| ()) {
        let table = table::all();
        if table.is_empty() {
            let _ = killpg(me, Signal::SIGKILL);
        }
        for process in table::descendants(&table, me.as_raw()) {
            if !process.is_zombie {
                let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
            }
        }
        if begun.elapsed() > Duration::from_millis(GIVE_UP_AFTER_MS) {
            eprintln!("lastword: something that the agent started can't be ended; it is left behind");
            return;
        }
        thread::sleep(Duration::from_millis(ROUND_MS));
    }
}
