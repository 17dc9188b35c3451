//! A clock that a test sets, by Debian's package `faketime`.

use std::path::PathBuf;

use tempfile::TempDir;

/// A wall clock for the deployment; its monotonic clock stays as it is.
pub struct FakeClock {
    directory: TempDir,
    library: PathBuf,
}

impl FakeClock {
    /// A clock that is right; `None` where the package is not installed.
    pub fn maybe_new() -> Option<Self> {
        let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
        let library =
            folders.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|library| library.exists())?;
        let clock = Self { directory: tempfile::tempdir().unwrap(), library };
        clock.set("+0");
        Some(clock)
    }

    /// Steps it, such as to `+1d` of the true time.
    pub fn set(&self, offset: &str) {
        // Renamed into its place: read while it is half written, it would say anything.
        let draft = self.directory.path().join("draft");
        std::fs::write(&draft, offset).unwrap();
        std::fs::rename(draft, self.directory.path().join("clock")).unwrap();
    }

    /// What makes a process see it.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.directory.path().join("clock").display().to_string()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            ("DONT_FAKE_MONOTONIC", "1".into()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("FAKETIME_DISABLE_SHM", "1".into()),
        ]
    }
}
