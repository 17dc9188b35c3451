//! The program that this process runs, for starting it again.

use std::{
    io,
    path::{Path, PathBuf},
};

/// What its processes are called in the list of processes.
pub const NAME: &str = "lastword";

/// This very build, also when the file that it was started from was replaced meanwhile.
pub fn running() -> io::Result<PathBuf> {
    let this = Path::new("/proc/self/exe");
    if this.exists() { Ok(this.to_owned()) } else { std::env::current_exe() }
}

/// Its file as a person would type it, while that is there; otherwise this very build.
pub fn named() -> io::Result<PathBuf> {
    match std::env::current_exe() {
        Ok(file) if file.exists() => Ok(file),
        Ok(_) | Err(_) => running(),
    }
}
