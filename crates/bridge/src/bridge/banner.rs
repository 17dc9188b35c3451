//! What a person sees who starts the bridge: that it runs, and how to talk to it.

use std::io::Write;

use crate::{build_id::build, config::Config, process::program};

/// The variable by which a supervisor asks its first bridge to say how to talk to it.
pub const BANNER_ENV: &str = "LASTWORD_BANNER";

/// Prints how to talk to the bridge, if a person has just started it. Called when it listens.
pub(super) fn maybe_show(config: &Config) {
    if std::env::var_os(BANNER_ENV).is_none() {
        return;
    }
    let program = program::named().map_or_else(|_| program::NAME.to_owned(), |file| file.display().to_string());
    let given = config.file.as_ref().map(|file| format!(" --config {}", file.display())).unwrap_or_default();
    let listen = config.http.listen;
    let text = format!(
        "
Lastword {build} is running.

  Talk to it, in another terminal:   {program}{given} chat
  One question, one answer:          {program}{given} chat \"hello\"
  Is it able?                        http://{listen}/readyz
  Its files:                         {files}

Ctrl-C stops it; whatever is unfinished then is kept.

",
        build = build(),
        files = config.state_dir.display(),
    );
    // Who does not read it does not need it.
    let _ = std::io::stdout().write_all(text.as_bytes());
}
