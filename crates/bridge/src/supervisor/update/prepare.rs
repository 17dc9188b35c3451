//! Everything before the program's file is touched: the other build is made or found, and tried out.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use lastword_core::{
    faults::{UpdatePoint, point_of_update},
    store::Operation,
};

use super::{
    Update,
    fetch::fetch,
    files::Files,
    record::Change,
    rehearse::rehearse,
    run::{LOG, begin_log, run},
};
use crate::{
    config::UpdateConfig,
    operate::CANARY_PREFIX,
    process::blocking::blocking,
    supervisor::{child::ms, stale::build_of},
};

/// How the folder begins into which an archive is fetched.
const PREFIX: &str = "update-";

/// What there is to change to.
pub(super) enum Prepared {
    /// Another build, which may take the program's place.
    Change(Change),
    /// None but the one that runs.
    Same(String),
}

/// Makes it ready, or says why it is not, for people.
pub(super) async fn prepare(update: &Update<'_>) -> Result<Prepared, String> {
    let program = update.supervisor.program.as_ref().ok_or("the file of the program that runs is not known")?;
    // What a link leads to is replaced, not the link.
    let program = fs::canonicalize(program).map_err(|error| format!("the program's own file is gone: {error}"))?;
    let files = Files::of(program);
    let log = begin_log(update.supervisor.state.root()).map_err(|error| format!("{LOG} can't be written: {error}"))?;
    let prepared = try_out(update, &files, &log).await;
    remove_leftovers(update.supervisor.state.root());
    if !matches!(prepared, Ok(Prepared::Change(_))) {
        files.discard();
    }
    prepared
}

/// Removes the folders of whoever was killed: in that of a canary is a copy of everything that people wrote.
pub(super) fn remove_leftovers(state: &Path) {
    let entries = fs::read_dir(state).into_iter().flatten().flatten();
    let is_left = |name: &str| [CANARY_PREFIX, PREFIX].iter().any(|prefix| name.starts_with(prefix));
    for folder in entries.filter(|entry| entry.file_name().to_str().is_some_and(is_left)) {
        if let Err(error) = fs::remove_dir_all(folder.path()) {
            tracing::warn!("{} stays behind: {error}", folder.path().display());
        }
    }
}

async fn try_out(update: &Update<'_>, files: &Files, log: &Path) -> Result<Prepared, String> {
    let config = &update.supervisor.config;
    // What is fetched is there until it is staged.
    let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(update.supervisor.state.root());
    let folder = folder.map_err(|error| format!("no folder can be made in the state directory: {error}"))?;
    let made = match (update.request.operation, &config.update) {
        (Operation::Rollback, _) => {
            let previous = files.previous();
            if !previous.is_file() {
                return Err("there is no build to go back to".into());
            }
            previous
        }
        (_, UpdateConfig { archive: Some(archive), public_key: Some(key), build_within_ms, .. }) => {
            let fetched = fetch(archive, key, folder.path(), ms(*build_within_ms)).await;
            fetched.map_err(|why| format!("the release archive {why}"))?
        }
        (_, UpdateConfig { checkout: Some(checkout), .. }) => make(update, Path::new(checkout), files, log).await?,
        _ => {
            let why = "no source of newer builds is set up; `update.checkout` or `update.archive` of the configuration \
                       names one";
            return Err(why.into());
        }
    };
    point_of_update(UpdatePoint::AfterBuild);
    let staging = files.clone();
    let staged = blocking(move || staging.stage(&made)).await.map_err(|panic| panic.to_string())?;
    staged.map_err(|error| format!("the new build can't be put beside the program's file: {error}"))?;
    let next = files.next();
    let to = build_of(&next).await.map_err(|why| format!("the new build does not work: {why}"))?;
    let from = update.supervisor.board.borrow().wanted.build().to_owned();
    // It is what one would go back to.
    if build_of(files.program()).await.as_ref() != Ok(&from) {
        return Err(format!(
            "the program's file is not {from}, which runs; put that there, or restart into what is there"
        ));
    }
    if to == from {
        return Ok(Prepared::Same(to));
    }
    // One to go back to may be older than what it would be asked, and was here before.
    let tries: &[_] = match update.request.operation {
        Operation::Rollback => &[("check", "does not take the configuration")],
        _ => &[("check", "does not take the configuration"), ("canary", "failed its canary")],
    };
    let within = ms(config.update.confirm_within_ms);
    let more = |why| format!("{why}; `{LOG}` of the state directory says more");
    for (subcommand, failed) in tries {
        let mut argv = vec![OsString::from(&next)];
        if let Some(file) = &config.file {
            argv.extend(["--config".into(), file.into()]);
        }
        argv.push(subcommand.into());
        let tried = run(&argv, Path::new("."), log, within).await;
        tried.map_err(|why| more(format!("the new build {to} {failed}: it {why}")))?;
    }
    if update.request.operation != Operation::Rollback {
        let rehearsed = rehearse(&next, &to, folder.path(), log, within).await;
        rehearsed.map_err(|why| more(format!("the new build {to} failed in a deployment of its own: it {why}")))?;
    }
    let text = format!("Changing from {from} to {to} …");
    let said = update.supervisor.store.say_how_far(update.request.turn, text).await;
    said.map_err(|error| format!("the store does not answer: {error}"))?;
    Ok(Prepared::Change(Change { program: files.program().to_owned(), from, to }))
}

/// Runs the operator's own command, which is no text from a chat.
async fn make(update: &Update<'_>, checkout: &Path, files: &Files, log: &Path) -> Result<PathBuf, String> {
    let config = &update.supervisor.config.update;
    let made = checkout.join(&config.binary);
    if fs::canonicalize(&made).is_ok_and(|made| made == files.program()) {
        return Err("`update.binary` is the very program that runs, which must stay whole; run a copy of it".into());
    }
    if !checkout.is_dir() {
        return Err("`update.checkout` is no folder".into());
    }
    let argv = ["sh", "-c", &config.build_command].map(OsString::from);
    let built = run(&argv, checkout, log, ms(config.build_within_ms)).await;
    built.map_err(|why| format!("the build command {why}; `{LOG}` of the state directory has its output"))?;
    if !made.is_file() {
        return Err("the build command left no file at `update.binary`".into());
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_left_of_updates_is_removed() {
        let state = tempfile::tempdir().unwrap();
        for folder in ["canary-a1", "update-b2", "places"] {
            fs::create_dir(state.path().join(folder)).unwrap();
            fs::write(state.path().join(folder).join("lastword.db"), "what people wrote").unwrap();
        }
        for file in [LOG, "update.json", "lastword.db"] {
            fs::write(state.path().join(file), "").unwrap();
        }
        remove_leftovers(state.path());
        let mut left: Vec<_> = fs::read_dir(state.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["lastword.db", "places", "update.json", LOG]);
    }
}
