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
    use super::*;

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
