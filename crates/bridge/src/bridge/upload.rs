//! Files that go out: from the spool to the network, one message an attempt.

use std::{
    ffi::OsStr,
    io,
    path::{Component, Path},
    sync::Arc,
    time::Duration,
};

use lastword_core::{
    file::OutFile,
    outcome::{Rejection, SendOutcome},
    provider::{OpenFile, SendRequest},
    store::DeliveryClaim,
};

use super::{
    account::Account,
    deliver::{ATTEMPT_MAX, within},
};
use crate::process::{blocking::blocking, folder::Folder, member::Member, state_dir::StateDir};

/// How slow a way out may be, in bytes a second: a large file gets so much longer than a text. A provider may give up
/// earlier.
const BYTES_PER_SECOND_MIN: u64 = 32 * 1024;

/// Makes one attempt to post the files of a delivery.
pub(super) async fn post_files(
    account: &Account,
    member: &Member,
    claim: &DeliveryClaim,
    request: &SendRequest,
) -> SendOutcome {
    let invalid = |detail: String| SendOutcome::Rejected(Rejection::Invalid { detail });
    let Some(files) = account.provider.files() else { return invalid("no files can be sent here".into()) };
    let (state, kept) = (member.state.clone(), claim.files.clone());
    let opened = blocking(move || kept.iter().map(|file| open(&state, file)).collect::<io::Result<Vec<_>>>());
    let opened = match opened.await.map_err(io::Error::other).flatten() {
        Ok(opened) => opened,
        Err(error) => return invalid(format!("it is not there any more: {error}")),
    };
    let bytes: u64 = opened.iter().map(|file| file.size_bytes).sum();
    let extra = Duration::from_secs(bytes / BYTES_PER_SECOND_MIN);
    within(ATTEMPT_MAX + extra, files.send_files(request, opened)).await
}

/// Removes the files of a settled delivery; what is left behind is the janitor's.
pub(super) fn forget(member: &Arc<Member>, claim: &DeliveryClaim) {
    if claim.files.is_empty() {
        return;
    }
    let (state, kept) = (member.state.clone(), claim.files.clone());
    drop(blocking(move || {
        for file in &kept {
            let removed = folder(&state, file).and_then(|(folder, name)| folder.remove(&name.to_string_lossy()));
            if let Err(error) = removed {
                tracing::debug!("a file that was sent is left behind: {error}");
            }
        }
    }));
}

fn open(state: &StateDir, file: &OutFile) -> io::Result<OpenFile> {
    let (folder, name) = folder(state, file)?;
    let content = folder.file(name)?;
    let size_bytes = content.metadata()?.len();
    Ok(OpenFile { name: file.name.clone(), size_bytes, content })
}

/// The folder in the spool, and the name in it; whatever is stored leads nowhere else.
fn folder<'f>(state: &StateDir, file: &'f OutFile) -> io::Result<(Folder, &'f OsStr)> {
    let parts: Vec<_> = Path::new(&file.kept).components().collect();
    match parts[..] {
        [Component::Normal(session), Component::Normal(name)] => {
            Ok((Folder::open(&state.spool().join(session))?, name))
        }
        _ => Err(io::Error::other("its place in the spool is none")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_leads_nowhere_else() {
        let root = tempfile::tempdir().unwrap();
        let state = StateDir::open(&root.path().join("state")).unwrap();
        std::fs::write(root.path().join("secret"), "secret").unwrap();
        for kept in ["../secret", "/etc/hostname", "7-1", "", "7-1/../../secret", "7-1/a/b"] {
            let file = OutFile { kept: kept.into(), name: "a".into(), size_bytes: 1 };
            assert!(open(&state, &file).is_err(), "{kept}");
        }
    }
}
