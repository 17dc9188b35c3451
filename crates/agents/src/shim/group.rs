//! A recorded group, seen from outside: ended by whoever decides its turn, and confirmed gone before it is replayed.
//!
//! Guarantee: [`is_gone`] says yes only when nothing is left that the shim of this record started and that can be
//! found: by its process group, or, after leaving that, by the mark in its environment.

use std::fs;

use lastword_core::agent::ProcessGroup;
use nix::{
    errno::Errno,
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};

use super::table::{self, Process};

/// The variable that marks everything a shim starts; its value is [`mark`].
pub(crate) const MARK: &str = "LASTWORD_GROUP";

/// What marks the members of `group`, wherever they went.
pub(crate) fn mark(group: ProcessGroup) -> String {
    format!("{}.{}", group.pid, group.started_ticks)
}

/// Names the group that the process `pid` leads, so that it can be told from a later one with the same number.
///
/// The start time is field 22 of `/proc/<pid>/stat`; 0 where there is none.
#[must_use]
pub fn group_of(pid: i32) -> ProcessGroup {
    ProcessGroup { pid, started_ticks: table::one(pid).map_or(0, |process| process.started_ticks) }
}

/// Kills all that is left of `group`, the shim too. Done when [`is_gone`] says so; until then call it again, because a
/// process may be starting another one at this very moment.
///
/// Harmless when the group is gone, even if its number was given away again.
pub fn end_group(group: ProcessGroup) {
    let table = table::all();
    // Those that left the group first: they are found best while the shim lives.
    for process in members(&table, group) {
        if process.group != group.pid {
            let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
        }
    }
    if group.pid > 1 && !was_reused(&table, group) {
        let _ = killpg(Pid::from_raw(group.pid), Signal::SIGKILL);
    }
}

/// Whether nothing of `group` is left. Dead processes that nobody asked about yet count as gone.
#[must_use]
pub fn is_gone(group: ProcessGroup) -> bool {
    let table = table::all();
    if table.is_empty() {
        return group.pid <= 1 || killpg(Pid::from_raw(group.pid), None) == Err(Errno::ESRCH);
    }
    members(&table, group).is_empty()
}

/// The living processes of `group`: by group, by descent from its leader, by mark.
fn members(table: &[Process], group: ProcessGroup) -> Vec<Process> {
    let is_ours = group.pid > 1 && !was_reused(table, group);
    let descendants = if is_ours { table::descendants(table, group.pid) } else { Vec::new() };
    let mark = format!("{MARK}={}", mark(group));
    table
        .iter()
        .filter(|process| {
            !process.is_zombie
                && ((is_ours && process.group == group.pid)
                    || descendants.iter().any(|known| known.pid == process.pid)
                    || is_marked(process.pid, mark.as_bytes()))
        })
        .copied()
        .collect()
}

/// Whether the leader's number belongs to a later process. The kernel gives a number away again only when no process
/// and no group bears it, so the old group is empty then.
fn was_reused(table: &[Process], group: ProcessGroup) -> bool {
    group.started_ticks != 0
        && table.iter().any(|process| process.pid == group.pid && process.started_ticks != group.started_ticks)
}

/// Whether a process was started with `mark` in its environment. Other people's processes are not ours to read.
fn is_marked(pid: i32, mark: &[u8]) -> bool {
    fs::read(format!("/proc/{pid}/environ")).is_ok_and(|all| all.split(|byte| *byte == 0).any(|entry| entry == mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_was_given_away_again_is_a_gone_group() {
        let me = i32::try_from(std::process::id()).unwrap();
        let now = group_of(me);
        assert_ne!(now.started_ticks, 0);
        let earlier = ProcessGroup { pid: me, started_ticks: now.started_ticks - 1 };
        assert!(is_gone(earlier));
        // Ending it does not end this test.
        end_group(earlier);
    }

    #[test]
    fn nobody_ends_init_or_the_own_group_by_a_broken_record() {
        for pid in [-1, 0, 1] {
            end_group(ProcessGroup { pid, started_ticks: 0 });
        }
        assert!(is_gone(ProcessGroup { pid: i32::MAX, started_ticks: 1 }));
    }
}
