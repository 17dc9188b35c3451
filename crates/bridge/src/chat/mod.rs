//! `lastword chat`: a terminal client of the HTTP API in `docs/api.md`.
//!
//! Guarantee: a message is repeated under one id until the bridge accepted it or said no, and an accepted one is
//! followed to its last word through any restart of the bridge. What comes from outside reaches the terminal without
//! escape sequences.
//!
//! * with a message on the command line: prints the reply and nothing else on stdout
//! * with a pipe: each line of stdin is a message, each reply goes to stdout
//! * on a terminal: a conversation with history, live progress and Ctrl-C for `/stop`

mod api;
pub(crate) mod clean;
mod exchange;
#[cfg(test)]
mod fake;
mod interactive;
mod one_shot;
mod screen;
mod session;

use std::{io::IsTerminal, path::PathBuf, process::ExitCode, time::Duration};

use secrecy::SecretString;

use self::api::Api;

/// The exit code of a conversation whose last word was an `Error:` line.
const EXIT_ERROR: u8 = 1;
/// The exit code when the bridge can't be reached or says no.
const EXIT_NOT_SAID: u8 = 2;

/// What `lastword chat` is asked to do.
#[derive(Clone, Debug)]
pub struct ChatOptions {
    /// Where the bridge serves, such as `http://127.0.0.1:7717`.
    pub url: String,
    /// The token, if the bridge wants one.
    pub token: Option<SecretString>,
    /// The conversation to talk in; `main` is where everybody else is.
    pub conversation: String,
    /// One message to send instead of a conversation.
    pub one_shot: Option<String>,
    /// Where lines typed at the prompt are remembered; `None` forgets them.
    pub history_file: Option<PathBuf>,
    /// How long a bridge that can't be reached is waited for where nobody is there to press Ctrl-C.
    pub patience: Duration,
}

/// Talks to the bridge until there is nothing more to say.
///
/// The exit code is 0 after replies, 1 after an `Error:` line, 2 when the bridge can't be reached or says no.
pub async fn chat(options: ChatOptions) -> ExitCode {
    let api = match Api::new(&options.url, options.token.clone()) {
        Ok(api) => api,
        Err(cure) => {
            eprintln!("{cure}");
            return ExitCode::from(EXIT_NOT_SAID);
        }
    };
    let (mut stdout, mut stderr) = (std::io::stdout(), std::io::stderr());
    let (conversation, patience) = (options.conversation.as_str(), options.patience);
    let code = match &options.one_shot {
        Some(text) => one_shot::ask(&api, conversation, text, patience, &mut stdout, &mut stderr).await,
        None if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() => {
            interactive::run(&api, &options).await
        }
        None => one_shot::ask_lines(&api, conversation, patience, &mut stdout, &mut stderr).await,
    };
    ExitCode::from(code)
}
