//! Noticing that another build is on the disk, and whether it is one to change to.

use std::{
    path::Path,
    process::{Output, Stdio},
    sync::Arc,
    time::Duration,
};

use lastword_core::{alert::AlertCode, store::Role};
use tokio::process::Command;

use super::{
    Supervisor,
    image::{FileWatch, Identity, Image},
};
use crate::{build_id::build, config::StaleAction, process::program};

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a new build may take to say who it is, and to check the configuration.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// The longest name of a build.
const BUILD_BYTES_MAX: usize = 100;

/// Looks until the task is dropped.
pub(super) async fn look(supervisor: Arc<Supervisor>) {
    let Some(path) = supervisor.program.clone() else {
        tracing::warn!("the file of this program is not known; a new build on the disk will not be noticed");
        return;
    };
    let mut watch = FileWatch::new(Identity::of(&path));
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if let Some(identity) = watch.look(Identity::of(&path)) {
            examine(&supervisor, &path, identity).await;
        }
    }
}

/// A file is another one now.
async fn examine(supervisor: &Supervisor, path: &Path, identity: Identity) {
    let before = supervisor.board.borrow().wanted.clone();
    let found = match build_of(path).await {
        Ok(found) => found,
        Err(why) => return leave(supervisor, &format!("what is on the disk does not work: {why}")),
    };
    if found == supervisor.board.borrow().wanted.build() {
        tracing::info!(build = found, "the file of this program was replaced by the same build");
        supervisor.board.send_modify(|board| {
            board.wanted = board.wanted.clone().moved_to(identity);
            board.is_behind = false;
        });
        for role in [Role::Bridge, Role::Worker] {
            supervisor.alerts.resolve(AlertCode::ChildStale, role.as_str());
        }
        return;
    }
    if supervisor.config.restart.stale == StaleAction::Report {
        return leave(supervisor, &format!("on the disk is {found}; it is only reported, as `restart.stale` says"));
    }
    let next = if found == build() {
        Image::Running
    } else {
        let next = Image::OnDisk { path: path.to_owned(), identity, build: found.clone() };
        if let Err(why) = takes_configuration(supervisor, &next).await {
            return leave(supervisor, &format!("on the disk is {found}, which does not take the configuration: {why}"));
        }
        next
    };
    let has_changed = supervisor.board.send_if_modified(|board| {
        // Looking took a while.
        let is_news = board.trial.is_none() && board.wanted == before && Identity::of(path) == Some(identity);
        if is_news {
            board.wanted = next;
            board.is_behind = false;
        }
        is_news
    });
    if has_changed {
        report(supervisor, &format!("on the disk is {found}; changing to it"));
    }
}

/// Leaves what is on the disk where it is, and says why.
fn leave(supervisor: &Supervisor, detail: &str) {
    supervisor.board.send_modify(|board| board.is_behind = true);
    report(supervisor, detail);
}

fn report(supervisor: &Supervisor, detail: &str) {
    for role in [Role::Bridge, Role::Worker] {
        supervisor.alerts.raise(AlertCode::ChildStale, role.as_str(), detail);
    }
}

/// What a program calls itself.
pub(super) async fn build_of(path: &Path) -> Result<String, String> {
    let mut command = program::call(path);
    command.arg("--version");
    let said = run(command).await?;
    let said = String::from_utf8_lossy(&said.stdout);
    let build = said.trim().strip_prefix(program::NAME).and_then(|rest| rest.strip_prefix(' '));
    let build = build.filter(|build| build.len() <= BUILD_BYTES_MAX && build.chars().all(is_plain));
    build.map(ToOwned::to_owned).ok_or_else(|| "it does not say which build it is".to_owned())
}

/// Whether it may stand in a message and in a log as it is.
fn is_plain(char: char) -> bool {
    char.is_ascii_alphanumeric() || " .,+-()".contains(char)
}

/// Whether a program would take the configuration as it is on the disk.
pub(super) async fn takes_configuration(supervisor: &Supervisor, image: &Image) -> Result<(), String> {
    let command = image.command(&supervisor.config, "check").map_err(|error| error.to_string())?;
    run(command).await.map(|_| ())
}

/// Runs a program that should end by itself, and well.
pub(super) async fn run(mut command: Command) -> Result<Output, String> {
    let running = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(ANSWERED_WITHIN, running).await;
    let output = output.map_err(|_| "it does not answer".to_owned())?.map_err(|error| error.to_string())?;
    if output.status.success() { Ok(output) } else { Err(format!("it ended with {}", output.status)) }
}

/// Goes back to the build before, because `image` died before it did its work; until its file changes, nobody tries
/// it again.
pub(super) fn withdraw(supervisor: &Supervisor, image: &Image) {
    supervisor.board.send_if_modified(|board| {
        // By its build: the same one may have been written anew since.
        let is_wanted =
            board.wanted.build() == image.build() && (board.wanted != Image::Running || board.is_tried(image));
        if is_wanted {
            board.wanted = board.instead_of(image);
            board.is_behind = true;
        }
        is_wanted
    });
}
