//! A small disk that only the deployment sees: a temporary file system in a namespace of its own.

use std::{
    io::Write,
    path::Path,
    process::{ChildStdin, Command},
};

/// Whether this machine lets us have one.
pub fn can_mount() -> bool {
    let tried = Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    tried.is_ok_and(|tried| tried.status.success())
}

/// The same command below a shell that mounts a disk first, and then does what its standard input says.
pub(super) fn with_a_disk(command: &Command, directory: &Path, size: &str) -> Command {
    std::fs::create_dir_all(directory).unwrap();
    let script = format!(
        r#"mount -t tmpfs -o size={size},mode=0700 none "$STATE" || exit 1; "$@" < /dev/null & while read -r line; do eval "$line"; done"#
    );
    let mut below = Command::new("unshare");
    below.args(["-rm", "sh", "-c", &script, "sh"]).arg(command.get_program()).args(command.get_args());
    below.env("STATE", directory).env_remove("RUST_LOG");
    below
}

/// Has the shell start the same command once more.
pub(super) fn start_again(shell: &ChildStdin) {
    run(shell, r#""$@" < /dev/null &"#);
}

/// Has the shell run one line.
pub(super) fn run(mut shell: &ChildStdin, line: &str) {
    writeln!(shell, "{line}").unwrap();
}
