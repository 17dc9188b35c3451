//! The processes of this machine as `/proc` lists them: who is whose child, in which group, since when.
//!
//! Elsewhere than on Linux the table is empty, and so is what can be done about processes that leave their group.

use std::fs;

/// One process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    /// Its id.
    pub(crate) pid: i32,
    /// Its parent.
    pub(crate) parent: i32,
    /// Its process group.
    pub(crate) group: i32,
    /// When it started, in clock ticks since boot.
    pub(crate) started_ticks: u64,
    /// Dead already, and only waiting for its parent to ask.
    pub(crate) is_zombie: bool,
}

/// Every process that can be seen. One that ends meanwhile is left out.
pub(crate) fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| one(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// One process, if it is there.
pub(crate) fn one(pid: i32) -> Option<Process> {
    parse(pid, &String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/stat")).ok()?))
}

/// Everything that descends from `root`, itself left out.
pub(crate) fn descendants(table: &[Process], root: i32) -> Vec<Process> {
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for process in table.iter().filter(|process| process.parent == parent) {
            // A table read while processes come and go may show a circle.
            if process.pid != root && !found.iter().any(|known| known.pid == process.pid) {
                found.push(*process);
                parents.push(process.pid);
            }
        }
    }
    found
}

/// Reads a line of [`/proc/<pid>/stat`](https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html). The name in
/// parentheses is the process's own choice: fields are counted from the last closing one.
fn parse(pid: i32, stat: &str) -> Option<Process> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    // The first field here is the third of the line.
    let field = |number: usize| fields.get(number - 3).copied();
    Some(Process {
        pid,
        parent: field(4)?.parse().ok()?,
        group: field(5)?.parse().ok()?,
        started_ticks: field(22)?.parse().ok()?,
        is_zombie: matches!(field(3)?, "Z" | "X"),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use lastword_core::corpus;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_seed_is_a_process_or_none() {
        for (name, stat) in corpus::texts(env!("CARGO_MANIFEST_DIR"), "stat") {
            let read = parse(7, &stat);
            assert_eq!(read.is_some(), !["cut.txt", "empty.txt"].contains(&name.as_str()), "{name}");
            assert_eq!(read.is_some_and(|read| read.is_zombie), name == "name-not-text.txt", "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_name_moves_a_field(
            name in "[\\PC\n()SZ0-9 ]{0,16}",
            state in "[A-Za-z]",
            (parent, group) in (any::<i32>(), any::<i32>()),
            started_ticks in any::<u64>(),
            between in prop::collection::vec(any::<i64>(), 16),
            behind in prop::collection::vec(any::<u64>(), 0..20),
        ) {
            let words = |numbers: &[String]| numbers.join(" ");
            let between: Vec<_> = between.iter().map(ToString::to_string).collect();
            let behind: Vec<_> = behind.iter().map(ToString::to_string).collect();
            let stat = format!("7 ({name}) {state} {parent} {group} {} {started_ticks} {}\n", words(&between), words(&behind));
            let is_zombie = state == "Z" || state == "X";
            prop_assert_eq!(parse(7, &stat), Some(Process { pid: 7, parent, group, started_ticks, is_zombie }));
        }

        #[test]
        fn any_text_is_a_process_or_none(stat in "[0-9]{0,3} ?\\(?[\\PC\\pC]{0,9}\\)? ?([A-Z]|-?[0-9]{1,25}| ){0,30}") {
            let _ = parse(7, &stat);
        }

        /// The slow way: whoever's line of parents leads to the root, however long.
        #[test]
        fn descendants_are_those_whose_parents_lead_to_the_root(parents in prop::collection::vec(0_i32..12, 0..12), root in 0_i32..12) {
            let table: Vec<_> = parents
                .iter()
                .zip(0..)
                .map(|(parent, pid)| Process { pid, parent: *parent, group: 1, started_ticks: 0, is_zombie: false })
                .collect();
            let leads = |process: &Process| {
                let mut at = process.parent;
                for _ in 0..=table.len() {
                    if at == root {
                        return process.pid != root;
                    }
                    let Some(parent) = table.iter().find(|other| other.pid == at) else { return false };
                    at = parent.parent;
                }
                false
            };
            let expected: BTreeSet<i32> = table.iter().filter(|process| leads(process)).map(|process| process.pid).collect();
            let found: Vec<i32> = descendants(&table, root).iter().map(|process| process.pid).collect();
            prop_assert_eq!(found.iter().copied().collect::<BTreeSet<_>>(), expected);
            prop_assert_eq!(found.len(), found.iter().collect::<BTreeSet<_>>().len(), "nobody twice");
        }
    }

    #[test]
    fn a_name_with_parentheses_and_spaces_moves_no_field() {
        let stat = "7 (a) Z 1 (b) S 3 5 9 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0";
        let read = parse(7, stat).unwrap();
        assert_eq!(read, Process { pid: 7, parent: 3, group: 5, started_ticks: 4711, is_zombie: false });
        assert_eq!(parse(7, "7 (cut) S 3"), None);
    }

    #[test]
    fn descendants_are_found_through_generations_and_circles() {
        let process = |pid, parent| Process { pid, parent, group: 1, started_ticks: 0, is_zombie: false };
        let table = [process(1, 3), process(2, 1), process(3, 2), process(9, 8)];
        let mut pids: Vec<i32> = descendants(&table, 1).iter().map(|found| found.pid).collect();
        pids.sort_unstable();
        assert_eq!(pids, [2, 3]);
    }
}
