//! A disk whose syncs fail, on demand: for tests of what the real engine and the real process do then.

use std::{collections::BTreeMap, path::PathBuf, sync::OnceLock};

use nix::libc;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};

/// The variable that names a file; whose writer removes it has a broken disk from then on.
const TRIGGER_ENV: &str = "LASTWORD_BREAK_SYNC";

/// Breaks the disk of this thread if a test asked for it and nobody else has.
pub(crate) fn maybe_break() {
    static TRIGGER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let trigger = TRIGGER.get_or_init(|| std::env::var_os(TRIGGER_ENV).map(PathBuf::from));
    if trigger.as_ref().is_some_and(|file| std::fs::remove_file(file).is_ok()) {
        break_this_thread();
    }
}

/// From here on every sync of this thread fails with `EIO`.
pub(crate) fn break_this_thread() {
    let arch = TargetArch::try_from(std::env::consts::ARCH).expect("an architecture with seccomp");
    let rules = BTreeMap::from([(libc::SYS_fsync, Vec::new()), (libc::SYS_fdatasync, Vec::new())]);
    let errno = SeccompAction::Errno(libc::EIO.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, errno, arch).expect("a filter");
    let program: BpfProgram = filter.try_into().expect("a program");
    apply_filter(&program).expect("seccomp");
    tracing::warn!("every sync of this thread fails from here on");
}
