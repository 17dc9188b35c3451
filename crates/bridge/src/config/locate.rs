//! Which file is read, and where state is kept when nothing says so.

use std::path::{Path, PathBuf};

use super::{interpolate::Env, problem::ConfigProblems};

/// The configuration file to read: the one asked for, `LASTWORD_CONFIG`, `./lastword.yaml`, or `lastword/config.yaml` in
/// the user's configuration directory. `None` where there is none, so that the defaults hold.
///
/// # Errors
/// A file that was asked for but isn't there.
pub fn locate(asked: Option<&Path>, env: Env<'_>) -> Result<Option<PathBuf>, ConfigProblems> {
    let named = env("LASTWORD_CONFIG").filter(|file| !file.is_empty()).map(PathBuf::from);
    let (file, by) = match (asked, named) {
        (Some(asked), _) => (asked.to_path_buf(), "--config"),
        (None, Some(named)) => (named, "LASTWORD_CONFIG"),
        (None, None) => {
            let usual = [Some(PathBuf::from("lastword.yaml")), user_file(env)];
            return Ok(usual.into_iter().flatten().find(|file| file.is_file()));
        }
    };
    if file.is_file() {
        return Ok(Some(file));
    }
    let text = format!("there is no such file; {by} names it. `config.example.yaml` is a good beginning");
    Err(ConfigProblems::one(Some(file), text))
}

fn user_file(env: Env<'_>) -> Option<PathBuf> {
    Some(base(env, "XDG_CONFIG_HOME", ".config")?.join("lastword/config.yaml"))
}

/// The directory for state where the file names none.
pub(super) fn default_state_dir(env: Env<'_>) -> Option<PathBuf> {
    match env("LASTWORD_STATE_DIR").filter(|dir| !dir.is_empty()) {
        Some(dir) => expand_home(&dir, env),
        None => Some(base(env, "XDG_DATA_HOME", ".local/share")?.join("lastword")),
    }
}

/// `path` with a leading `~` replaced by the home directory; `None` where there is no home.
pub(super) fn expand_home(path: &str, env: Env<'_>) -> Option<PathBuf> {
    match path.strip_prefix('~') {
        Some("") => home(env),
        Some(rest) if rest.starts_with('/') => Some(home(env)?.join(rest.trim_start_matches('/'))),
        Some(_) | None => Some(path.into()),
    }
}

/// One of the user's base directories, by the rules of <https://specifications.freedesktop.org/basedir-spec/latest/>:
/// a relative one is ignored.
fn base(env: Env<'_>, variable: &str, below_home: &str) -> Option<PathBuf> {
    let set = env(variable).map(PathBuf::from).filter(|dir| dir.is_absolute());
    set.or_else(|| Some(home(env)?.join(below_home)))
}

fn home(env: Env<'_>) -> Option<PathBuf> {
    let set = env("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    set.or_else(|| etcetera::home_dir().ok())
}
