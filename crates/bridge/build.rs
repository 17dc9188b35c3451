//! Gives the binary a build id: the commit it was built from, and whether the tree differed from it.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=../../.git/HEAD");
    println!("cargo:rerun-if-changed=../../.git/index");
    let commit = git(&["rev-parse", "--short=12", "HEAD"]);
    let is_dirty = git(&["--no-optional-locks", "status", "--porcelain", "--untracked-files=no"])
        .is_some_and(|changes| !changes.is_empty());
    let build = match commit {
        Some(commit) if is_dirty => format!("{commit}-changed"),
        Some(commit) => commit,
        // A source archive has no history: the version alone names it.
        None => "archive".to_owned(),
    };
    println!("cargo:rustc-env=LASTWORD_BUILD={build}");
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
