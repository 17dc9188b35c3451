//! The program that this process runs, for starting it again.

use std::{
    env, fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use tokio::process::Command;

/// What its processes are called in the list of processes.
pub const NAME: &str = "lastword";

/// This very build, also when the file that it was started from was replaced meanwhile.
pub fn running() -> io::Result<PathBuf> {
    let this = Path::new("/proc/self/exe");
    if this.exists() { Ok(this.to_owned()) } else { env::current_exe() }
}

/// A call of a program that may be of another build, and says itself which.
#[cfg_attr(not(feature = "testing"), expect(unused_mut, reason = "only tests name builds"))]
pub fn call(path: &Path) -> Command {
    let mut command = Command::new(path);
    #[cfg(feature = "testing")]
    command.env_remove(crate::build_id::TEST_BUILD_ENV);
    command
}

/// Its file as a person would type it, while that is there; otherwise this very build.
pub fn named() -> io::Result<PathBuf> {
    match env::current_exe() {
        Ok(file) if file.exists() => Ok(file),
        Ok(_) | Err(_) => running(),
    }
}

/// The file that this process was started from, as it was called: a link stays one, so that its next target is seen.
///
/// Ask early: once the file is replaced, the call can't be told from another program's.
pub fn started_from() -> Option<PathBuf> {
    let this = fs::metadata(running().ok()?).ok()?;
    let called = PathBuf::from(env::args_os().next()?);
    let mut candidates = Vec::new();
    if called.components().count() > 1 {
        candidates.push(std::path::absolute(&called).ok()?);
    } else {
        let path = env::var_os("PATH").unwrap_or_default();
        candidates.extend(env::split_paths(&path).map(|folder| folder.join(&called)));
    }
    candidates.extend(env::current_exe());
    candidates
        .into_iter()
        .find(|file| fs::metadata(file).is_ok_and(|file| (file.dev(), file.ino()) == (this.dev(), this.ino())))
}
